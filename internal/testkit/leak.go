package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Main runs a package's tests and fails if they leave files open: an eBPF object
// that nobody closes keeps its probe in the kernel. It is the body of TestMain.
func Main(m *testing.M) {
	before, err := warmFiles()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	after, err := openFiles()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, leak := range leaks(before, after) {
		fmt.Fprintln(os.Stderr, "left open by the tests:", leak)
		code = 1
	}
	os.Exit(code)
}

// warmFiles lists the open files after the runtime has opened its own, which it
// does with the first file that can be polled.
func warmFiles() ([]string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	r.Close()
	w.Close()
	return openFiles()
}

// openFiles lists what this process has open, by the files' names.
func openFiles() ([]string, error) {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil { // else the listing's own
			files = append(files, target)
		}
	}
	return files, nil
}

// leaks returns what after has more often than before.
func leaks(before, after []string) []string {
	left := slices.Clone(after)
	for _, name := range before {
		if i := slices.Index(left, name); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return left
}
