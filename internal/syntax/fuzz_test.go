package syntax

import (
	"os"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// FuzzParse checks that no text makes the parser panic, and that the printed
// form of a correct one reads back as the same tree.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, chunk := range strings.Split(string(text), "=== program\n") {
		program, _, _ := strings.Cut(chunk, "---\n")
		f.Add(program, "x")
	}
	f.Add(`uprobe:./a:"f[{,}]"+4 /*$x / 2/ { @[1,(2,)]++; }`, "1")
	f.Add("macro m($a,b){ if comptime b { {1} } else { (x=1).x } }", "")
	f.Add("struct s { int (*f)(int[3]), :3; } BEGIN { (foo)(-1); sizeof((a)[1]); }", "a:*")
	f.Fuzz(func(t *testing.T, text, param string) {
		src := &diag.Source{Name: "fuzz", Text: text}
		diags := diag.NewList(src)
		file := Parse(src, diags)
		file.BindParams([]string{param}, diags)
		printed, dump := printed(file), dumped(file)
		for _, d := range diags.All {
			if d.Span.End < d.Span.Start || int(d.Span.End) > len(text) {
				t.Errorf("%q is at %v of %d bytes", d.Msg, d.Span, len(text))
			}
		}
		if diags.HasErrors() {
			return
		}
		again, errs := parse(printed)
		if errs != "" {
			t.Fatalf("the printed text does not read back:\n%s\n%s", printed, errs)
		}
		if got := dumped(again); got != dump {
			t.Fatalf("the printed text is another tree:\n%s\nbefore:\n%s\nafter:\n%s", printed, dump, got)
		}
	})
}

// FuzzHeader checks that no C makes the parser panic or lose its way.
func FuzzHeader(f *testing.F) {
	f.Add("#ifndef A\n#define A 1\nstruct t { int fn : 3, *x[4]; } __attribute__((packed));\n#endif\n")
	f.Add("typedef struct { int a; } *p, q; extern int g(int (*)(void)), h; static int f(void) { return 1; }\nenum e { E1 };")
	f.Add("int broken(; typedef; struct {; union u { struct { int :0; }; };")
	f.Fuzz(func(t *testing.T, text string) {
		file := ParseHeader(&diag.Source{Name: "fuzz.h", Text: text}, 0)
		for _, d := range file.CDefs {
			if s := d.Span(); s.End < s.Start || int(s.End) > len(text) {
				t.Errorf("%T is at %v of %d bytes", d, s, len(text))
			}
		}
	})
}
