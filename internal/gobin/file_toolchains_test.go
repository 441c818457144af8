package gobin

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherToolchains builds the fixture by the releases that
// $RPCXRAY_TOOLCHAINS names (as GOTOOLCHAIN takes them: "go1.21.13 go1.27.0"),
// which are fetched when they are not there, and holds the tables by version
// against what each of them writes.
func TestOtherToolchains(t *testing.T) {
	names := strings.Fields(os.Getenv("RPCXRAY_TOOLCHAINS"))
	if len(names) == 0 {
		t.Skip("RPCXRAY_TOOLCHAINS names no toolchains")
	}
	src, err := os.ReadFile("testdata/fixture/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{"main.go": string(src), "go.mod": "module fixture\n\ngo 1.18\n"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			plain := openBuilt(t, dir, name, "plain")
			checkToolchain(t, plain, name)
			checkToolchain(t, openBuilt(t, dir, name, "pie", "-buildmode=pie"), name)

			stripped := openBuilt(t, dir, name, "stripped", "-ldflags=-s -w")
			full, err := plain.Funcs()
			if err != nil {
				t.Fatal(err)
			}
			if fns, err := stripped.Funcs(); err != nil || len(fns) < len(full)-10 {
				t.Errorf("stripped: %d functions of %d, %v", len(fns), len(full), err)
			}
		})
	}
}

func openBuilt(t *testing.T, dir, toolchain, name string, flags ...string) *File {
	t.Helper()
	cmd := exec.Command("go", append(append([]string{"build", "-o", name}, flags...), ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+toolchain, "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	f, err := Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func checkToolchain(t *testing.T, f *File, version string) {
	t.Helper()
	if f.Go == nil || f.Go.Version != version {
		t.Fatalf("built by %+v, want %s", f.Go, version)
	}
	want := elfFuncs(t, f.Path)
	fns, err := f.Funcs()
	if err != nil {
		t.Fatal(err)
	}
	for _, fn := range fns {
		if !hasSymbol(want, fn) {
			t.Errorf("%+v, symbols there: %+v", fn, want[fn.Entry])
		}
	}
	checkNames(t, f)
	if g, err := f.goroutineDWARF(); err != nil || g != goroutineLayouts[f.Go.Minor] {
		t.Errorf("DWARF says %+v, %v; the table %+v", g, err, goroutineLayouts[f.Go.Minor])
	}
	if sites, err := f.InlinedAt("main.inner"); err != nil || len(sites) != 1 || sites[0].Caller != "main.outer" {
		t.Errorf("main.inner is inlined at %+v, %v", sites, err)
	}
	if fn, err := f.MatchBCC("main.(*Arith).Mul-fm"); err != nil || len(fn) > 1 || len(fn) == 1 && !fn[0].Wrapper {
		t.Errorf("method value: %+v, %v", fn, err)
	}
}
