package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	libraries, err := linked(path)
	if err != nil {
		return err
	}
	files := append(libraries, path)
	for _, folder := range shared {
		if _, err := os.Stat(folder); err == nil {
			files = append(files, folder)
		}
	}
	return copySystem(root, files)
}

// copySystem puts files of this system where they are here.
func copySystem(root *vm.FS, files []string) error {
	for _, file := range files {
		if root.Has(file) {
			continue
		}
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

// linked lists the libraries of this system that a program is linked with, and what
// loads them.
func linked(path string) ([]string, error) {
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		return nil, fmt.Errorf("libraries of %s: %w", path, err)
	}
	var files []string
	for _, word := range strings.Fields(string(out)) {
		if filepath.IsAbs(word) {
			files = append(files, word)
		}
	}
	return files, nil
}

// builds lists how the C programs of a folder are built, file and flags with blanks
// between: the first lines of each file name what is made of it.
func builds(repo, folder string) ([]string, error) {
	if folder == "" {
		return nil, nil
	}
	files, err := filepath.Glob(filepath.Join(repo, folder, "*"))
	if err != nil {
		return nil, err
	}
	var list []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			line, ok := strings.CutPrefix(line, "// ")
			_, flags, named := strings.Cut(line, ": ")
			if !ok || !named {
				break
			}
			list = append(list, filepath.Join(folder, filepath.Base(file))+" "+flags)
		}
	}
	return list, nil
}

// sysroots are where Debian's cross compilers have the libraries of another
// architecture.
var sysroots = map[string]string{"amd64": "/usr/x86_64-linux-gnu/lib", "arm64": "/usr/aarch64-linux-gnu/lib"}

// installLibraries puts the libraries of a C program, and what loads them, into the
// root folder of a machine.
func installLibraries(root *vm.FS, arch, bin string) error {
	f, err := elf.Open(bin)
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.ImportedLibraries()
	if err != nil || len(names) == 0 {
		return err
	}
	if arch == runtime.GOARCH {
		files, err := linked(bin)
		if err != nil {
			return err
		}
		return copySystem(root, files)
	}
	for _, name := range names {
		to, from := filepath.Join("/lib", name), filepath.Join(sysroots[arch], name)
		if root.Has(to) {
			continue
		}
		if from, err = filepath.EvalSymlinks(from); err != nil {
			return err
		}
		if err := root.Copy(to, from); err != nil {
			return err
		}
		if err := installLibraries(root, arch, from); err != nil {
			return err
		}
	}
	return nil
}
