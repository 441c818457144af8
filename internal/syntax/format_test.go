package syntax

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFormat compares how testdata/format.bt is printed with the golden file,
// which prints as itself.
func TestFormat(t *testing.T) {
	text, err := os.ReadFile("testdata/format.bt")
	if err != nil {
		t.Fatal(err)
	}
	f := mustParse(t, string(text))
	golden(t, "format.print", printed(f))
	again := mustParse(t, printed(f))
	if diff := cmp.Diff(printed(f), printed(again)); diff != "" {
		t.Errorf("the canonical form prints as another one (-once +twice):\n%s", diff)
	}
	if diff := cmp.Diff(commentTexts(f), commentTexts(again)); diff != "" {
		t.Errorf("comments (-before +after):\n%s", diff)
	}
}

// commentTexts lists the comments of f in no order of places: sections move.
func commentTexts(f *File) []string {
	var all []string
	for _, c := range f.Comments {
		all = append(all, c.Text)
	}
	slices.Sort(all)
	return all
}

// FuzzFormat checks that printing loses neither a part of the tree nor a
// comment, and that what it made is final.
func FuzzFormat(f *testing.F) {
	for _, file := range []string{"testdata/format.bt", "testdata/all.bt"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		for _, part := range strings.SplitAfter(string(text), "\n\n") {
			f.Add(part)
		}
	}
	f.Add("/*a*/k:f/*b*/,//c\nk:g//d\n/ /*e*/1/*f*/+2 / /*g*/{/*h*/if/*i*/1/*j*/{/*k*/}/*l*/else/*m*/{/*n*/}/*o*/}/*p*/")
	f.Add("#include <a> // x\nstruct/*a*/s{/*b*/int/*c*/a,//d\nb;/*e*/}/*f*/;enum{A/*g*/,//h\n}")
	f.Add("k:f{$a={/*x*/let $b=1;//y\n$b/*z*/}/*w*/+1;{/*v*/}if({1//c\n}){}}")
	f.Fuzz(func(t *testing.T, text string) {
		file, errs := parse(text)
		if errs != "" {
			return
		}
		once := printed(file)
		again, errs := parse(once)
		if errs != "" {
			t.Fatalf("the printed text does not read back:\n%s\n%s", once, errs)
		}
		if diff := cmp.Diff(dumped(file), dumped(again)); diff != "" {
			t.Fatalf("%s\nis another tree (-before +after):\n%s", once, diff)
		}
		if diff := cmp.Diff(commentTexts(file), commentTexts(again)); diff != "" {
			t.Fatalf("%s\nhas other comments (-before +after):\n%s", once, diff)
		}
		if diff := cmp.Diff(once, printed(again)); diff != "" {
			t.Fatalf("not final (-once +twice):\n%s", diff)
		}
	})
}
