package language

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// script is what the comments at the head of a file in scripts say about it.
type script struct {
	command string // -c; runs in the script's mode else
	flags   []string
	options []string         // behind --
	status  int              // of rpcxray
	expect  []*regexp.Regexp // each matches a line of the output
}

func readScript(t *testing.T, path string) script {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var s script
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "// "), ": ")
		if !strings.HasPrefix(lines.Text(), "//") || !ok {
			continue
		}
		switch key {
		case "command":
			s.command = value
		case "flags":
			s.flags = strings.Fields(value)
		case "options":
			s.options = append([]string{"--"}, strings.Fields(value)...)
		case "status":
			if s.status, err = strconv.Atoi(value); err != nil {
				t.Fatal(err)
			}
		case "expect":
			s.expect = append(s.expect, regexp.MustCompile("(?m)"+value))
		}
	}
	if err := lines.Err(); err != nil || len(s.expect) == 0 {
		t.Fatalf("%s: %v, %d expectations", path, err, len(s.expect))
	}
	return s
}

// TestScripts runs the scripts as a user would, each with a command that has
// something in it to see.
func TestScripts(t *testing.T) {
	testkit.Root(t)
	files, err := filepath.Glob("scripts/*.bt")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".bt"), func(t *testing.T) {
			s := readScript(t, path)
			args := append([]string{"run", "-q"}, s.flags...)
			if s.command != "" {
				args = append(args, "-c", s.command)
			}
			r := testkit.RunCLI(t, append(append(args, path), s.options...)...)
			for _, want := range s.expect {
				if !want.MatchString(r.Stdout) {
					t.Errorf("no line matches %s in\n%s\n%s", want, r.Stdout, r.Stderr)
				}
			}
			if r.Code != s.status || strings.Contains(r.Stderr, "ERROR") {
				t.Errorf("status %d\n%s", r.Code, r.Stderr)
			}
		})
	}
}
