package gobin

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Library is a shared library that the loader finds.
type Library struct{ Soname, Path string }

// maxCache is the size from which a cache of the loader is not believed.
const maxCache = 16 << 20

// libraryDirs is where loaders that keep no cache look for libraries.
var libraryDirs = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
	"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
}

// Libraries lists the libraries of the system below root ("" is ours): those
// of the loader's cache, then those in the usual folders.
func Libraries(root string) []Library {
	var libs []Library
	if b, err := readSmall(root + "/etc/ld.so.cache"); err == nil {
		libs = cachedLibraries(b)
	}
	for _, dir := range libraryDirs {
		found, _ := filepath.Glob(GlobLiteral(root+dir) + "/lib*.so*")
		for _, path := range found {
			libs = append(libs, Library{filepath.Base(path), strings.TrimPrefix(path, root)})
		}
	}
	return libs
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxCache))
}

// cachedLibraries reads /etc/ld.so.cache: after its magic and 28 bytes of head,
// entries of 24 bytes hold flags and the places of two texts, counted from the
// magic (struct cache_file_new in glibc's dl-cache.h).
func cachedLibraries(b []byte) []Library {
	const magic, head, entry = "glibc-ld.so.cache1.1", 48, 24
	at := bytes.Index(b, []byte(magic))
	if at < 0 || len(b)-at < head {
		return nil
	}
	b = b[at:]
	text := func(off uint32) string {
		if uint64(off) >= uint64(len(b)) {
			return ""
		}
		s := b[off:]
		if i := bytes.IndexByte(s, 0); i >= 0 {
			return string(s[:i])
		}
		return ""
	}
	var libs []Library
	n := binary.LittleEndian.Uint32(b[len(magic):])
	for e := b[head:]; n > 0 && len(e) >= entry; n, e = n-1, e[entry:] {
		if binary.LittleEndian.Uint32(e) != cacheFlags[runtime.GOARCH] {
			continue
		}
		l := Library{text(binary.LittleEndian.Uint32(e[4:])), text(binary.LittleEndian.Uint32(e[8:]))}
		if l.Soname != "" && strings.HasPrefix(l.Path, "/") {
			libs = append(libs, l)
		}
	}
	return libs
}

// cacheFlags mark the entries of an architecture: FLAG_ELF_LIBC6 with the bits
// of glibc's ldconfig.h.
var cacheFlags = map[string]uint32{"amd64": 0x0303, "arm64": 0x0a03}

// IsLibrary tells whether a file's name is that of the library called target:
// "libc.so.6" is libc, c, and libc.so.6.
func IsLibrary(name, target string) bool {
	if name == target || strings.HasPrefix(name, target+".") && strings.HasSuffix(target, ".so") {
		return true
	}
	if !strings.HasPrefix(target, "lib") {
		target = "lib" + target
	}
	rest, ok := strings.CutPrefix(name, target)
	return ok && (strings.HasPrefix(rest, ".so") || strings.HasPrefix(rest, "-") && strings.HasSuffix(rest, ".so"))
}

// Needed lists the libraries that the loader will map for a binary of the
// system below root.
func Needed(file, root string) []string {
	f, err := elf.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, err := f.ImportedLibraries()
	if err != nil || len(names) == 0 {
		return nil
	}
	libs := Libraries(root)
	var paths []string
	for _, name := range names {
		for _, l := range libs {
			if l.Soname == name {
				paths = append(paths, root+l.Path)
				break
			}
		}
	}
	return paths
}

// IsELF tells a program or library from a script, or a linker's script of its
// name.
func IsELF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == elf.ELFMAG
}

// GlobLiteral keeps filepath.Glob from seeing more than "*" in a path.
func GlobLiteral(path string) string {
	return strings.NewReplacer(`\`, `\\`, `?`, `\?`, `[`, `\[`).Replace(path)
}
