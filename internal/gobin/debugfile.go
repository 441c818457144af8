package gobin

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// debugDir is where distributions install the debug information that they cut
// from their programs.
const debugDir = "/usr/lib/debug"

// findDebugFile opens the file that holds the symbols and the DWARF cut from f:
// by its build id, else by the name and checksum in .gnu_debuglink, in the
// folders that gdb looks into and in f.DebugDirs. nil where there is none.
func (f *File) findDebugFile() *File {
	own, err := filepath.EvalSymlinks(f.Path)
	if err != nil {
		own = f.Path
	}
	name, sum := f.debugLink()
	for _, path := range f.debugPaths(own, name) {
		if path == own {
			continue
		}
		d, err := Open(path)
		if err != nil {
			continue
		}
		if f.belongs(d, sum) {
			d.findDebug = func() *File { return nil }
			f.debugFile = d
			return d
		}
		d.Close()
	}
	return nil
}

// debugPaths lists where the debug file may be, a process's own file system
// before ours.
func (f *File) debugPaths(own, name string) []string {
	dirs := []string{debugDir}
	if root, rest := procRoot(f.Path); root != "" {
		dirs = []string{root + debugDir, debugDir}
		if rest != "" {
			own = root + rest
		}
	}
	var paths []string
	id := f.BuildID()
	for _, dir := range append(dirs, f.DebugDirs...) {
		if len(id) > 2 && !strings.ContainsRune(id, '/') {
			paths = append(paths, filepath.Join(dir, ".build-id", id[:2], id[2:]+".debug"))
		}
	}
	if name == "" {
		return paths
	}
	home := filepath.Dir(own)
	paths = append(paths, filepath.Join(home, name), filepath.Join(home, ".debug", name))
	for _, dir := range dirs {
		_, rest := procRoot(own)
		if rest == "" {
			rest = own
		}
		paths = append(paths, filepath.Join(dir, filepath.Dir(rest), name))
	}
	for _, dir := range f.DebugDirs {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(home, dir)
		}
		paths = append(paths, filepath.Join(dir, name), filepath.Join(dir, home, name))
	}
	return paths
}

// procRoot splits "/proc/PID/root/usr/bin/x" before the second slash of the
// process's own path.
func procRoot(path string) (root, rest string) {
	rest, ok := strings.CutPrefix(path, "/proc/")
	pid, rest, sub := strings.Cut(rest, "/root/")
	if !ok || !sub || strings.Contains(pid, "/") {
		return "", ""
	}
	return "/proc/" + pid + "/root", "/" + rest
}

// maxLink bounds .gnu_debuglink: a file name, padding and a checksum.
const maxLink = 4096

// debugLink reads the name and the checksum of the debug file; "" if there is
// none.
func (f *File) debugLink() (name string, sum uint32) {
	s := f.ELF.Section(".gnu_debuglink")
	if s == nil || s.FileSize > maxLink {
		return "", 0
	}
	b, err := f.section(".gnu_debuglink")
	if err != nil {
		return "", 0
	}
	i := bytes.IndexByte(b, 0)
	at := (i + 4) &^ 3
	if i <= 0 || at+4 > len(b) || bytes.IndexByte(b[:i], '/') >= 0 {
		return "", 0
	}
	return string(b[:i]), binary.LittleEndian.Uint32(b[at:])
}

// belongs tells whether d was cut from f.
func (f *File) belongs(d *File, sum uint32) bool {
	if d.Arch != f.Arch {
		return false
	}
	if id := f.BuildID(); id != "" {
		return d.BuildID() == id
	}
	osf, err := os.Open(d.Path)
	if err != nil {
		return false
	}
	defer osf.Close()
	crc := crc32.NewIEEE()
	_, err = io.Copy(crc, osf)
	return err == nil && crc.Sum32() == sum
}

// debugHolder is the file that has f's DWARF: f itself or its debug file.
func (f *File) debugHolder() *File {
	if hasDebugInfo(f.ELF) {
		return f
	}
	if d := f.findDebug(); d != nil && hasDebugInfo(d.ELF) {
		return d
	}
	return f
}

func hasDebugInfo(ef *elf.File) bool {
	for _, name := range []string{".debug_info", ".zdebug_info"} {
		if s := ef.Section(name); s != nil && s.Type != elf.SHT_NOBITS {
			return true
		}
	}
	return false
}

// symtabHolder is the file that has f's symbol table, and the table; that of
// dynamic symbols where there is no other, nil for none.
func (f *File) symtabHolder() (*File, *elf.Section) {
	if s := f.ELF.SectionByType(elf.SHT_SYMTAB); s != nil {
		return f, s
	}
	if d := f.findDebug(); d != nil {
		if s := d.ELF.SectionByType(elf.SHT_SYMTAB); s != nil {
			return d, s
		}
	}
	return f, f.ELF.SectionByType(elf.SHT_DYNSYM)
}
