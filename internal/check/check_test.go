package check

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// options are those that the golden files are made with.
func options() Options {
	return Options{Params: []string{"7", "text"}, Named: map[string]string{}, Env: map[string]string{}}
}

func checked(t *testing.T, script string, w World, o Options) (*Result, *diag.List) {
	t.Helper()
	src := &diag.Source{Name: "stdin", Text: script}
	diags := diag.NewList(src)
	f := syntax.Parse(src, diags)
	f.BindParams(o.Params, diags)
	if err := diags.Err(); err != nil {
		t.Errorf("parse %q: %v", script, err)
	}
	return Check(f, w, o, diags), diags
}

// outcome is what the user sees of a script: the diagnostics, and the tree if
// there are no errors.
func outcome(t *testing.T, script string, withTree bool) string {
	t.Helper()
	r, diags := checked(t, script, &fakeWorld{}, options())
	var b bytes.Buffer
	diag.Render(&b, diags, false)
	if withTree && !diags.HasErrors() {
		Dump(&b, r)
	}
	return b.String()
}

// TestGolden runs the scripts of testdata/*.txt. A file is a list of cases: a
// line "=== ", the script, a line "---", and what comes of it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, c := range strings.Split(string(text), "=== ")[1:] {
			name, rest, _ := strings.Cut(c, "\n")
			script, want, _ := strings.Cut(rest, "---\n")
			got := outcome(t, strings.TrimSuffix(script, "\n"), !strings.Contains(file, "errors"))
			fmt.Fprintf(&out, "=== %s\n%s---\n%s", name, script, got)
			if diff := cmp.Diff(want, got); diff != "" && !*update {
				t.Errorf("%s: %s\n%s", file, name, diff)
			}
		}
		if *update {
			if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var _ = prog.Add
