package syntax

import (
	"os"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// TestErrors runs the programs of testdata/errors.txt: each begins after a
// line "=== program" and is followed by "---" and what is printed for it.
func TestErrors(t *testing.T) {
	text, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	const begin, middle = "=== program\n", "---\n"
	chunks := strings.Split(string(text), begin)
	var got strings.Builder
	got.WriteString(chunks[0])
	for _, chunk := range chunks[1:] {
		program, _, _ := strings.Cut(chunk, middle)
		_, errs := parse(strings.TrimSuffix(program, "\n"))
		if errs == "" {
			t.Errorf("no error in:\n%s", program)
		}
		got.WriteString(begin + program + middle + errs)
	}
	golden(t, "errors.txt", got.String())
}

func TestErrorLimits(t *testing.T) {
	count := func(text string) int {
		src := &diag.Source{Text: text}
		diags := diag.NewList(src)
		Parse(src, diags)
		return len(diags.All)
	}
	if n := count(strings.Repeat("x:y {} ", 5000)); n != maxErrors {
		t.Errorf("%d errors, want %d", n, maxErrors)
	}
	if n := count("BEGIN {" + strings.Repeat("f(;", 5000)); n < maxErrors || n > maxErrors+1 {
		t.Errorf("%d errors, want about %d", n, maxErrors)
	}
}

// TestDeepInput feeds what would overflow a recursion without limits.
func TestDeepInput(t *testing.T) {
	const n = 20_000
	for _, program := range []string{
		"BEGIN { $x = " + strings.Repeat("(", n),
		"BEGIN { $x = " + strings.Repeat("-", n) + "1; }",
		"BEGIN { $x = " + strings.Repeat("{", n),
		"BEGIN { $x = 1" + strings.Repeat("+1", n) + "; }",
		"BEGIN { $x = $y" + strings.Repeat(".a", n) + "; }",
		"BEGIN { $x = " + strings.Repeat("@[", n),
		"BEGIN { $x = " + strings.Repeat("f(", n),
		"BEGIN { $x = " + strings.Repeat("1?", n),
		"BEGIN { $x = " + strings.Repeat("(int8)", n) + "1; }",
		"BEGIN { $x = " + strings.Repeat("sizeof(typeof(", n),
		"BEGIN { " + strings.Repeat("if (1) {", n),
		"BEGIN { " + strings.Repeat("if 1 {} else ", n) + "{} }",
		"BEGIN { let $x: int" + strings.Repeat("*", n) + "; }",
		"struct s { " + strings.Repeat("struct {", n),
		"struct s { int " + strings.Repeat("*", n) + "x; };",
		"struct s { int x" + strings.Repeat("[1]", n) + "; };",
		"struct s { int " + strings.Repeat("(", n) + "x; };",
		"struct s { void " + strings.Repeat("(*x)(int ", n) + "; };",
		"BEGIN /" + strings.Repeat("!", n) + "1/ {}",
	} {
		f, errs := parse(program)
		if !strings.Contains(errs, "levels deep") && !strings.Contains(errs, "in a row") {
			t.Errorf("%.40s...: %.200s", program, errs)
		}
		printed(f)
		dumped(f)
	}
}

func TestLongestChainsAreAccepted(t *testing.T) {
	f := mustParse(t, "BEGIN { $x = 1"+strings.Repeat("+1", 4000)+"; }")
	if n := strings.Count(dumped(f), "BinaryExpr +"); n != 4000 {
		t.Errorf("%d additions, want 4000", n)
	}
}

func TestTooLargeProgram(t *testing.T) {
	_, errs := parse("BEGIN {}" + strings.Repeat(" ", maxText))
	if !strings.Contains(errs, "the program is larger than 1 MB") {
		t.Errorf("got %s", errs)
	}
}

func TestParseInt(t *testing.T) {
	for _, c := range []struct {
		text string
		want uint64
		err  string
	}{
		{"0", 0, ""},
		{"123", 123, ""},
		{"0x1F", 31, ""},
		{"0XfF", 255, ""},
		{"017", 15, ""},
		{"0b101", 5, ""},
		{"1_000_000", 1000000, ""},
		{"1e6", 1000000, ""},
		{"9e18", 9000000000000000000, ""},
		{"18446744073709551615", 1<<64 - 1, ""},
		{"4294967295u", 1<<32 - 1, ""},
		{"5UL", 5, ""},
		{"0xfull", 15, ""},
		{"9223372036854775807ll", 1<<63 - 1, ""},
		{"7ns", 7, ""},
		{"7us", 7e3, ""},
		{"7ms", 7e6, ""},
		{"7s", 7e9, ""},
		{"7m", 420e9, ""},
		{"2h", 7200e9, ""},
		{"1d", 86400e9, ""},
		{"1e3ms", 1e9, ""},
		{"", 0, "invalid integer: "},
		{"a", 0, "invalid integer: a"},
		{"08", 0, "invalid integer: 08"},
		{"1_", 0, "invalid integer: 1_"},
		{"1e", 0, "invalid integer: 1e"},
		{"0x", 0, "invalid integer: 0x"},
		{"12abc", 0, "invalid trailing bytes: 12abc"},
		{"1MS", 0, "invalid trailing bytes: 1MS"},
		{"12 ", 0, "invalid trailing bytes: 12 "},
		{"10e3", 0, "coefficient part of scientific literal must be 1-9: 10e3"},
		{"0e3", 0, "coefficient part of scientific literal must be 1-9: 0e3"},
		{"2e19", 0, "overflow error, maximum value is 18446744073709551615: 2e19"},
		{"18446744073709551616", 0, "overflow error, maximum value is 18446744073709551615: 18446744073709551616"},
		{"4294967296u", 0, "overflow error, maximum value is 4294967295: 4294967296u"},
		{"9223372036854775808l", 0, "overflow error, maximum value is 9223372036854775807: 9223372036854775808l"},
		{"300000d", 0, "overflow error, maximum value is 18446744073709551615: 300000d"},
	} {
		got, err := ParseInt(c.text)
		msg := ""
		if err != nil {
			msg = err.Error()
		}
		if got != c.want || msg != c.err {
			t.Errorf("%q: got %d, %q; want %d, %q", c.text, got, msg, c.want, c.err)
		}
	}
}
