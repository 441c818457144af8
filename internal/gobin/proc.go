package gobin

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Mapping is a stretch of a process's memory, a line of /proc/PID/maps.
type Mapping struct {
	Start, End uint64
	Offset     uint64 // in the file
	Perms      string // "r-xp"
	Dev        uint64 // of the file as stat gives it (unix.Mkdev)
	Inode      uint64 // 0: not a file
	Path       string // as the process sees it; "" when anonymous
	Deleted    bool   // the file has no name any more
}

// Executable says whether code runs from the mapping.
func (m Mapping) Executable() bool { return strings.Contains(m.Perms, "x") }

const deletedSuffix = " (deleted)"

// Mappings reads /proc/PID/maps. The error wraps fs.ErrNotExist when the process
// is gone.
func Mappings(pid int) ([]Mapping, error) {
	b, err := os.ReadFile(procPath(pid, "maps"))
	if err != nil {
		return nil, gone(err)
	}
	var ms []Mapping
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 1<<16)
	for sc.Scan() {
		m, err := parseMapping(sc.Text())
		if err != nil {
			return nil, fmt.Errorf("mappings of process %d: %w", pid, err)
		}
		ms = append(ms, m)
	}
	return ms, sc.Err()
}

// parseMapping reads "start-end perms offset major:minor inode path".
func parseMapping(line string) (Mapping, error) {
	var m Mapping
	rest, bad := line, error(nil)
	field := func(end string) string { // the path may hold blanks and begins behind the fifth field
		word, after, _ := strings.Cut(strings.TrimLeft(rest, " "), end)
		rest = after
		return word
	}
	number := func(end string, base int) uint64 {
		n, err := strconv.ParseUint(field(end), base, 64)
		bad = cmp.Or(bad, err)
		return n
	}
	m.Start, m.End = number("-", 16), number(" ", 16)
	m.Perms = field(" ")
	m.Offset = number(" ", 16)
	m.Dev = unix.Mkdev(uint32(number(":", 16)), uint32(number(" ", 16)))
	m.Inode = number(" ", 10)
	if bad != nil {
		return Mapping{}, fmt.Errorf("%q: %w", line, bad)
	}
	m.Path, m.Deleted = strings.CutSuffix(strings.TrimLeft(rest, " "), deletedSuffix)
	return m, nil
}

// MappedFile returns a path by which the file of a mapping can be opened: as
// the process sees it, as we do (a changed root does not make its mappings'
// names relative to it), or else through the mapping itself, which leads to
// deleted files, too.
func MappedFile(pid int, m Mapping) string {
	for _, path := range []string{procPath(pid, "root") + m.Path, m.Path} {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err == nil && st.Ino == m.Inode {
			return path
		}
	}
	return procPath(pid, fmt.Sprintf("map_files/%x-%x", m.Start, m.End))
}

// OpenProcess opens the executable of a running process, also when its file was
// deleted or replaced. File.Path is /proc/PID/exe, which probes attach through.
func OpenProcess(pid int) (*File, error) {
	f, err := Open(procPath(pid, "exe"))
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, gone(err))
	}
	return f, nil
}

// Bias is what must be added to the file's virtual addresses to have those of
// the process that runs it; zero unless the file is position-independent.
func (f *File) Bias(pid int) (uint64, error) {
	if !f.Moved() {
		return 0, nil
	}
	exe, err := os.Readlink(procPath(pid, "exe"))
	if err != nil {
		return 0, fmt.Errorf("process %d: %w", pid, gone(err))
	}
	ms, err := Mappings(pid)
	if err != nil {
		return 0, err
	}
	exe = strings.TrimSuffix(exe, deletedSuffix)
	for _, m := range ms {
		if m.Executable() && m.Path == exe {
			return f.MappingBias(m)
		}
	}
	return 0, fmt.Errorf("process %d: its executable is not mapped", pid)
}

// MappingBias is Bias for one mapping of the file's code, as of a library.
func (f *File) MappingBias(m Mapping) (uint64, error) {
	for _, p := range f.ELF.Progs {
		// The kernel maps whole pages, so the mapping may begin before the segment.
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && m.Offset < f.start+p.Off+p.Filesz && f.start+p.Off < m.Offset+(m.End-m.Start) {
			return m.Start - m.Offset + f.start + p.Off - p.Vaddr, nil
		}
	}
	return 0, fmt.Errorf("mapping at %#x: not of code of %s", m.Start, f.Path)
}

// ID tells binaries apart: it is equal for two paths to one file and differs
// when a file was replaced, even in place.
type ID struct {
	Dev, Inode uint64
	Start      uint64 // of the program in an archive
	BuildID    string // "" when the linker wrote none
	// Layer is equal for the files of several overlay mounts, as containers have them, that
	// are one file of a layer: a probe in it is in all of them. "" for other files.
	Layer string
}

// ID identifies the opened file.
func (f *File) ID() (ID, error) {
	osf, ok := f.closer.(*os.File)
	if !ok {
		return ID{BuildID: f.BuildID()}, nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(osf.Fd()), &st); err != nil {
		return ID{}, fmt.Errorf("%s: stat: %w", f.Path, err)
	}
	id := ID{Dev: st.Dev, Inode: st.Ino, Start: f.start, BuildID: f.BuildID()}
	var fs unix.Statfs_t
	if unix.Fstatfs(int(osf.Fd()), &fs) == nil && fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		id.Layer = layer(&st, id)
	}
	return id, nil
}

// layer names a file by what overlayfs shows of the one in the layer: its number, size and
// times. One that a container has changed, if only its mode, is a copy: it keeps the number,
// but not the time of its change.
func layer(st *unix.Stat_t, id ID) string {
	return fmt.Sprint(st.Ino, st.Size, st.Mtim, st.Ctim, id.Start, id.BuildID)
}

// BuildID is the linker's mark of the build: the GNU one in hexadecimal, else
// Go's own text, else "".
func (f *File) BuildID() string {
	for _, name := range []string{".note.gnu.build-id", ".note.go.buildid"} {
		s := f.ELF.Section(name)
		if s == nil || s.FileSize > 4096 {
			continue
		}
		b, err := f.section(name)
		if err != nil || len(b) < 16 {
			continue
		}
		nameLen, size := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		start := uint64(12) + (uint64(nameLen)+3)&^3
		if start+uint64(size) > uint64(len(b)) {
			continue
		}
		if desc := b[start : start+uint64(size)]; name == ".note.go.buildid" {
			return string(desc)
		} else {
			return hex.EncodeToString(desc)
		}
	}
	return ""
}

// Process is a running process of a Go program.
type Process struct {
	PID       int
	Exe       string // path of the executable as the process sees it
	Deleted   bool   // the file was removed or replaced since the start
	Go        *GoInfo
	Container string // id of its container, "" outside of one
}

// Stamp tells states of a file apart without reading it.
type Stamp struct {
	Dev, Inode uint64
	Size       int64
	Changed    unix.Timespec
}

// StampOf is the stamp of the file at path.
func StampOf(path string) (Stamp, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Stamp{}, err
	}
	return Stamp{Dev: st.Dev, Inode: st.Ino, Size: st.Size, Changed: st.Ctim}, nil
}

// GoProcesses lists the running Go programs once.
func GoProcesses() (procs []Process, unreadable int, err error) { return new(Processes).Go() }

// Processes lists the programs that run, time and again: a binary is read when it is seen
// first. It is safe for concurrent use.
type Processes struct {
	mu    sync.Mutex
	known map[Stamp]Process
}

// Go lists the running Go programs by pid, and how many processes could not be looked at
// for lack of privilege.
func (l *Processes) Go() (procs []Process, unreadable int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, 0, fmt.Errorf("processes: %w", err)
	}
	running := map[Stamp]Process{} // many processes run one binary
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		id, err := StampOf(procPath(pid, "exe"))
		if err != nil {
			if errors.Is(err, fs.ErrPermission) {
				unreadable++
			}
			continue // also kernel threads, and what has just ended
		}
		p, seen := l.known[id]
		if !seen {
			p, seen = running[id]
		}
		if !seen {
			if p, err = describe(pid); err != nil {
				continue // it has ended, and the next process of the binary may not
			}
		}
		running[id] = p
		if p.Go == nil || !p.locate(pid) {
			continue
		}
		procs = append(procs, p)
	}
	l.known = running
	slices.SortFunc(procs, func(a, b Process) int { return cmp.Compare(a.PID, b.PID) })
	return procs, unreadable, nil
}

// describe says what the process's binary is; its Go is nil for what is not a
// Go program that can be served.
func describe(pid int) (Process, error) {
	f, err := OpenProcess(pid)
	if err != nil {
		return Process{}, err
	}
	defer f.Close()
	return Process{Go: f.Go}, nil
}

// locate fills in what differs between processes of one binary.
func (p *Process) locate(pid int) bool {
	exe, err := os.Readlink(procPath(pid, "exe"))
	if err != nil {
		return false
	}
	p.PID = pid
	p.Exe, p.Deleted = strings.CutSuffix(exe, deletedSuffix)
	p.Container = containerOf(pid)
	return true
}

var containerID = regexp.MustCompile(`[0-9a-f]{64}`)

// containerOf says which container a process runs in.
func containerOf(pid int) string {
	b, err := os.ReadFile(procPath(pid, "cgroup"))
	if err != nil {
		return ""
	}
	return containerIn(b)
}

// containerIn finds a container's id in cgroup paths, where every runtime in use
// puts it as 64 hexadecimal digits; of nested ones the innermost.
func containerIn(cgroups []byte) string {
	ids := containerID.FindAll(cgroups, -1)
	if len(ids) == 0 {
		return ""
	}
	return string(ids[len(ids)-1])
}

// frameworkModules are the RPC frameworks that are modules, frameworkFuncs those
// of the standard library, by a function that only a server or client links.
var (
	frameworkModules = []struct{ path, name string }{
		{"github.com/smallnest/rpcx", "rpcx"}, {"google.golang.org/grpc", "grpc"},
	}
	frameworkFuncs = []struct{ fn, name string }{
		{"net/http.(*Server).Serve", "net/http"}, {"net/http.(*Client).do", "net/http"},
		{"net/rpc.(*Server).ServeCodec", "net/rpc"}, {"net/rpc.(*Client).send", "net/rpc"},
	}
)

// Frameworks names the RPC frameworks that are linked in: "rpcx v1.9.1", "grpc
// v1.80.0", "net/http", "net/rpc".
func (f *File) Frameworks() []string {
	if f.Go == nil {
		return nil
	}
	var names []string
	if bi := f.Go.BuildInfo; bi != nil {
		for _, m := range frameworkModules {
			for _, d := range bi.Deps {
				if d.Path == m.path {
					names = append(names, m.name+" "+d.Version)
				}
			}
		}
	}
	t, err := f.pcln()
	if err != nil {
		return names
	}
	for _, fw := range frameworkFuncs {
		if t.has(fw.fn) && !slices.Contains(names, fw.name) {
			names = append(names, fw.name)
		}
	}
	return names
}

func procPath(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// gone makes a process that ends while it is read one that does not exist.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}
