package run

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
)

// Limits of what is remembered: processes that have ended, open files.
const (
	maxEnded = 4096
	maxFiles = 512
)

// spaces knows where processes have code, also those that have ended before
// their addresses are named.
type spaces struct {
	watch  *kernel.SpaceWatch // nil: only /proc tells
	byPID  map[uint32]*space
	ended  []uint32 // oldest first
	files  map[fileID]*gobin.File
	shared func(fileID) *gobin.File // files that the session has open anyway
	forget func(pid uint32)         // what was named in the process may be named otherwise now
	vdso   func() *gobin.File
}

// fileID tells files apart, as mappings do.
type fileID struct{ dev, inode uint64 }

// space is the code of one process.
type space struct {
	maps  []gobin.Mapping // sorted
	old   []gobin.Mapping // of the program that the process ran before this one
	whole bool            // maps has all: it was read, or followed from the program's start
	asked bool
	jit   func() *gobin.PerfMap
}

func newSpaces(shared func(fileID) *gobin.File, forget func(uint32)) *spaces {
	return &spaces{byPID: map[uint32]*space{}, files: map[fileID]*gobin.File{}, shared: shared, forget: forget,
		vdso: sync.OnceValue(openVDSO)}
}

// follow begins to remember what processes map, those that run included. Where
// perf is refused, processes that have ended stay unknown.
func (s *spaces) follow() {
	watch, err := kernel.WatchSpaces()
	if err != nil {
		return
	}
	s.watch = watch
	pids, err := processIDs()
	if err != nil {
		return
	}
	for _, pid := range pids {
		s.read(uint32(pid))
	}
}

func (s *spaces) close() {
	if s.watch != nil {
		s.watch.Close()
	}
	s.closeFiles()
}

func (s *spaces) closeFiles() {
	for id, f := range s.files {
		if f != nil {
			f.Close()
		}
		delete(s.files, id)
	}
}

// catchUp takes in what has happened since.
func (s *spaces) catchUp() {
	if s.watch != nil && s.watch.Drain(s.apply) {
		for _, sp := range s.byPID { // records are missing: those who live are read anew
			sp.whole = false
		}
	}
}

// apply takes in one change.
func (s *spaces) apply(e kernel.SpaceEvent) {
	sp := s.byPID[e.PID]
	if sp == nil {
		sp = &space{}
		if e.Kind != kernel.SpaceEnded {
			s.byPID[e.PID] = sp
		}
	}
	if sp.asked && e.Kind != kernel.SpaceEnded {
		sp.asked = false
		s.forget(e.PID)
	}
	switch e.Kind {
	case kernel.SpaceMapped:
		m := gobin.Mapping{Start: e.Start, End: e.End, Offset: e.Offset, Perms: "r-xp", Dev: e.Dev, Inode: e.Inode, Path: e.Path}
		sp.add(m)
		s.keepOpen(e.PID, m)
	case kernel.SpaceExec:
		*sp = space{old: sp.maps, whole: true}
	case kernel.SpaceForked:
		*sp = space{}
		if parent := s.known(e.Parent); parent != nil {
			*sp = space{maps: parent.maps, old: parent.old, whole: parent.whole}
		}
	case kernel.SpaceEnded:
		s.end(e.PID)
	}
}

// add enters a mapping in place of what it covers.
func (sp *space) add(m gobin.Mapping) {
	maps := make([]gobin.Mapping, 0, len(sp.maps)+1) // a child may share the old ones
	for _, o := range sp.maps {
		if o.End <= m.Start || o.Start >= m.End {
			maps = append(maps, o)
		}
	}
	i := sort.Search(len(maps), func(i int) bool { return maps[i].Start > m.Start })
	sp.maps = slices.Insert(maps, i, m)
}

// keepOpen opens a file that cannot be found by its path once the process has
// ended: it lies in a container, or has no name any more.
func (s *spaces) keepOpen(pid uint32, m gobin.Mapping) {
	if _, known := s.files[fileID{m.Dev, m.Inode}]; known || m.Inode == 0 {
		return
	}
	if path := gobin.MappedFile(int(pid), m); path != m.Path && !strings.HasSuffix(path, "/root"+m.Path) || !sameFile(path, m.Path) {
		s.file(pid, m)
	}
}

// end remembers a process's space for a while longer.
func (s *spaces) end(pid uint32) {
	if s.byPID[pid] == nil {
		return // a thread
	}
	s.ended = append(s.ended, pid)
	if len(s.ended) > maxEnded {
		oldest := s.ended[0]
		s.ended = s.ended[1:]
		if !slices.Contains(s.ended, oldest) {
			delete(s.byPID, oldest)
			s.forget(oldest)
		}
	}
}

// read reads the mappings of a process that runs.
func (s *spaces) read(pid uint32) *space {
	all, err := gobin.Mappings(int(pid))
	if err != nil || len(all) == 0 {
		return nil
	}
	sp := s.byPID[pid]
	if sp == nil {
		sp = &space{}
		s.byPID[pid] = sp
	}
	sp.maps, sp.whole = nil, true
	for _, m := range all {
		if m.Executable() {
			sp.maps = append(sp.maps, m)
		}
	}
	return sp
}

// known is what is known of a process; nil for nothing.
func (s *spaces) known(pid uint32) *space {
	sp := s.byPID[pid]
	if sp == nil || !sp.whole {
		if fresh := s.read(pid); fresh != nil {
			return fresh
		}
	}
	return sp
}

// at finds the mapping that holds an address of a process.
func (s *spaces) at(pid uint32, addr uint64) (gobin.Mapping, *space) {
	s.catchUp()
	sp := s.known(pid)
	if sp == nil {
		return gobin.Mapping{}, nil
	}
	sp.asked = true
	m, ok := mappingAt(sp.maps, addr)
	if !ok && s.watch == nil && s.read(pid) != nil {
		m, ok = mappingAt(sp.maps, addr)
	}
	if !ok {
		m, ok = mappingAt(sp.old, addr)
	}
	if !ok {
		return m, nil
	}
	return m, sp
}

func mappingAt(maps []gobin.Mapping, addr uint64) (gobin.Mapping, bool) {
	i := sort.Search(len(maps), func(i int) bool { return maps[i].Start > addr }) - 1
	if i < 0 || addr >= maps[i].End {
		return gobin.Mapping{}, false
	}
	return maps[i], true
}

// file opens the file of a mapping as the process sees it; nil if it cannot be
// read.
func (s *spaces) file(pid uint32, m gobin.Mapping) *gobin.File {
	id := fileID{m.Dev, m.Inode}
	switch f, known := s.files[id]; {
	case m.Path == vdsoName:
		return s.vdso()
	case m.Inode == 0:
		return nil
	case known:
		return f
	}
	if f := s.shared(id); f != nil {
		return f
	}
	if len(s.files) >= maxFiles {
		s.closeFiles()
	}
	f, err := gobin.Open(gobin.MappedFile(int(pid), m))
	if err != nil {
		f = nil
	}
	s.files[id] = f
	return f
}

// generated names code that the process itself has made, by the file that
// runtimes with a compiler write for perf.
func (s *spaces) generated(pid uint32, sp *space, addr uint64) (gobin.Func, bool) {
	if sp.jit == nil {
		sp.jit = sync.OnceValue(func() *gobin.PerfMap { return readPerfMap(pid) })
	}
	return sp.jit().Lookup(addr)
}

// readPerfMap reads the map that the process wrote under the id that it has for
// itself, or that was written for it under ours.
func readPerfMap(pid uint32) *gobin.PerfMap {
	paths := []string{fmt.Sprintf("/tmp/perf-%d.map", pid)}
	if own := ownPID(pid); own != "" {
		paths = append([]string{rootPath(int(pid), fmt.Sprintf("/tmp/perf-%s.map", own))}, paths...)
	}
	for _, path := range paths {
		if f, err := os.Open(path); err == nil {
			defer f.Close()
			return gobin.ReadPerfMap(f)
		}
	}
	return &gobin.PerfMap{}
}

// ownPID is the id of a process in its own pid namespace; "" if it has ended.
func ownPID(pid uint32) string {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(int(pid)) + "/status")
	if err != nil {
		return ""
	}
	_, ids, _ := strings.Cut(string(status), "\nNSpid:")
	ids, _, _ = strings.Cut(ids, "\n")
	words := strings.Fields(ids)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

// vdsoName is what /proc/PID/maps calls the code that the kernel lends every
// process.
const vdsoName = "[vdso]"

// openVDSO reads the kernel's vDSO, which all processes share, from our memory.
func openVDSO() *gobin.File {
	maps, err := gobin.Mappings(os.Getpid())
	if err != nil {
		return nil
	}
	for _, m := range maps {
		if m.Path != vdsoName {
			continue
		}
		mem, err := os.Open("/proc/self/mem")
		if err != nil {
			return nil
		}
		defer mem.Close()
		b := make([]byte, m.End-m.Start)
		if _, err := io.ReadFull(io.NewSectionReader(mem, int64(m.Start), int64(len(b))), b); err != nil {
			return nil
		}
		f, err := gobin.OpenBytes(vdsoName, b)
		if err != nil {
			return nil
		}
		return f
	}
	return nil
}
