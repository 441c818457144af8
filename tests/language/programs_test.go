package language

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// placed returns the case with the paths of its programs, which it calls
// {name}, in place of them.
func (c *testCase) placed(dir string) *testCase {
	p := *c
	names := strings.NewReplacer(placeholders(dir)...)
	p.prog, p.command = names.Replace(c.prog), names.Replace(c.command)
	p.flags = nil
	for _, f := range c.flags {
		p.flags = append(p.flags, names.Replace(f))
	}
	return &p
}

// unplaced is text with {name} in place of the programs' paths.
func unplaced(text, dir string) string {
	var pairs []string
	for p := placeholders(dir); len(p) > 0; p = p[2:] {
		pairs = append(pairs, p[1], p[0])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// placeholders lists {name} and path of each program, longer paths first: one
// may begin as another.
func placeholders(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		panic("BUG: programs of the cases: " + err.Error())
	}
	var pairs []string
	for i := len(entries) - 1; i >= 0; i-- {
		name := entries[i].Name()
		pairs = append(pairs, "{"+name+"}", filepath.Join(dir, name))
	}
	return pairs
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

// programs returns a folder with the programs that cases trace, made from
// programs/*. A source begins with lines "// NAME: FLAGS", one a program.
func programs(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "rpcxray-cases"); built.err == nil {
			built.err = build(t, built.dir)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

func build(t *testing.T, dir string) error {
	sources, err := filepath.Glob("programs/*")
	if err != nil {
		return err
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
			line, ok := strings.CutPrefix(lines.Text(), "// ")
			name, flags, named := strings.Cut(line, ": ")
			if !ok || !named {
				break
			}
			bin, err := fixture.BuildC(filepath.Join("tests/language", source), strings.Fields(flags)...)
			if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
				t.Logf("%s is not built, cases that trace it fail: %v", name, err)
				break
			}
			if err != nil {
				return err
			}
			if err := install(bin, filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func install(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}
