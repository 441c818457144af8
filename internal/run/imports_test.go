package run

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// tree writes files below a new folder and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// parsed reads main.bt of dir and returns what the tree holds, one definition a
// line, and what is wrong, with dir left out.
func parsed(t *testing.T, dir string) (defs, errs string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "main.bt"))
	if err != nil {
		t.Fatal(err)
	}
	src := &diag.Source{Name: filepath.Join(dir, "main.bt"), Text: string(text)}
	diags := diag.NewList(src)
	Parse(src, nil, diag.NewList(src))
	file := Parse(src, nil, diags) // a second reading is like the first
	var b bytes.Buffer
	diag.Render(&b, diags, false)
	var names []string
	name := func(s diag.Span) string { return strings.Join(strings.Fields(src.Text[s.Start:s.End]), " ") }
	for _, d := range file.CDefs {
		names = append(names, name(d.Span()))
	}
	for _, d := range file.Decls {
		names = append(names, name(d.(syntax.Node).Span()))
	}
	return strings.Join(names, "\n"), strings.ReplaceAll(b.String(), dir+"/", "")
}

func TestImports(t *testing.T) {
	dir := tree(t, map[string]string{
		"main.bt":      `import "lib"; import "lib/a.bt"; import "stdlib/task"; import "types.h"; begin { print(4) }`,
		"lib/a.bt":     `#!/usr/bin/rpcxray` + "\n" + `import "../more.bt"; begin { print(2) }`,
		"lib/b.bt":     `import "a.bt"; macro three() { 3 }`,
		"lib/notes.md": `begin { print(0) }`,
		"lib/sub/x.bt": `begin { print(0) }`,
		"more.bt":      `import "main.bt"; begin { print(1) }`,
		"types.h":      "#include \"inner.h\"\nstruct t { int fn; };\ntypedef struct { int a; } anon_t, *anon_p;\nstatic int f(void) { return 1; }\nextern int g(int), h;\nint broken(;\nenum e { E1 };\n",
		"inner.h":      "#define N 3\n",
	})
	defs, errs := parsed(t, dir)
	want := strings.Join([]string{
		"#define N 3", "struct t { int fn; }", "typedef struct { int a; } anon_t", "typedef struct { int a; } anon_t, *anon_p", "enum e { E1 }",
		"begin { print(1) }", "begin { print(2) }", "macro three() { 3 }", "begin { print(4) }",
	}, "\n")
	if defs != want || errs != "" {
		t.Errorf("tree:\n%s\nwant:\n%s\nerrors:\n%s", defs, want, errs)
	}
}

func TestImportErrors(t *testing.T) {
	dir := tree(t, map[string]string{
		"main.bt":    `import "no.bt"; import "x.txt"; import "x.bpf.c"; import "config.bt"; import "sub/bad.bt"; import "open"; import "open/y.bt"; begin { }`,
		"x.txt":      "",
		"x.bpf.c":    "",
		"config.bt":  `config = { max_strlen = 5 } begin { }`,
		"sub/bad.bt": "\nbegin { print( }",
		"open/y.bt":  `begin { }`,
	})
	if err := os.Chmod(filepath.Join(dir, "open"), 0o777); err != nil {
		t.Fatal(err)
	}
	_, errs := parsed(t, dir)
	for _, want := range []string{
		"main.bt:1:1-16: ERROR: Unable to find suitable path for import", "HINT: checked: no.bt",
		`main.bt:1:17-32: ERROR: unknown import type: "x.txt"`,
		"main.bt:1:33-50: ERROR: cannot import x.bpf.c: it is C, and there is no compiler for C here",
		"config.bt:1:1-28: ERROR: invalid `config` within import", "main.bt:1:51-70: NOTE: imported here",
		"sub/bad.bt:2:16-17: ERROR: syntax: expected expression\nbegin { print( }\n               ~",
		"HINT: everybody may write to open\n", "HINT: everybody may write to open/y.bt\n",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in\n%s", want, errs)
		}
	}
}
