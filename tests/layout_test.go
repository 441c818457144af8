// Package tests holds the rules that the whole repository keeps, as tests.
package tests

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// Sizes in lines.
const (
	maxFile     = 600
	maxFunc     = 60
	besideTable = 15 // what a function may have besides one big switch or table
)

const module = "github.com/rpcxray/rpcxray"

// layers is the import table of ARCHITECTURE.md, row by row. A package imports
// from the rows above it only, and of those what its row names or what is
// vocabulary.
var layers = []struct {
	name    string
	imports string
}{
	{"diag", ""},
	{"types", ""},
	{"syntax", ""},
	{"prog", ""},
	{"kernel", ""},
	{"gobin", ""},
	{"check", "syntax"},
	{"lower", "check"},
	{"codegen", "lower"},
	{"attach", "codegen lower kernel gobin"},
	{"events", "codegen kernel gobin"},
	{"render", "events"},
	{"rpc", ""},
	{"spans", "kernel events"},
	{"export", "spans"},
	{"run", "syntax kernel gobin check lower codegen attach events render rpc"},
	{"tui", "events render"},
	{"tools", "syntax kernel gobin events render spans export run tui"},
}

// vocabulary are the packages that say what the others speak of: source positions,
// language types, the typed tree. Every later row may import them.
var vocabulary = []string{"diag", "types", "prog"}

// strict rows import nothing else, not even vocabulary.
var strict = map[string]string{
	"syntax": "diag",
	"kernel": "types",
	"gobin":  "types",
}

// tableFiles may be longer than maxFile: each is one table.
var tableFiles = map[string]bool{}

// banned are imports that packages do without, but for the folders named.
var banned = []struct {
	path       string
	everywhere bool // in tests too, with all packages below
	except     []string
	reason     string
}{
	{"C", true, nil, "the binary is static and needs no C compiler"},
	{"plugin", true, nil, "it needs cgo"},
	{"testing", false, []string{"internal/testkit", "tests"}, "it puts its flags into the binary"},
	{"log", false, []string{"examples"}, "errors are returned, and printed once by main"},
	{"net/http", false, []string{"internal/rpc", "internal/export", "cmd/rpcxray", "examples"}, "looking into processes needs no network"},
	{"github.com/stretchr/testify", true, nil, "tests compare values with the standard library and go-cmp"},
	{"golang.org/x/exp", true, nil, "it promises no compatibility"},
	{"tinygo.org/x/go-llvm", true, nil, "programs are compiled in Go"},
}

// pkg is what is read of one folder with Go files.
type pkg struct {
	dir   string // relative to the root, with slashes
	files []*goFile
}

type goFile struct {
	path string
	test bool
	fset *token.FileSet
	ast  *ast.File
}

func (f *goFile) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic("BUG: the parser let a bad import through: " + err.Error())
		}
		paths = append(paths, p)
	}
	return paths
}

// repository parses every Go file that go build sees: none in testdata, and no
// generator marked as ignored, which is a program in itself.
func repository(t *testing.T) []*pkg {
	t.Helper()
	root, err := fixture.Root()
	if err != nil {
		t.Fatal(err)
	}
	byDir := map[string]*pkg{}
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if file != root && (d.Name() == "testdata" || d.Name()[0] == '.') {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		if ignored(tree) {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		dir := path.Dir(rel)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{dir: dir}
		}
		byDir[dir].files = append(byDir[dir].files, &goFile{rel, strings.HasSuffix(rel, "_test.go"), fset, tree})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var pkgs []*pkg
	for _, p := range byDir {
		pkgs = append(pkgs, p)
	}
	slices.SortFunc(pkgs, func(a, b *pkg) int { return strings.Compare(a.dir, b.dir) })
	return pkgs
}

func ignored(f *ast.File) bool {
	return slices.ContainsFunc(f.Comments, func(g *ast.CommentGroup) bool {
		return g.Pos() < f.Package && g.List[0].Text == "//go:build ignore"
	})
}

func TestImportTable(t *testing.T) {
	for _, p := range repository(t) {
		for _, f := range p.files {
			for _, imp := range f.imports() {
				if why := refuseImport(p.dir, f.test, imp); why != "" {
					t.Errorf("%s imports %s: %s", f.path, imp, why)
				}
			}
		}
	}
}

// refuseImport tells why a file in dir may not import a package of this module,
// or "".
func refuseImport(dir string, test bool, imp string) string {
	imported, ours := strings.CutPrefix(imp, module+"/")
	if !ours || test {
		return ""
	}
	to, internal := strings.CutPrefix(imported, "internal/")
	from, library := strings.CutPrefix(dir, "internal/")
	switch {
	case strings.HasPrefix(to, "testkit"):
		if strings.HasPrefix(dir, "tests/") || strings.HasPrefix(from, "testkit") {
			return ""
		}
		return "only tests may"
	case !internal:
		return "commands, examples and tests are not libraries"
	case !library || strings.HasPrefix(from, "testkit"):
		return ""
	}
	from, _, _ = strings.Cut(from, "/") // a package's inner packages are of its row
	to, _, _ = strings.Cut(to, "/")
	if from == to {
		return ""
	}
	return refuseRow(row(from), row(to))
}

func row(name string) int {
	for i, l := range layers {
		if l.name == name {
			return i
		}
	}
	return -1
}

func refuseRow(from, to int) string {
	switch {
	case from < 0:
		return "the importing package is not in the table"
	case to < 0:
		return "the imported package is not in the table"
	case to >= from:
		return "it is not above in the table"
	}
	name := layers[to].name
	if only, ok := strict[layers[from].name]; ok {
		if name != only {
			return fmt.Sprintf("its row allows %s only", only)
		}
		return ""
	}
	if slices.Contains(vocabulary, name) || slices.Contains(strings.Fields(layers[from].imports), name) {
		return ""
	}
	return fmt.Sprintf("its row allows %s and vocabulary only", layers[from].imports)
}

func TestRefuseImport(t *testing.T) {
	for _, tt := range []struct {
		dir, imp string
		test     bool
		refused  bool
	}{
		{"internal/check", "internal/syntax", false, false},
		{"internal/check", "internal/prog", false, false},
		{"internal/check", "internal/gobin", false, true},
		{"internal/check", "internal/gobin", true, false},
		{"internal/syntax", "internal/types", false, true},
		{"internal/types", "internal/prog", false, true},
		{"internal/gobin", "internal/kernel", false, true},
		{"internal/codegen", "internal/kernel", false, true},
		{"internal/tools/funccount", "internal/run", false, false},
		{"internal/helpers", "internal/types", false, true},
		{"internal/run", "internal/testkit", false, true},
		{"internal/run", "internal/testkit/vm", true, false},
		{"cmd/rpcxray", "internal/run", false, false},
		{"cmd/rpcxray", "tests/kernels", false, true},
	} {
		if why := refuseImport(tt.dir, tt.test, module+"/"+tt.imp); (why != "") != tt.refused {
			t.Errorf("%s imports %s (test: %v): refused with %q", tt.dir, tt.imp, tt.test, why)
		}
	}
}

func TestBannedImports(t *testing.T) {
	for _, p := range repository(t) {
		for _, f := range p.files {
			for _, imp := range f.imports() {
				if why := refuseBanned(p.dir, f.test, imp); why != "" {
					t.Errorf("%s imports %s: %s", f.path, imp, why)
				}
			}
		}
	}
}

// refuseBanned tells why a file in dir may not import a package, or "". Tests may
// import what the binary must not hold.
func refuseBanned(dir string, test bool, imp string) string {
	for _, b := range banned {
		holds := imp == b.path || b.everywhere && strings.HasPrefix(imp, b.path+"/")
		if holds && (b.everywhere || !test) && !inside(dir, b.except) {
			return b.reason
		}
	}
	return ""
}

func TestRefuseBanned(t *testing.T) {
	for _, tt := range []struct {
		dir, imp string
		test     bool
		refused  bool
	}{
		{"internal/gobin", "C", true, true},
		{"internal/gobin", "testing", false, true},
		{"internal/gobin", "testing", true, false},
		{"internal/testkit/vm", "testing", false, false},
		{"internal/run", "log", false, true},
		{"internal/run", "log/slog", false, false},
		{"internal/run", "github.com/stretchr/testify/assert", true, true},
	} {
		if why := refuseBanned(tt.dir, tt.test, tt.imp); (why != "") != tt.refused {
			t.Errorf("%s imports %s (test: %v): refused with %q", tt.dir, tt.imp, tt.test, why)
		}
	}
}

func inside(dir string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return dir == f || strings.HasPrefix(dir, f+"/") })
}

func TestPackageComments(t *testing.T) {
	for _, p := range repository(t) {
		var with []string
		for _, f := range p.files {
			if f.ast.Doc != nil && strings.TrimSpace(f.ast.Doc.Text()) != "" {
				with = append(with, f.path)
			}
		}
		if len(with) != 1 {
			t.Errorf("%s: one file has a package comment, got %d %v", p.dir, len(with), with)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, p := range repository(t) {
		for _, f := range p.files {
			lines := f.fset.File(f.ast.Pos()).LineCount()
			if lines > maxFile && !tableFiles[f.path] {
				t.Errorf("%s has %d lines, at most %d", f.path, lines, maxFile)
			}
			if f.test {
				continue
			}
			for _, d := range f.ast.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil && tooLong(f.fset, fn) {
					t.Errorf("%s: %s has %d lines, at most %d", f.fset.Position(fn.Pos()), fn.Name.Name, lineCount(f.fset, fn), maxFunc)
				}
			}
		}
	}
}

func lineCount(fset *token.FileSet, n ast.Node) int {
	return fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1
}

// tooLong tells whether a function has more than maxFunc lines and is not one big
// switch or table with little beside it.
func tooLong(fset *token.FileSet, fn *ast.FuncDecl) bool {
	total := lineCount(fset, fn)
	if total <= maxFunc {
		return false
	}
	biggest := 0
	for _, s := range fn.Body.List {
		switch s := s.(type) {
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
			biggest = max(biggest, lineCount(fset, s))
		case *ast.ReturnStmt:
			for _, r := range s.Results {
				biggest = max(biggest, tableLines(fset, r))
			}
		case *ast.AssignStmt:
			for _, r := range s.Rhs {
				biggest = max(biggest, tableLines(fset, r))
			}
		}
	}
	return total-biggest > besideTable
}

func tableLines(fset *token.FileSet, e ast.Expr) int {
	if lit, ok := e.(*ast.CompositeLit); ok {
		return lineCount(fset, lit)
	}
	return 0
}

func TestTooLong(t *testing.T) {
	const cases = "case 1:\nreturn 1\n"
	for _, tt := range []struct {
		name, body string
		want       bool
	}{
		{"short", "return 0\n", false},
		{"long", strings.Repeat("n++\n", maxFunc), true},
		{"switch", "switch n {\n" + strings.Repeat(cases, maxFunc) + "}\nreturn 0\n", false},
		{"switch and more", strings.Repeat("n++\n", besideTable) + "switch n {\n" + strings.Repeat(cases, maxFunc) + "}\nreturn 0\n", true},
		{"table", "return []int{\n" + strings.Repeat("1,\n", maxFunc) + "}[n]\n", true},
		{"plain table", "x := []int{\n" + strings.Repeat("1,\n", maxFunc) + "}\nreturn x[n]\n", false},
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "f.go", "package p\nfunc f(n int) int {\n"+tt.body+"}\n", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := tooLong(fset, f.Decls[0].(*ast.FuncDecl)); got != tt.want {
			t.Errorf("%s: too long is %v", tt.name, got)
		}
	}
}

func TestTableFilesAreUsed(t *testing.T) {
	root, err := fixture.Root()
	if err != nil {
		t.Fatal(err)
	}
	for name := range tableFiles {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("tableFiles: %v", err)
		}
	}
}
