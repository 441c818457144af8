package gobin

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// withMiniDebug is a program as Fedora ships it: of its symbols there are the dynamic ones,
// and those of functions, packed by xz.
func withMiniDebug(t testing.TB) string {
	t.Helper()
	bin := buildNative(t, "frames.c", "-O2")
	mini, out := filepath.Join(t.TempDir(), "mini"), bin+".packed"
	for _, args := range [][]string{
		{"objcopy", "--only-keep-debug", bin, mini},
		{"xz", mini},
		{"objcopy", "-S", "--add-section=.gnu_debugdata=" + mini + ".xz", bin, out},
	} {
		if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, text)
		}
	}
	return out
}

func TestMiniDebug(t *testing.T) {
	f, err := Open(withMiniDebug(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fns, err := f.Funcs()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(fns, func(fn Func) bool { return fn.Name == "handler" })
	if i < 0 {
		t.Fatalf("no handler among %v", fns)
	}
	if frames := f.Lookup(fns[i].Entry + 1); len(frames) != 1 || frames[0].Func != "handler" {
		t.Errorf("%v", frames)
	}
}

// FuzzXZ unpacks what no xz has packed.
func FuzzXZ(f *testing.F) {
	plain := filepath.Join(f.TempDir(), "plain")
	text := bytes.Repeat([]byte("text that repeats, "), 300)
	if err := os.WriteFile(plain, text, 0o600); err != nil {
		f.Fatal(err)
	}
	good, err := exec.Command("xz", "-c", plain).Output()
	if err != nil {
		f.Fatal(err)
	}
	if got, err := unpackXZ(good, 1<<16); err != nil || !bytes.Equal(got, text) {
		f.Fatalf("%q, %v", got, err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := unpackXZ(b, 1<<16); err == nil && len(out) > 1<<16 {
			t.Errorf("%d bytes", len(out))
		}
	})
}
