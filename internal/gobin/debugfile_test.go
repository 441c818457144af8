package gobin

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// cut moves the debug information of a copy of bin into a file, as distributions
// do, and returns both.
func cut(t *testing.T, bin string) (stripped, debug string) {
	t.Helper()
	dir := t.TempDir()
	stripped, debug = filepath.Join(dir, "prog"), filepath.Join(dir, "prog.debug")
	for _, args := range [][]string{
		{"--only-keep-debug", bin, debug},
		{"--strip-all", bin, stripped},
		{"--add-gnu-debuglink=" + debug, stripped},
	} {
		if out, err := exec.Command("objcopy", args...).CombinedOutput(); err != nil {
			t.Fatalf("objcopy %v: %v\n%s", args, err, out)
		}
	}
	return stripped, debug
}

// names tells whether the file names the program's own function, with its line.
func names(t *testing.T, bin string, dirs ...string) bool {
	t.Helper()
	f, err := Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.DebugDirs = dirs
	fns, err := f.Match(func(name string) bool { return name == "line_plain" })
	if err != nil || len(fns) == 0 {
		return false
	}
	frames := f.Lookup(fns[0].Entry)
	if len(frames) != 1 || frames[0].Line == 0 || filepath.Base(frames[0].File) != "lines.c" {
		t.Errorf("line_plain is at %+v", frames)
	}
	return true
}

func TestDebugFile(t *testing.T) {
	for _, c := range []struct{ name, id string }{{"build id", "-Wl,--build-id"}, {"checksum", "-Wl,--build-id=none"}} {
		t.Run(c.name, func(t *testing.T) {
			stripped, debug := cut(t, buildNative(t, "lines.c", "-g", "-O1", c.id))
			if !names(t, stripped) {
				t.Error("the debug file beside the program is not found")
			}
			home := filepath.Dir(stripped)
			move := func(to string) {
				if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(debug, to); err != nil {
					t.Fatal(err)
				}
				debug = to
			}
			move(filepath.Join(home, ".debug", "prog.debug"))
			if !names(t, stripped) {
				t.Error("the debug file in .debug is not found")
			}
			move(filepath.Join(home, "elsewhere", "prog.debug"))
			if names(t, stripped) {
				t.Error("a debug file in another folder is found")
			}
			if !names(t, stripped, "elsewhere") || !names(t, stripped, filepath.Dir(debug)) {
				t.Error("the debug file in a folder that is named is not found")
			}
			_, other := cut(t, buildNative(t, "lines.c", "-g", "-O2", c.id))
			if err := os.Rename(other, filepath.Join(home, "prog.debug")); err != nil {
				t.Fatal(err)
			}
			if names(t, stripped) {
				t.Error("the debug file of another build is taken")
			}
		})
	}
}
