package gobin

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// maxDebug limits the uncompressed debug sections of one file together: C++ programs of
// several hundred megabytes stay below. maxRatio is how much zlib packs at most.
const (
	maxDebug = 640 << 20
	maxRatio = 1032
)

// What a binary's DWARF may be that is not read.
var (
	errSplitDWARF = errors.New("it is split into .dwo files; build without -gsplit-dwarf")
	errUnpack     = errors.New("objcopy --decompress-debug-sections unpacks it")
)

// readDebugInfo loads what types and places need of the file's DWARF.
func (f *File) readDebugInfo() (*debugInfo, error) {
	var s debugSections
	err := f.unpack([]sectionWanted{
		{"info", &s.info}, {"abbrev", &s.abbrev}, {"str", &s.str}, {"line_str", &s.lineStr},
		{"str_offsets", &s.strOffsets}, {"addr", &s.addr},
	})
	if err != nil {
		return nil, err
	}
	d, err := newDebugInfo(s, f.Arch)
	if err != nil {
		return nil, err
	}
	d.addresses = func() error {
		return f.unpack([]sectionWanted{
			{"loclists", &d.raw.loclists}, {"loc", &d.raw.loc}, {"rnglists", &d.raw.rnglists}, {"ranges", &d.raw.ranges},
		})
	}
	d.lineData = sync.OnceValues(func() (*dwarf.Data, error) { return f.readLines(&s) })
	return d, nil
}

// ReadAhead begins to read what FindSoon, TypeHash and MapLayout need.
func (f *File) ReadAhead() {
	const any = "int" // the first question about a type has all read
	f.ahead.Go(func() { _, _ = f.TypeHash(any) })
}

// sectionWanted is a debug section, by its name without the prefix, and where its
// bytes go.
type sectionWanted struct {
	name string
	to   *[]byte
}

// unpack reads those of the sections that are there, at once.
func (f *File) unpack(wanted []sectionWanted) error {
	var loads []*packed
	left := uint64(maxDebug)
	for _, w := range wanted {
		p, err := f.debugSection(w.name)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		if p.size > left {
			return fmt.Errorf("section %s: %d bytes of debug information are too much", p.name, p.size)
		}
		left -= p.size
		p.to = w.to
		loads = append(loads, p)
	}
	errs := make([]error, len(loads))
	var wg sync.WaitGroup
	for i, p := range loads {
		wg.Go(func() { errs[i] = p.unpack() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// packed is a debug section as it is in the file.
type packed struct {
	name  string
	data  []byte
	size  uint64 // uncompressed
	plain bool
	to    *[]byte
}

// debugSection reads .debug_name, or the .zdebug_name that Go 1.18 and older
// write; nil if there is neither.
func (f *File) debugSection(name string) (*packed, error) {
	from, old := f.debugHolder(), false
	s := from.ELF.Section(".debug_" + name)
	if s == nil {
		s, old = from.ELF.Section(".zdebug_"+name), true
	}
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	b, err := from.read(s.Offset, s.FileSize, maxDebug)
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", s.Name, err)
	}
	p := &packed{name: s.Name, data: b}
	switch {
	case old && len(b) >= 12 && string(b[:4]) == "ZLIB":
		p.size, p.data = binary.BigEndian.Uint64(b[4:]), b[12:]
	case !old && s.Flags&elf.SHF_COMPRESSED != 0 && len(b) >= 24:
		if kind := binary.LittleEndian.Uint32(b); kind != uint32(elf.COMPRESS_ZLIB) {
			return nil, fmt.Errorf("section %s: %v is not supported: %w", s.Name, elf.CompressionType(kind), errUnpack)
		}
		p.size, p.data = binary.LittleEndian.Uint64(b[8:]), b[24:]
	default:
		p.size, p.plain = uint64(len(b)), true
	}
	if !p.plain && p.size/maxRatio > uint64(len(p.data)) {
		return nil, fmt.Errorf("section %s: %d bytes do not unpack to %d", s.Name, len(p.data), p.size)
	}
	return p, nil
}

func (p *packed) unpack() error {
	if p.plain {
		*p.to = p.data
		return nil
	}
	out := make([]byte, p.size)
	if err := unzlib(out, p.data); err != nil {
		return fmt.Errorf("section %s: %w", p.name, err)
	}
	*p.to = out
	return nil
}

// Signature tells what fn takes and gives and where it is while a probe at pc
// runs; results are where they are at a RET. Only at fn's first byte and up to
// the end of its stack check are all parameters still where the caller put
// them; further in, a parameter has a place only if DWARF names one. A file
// without DWARF is no error: Source then says what was used instead.
func (f *File) Signature(fn Func, pc uint64) (*Signature, error) {
	c := f.callOf(fn, pc)
	d, lack := f.debugInfo()
	if lack == nil {
		sig, err := d.signature(fn, pc, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fn.Name, err)
		}
		if sig != nil {
			return sig, nil
		}
		if d.split {
			lack = errSplitDWARF
		}
	}
	if errors.Is(lack, errNoDWARF) {
		lack = nil
	}
	unknown := &Signature{Source: FromABI, Lack: lack}
	if !fn.Go {
		return unknown, nil
	}
	if r, err := f.runtimeTypes(); err == nil {
		sig, err := r.signature(fn, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fn.Name, err)
		}
		if sig != nil {
			return sig, nil
		}
	}
	return unknown, nil
}

// call is how a function is called and how far a probe is from its entry.
type call struct {
	rules   callRules
	other   callRules // Go's other convention, for when rules turn out wrong
	native  bool      // compiled C, C++ or Rust
	atEntry bool      // nothing has moved since the first byte
	// reshaped: GCC made this copy of a function and may have dropped or
	// reordered its parameters.
	reshaped bool
}

// saidPlace is where DWARF says that a parameter is; err: it says something
// that is no place, and then the calling convention decides.
type saidPlace struct {
	Place
	err error
}

func (f *File) callOf(fn Func, pc uint64) call {
	c := call{native: !fn.Go, atEntry: f.atEntry(fn, pc)}
	for _, suffix := range []string{".isra.", ".constprop.", ".part."} {
		c.reshaped = c.reshaped || c.native && strings.Contains(fn.Name, suffix)
	}
	if fn.Go {
		reg := f.Go != nil && f.Go.RegABI
		c.rules = goRules(f.Arch, reg && fn.ABIInternal)
		c.other = goRules(f.Arch, reg && !fn.ABIInternal)
	}
	return c
}

// maxPrologue is more code than any stack check takes.
const maxPrologue = 96

// atEntry tells whether pc is in front of everything that moves SP or an
// argument: at the first byte, or in a Go function's stack check or at the push
// (arm64: the store) right behind it.
func (f *File) atEntry(fn Func, pc uint64) bool {
	if pc == fn.Entry {
		return true
	}
	if !fn.Go || pc < fn.Entry || pc >= fn.End || pc-fn.Entry > maxPrologue {
		return false
	}
	code, err := f.Text(fn.Entry, min(fn.End, fn.Entry+maxPrologue))
	if err != nil {
		return false
	}
	checked := false // the instruction before this one ended a stack check
	for off := uint64(0); off < uint64(len(code)); {
		in, err := decode(f.Arch, code[off:], fn.Entry+off)
		if err != nil {
			return false
		}
		switch {
		case fn.Entry+off == pc:
			return checked || in.class == classPushBP || in.class == classCondLow
		case in.class == classPushBP || in.class == classCall || in.class == classRet || in.class == classJump:
			return false
		}
		checked = in.class == classCondLow
		off += uint64(in.size)
	}
	return false
}

// signature reads fn's parameters; nil if DWARF does not know the function.
func (d *debugInfo) signature(fn Func, pc uint64, c call) (sig *Signature, err error) {
	defer catch(&err)
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.function(fn.Entry)
	if s == nil || err != nil {
		return nil, err
	}
	sig = &Signature{Source: FromDWARF}
	var said []saidPlace
	dict, seen := -1, map[string]bool{}
	for _, e := range s.params {
		if e.name != "" && seen[e.name] && !c.native {
			continue // the Go compiler lists results twice that live on the heap or in two registers
		}
		seen[e.name] = true
		t, err := d.types.typeAt(e.typ)
		if err != nil {
			return nil, err
		}
		p := Param{Name: e.name, Type: t, Result: e.result}
		switch {
		case e.result:
			sig.Results = append(sig.Results, p)
		case e.name == ".dict":
			dict = len(sig.Params)
		default:
			at, err := d.place(s, e, t, pc)
			sig.Params, said = append(sig.Params, p), append(said, saidPlace{at, err})
		}
	}
	if c.native {
		return sig, d.placeNative(s, sig, said, c)
	}
	sig.placeGo(s.name, said, dict, c)
	return sig, nil
}
