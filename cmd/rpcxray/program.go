package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// stdinName is what messages call a program that is in no file.
const stdinName = "stdin"

// openProgram reads the program of a file, or of standard input for "-".
func openProgram(name string) (*diag.Source, error) {
	if name == "-" {
		return readProgram(stdinName, os.Stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		hint := ""
		if strings.Contains(name, "{") {
			hint = "a program's text stands behind -e"
		}
		return nil, &diag.HintError{Msg: fmt.Sprintf("failed to open file '%s': %s", name, plainCause(err)), Hint: hint}
	}
	defer file.Close()
	return readProgram(name, file)
}

// maxProgram is more than any program may have: what is cut off is not missed,
// and a device has no end.
const maxProgram = 8 << 20

func readProgram(name string, r io.Reader) (*diag.Source, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxProgram))
	if err != nil {
		return nil, fmt.Errorf("reading the program: %w", err)
	}
	return nonempty(&diag.Source{Name: name, Text: string(text)})
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

func nonempty(src *diag.Source) (*diag.Source, error) {
	if strings.TrimSpace(src.Text) == "" {
		return nil, fmt.Errorf("%s: the program is empty; a short one is: BEGIN { printf(\"hello\\n\"); exit() }", src.Name)
	}
	return src, nil
}
