package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitWords(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"./server -addr :8972", []string{"./server", "-addr", ":8972"}},
		{"  a\tb\nc ", []string{"a", "b", "c"}},
		{`sh -c 'echo "a  b"'`, []string{"sh", "-c", `echo "a  b"`}},
		{`a "" ''`, []string{"a", "", ""}},
		{`a\ b "c\"d\$\n" 'e\f'`, []string{"a b", `c"d$\n`, `e\f`}},
		{`--x="1 2"'3 4'5`, []string{"--x=1 23 45"}},
		{"ä 'ö ü'", []string{"ä", "ö ü"}},
	} {
		got, err := splitWords(tt.text)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", tt.text, err, diff)
		}
	}
	for _, text := range []string{"", "  ", "a 'b", `a "b`, `a\`} {
		if got, err := splitWords(text); err == nil {
			t.Errorf("%q is split into %q", text, got)
		}
	}
}

func TestParseOverhead(t *testing.T) {
	for text, want := range map[string]float64{"50%": 0.5, "0.5": 0.5, "200%": 2, "none": 0, "1e-3": 0.001} {
		got, err := parseOverhead(text)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "%", "0", "-5%", "x", "NaN", "inf", "50%%"} {
		if got, err := parseOverhead(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}
