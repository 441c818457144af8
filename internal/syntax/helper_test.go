package syntax

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/diag"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// parse reads text with positional parameters bound and returns the tree and
// the rendered diagnostics.
func parse(text string, params ...string) (*File, string) {
	src := &diag.Source{Name: "stdin", Text: text}
	diags := diag.NewList(src)
	f := Parse(src, diags)
	f.BindParams(params, diags)
	diags.Sort()
	var b strings.Builder
	diag.Render(&b, diags, false)
	return f, b.String()
}

// mustParse is parse for text without errors.
func mustParse(t *testing.T, text string, params ...string) *File {
	t.Helper()
	f, errs := parse(text, params...)
	if errs != "" {
		t.Fatalf("parse %q:\n%s", text, errs)
	}
	return f
}

func printed(f *File) string {
	var b strings.Builder
	Print(&b, f)
	return b.String()
}

func dumped(f *File) string {
	var b strings.Builder
	Dump(&b, f)
	return b.String()
}

// prints tells that text prints as want, and that want reads back as the same
// tree.
func prints(t *testing.T, text, want string, params ...string) {
	t.Helper()
	f := mustParse(t, text, params...)
	if diff := cmp.Diff(want, printed(f)); diff != "" {
		t.Errorf("print of %q (-want +got):\n%s", text, diff)
	}
	if diff := cmp.Diff(dumped(f), dumped(mustParse(t, printed(f)))); diff != "" {
		t.Errorf("tree of %q after printing (-before +after):\n%s", text, diff)
	}
}

// golden compares got with the file testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
