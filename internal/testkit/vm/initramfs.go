package vm

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// FS is the content of a machine's root folder, held until it is packed.
type FS struct {
	entries []entry
	dirs    map[string]bool
}

type entry struct {
	name string // without the leading slash
	mode uint32 // as in struct stat
	data []byte
}

// File modes of the archive, from stat(2).
const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
)

// Add puts a file at an absolute path, and makes the folders above it.
func (f *FS) Add(name string, perm fs.FileMode, data []byte) {
	f.add(name, modeFile|uint32(perm.Perm()), data)
}

// AddLink makes a symbolic link.
func (f *FS) AddLink(name, target string) {
	f.add(name, modeLink|0o777, []byte(target))
}

// AddDir makes a folder and those above it, unless they are there.
func (f *FS) AddDir(name string) {
	if name = path.Clean(name); name == "/" || f.dirs[name] {
		return
	}
	if f.dirs == nil {
		f.dirs = map[string]bool{}
	}
	f.dirs[name] = true
	f.add(name, modeDir|0o755, nil)
}

// Has tells whether there is a file at an absolute path.
func (f *FS) Has(name string) bool {
	name = strings.TrimPrefix(path.Clean(name), "/")
	return slices.ContainsFunc(f.entries, func(e entry) bool { return e.name == name })
}

func (f *FS) add(name string, mode uint32, data []byte) {
	name = path.Clean(name)
	f.AddDir(path.Dir(name))
	f.entries = append(f.entries, entry{strings.TrimPrefix(name, "/"), mode, data})
}

// Copy puts a file or a folder of the host at an absolute path.
func (f *FS) Copy(name, from string) error {
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		f.Add(name+strings.TrimPrefix(file, from), info.Mode(), data)
		return nil
	})
}

// WriteTo writes the archive in the format that the kernel unpacks, cpio's "newc"
// (Documentation/driver-api/early-userspace/buffer-format.rst).
func (f *FS) WriteTo(w io.Writer) (int64, error) {
	out := &counter{w: w}
	all := append(slices.Clone(f.entries), entry{name: "TRAILER!!!"})
	for i, e := range all {
		const header = "070701" + "%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x" + "%08x"
		inode, uid, gid, links, mtime := i+1, 0, 0, 1, 0
		fmt.Fprintf(out, header, inode, e.mode, uid, gid, links, mtime, len(e.data),
			0, 0, 0, 0, len(e.name)+1, 0)
		io.WriteString(out, e.name+"\x00")
		out.align()
		out.Write(e.data)
		out.align()
	}
	return out.n, out.err
}

// counter counts what is written and keeps the first error.
type counter struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counter) Write(p []byte) (int, error) {
	if c.err == nil {
		var n int
		n, c.err = c.w.Write(p)
		c.n += int64(n)
	}
	return len(p), c.err
}

// align writes zeros up to the next multiple of four.
func (c *counter) align() {
	c.Write(make([]byte, -c.n&3))
}
