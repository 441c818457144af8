package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestUnified(t *testing.T) {
	if got := unified("a", "x\n", "x\n"); got != "" {
		t.Errorf("equal texts differ: %q", got)
	}
	for _, c := range []struct{ before, after, want string }{
		{"", "x\n", "@@ -1,0 +1,1 @@\n+x\n"},
		{"x", "x\n", "@@ -1,1 +1,1 @@\n-x\n\\ No newline at end of file\n+x\n"},
		{"a\nb\nc\n", "a\nc\nd\n", "@@ -1,3 +1,3 @@\n a\n-b\n c\n+d\n"},
		{numbers(1, 20, 0), numbers(1, 20, 10), "@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+other\n 11\n 12\n 13\n"},
	} {
		want := "--- a\n+++ a (formatted)\n" + c.want
		if got := unified("a", c.before, c.after); got != want {
			t.Errorf("%q to %q:\n%s\nwant\n%s", c.before, c.after, got, want)
		}
	}
	two := unified("a", numbers(1, 20, 0), strings.Replace(numbers(1, 20, 3), "15\n", "", 1))
	if n := strings.Count(two, "\n@@ "); n != 2 {
		t.Errorf("%d hunks, want 2:\n%s", n, two)
	}
}

// numbers are lines, one of them another.
func numbers(from, to, other int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		if i == other {
			fmt.Fprintln(&b, "other")
		} else {
			fmt.Fprintln(&b, i)
		}
	}
	return b.String()
}
