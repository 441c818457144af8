package vm

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestNewest(t *testing.T) {
	re := regexp.MustCompile(`^6\.12\.\d+\+deb12-amd64$`)
	got := newest(re, []string{
		"6.12.99+deb12-amd64",
		"6.12.117+deb12-amd64",
		"6.12.120+deb12-amd64-unsigned",
		"6.13.1+deb12-amd64",
	})
	if want := "6.12.117+deb12-amd64"; got != want {
		t.Errorf("newest is %q, want %q", got, want)
	}
	if got := newest(re, []string{"6.1.0-1-amd64"}); got != "" {
		t.Errorf("newest of none is %q", got)
	}
}

func TestFetchTakesCached(t *testing.T) {
	cache := t.TempDir()
	for _, name := range []string{"linux-image-1.9-x", "linux-image-1.10-x", "busybox-z80", "other"} {
		if err := os.WriteFile(filepath.Join(cache, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(cache, "linux-image-1.10-x.modules")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, name := range wanted {
		modules = append(modules, filepath.Join(folder, name+".ko"))
		if err := os.WriteFile(modules[len(modules)-1], nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Fetch(cache, Source{Release: `1\.\d+-x`, Parts: []string{"linux-image-"}, Arch: "z80"})
	want := Image{Release: "1.10-x", Arch: "z80", Path: filepath.Join(cache, "linux-image-1.10-x"), Modules: modules,
		Busybox: filepath.Join(cache, "busybox-z80")}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestUnpack(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range map[string]string{"./boot/vmlinuz-6.12": "kernel", "./boot/config-6.12": "config",
		"./lib/net/sch_tbf.ko.xz": "module", "./lib/net/sch_red.ko.xz": "other"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "kernel")
	if err := os.Mkdir(modules(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unpack(tar.NewReader(&b), func(name string) string { return kept(to, name) }); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "kernel" {
		t.Errorf("got %q, %v", got, err)
	}
	entries, err := os.ReadDir(modules(to))
	if err != nil || len(entries) != 1 || entries[0].Name() != "sch_tbf.ko.xz" {
		t.Errorf("modules %v, %v", entries, err)
	}
}

// TestArchive has another program read what WriteTo wrote.
func TestArchive(t *testing.T) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip(err)
	}
	var f FS
	f.Add("/a/b/odd", 0o644, []byte("12345"))
	f.Add("/a/run", 0o755, nil)
	f.AddDir("/a/b")
	f.AddLink("/l", "a/run")
	var b bytes.Buffer
	if n, err := f.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d: %v", n, b.Len(), err)
	}
	dir := t.TempDir()
	cmd := exec.Command(busybox, "cpio", "-idv")
	cmd.Dir, cmd.Stdin = dir, &b
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, want := strings.Fields(string(out))[:5], []string{"a", "a/b", "a/b/odd", "a/run", "l"}; !slices.Equal(got, want) {
		t.Errorf("archive holds %q, want %q", got, want)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a/b/odd")); err != nil || string(text) != "12345" {
		t.Errorf("file holds %q, %v", text, err)
	}
	if st, err := os.Stat(filepath.Join(dir, "l")); err != nil || st.Mode() != 0o755 {
		t.Errorf("link leads to %v, %v", st, err)
	}
}

func TestFollow(t *testing.T) {
	var first, second strings.Builder
	programs := []Program{{Out: &first}, {Out: &second}}
	status, err := follow(strings.NewReader("ok\npartial"+marker+" 0 0\nmore\n"+marker+" 1 2\nrest"), programs)
	if err != nil || !slices.Equal(status, []int{0, 2}) {
		t.Errorf("statuses are %v, %v", status, err)
	}
	if first.String() != "ok\npartial" || second.String() != "more\n" {
		t.Errorf("outputs are %q and %q", first.String(), second.String())
	}
	if _, err := follow(strings.NewReader(marker+" 1 0\n"), programs); err == nil {
		t.Error("the second program ended before the first")
	}
}

func TestInitScript(t *testing.T) {
	script := initScript("ttyS1", []Program{{Path: "/t", Args: []string{"it's"}, Dir: "/src", Env: []string{"A=b c"}}})
	want := "exec >/dev/ttyS1 2>&1 </dev/null\nstty raw </dev/ttyS1\n" + `cd '/src' && 'env' 'A=b c' '/t' 'it'\''s'` + "\necho '" + marker + "' 0 $?\npoweroff -f\n"
	if got := strings.TrimPrefix(script, setup); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
