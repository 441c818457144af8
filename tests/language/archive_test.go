package language

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestArchive probes a program that runs straight out of an archive.
func TestArchive(t *testing.T) {
	testkit.Root(t)
	mapped := filepath.Join(programs(t), "mapped")
	archive := filepath.Join(t.TempDir(), "app.zip")
	start := pack(t, archive, "bin/mapped", mapped)
	script := fmt.Sprintf(`uprobe:"%s!/bin/mapped":work { @[func, usym(reg("ip"))] = count(); @sum += arg0 }`, archive)
	r := testkit.RunCLI(t, "run", "-q", "-c", fmt.Sprintf("%s %s %d 5", mapped, archive, start), "-e", script)
	if want := "121\n\n\n@[work, work]: 5\n@sum: 58\n"; r.Code != 0 || r.Stdout != want {
		t.Errorf("%s\n%s\nwant\n%s", r.Stdout, r.Stderr, want)
	}
	for member, want := range map[string]string{
		"bin/nothing": "does not exist", "small": "small is compressed: no process can run it from there",
	} {
		r := testkit.RunCLI(t, "run", "-e", fmt.Sprintf(`uprobe:"%s!/%s":work { }`, archive, member))
		if r.Code != 1 || !strings.Contains(r.Stderr, want) {
			t.Errorf("%s: status %d, %s", member, r.Code, r.Stderr)
		}
	}
}

// pack makes an archive with a program that can be mapped from where it tells.
func pack(t *testing.T, archive, name, program string) (start int64) {
	t.Helper()
	const page = 4096
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	z := zip.NewWriter(out)
	// In front of the data are a header of 30 bytes, the name and what fills up.
	head := &zip.FileHeader{Name: name, Method: zip.Store, Extra: make([]byte, page-30-len(name))}
	for _, f := range []*zip.FileHeader{head, {Name: "small", Method: zip.Deflate}} {
		w, err := z.CreateHeader(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return page
}
