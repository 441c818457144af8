package language

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// testCase is one program with what it prints. Leading and trailing blank
// lines of an output do not count.
type testCase struct {
	name    string
	flags   []string // of the command line, before the program
	args    []string // behind the program
	env     []string // NAME=VALUE
	command string   // -c
	prog    string
	expect  string // standard output
	match   string // a regular expression for it instead
	stderr  string // what standard error contains
	status  int
	need    string // features of the kernel, by their names in doctor, module:NAME, kfunc:NAME, iter:NAME or arch:GOARCH, without which the case is skipped; no:FEATURE, with which it is
	only    string // why bpftrace is not asked, or prints something else
	line    int    // where it stands
}

// keys that hold the rest of their line, and those that hold the lines below.
var (
	inline = []string{"NAME", "FLAGS", "ENV", "ARGS", "COMMAND", "MATCH", "STDERR", "STATUS", "NEED", "ONLY"}
	blocks = []string{"PROG", "EXPECT"}
)

// parseCases reads cases: lines that begin with a key, and blocks of lines
// below PROG and EXPECT. Lines with a # in front of a case are comments.
func parseCases(text string) ([]*testCase, error) {
	var cases []*testCase
	var c *testCase
	block := ""
	for i, line := range strings.Split(text, "\n") {
		key, rest, _ := strings.Cut(line, " ")
		switch {
		case key == "NAME":
			c = &testCase{name: rest, line: i + 1}
			cases = append(cases, c)
			block = ""
		case c == nil && (line == "" || line[0] == '#'):
		case c == nil:
			return nil, fmt.Errorf("line %d: a case begins with NAME", i+1)
		case contains(blocks, line):
			block = line
		case contains(inline, key):
			block = ""
			if err := c.set(key, rest); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
		case block == "PROG":
			c.prog += line + "\n"
		case block == "EXPECT":
			c.expect += line + "\n"
		case line != "":
			return nil, fmt.Errorf("line %d: %q belongs to nothing", i+1, line)
		}
	}
	for _, c := range cases {
		c.prog, c.expect = strings.TrimSpace(c.prog), strings.Trim(c.expect, "\n")
	}
	return cases, nil
}

func contains(words []string, w string) bool {
	for _, x := range words {
		if x == w {
			return true
		}
	}
	return false
}

func (c *testCase) set(key, rest string) (err error) {
	switch key {
	case "FLAGS":
		c.flags = strings.Fields(rest)
	case "ENV":
		c.env = strings.Fields(rest)
	case "ARGS":
		c.args = strings.Fields(rest)
	case "COMMAND":
		c.command = rest
	case "MATCH":
		c.match = rest
	case "STDERR":
		c.stderr = rest
	case "NEED":
		c.need = rest
	case "ONLY":
		c.only = rest
	case "STATUS":
		c.status, err = strconv.Atoi(rest)
	}
	return err
}

// format writes the case as parseCases reads it.
func (c *testCase) format() string {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s %s\n", key, value)
		}
	}
	line("NAME", c.name)
	line("FLAGS", strings.Join(c.flags, " "))
	line("ENV", strings.Join(c.env, " "))
	line("COMMAND", c.command)
	line("ARGS", strings.Join(c.args, " "))
	line("NEED", c.need)
	line("ONLY", c.only)
	fmt.Fprintf(&b, "PROG\n%s\n", c.prog)
	if c.status != 0 {
		line("STATUS", strconv.Itoa(c.status))
	}
	line("STDERR", c.stderr)
	line("MATCH", c.match)
	if c.match == "" && c.expect != "" {
		fmt.Fprintf(&b, "EXPECT\n%s\n", c.expect)
	}
	return b.String()
}

// caseFiles lists the files of cases.
func caseFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("cases/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	return files
}

func readCases(t *testing.T, file string) []*testCase {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases, err := parseCases(string(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return cases
}
