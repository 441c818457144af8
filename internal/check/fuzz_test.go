package check

import (
	"os"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// FuzzCheck checks whatever parses: no panic, and what has no errors has no
// value of unknown type in its tree.
func FuzzCheck(f *testing.F) {
	for _, file := range []string{"core", "go", "errors"} {
		text, err := os.ReadFile("testdata/" + file + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range strings.Split(string(text), "=== ")[1:] {
			_, rest, _ := strings.Cut(c, "\n")
			script, _, _ := strings.Cut(rest, "---\n")
			f.Add(script)
		}
	}
	f.Fuzz(func(t *testing.T, script string) {
		src := &diag.Source{Name: "stdin", Text: script}
		diags := diag.NewList(src)
		file := syntax.Parse(src, diags)
		file.BindParams(options().Params, diags)
		if diags.HasErrors() {
			return
		}
		r := Check(file, &fakeWorld{}, options(), diags)
		if diags.HasErrors() {
			return
		}
		for _, b := range r.Bodies {
			prog.Rewrite(b.Stmts, func(e prog.Expr) prog.Expr {
				if e.Type() == unknown || e.Type() == nil {
					t.Errorf("%q: a value has no type", script)
				}
				return e
			})
		}
	})
}
