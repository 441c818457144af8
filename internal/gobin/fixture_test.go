package gobin

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// variants are the ways in which fixtures are built: environment settings, then
// the arguments of go build. The names are those that fixture takes.
var variants = map[string]struct {
	env  []string
	args []string
}{
	"plain":        {args: []string{"./testdata/fixture"}},
	"stripped":     {args: []string{"-ldflags=-s -w", "./testdata/fixture"}},
	"pie":          {args: []string{"-buildmode=pie", "./testdata/fixture"}},
	"stripped pie": {args: []string{"-buildmode=pie", "-ldflags=-s -w", "./testdata/fixture"}},
	"cgo":          {env: []string{"CGO_ENABLED=1"}, args: []string{"./testdata/cgofixture"}},
	"stripped cgo": {env: []string{"CGO_ENABLED=1"}, args: []string{"-ldflags=-s -w", "./testdata/cgofixture"}},
	"cgo pie":      {env: []string{"CGO_ENABLED=1"}, args: []string{"-buildmode=pie", "./testdata/cgofixture"}},
	"arm64":        {env: []string{"GOARCH=arm64"}, args: []string{"./testdata/fixture"}},
	"386":          {env: []string{"GOARCH=386"}, args: []string{"./testdata/fixture"}},
	"arm":          {env: []string{"GOARCH=arm"}, args: []string{"./testdata/fixture"}},
	"c-shared":     {env: []string{"CGO_ENABLED=1"}, args: []string{"-buildmode=c-shared", "./testdata/cgofixture"}},
}

// built holds each fixture's path, built once a run by the first test to ask.
type built struct {
	once sync.Once
	path string
	err  error
}

var (
	fixtureDir string
	fixtures   = map[string]*built{}
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gobin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fixtureDir = dir
	for name := range variants {
		fixtures[name] = &built{}
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// fixture returns the path of a fixture binary.
func fixture(t testing.TB, variant string) string {
	t.Helper()
	b, ok := fixtures[variant]
	if !ok {
		t.Fatalf("no fixture %q", variant)
	}
	b.once.Do(func() {
		v := variants[variant]
		b.path = filepath.Join(fixtureDir, strings.ReplaceAll(variant, " ", "-"))
		cmd := exec.Command("go", append([]string{"build", "-o", b.path}, v.args...)...)
		cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), v.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if b.err != nil {
		t.Fatalf("building fixture %q: %v", variant, b.err)
	}
	return b.path
}

// openFixture opens a fixture binary for the time of the test.
func openFixture(t testing.TB, variant string) *File {
	t.Helper()
	f, err := Open(fixture(t, variant))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// readerAt is a file in memory.
type readerAt []byte

func (b readerAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
