package run

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// binary is an opened target with what was found out about it.
type binary struct {
	file   *gobin.File
	target *prog.Target
	gofact func() (gobin.G, error)
	plans  map[planKey]gobin.Plan
	funcs  map[uint32]gobin.Func // by session-wide id
	usdts  map[uint32]semaphores // static probes by id
	marks  map[string]uint32     // ids of static probes by their name
	ids    map[uint64]uint32     // by entry and, for offsets, place
}

// semaphores holds, by the address of each place of a static probe, the file
// offset of the counter to keep raised; 0 for none.
type semaphores map[uint64]uint64

type planKey struct {
	entry uint64
	want  gobin.PlanWant
}

// plan caches the site planner's answers.
func (b *binary) plan(fn gobin.Func, want gobin.PlanWant) gobin.Plan {
	key := planKey{fn.Entry, want}
	p, ok := b.plans[key]
	if !ok {
		p = b.file.Plan(fn, want)
		b.plans[key] = p
	}
	return p
}

// binaries holds every opened target and names every function of the session.
type binaries struct {
	mu     sync.Mutex
	byID   map[string]*binary
	layers map[string]*binary // by what gobin.ID calls a layer
	stamps map[gobin.Stamp]*binary
	// running is looked through every second where a script stands for all programs.
	running gobin.Processes
	names   []funcName        // index: function id; 0 is no function
	events  map[string]uint32 // ids of kernel events by name
	// debugDirs are where separate debug information is looked for, too.
	debugDirs []string
}

// funcName is what func and probe print for a function id.
type funcName struct {
	name string
	addr uint64
	bin  *binary // nil: a kernel event
}

func newBinaries() *binaries {
	return &binaries{byID: map[string]*binary{}, layers: map[string]*binary{}, stamps: map[gobin.Stamp]*binary{}, names: make([]funcName, 1), events: map[string]uint32{}}
}

// open opens the target that the script calls path; file is where it is found
// now, pid the process it is limited to (0: all).
func (bs *binaries) open(path, file string, pid int) (*binary, error) {
	stamp, unstamped := gobin.StampOf(file) // programs in archives have none
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if b := bs.stamps[stamp]; b != nil {
		return b, nil
	}
	f, err := gobin.Open(file)
	if err != nil {
		return nil, renamed(err, file, path)
	}
	f.DebugDirs = bs.debugDirs
	b, err := bs.identify(f, path, pid)
	if err == nil && unstamped == nil {
		bs.stamps[stamp] = b
	}
	return b, err
}

// identify finds the target that an opened file is; f is closed if that is open already.
func (bs *binaries) identify(f *gobin.File, path string, pid int) (*binary, error) {
	id, err := f.ID()
	if err != nil {
		f.Close()
		return nil, err
	}
	key := fmt.Sprintf("%d:%d/%d/%s", id.Dev, id.Inode, id.Start, id.BuildID)
	b := bs.byID[key]
	if b == nil && id.Layer != "" {
		b = bs.layers[id.Layer]
	}
	if b != nil {
		f.Close()
		bs.byID[key] = b
		return b, nil
	}
	b = newBinary(f, &prog.Target{Path: path, File: f.Handle(), ID: key, PID: pid})
	bs.byID[key] = b
	if id.Layer != "" {
		bs.layers[id.Layer] = b
	}
	return b, nil
}

func newBinary(f *gobin.File, t *prog.Target) *binary {
	return &binary{
		file:   f,
		target: t,
		gofact: sync.OnceValues(f.GoroutineFacts),
		plans:  map[planKey]gobin.Plan{},
		funcs:  map[uint32]gobin.Func{},
		usdts:  map[uint32]semaphores{},
		marks:  map[string]uint32{},
		ids:    map[uint64]uint32{},
	}
}

// noTarget is the error of a target that is not there.
type noTarget struct{ path string }

func (n *noTarget) Error() string {
	return fmt.Sprintf("uprobe target file '%s' does not exist or is not executable", n.path)
}

func (*noTarget) Unwrap() error { return fs.ErrNotExist }

// renamed makes an error speak of the path that the user typed.
func renamed(err error, file, path string) error {
	if errors.Is(err, fs.ErrNotExist) && path != "" {
		return &noTarget{path}
	}
	if file == path || path == "" {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// opened returns the target that is this file; nil if none is.
func (bs *binaries) opened(id fileID) *gobin.File {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	prefix := fmt.Sprintf("%d:%d/", id.dev, id.inode)
	for key, b := range bs.byID {
		if strings.HasPrefix(key, prefix) {
			return b.file
		}
	}
	return nil
}

// processes counts the running processes of the binaries.
func (bs *binaries) processes() int {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	procs, _, err := bs.running.Go()
	if err != nil {
		return 0
	}
	n := 0
	for _, p := range procs {
		var st unix.Stat_t
		if unix.Stat(exePath(p.PID), &st) != nil {
			continue
		}
		prefix := fmt.Sprintf("%d:%d/", st.Dev, st.Ino)
		for id := range bs.byID {
			if strings.HasPrefix(id, prefix) {
				n++
			}
		}
	}
	return n
}

// of returns the binary of a target.
func (bs *binaries) of(t *prog.Target) *binary {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	return bs.byID[t.ID]
}

// funcID names fn for the session; the same function has one id.
func (bs *binaries) funcID(b *binary, fn gobin.Func) uint32 {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if id, ok := b.ids[fn.Entry]; ok && b.funcs[id].Name == fn.Name {
		return id
	}
	id := uint32(len(bs.names))
	bs.names = append(bs.names, funcName{name: gobin.Demangle(fn.Name), addr: fn.Entry, bin: b})
	b.ids[fn.Entry] = id
	b.funcs[id] = fn
	return id
}

// markID names a static probe for the session: all its places have one id.
func (bs *binaries) markID(b *binary, name string, addr uint64) uint32 {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	id, ok := b.marks[name]
	if !ok {
		id = uint32(len(bs.names))
		bs.names = append(bs.names, funcName{name: name, addr: addr, bin: b})
		b.marks[name], b.usdts[id] = id, semaphores{}
	}
	return id
}

// eventID names a kernel event.
func (bs *binaries) eventID(name string) uint32 {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	id, ok := bs.events[name]
	if !ok {
		id = uint32(len(bs.names))
		bs.names = append(bs.names, funcName{name: name})
		bs.events[name] = id
	}
	return id
}

// name returns what is known of a function id.
func (bs *binaries) name(id uint32) funcName {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if int(id) < len(bs.names) {
		return bs.names[id]
	}
	return funcName{}
}

// forget gives back the memory of what was read of the files.
func (bs *binaries) forget() {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range bs.byID {
		b.file.Forget()
	}
}

// close closes every file.
func (bs *binaries) close() {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range bs.byID {
		b.file.Close()
	}
}

// errNoTarget is the error of an attach point without a binary and without -p.
var errNoTarget = errors.New("uprobe should have a target: no binary is named and no process given with -p")
