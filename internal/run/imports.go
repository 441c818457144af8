package run

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// Parse reads a script with the files that it imports: what they define stands
// before its own.
func Parse(src *diag.Source, params []string, diags *diag.List) *syntax.File {
	return parse(src, params, diags, Headers{})
}

// Headers say what else is read as #include does.
type Headers struct {
	Files []string // before the script
	Dirs  []string // where files are looked for that are not beside the script
}

func parse(src *diag.Source, params []string, diags *diag.List, h Headers) *syntax.File {
	src.DropImports() // of an earlier reading
	file := syntax.Parse(src, diags)
	i := importer{src: src, diags: diags, dirs: h.Dirs, seen: map[string]bool{}}
	for n := len(h.Files) - 1; n >= 0; n-- {
		inc := &syntax.Include{Path: h.Files[n]}
		file.CDefs = append([]syntax.CDef{inc}, file.CDefs...)
	}
	if len(file.Imports)+len(file.CDefs) > 0 {
		if real, err := filepath.EvalSymlinks(src.Name); err == nil {
			i.seen[real] = true
		}
		i.imports(file)
	}
	file.BindParams(params, diags)
	return file
}

// importer follows import statements; each file is read once.
type importer struct {
	src   *diag.Source
	diags *diag.List
	dirs  []string // of -I
	seen  map[string]bool
}

// imports puts what file imports before what it defines.
func (i *importer) imports(file *syntax.File) {
	var defs []syntax.CDef
	var decls []syntax.Decl
	take := func(f *syntax.File) {
		if f == nil { // it has been taken before
			return
		}
		defs, decls = append(defs, f.CDefs...), append(decls, f.Decls...)
	}
	for _, imp := range file.Imports {
		i.path(imp, take)
	}
	for _, d := range file.CDefs {
		if inc, ok := d.(*syntax.Include); ok && (!inc.System || len(i.dirs) > 0) {
			i.include(inc, take)
			continue
		}
		defs = append(defs, d)
	}
	file.CDefs, file.Decls = defs, append(decls, file.Decls...)
}

// builtinLibraries are the names of bpftrace's own sources; what they define is
// built in here.
var builtinLibraries = []string{"stdlib", "stdlib/base.bpf.c", "stdlib/map", "stdlib/process", "stdlib/strings", "stdlib/task", "stdlib/test", "stdlib/usdt"}

func (i *importer) path(imp *syntax.Import, take func(*syntax.File)) {
	if slices.Contains(builtinLibraries, imp.Path) {
		return
	}
	path := i.beside(imp.Path, imp.Span())
	info, err := os.Stat(path)
	if err != nil {
		i.missing(imp, "checked: "+path)
		return
	}
	if !info.IsDir() {
		i.file(imp, path, true, take)
		return
	}
	if writable(info) {
		i.missing(imp, "everybody may write to "+path)
		return
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		i.missing(imp, err.Error())
		return
	}
	for _, e := range entries {
		if !e.IsDir() {
			i.file(imp, filepath.Join(path, e.Name()), false, take)
		}
	}
}

func (i *importer) missing(imp *syntax.Import, hint string) {
	i.diags.Errorf(imp.Span(), "Unable to find suitable path for import").Hint = hint
}

// beside is the path of a file that another names, whose text has span.
func (i *importer) beside(path string, span diag.Span) string {
	if filepath.IsAbs(path) {
		return path
	}
	name, _, _ := i.src.File(span.Start)
	return filepath.Join(filepath.Dir(name), path)
}

// writable tells whether everybody may put something else in the place of a file.
func writable(info os.FileInfo) bool {
	return info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0
}

// file imports one file. Those of a directory that are no sources are passed over.
func (i *importer) file(imp *syntax.Import, path string, named bool, take func(*syntax.File)) {
	read := map[string]func(string) (*syntax.File, error){".bt": i.script, ".h": i.header}[filepath.Ext(path)]
	switch {
	case strings.HasSuffix(path, ".bpf.c"):
		i.diags.Errorf(imp.Span(), "cannot import %s: it is C, and there is no compiler for C here", filepath.Base(path)).Hint =
			"write it as fn or macro in a .bt file"
		return
	case read == nil && named:
		i.diags.Errorf(imp.Span(), "unknown import type: %q", filepath.Base(path)).Hint = "one of .bt, .h"
		return
	case read == nil:
		return
	}
	file, err := read(path)
	if err != nil {
		i.missing(imp, err.Error())
		return
	}
	if file != nil && file.Config != nil {
		d := i.diags.Errorf(file.Config.Span(), "invalid `config` within import")
		d.Notes = append(d.Notes, diag.Note{Span: imp.Span(), Msg: "imported here"})
	}
	take(file)
}

// include reads #include "path" where there is such a file; what cannot be read is
// told as any #include that is passed over.
func (i *importer) include(inc *syntax.Include, take func(*syntax.File)) {
	file, err := (*syntax.File)(nil), error(fs.ErrNotExist)
	if !inc.System {
		file, err = i.header(i.beside(inc.Path, inc.Span()))
	}
	for _, dir := range i.dirs {
		if err == nil {
			break
		}
		file, err = i.header(filepath.Join(dir, inc.Path))
	}
	if err != nil {
		file = &syntax.File{CDefs: []syntax.CDef{inc}}
	}
	take(file)
}

// script reads an imported script; nil if it has been read before.
func (i *importer) script(path string) (*syntax.File, error) {
	start, err := i.open(path)
	if err != nil || start == 0 {
		return nil, err
	}
	file := syntax.ParseAt(i.src, start, i.diags)
	i.imports(file)
	return file, nil
}

// header reads an imported header; nil if it has been read before.
func (i *importer) header(path string) (*syntax.File, error) {
	start, err := i.open(path)
	if err != nil || start == 0 {
		return nil, err
	}
	file := syntax.ParseHeader(i.src, start)
	i.imports(file)
	return file, nil
}

// maxImport bounds one imported file, maxImports all of them, in bytes.
const (
	maxImport  = 1 << 20
	maxImports = 16 << 20
)

// open adds the text of a file to the source and returns where it begins, zero if it
// is there already.
func (i *importer) open(path string) (start int, err error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return 0, err
	}
	if i.seen[real] {
		return 0, nil
	}
	i.seen[real] = true
	info, err := os.Stat(real)
	dir, dirErr := os.Stat(filepath.Dir(real))
	switch err := cmp.Or(err, dirErr); {
	case err != nil:
		return 0, err
	case writable(info), writable(dir):
		return 0, fmt.Errorf("everybody may write to %s", path)
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s is no regular file", path)
	case info.Size() > maxImport, len(i.src.Text) > maxImports:
		return 0, fmt.Errorf("%s: imported files are too large", path)
	}
	text, err := os.ReadFile(real)
	if err != nil {
		return 0, err
	}
	return i.src.Import(path, string(text)), nil
}
