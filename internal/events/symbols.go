package events

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/types"
)

// Resolver names what programs report as numbers. Its answers may be kept:
// Symbols asks again only after Forget, or when its tables were full.
type Resolver interface {
	// Kernel describes a kernel address; Func is "" where it is unknown.
	Kernel(addr uint64) Frame
	// User describes a user address of a process: first the functions inlined
	// there, innermost first, then the function itself. Func is "" where it is
	// unknown; the result is never empty.
	User(tgid uint32, addr uint64) []Frame
	// BuildID says which build's code is at a user address of a process, and where
	// in its file; "" where it is none that is marked.
	BuildID(tgid uint32, addr uint64) (id string, off uint64)
	// FuncName returns the name of a probed function of the session.
	FuncName(id uint32) string
	// ProbeText returns what the probe builtin prints: point is an index over
	// the program, fn a function of the session.
	ProbeText(point, fn uint32) string
	// Username returns "" for a user without a name.
	Username(uid uint32) string
	// CgroupPath returns "" for a group that is gone.
	CgroupPath(id uint64) string
	// GoType describes the runtime type at addr; tgid is 0 where the process is
	// not known.
	GoType(tgid uint32, addr uint64) (GoType, bool)
}

// GoType is what printing an interface needs to know of its dynamic type.
type GoType struct {
	Name      string // as Go's %T prints it
	String    bool   // a string kind: the data word points to a string header
	LeadsText bool   // pointer to a struct whose first field is a string
	// Held is the type of what the data word points to: the value, or the struct
	// that a pointer leads to; nil where that is not known, or not of interest.
	Held *types.Type
}

// StackTable is the kernel's table of stacks: key u64, value as in stackValue.
type StackTable interface {
	Lookup(key, valueOut any) error
}

// maxStackFrames is how many frames the kernel's table keeps of a stack.
const maxStackFrames = 127

type stackValue struct {
	N, _   uint32
	Frames [maxStackFrames]uint64
}

type userAddr struct {
	tgid uint32
	addr uint64
}

type stackKey struct {
	id   uint64
	tgid uint32
	typ  *types.Type
}

// maxCached bounds each of the tables of Symbols; a full one starts again.
const maxCached = 1 << 16

// Symbols turns opaque values into text and frames, and remembers them. It is
// not safe for concurrent use.
type Symbols struct {
	// Boot is the wall-clock time at which the clock of timestamps was zero.
	Boot time.Time
	// Location is the time zone of what strftime prints.
	Location *time.Location

	res     Resolver
	table   StackTable
	formats atomic.Pointer[[]string]
	kernel  map[uint64]Frame
	user    map[userAddr][]Frame
	stacks  map[stackKey][]Frame
	names   map[uint64]string
	goTypes map[userAddr]GoType
}

// NewSymbols returns Symbols that ask res and read stacks from table. Boot is
// measured now.
func NewSymbols(res Resolver, table StackTable) *Symbols {
	s := &Symbols{
		Boot:     bootTime(),
		Location: time.Local,
		res:      res,
		table:    table,
		kernel:   map[uint64]Frame{},
		user:     map[userAddr][]Frame{},
		stacks:   map[stackKey][]Frame{},
		names:    map[uint64]string{},
		goTypes:  map[userAddr]GoType{},
	}
	s.setFormats(nil)
	return s
}

// setFormats makes the program's strftime formats known.
func (s *Symbols) setFormats(formats []string) { s.formats.Store(&formats) }

func bootTime() time.Time {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("BUG: no CLOCK_BOOTTIME: " + err.Error())
	}
	return time.Now().Add(-time.Duration(ts.Nano()))
}

// Forget drops what is known about a process: it ended or executed another
// program.
func (s *Symbols) Forget(tgid uint32) {
	for k := range s.user {
		if k.tgid == tgid {
			delete(s.user, k)
		}
	}
	for k := range s.stacks {
		if k.tgid == tgid {
			delete(s.stacks, k)
		}
	}
	for k := range s.goTypes {
		if k.tgid == tgid {
			delete(s.goTypes, k)
		}
	}
}

// cgroup is the path of a cgroup behind the name of its hierarchy; nothing if the
// pattern filter leaves the hierarchy out.
func (s *Symbols) cgroup(id uint64, filter string) string {
	const hierarchy = "unified"
	if ok, err := path.Match(filter, hierarchy); filter != "" && (err != nil || !ok) {
		return ""
	}
	text := s.res.CgroupPath(id)
	if text == "" {
		return ""
	}
	return hierarchy + ":" + text
}

// WallTime converts nanoseconds since boot.
func (s *Symbols) WallTime(ns uint64) time.Time {
	return s.Boot.Add(time.Duration(ns)).In(s.Location)
}

// remember returns table's answer for key, asking for it only once.
func remember[K comparable, V any](table map[K]V, key K, ask func() V) V {
	if v, ok := table[key]; ok {
		return v
	}
	v := ask()
	if len(table) >= maxCached {
		clear(table)
	}
	table[key] = v
	return v
}

func (s *Symbols) kernelFrame(addr uint64) Frame {
	return remember(s.kernel, addr, func() Frame { return s.res.Kernel(addr) })
}

func (s *Symbols) userFrames(tgid uint32, addr uint64) []Frame {
	return remember(s.user, userAddr{tgid, addr}, func() []Frame { return s.res.User(tgid, addr) })
}

func (s *Symbols) goType(tgid uint32, addr uint64) GoType {
	return remember(s.goTypes, userAddr{tgid, addr}, func() GoType {
		t, ok := s.res.GoType(tgid, addr)
		if !ok {
			t.Name = fmt.Sprintf("type@0x%x", addr)
		}
		return t
	})
}

func (s *Symbols) probeText(word uint64) string {
	return remember(s.names, word, func() string { return s.res.ProbeText(uint32(word>>32), uint32(word)) })
}

func (s *Symbols) kernelName(addr uint64) string {
	return nameOrAddr(s.kernelFrame(addr).Func, addr)
}

func (s *Symbols) userName(tgid uint32, addr uint64) string {
	frames := s.userFrames(tgid, addr)
	if len(frames) == 0 {
		return nameOrAddr("", addr)
	}
	return nameOrAddr(frames[len(frames)-1].Func, addr)
}

func nameOrAddr(name string, addr uint64) string {
	if name == "" {
		if addr == 0 {
			return "0"
		}
		return fmt.Sprintf("0x%x", addr)
	}
	return name
}

func (s *Symbols) username(uid uint64) string {
	if name := s.res.Username(uint32(uid)); name != "" {
		return name
	}
	return fmt.Sprint(uid)
}

func (s *Symbols) timestamp(ns, format uint64) string {
	formats := *s.formats.Load()
	if format >= uint64(len(formats)) {
		return "(?)"
	}
	return string(AppendStrftime(nil, formats[format], s.WallTime(ns)))
}

// stack returns the frames of the stack with this id, at most limit of them;
// ok is false where the table does not have it.
func (s *Symbols) stack(t *types.Type, id uint64, tgid uint32, limit int) (frames []Frame, ok bool) {
	if t.Frames > 0 {
		limit = min(limit, t.Frames)
	}
	key := stackKey{id, 0, t}
	if t.User {
		key.tgid = tgid
	}
	if frames, ok := s.stacks[key]; ok {
		return frames, true
	}
	var v stackValue
	if s.table == nil || s.table.Lookup(id, &v) != nil {
		return nil, false
	}
	for i, addr := range v.Frames[:min(int(v.N), limit, maxStackFrames)] {
		switch {
		case t.Mode == types.StackRaw:
			frames = append(frames, Frame{Addr: addr})
		case t.Mode == types.StackBuildID:
			id, off := s.res.BuildID(tgid, addr)
			frames = append(frames, Frame{Addr: addr, BuildID: id, Offset: off})
		case t.User && i > 0:
			frames = append(frames, s.callers(tgid, addr)...)
		case t.User:
			frames = append(frames, s.userFrames(tgid, addr)...)
		default:
			frames = append(frames, s.kernelFrame(addr))
		}
	}
	return remember(s.stacks, key, func() []Frame { return frames }), true
}

// callers describes a return address: the call is in front of it, and what is
// behind it may be another line, or another function.
func (s *Symbols) callers(tgid uint32, addr uint64) []Frame {
	frames := slices.Clone(s.userFrames(tgid, addr-1))
	for i := range frames {
		frames[i].Addr = addr
		if !frames[i].Inlined {
			frames[i].Offset++
		}
	}
	return frames
}

// inetText prints an Inet value's address as inet_ntop does.
func inetText(family uint32, addr [16]byte) string {
	switch family {
	case unix.AF_INET:
		return netip.AddrFrom4([4]byte(addr[:4])).String()
	case unix.AF_INET6:
		return netip.AddrFrom16(addr).String()
	}
	return ""
}

func macText(b []byte) string {
	return fmt.Sprintf("%02X:%02X:%02X:%02X:%02X:%02X", b[0], b[1], b[2], b[3], b[4], b[5])
}
