package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rpcxray/rpcxray/internal/testkit/vm"
)

// shared are the folders of this system that programs need besides: what is known of
// terminals, and a locale with UTF-8.
var shared = []string{"/lib/terminfo", "/usr/lib/locale/C.utf8"}

// installProgram puts a program of this system where it is here, with its libraries.
func installProgram(root *vm.FS, name string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		return fmt.Errorf("libraries of %s: %w", path, err)
	}
	files := []string{path}
	for _, word := range strings.Fields(string(out)) {
		if filepath.IsAbs(word) {
			files = append(files, word)
		}
	}
	for _, folder := range shared {
		if _, err := os.Stat(folder); err == nil {
			files = append(files, folder)
		}
	}
	for _, file := range files {
		from, err := filepath.EvalSymlinks(file)
		if err != nil {
			return err
		}
		if err := root.Copy(file, from); err != nil {
			return err
		}
	}
	return nil
}
