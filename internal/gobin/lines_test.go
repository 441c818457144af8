package gobin

import (
	"os"
	"strings"
	"testing"
)

// lineOf returns the number of the line of a file that holds text.
func lineOf(t *testing.T, file, text string) int {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(source), text)
	if !ok {
		t.Fatalf("%s: no %q", file, text)
	}
	return strings.Count(before, "\n") + 1
}

func TestLineAddr(t *testing.T) {
	f := openFixture(t, "plain")
	fns, err := f.Match(func(s string) bool { return s == "main.main" })
	if err != nil || len(fns) != 1 {
		t.Fatalf("%d functions, %v", len(fns), err)
	}
	line := lineOf(t, "testdata/fixture/main.go", "func main() {")
	addrs, err := f.LineAddr("main.go", line, 0)
	found := false
	for _, a := range addrs {
		found = found || a == fns[0].Entry
	}
	if err != nil || !found {
		t.Errorf("line %d is at %#x, want %#x among them (%v)", line, addrs, fns[0].Entry, err)
	}
	if addrs, err := f.LineAddr("main.go", 1<<20, 0); len(addrs) != 0 || err != nil {
		t.Errorf("a line behind the file is at %#x (%v)", addrs, err)
	}
	if addrs, err := f.LineAddr("ain.go", line, 0); len(addrs) != 0 || err != nil {
		t.Errorf("half a file name has code at %#x (%v)", addrs, err)
	}
}
