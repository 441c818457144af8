// Command offsets writes the table of where the structs of the RPC frameworks keep their
// fields: it builds a program with each version that it names and reads the program's
// DWARF. It needs the network, for modules and toolchains that are not there yet.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/rpc"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// release is a version of a module, and the program of programs/ that needs it.
type release struct{ module, version, program string }

// The modules; std is the standard library, whose version is Go's.
const (
	std  = "std"
	grpc = "google.golang.org/grpc"
	rpcx = "github.com/smallnest/rpcx"
)

// releases are those whose programs are read, in the order of their versions.
func releases() []release {
	var list []release
	for _, m := range []struct{ module, program, versions string }{
		{std, "std", "go1.21.13 go1.22.12 go1.23.12 go1.24.6 go1.25.5 go1.26.8 go1.27.0"},
		{grpc, "grpc", "v1.60.0 v1.64.0 v1.68.0 v1.72.0 v1.76.0 v1.80.0 v1.85.0"},
		{rpcx, "rpcx", "v1.6.2 v1.7.5 v1.7.11 v1.8.0 v1.8.36 v1.9.1"},
	} {
		for v := range strings.FieldsSeq(m.versions) {
			list = append(list, release{m.module, v, m.program})
		}
	}
	return list
}

func main() {
	only := flag.String("only", "", "the module to build programs with; nothing is written")
	flag.Parse()
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "offsets:", err)
		os.Exit(1)
	}
}

func run(only string) error {
	root, err := fixture.Root()
	if err != nil {
		return err
	}
	table := map[string]*row{}
	for _, r := range releases() {
		if only != "" && r.module != only {
			continue
		}
		if err := read(root, r, table); err != nil {
			return fmt.Errorf("%s %s: %w", r.module, r.version, err)
		}
	}
	if only != "" {
		fmt.Print(text(table))
		return nil
	}
	return os.WriteFile(filepath.Join(root, "internal/rpc/offsets.txt"), []byte(text(table)), 0o644)
}

// row is a line of the table: where a field lies, from which version on.
type row struct {
	module string
	places []string
}

// add puts a place at the end, unless the field has lain there before.
func (r *row) add(version, place string) {
	if n := len(r.places); n > 0 && strings.HasSuffix(r.places[n-1], "="+place) {
		return
	}
	r.places = append(r.places, version+"="+place)
}

func text(table map[string]*row) string {
	versions := map[string][]string{}
	for _, r := range releases() {
		versions[r.module] = append(versions[r.module], r.version)
	}
	var lines []string
	for module, list := range versions {
		lines = append(lines, strings.Join(append([]string{"versions", module}, list...), " ")+"\n")
	}
	for key, r := range table {
		lines = append(lines, strings.Join(append([]string{r.module, key}, r.places...), " ")+"\n")
	}
	slices.Sort(lines)
	return "# Written by go generate ./internal/rpc.\n" + strings.Join(lines, "")
}

// read builds a release's program and enters where its fields lie.
func read(root string, r release, table map[string]*row) error {
	path, clean, err := build(root, r)
	if err != nil {
		return err
	}
	defer clean()
	f, err := gobin.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, fact := range facts() {
		if owner(fact) != r.module {
			continue
		}
		place := "-"
		t, err := f.LookupType(fact.Struct)
		if err == nil {
			if off, ok := fact.In(t); ok {
				place = fmt.Sprint(off)
			}
		}
		if table[fact.Key()] == nil {
			table[fact.Key()] = &row{module: r.module}
		}
		table[fact.Key()].add(r.version, place)
	}
	return nil
}

// facts are those that are places of fields, each once.
func facts() []rpc.Fact {
	all := rpc.CommonFacts()
	for _, f := range rpc.All() {
		all = append(all, f.Facts...)
	}
	return slices.DeleteFunc(all, func(f rpc.Fact) bool { return f.Struct == "" })
}

// owner is the module whose version says where a field lies. Modules that gRPC brings
// along change with it.
func owner(f rpc.Fact) string {
	first, _, _ := strings.Cut(f.Struct, "/")
	switch {
	case strings.HasPrefix(f.Struct, rpcx+"/"):
		return rpcx
	case strings.Contains(f.Struct, "/") && strings.Contains(first, "."):
		return grpc
	}
	return std
}

// build builds a release's program with symbols.
func build(root string, r release) (path string, clean func(), err error) {
	source, err := os.ReadFile(filepath.Join(root, "tests/offsets/programs", r.program+".go.txt"))
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "offsets")
	if err != nil {
		return "", nil, err
	}
	clean = func() { os.RemoveAll(dir) }
	mod, env := "module offsets\n\ngo 1.21\n", []string{"GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0"}
	if r.module == std {
		env = append(env, "GOTOOLCHAIN="+r.version)
	} else {
		mod += "\nrequire " + r.module + " " + r.version + "\n"
	}
	for name, text := range map[string]string{"go.mod": mod, "main.go": string(source)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			clean()
			return "", nil, err
		}
	}
	path = filepath.Join(dir, "program")
	// Old versions of golang.org/x/net refer to what newer linkers do not let them.
	flags := []string{"build", "-o", path}
	if r.module != std {
		flags = append(flags, "-ldflags=-checklinkname=0")
	}
	cmd := exec.Command("go", append(flags, ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		clean()
		return "", nil, fmt.Errorf("%w\n%s", err, out)
	}
	return path, clean, nil
}
