package diag

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rendered is the text for one error on the first occurrence of mark.
func rendered(t *testing.T, text, mark string) string {
	t.Helper()
	at := strings.Index(text, mark)
	if at < 0 {
		t.Fatalf("%q is not in %q", mark, text)
	}
	l := NewList(&Source{Name: "a.bt", Text: text})
	l.Errorf(Span{uint32(at), uint32(at + len(mark))}, "bad")
	return render(l)
}

func render(l *List) string {
	var b strings.Builder
	Render(&b, l, false)
	return b.String()
}

func want(t *testing.T, got string, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(strings.Join(lines, "\n")+"\n", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRenderPlaces(t *testing.T) {
	want(t, rendered(t, "foo(1)", "foo"), "a.bt:1:1-4: ERROR: bad", "foo(1)", "~~~")
	want(t, rendered(t, "a\r\nb cd\r\ne", "cd"), "a.bt:2:3-5: ERROR: bad", "b cd", "  ~~")
	want(t, rendered(t, "a\n\tb\tc", "c"), "a.bt:2:4-5: ERROR: bad", "        b       c", "                ~")
	want(t, rendered(t, "\t\tb", "\tb"), "a.bt:1:2-4: ERROR: bad", "                b", "        ~~~~~~~~~")
	want(t, rendered(t, "äö ü", "ü"), "a.bt:1:4-5: ERROR: bad", "äö ü", "   ~")
	want(t, rendered(t, "a {\nb\n}", "{\nb\n}"), "a.bt:1:3-4: ERROR: bad", "a {", "  ~")
	want(t, rendered(t, "x\x1b[2J\xffy", "y"), "a.bt:1:7-8: ERROR: bad", "x?[2J?y", "      ~")
	want(t, rendered(t, "", ""), "a.bt:1:1-2: ERROR: bad", "", "~")
}

func TestRenderEndOfText(t *testing.T) {
	l := NewList(&Source{Name: "a.bt", Text: "ab\ncd"})
	l.Errorf(Span{5, 5}, "at the end")
	l.Errorf(Span{90, 95}, "behind the end")
	want(t, render(l),
		"a.bt:2:3-4: ERROR: at the end", "cd", "  ~",
		"a.bt:2:3-4: ERROR: behind the end", "cd", "  ~")
}

func TestRenderNotesAndHint(t *testing.T) {
	l := NewList(&Source{Name: "stdin", Text: "f(1;\n@x"})
	d := l.Warnf(Span{3, 4}, "expected %q", ")")
	d.Notes = append(d.Notes, Note{Span{1, 2}, "opened here"}, Note{Span{5, 7}, "and this"})
	d.Hint = "close it"
	want(t, render(l),
		`stdin:1:4-5: WARNING: expected ")"`, "f(1;", "   ~",
		"stdin:1:2-3: NOTE: opened here", "f(1;", " ~",
		"stdin:2:1-3: NOTE: and this", "@x", "~~",
		"HINT: close it")
}

func TestRenderSparesTerminals(t *testing.T) {
	l := NewList(&Source{Name: "a.bt", Text: "f"})
	l.Errorf(Span{0, 1}, "no function \x1b[2Jf\u009b\xff\ttwo\nlines").Hint = "try \x07g"
	want(t, render(l), "a.bt:1:1-2: ERROR: no function ?[2Jf???two", "lines", "f", "~", "HINT: try ?g")
}

func TestRenderColor(t *testing.T) {
	l := NewList(&Source{Name: "a", Text: "xy"})
	l.Errorf(Span{0, 1}, "e").Hint = "h"
	l.Warnf(Span{1, 2}, "w")
	var b strings.Builder
	Render(&b, l, true)
	want(t, b.String(),
		"a:1:1-2: \x1b[31mERROR\x1b[0m: e", "xy", "\x1b[31m~\x1b[0m", "\x1b[36mHINT\x1b[0m: h",
		"a:1:2-3: \x1b[33mWARNING\x1b[0m: w", "xy", " \x1b[33m~\x1b[0m")
}

func TestRenderCutsLongLines(t *testing.T) {
	long := strings.Repeat("0123456789", 30)
	for _, c := range []struct{ at, size int }{{0, 3}, {150, 4}, {150, 140}, {296, 4}, {300, 0}} {
		l := NewList(&Source{Name: "a", Text: long})
		l.Errorf(Span{uint32(c.at), uint32(c.at + c.size)}, "e")
		lines := strings.Split(render(l), "\n")
		line, marker := lines[1], lines[2]
		if len(line) != maxWidth || len(marker) > maxWidth+1 {
			t.Errorf("%v: line of %d and marker of %d columns", c, len(line), len(marker))
		}
		if strings.HasPrefix(line, "...") == (c.at == 0) || strings.HasSuffix(line, "...") == (c.at >= 296) {
			t.Errorf("%v: cut at the wrong ends: %s", c, line)
		}
		column := strings.IndexByte(marker, '~')
		if column < len(line) && line[column] != long[c.at] {
			t.Errorf("%v: marker is under %c", c, line[column])
		}
	}
}

func TestRenderCountsTheRest(t *testing.T) {
	l := NewList(&Source{Name: "a", Text: "x"})
	for i := range maxShown + 5 {
		l.Errorf(Span{0, 1}, "e%d", i)
	}
	got := render(l)
	if n := strings.Count(got, "ERROR"); n != maxShown {
		t.Errorf("%d shown, want %d", n, maxShown)
	}
	if !strings.HasSuffix(got, fmt.Sprintf("e%d\nx\n~\n5 more not shown\n", maxShown-1)) {
		t.Errorf("ends in %q", got[len(got)-60:])
	}
}

func TestNearest(t *testing.T) {
	known := []string{"printf", "print", "count", "kprobe", "kretprobe", "@x"}
	for name, want := range map[string]string{
		"prinft":    "printf",
		"kprobee":   "kprobe",
		"Count":     "count",
		"cuont":     "count",
		"zzz":       "",
		"":          "",
		"completly": "",
		"print":     "printf",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := DidYouMean("kprobee", known); got != "did you mean 'kprobe'?" {
		t.Errorf("got %q", got)
	}
	if got := DidYouMean("zzz", known); got != "" {
		t.Errorf("got %q", got)
	}
}
