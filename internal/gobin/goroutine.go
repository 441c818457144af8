package gobin

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
)

// G holds byte offsets in the runtime's structures of goroutines and threads.
// A goroutine's stack bounds are at the same place in all releases.
type G struct {
	StackLo, StackHi uint64 // in runtime.g
	M                uint64 // in runtime.g: its thread
	Goid             uint64 // in runtime.g
	ParentGoid       uint64 // in runtime.g: the creator's goid; 0 before Go 1.21
	MCurg            uint64 // in runtime.m: the goroutine that runs, also while g is g0 or gsignal
	MG0, MGsignal    uint64 // in runtime.m: the thread's own two stacks
}

// goroutineLayouts holds the offsets by Go minor version, read from the DWARF of
// programs built by each release, on amd64 and arm64 alike.
//
// layout: runtime.g.{stack,m,goid,parentGoid} go1.16..go1.27
// layout: runtime.m.{g0,gsignal,curg} go1.16..go1.27
var goroutineLayouts = map[int]G{
	16: {StackHi: 8, M: 48, Goid: 152, MGsignal: 80, MCurg: 192},
	17: {StackHi: 8, M: 48, Goid: 152, MGsignal: 80, MCurg: 192},
	18: {StackHi: 8, M: 48, Goid: 152, MGsignal: 80, MCurg: 192},
	19: {StackHi: 8, M: 48, Goid: 152, MGsignal: 80, MCurg: 192},
	20: {StackHi: 8, M: 48, Goid: 152, MGsignal: 80, MCurg: 192},
	21: {StackHi: 8, M: 48, Goid: 152, ParentGoid: 272, MGsignal: 80, MCurg: 192},
	22: {StackHi: 8, M: 48, Goid: 152, ParentGoid: 272, MGsignal: 80, MCurg: 192},
	23: {StackHi: 8, M: 48, Goid: 160, ParentGoid: 280, MGsignal: 80, MCurg: 192},
	24: {StackHi: 8, M: 48, Goid: 160, ParentGoid: 280, MGsignal: 80, MCurg: 192},
	25: {StackHi: 8, M: 48, Goid: 152, ParentGoid: 272, MGsignal: 72, MCurg: 184},
	26: {StackHi: 8, M: 48, Goid: 152, ParentGoid: 280, MGsignal: 72, MCurg: 184},
	27: {StackHi: 8, M: 48, Goid: 152, ParentGoid: 280, MGsignal: 72, MCurg: 184},
}

// plainRelease matches a release that is nobody's own build of Go.
var plainRelease = regexp.MustCompile(`^go1\.\d+(\.\d+|rc\d+|beta\d+)?$`)

// GoroutineFacts returns the offsets, from the table of known releases or, for
// any other version, from the binary's DWARF, which takes a tenth of a second to
// unpack. A binary that neither knows is an error that names its version, never
// a guess.
func (f *File) GoroutineFacts() (G, error) {
	if f.Go == nil {
		return G{}, errors.New("goroutines: not a Go binary")
	}
	if g, ok := goroutineLayouts[f.Go.Minor]; ok && plainRelease.MatchString(f.Go.Version) {
		return g, nil
	}
	if f.Go.HasDWARF {
		if g, err := f.goroutineDWARF(); err == nil {
			return g, nil
		}
	}
	return G{}, fmt.Errorf("goroutines: layout of Go version %q is not known, and the binary has no DWARF to tell", f.Go.Version)
}

// goroutineDWARF reads the offsets from the type descriptions, which are in a
// unit of package runtime (each of its assembly files makes another).
func (f *File) goroutineDWARF() (g G, err error) {
	defer catch(&err)
	d, err := f.debugInfo()
	if err != nil {
		return G{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.data.Reader()
	for _, u := range d.units {
		r.Seek(u.die)
		e, err := r.Next()
		if err != nil {
			return G{}, err
		}
		if e == nil || e.Val(dwarf.AttrName) != "runtime" {
			continue
		}
		if g, err = readGoroutineTypes(r, u.end); !errors.Is(err, errNoGoroutineTypes) {
			return g, err
		}
	}
	return G{}, errNoGoroutineTypes
}

var errNoGoroutineTypes = errors.New("dwarf: no runtime.g and runtime.m")

// readGoroutineTypes reads the two types from the unit that ends at end.
func readGoroutineTypes(r *dwarf.Reader, end dwarf.Offset) (G, error) {
	var g G
	for range 2 {
		name, members, err := nextGoroutineType(r, end)
		if err != nil {
			return G{}, err
		}
		for _, want := range []struct {
			owner, member string
			at            *uint64
		}{
			{"runtime.g", "m", &g.M}, {"runtime.g", "goid", &g.Goid},
			{"runtime.m", "curg", &g.MCurg}, {"runtime.m", "g0", &g.MG0}, {"runtime.m", "gsignal", &g.MGsignal},
		} {
			off, ok := members[want.member]
			if want.owner == name && !ok {
				return G{}, fmt.Errorf("dwarf: %s has no %s", name, want.member)
			}
			if want.owner == name {
				*want.at = off
			}
		}
		if name == "runtime.g" {
			g.StackLo, g.ParentGoid = members["stack"], members["parentGoid"]
			g.StackHi = g.StackLo + 8
		}
	}
	return g, nil
}

// nextGoroutineType skips to the description of runtime.g or runtime.m.
func nextGoroutineType(r *dwarf.Reader, end dwarf.Offset) (name string, members map[string]uint64, err error) {
	for {
		e, err := r.Next()
		if err != nil {
			return "", nil, err
		}
		if e == nil || e.Offset >= end {
			return "", nil, errNoGoroutineTypes
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		if e.Tag != dwarf.TagStructType || name != "runtime.g" && name != "runtime.m" {
			continue
		}
		members = map[string]uint64{}
		for {
			c, err := r.Next()
			if err != nil {
				return "", nil, err
			}
			if c == nil || c.Tag == 0 {
				return name, members, nil
			}
			field, _ := c.Val(dwarf.AttrName).(string)
			if off, ok := c.Val(dwarf.AttrDataMemberLoc).(int64); ok {
				members[field] = uint64(off)
			}
		}
	}
}

// GPlace says where the current goroutine's runtime.g is found at a function's
// first instructions.
type GPlace struct {
	Register bool  // in R14 (amd64) or R28 (arm64)
	TLS      int64 // else: at this offset from the thread pointer (amd64: fs base)
}

// GPlace tells where g is while fn runs. arm64 keeps it in a register always;
// amd64 only in compiled code of Go 1.17 and newer, elsewhere it is in TLS.
func (f *File) GPlace(fn Func) (GPlace, error) {
	if !fn.Go {
		return GPlace{}, fmt.Errorf("%s: not a Go function", fn.Name)
	}
	if f.Arch == ARM64 || f.Go.RegABI && fn.ABIInternal {
		return GPlace{Register: true}, nil
	}
	off, err := f.tls()
	return GPlace{TLS: off}, err
}

// readTLS finds the offset of g from the fs base: the block of the executable
// ends at the thread pointer, and runtime.tlsg is where g is within it.
func (f *File) readTLS() (int64, error) {
	size := int64(0)
	for _, p := range f.ELF.Progs {
		if p.Type == elf.PT_TLS {
			align := max(p.Align, 1)
			if p.Memsz > 1<<30 || align > 1<<20 {
				return 0, fmt.Errorf("tls block of %d bytes, aligned to %d: malformed", p.Memsz, align)
			}
			size = int64((p.Memsz + align - 1) / align * align)
		}
	}
	if s, ok := f.Symbol("runtime.tlsg"); ok && s.Type == elf.STT_TLS && s.Addr < uint64(size) {
		return int64(s.Addr) - size, nil
	}
	if size == 8 || size == 0 {
		// Only g is in it. (The runtime of a static binary sets fs itself, so that
		// there may be no PT_TLS.)
		return -8, nil
	}
	return f.tlsFromCode()
}

// tlsFromCode reads the offset out of the runtime's own assembly, for a cgo
// binary without symbols: its first load through fs is of g.
func (f *File) tlsFromCode() (int64, error) {
	fns, err := f.Match(func(name string) bool {
		return name == "runtime.morestack" || name == "runtime.asmcgocall" || name == "runtime.asmcgocall.abi0"
	})
	if err != nil {
		return 0, err
	}
	for _, fn := range fns {
		code, err := f.Text(fn.Entry, fn.End)
		if err != nil {
			return 0, err
		}
		for i := 0; i+9 <= len(code); i++ {
			// fs: REX.W mov reg, [disp32]
			if code[i] == 0x64 && code[i+1]&^0x04 == 0x48 && code[i+2] == 0x8b &&
				code[i+3]&0xc7 == 0x04 && code[i+4] == 0x25 {
				return int64(int32(binary.LittleEndian.Uint32(code[i+5:]))), nil
			}
		}
	}
	return 0, errors.New("place of g in thread-local storage: neither a symbol nor the runtime's code tells it")
}
