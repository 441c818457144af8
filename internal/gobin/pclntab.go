package gobin

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"sync"
	"unsafe"
)

// pclnFormat numbers the layouts of the table by the first Go release that
// writes them.
type pclnFormat int

const (
	pcln12  pclnFormat = 2  // to Go 1.15: one blob, absolute addresses
	pcln116 pclnFormat = 16 // header with offsets of five parts, absolute addresses
	pcln118 pclnFormat = 18 // 32-bit offsets from the start of text
	pcln120 pclnFormat = 20 // start lines; Go 1.26 zeroes the header's text start
)

// pclnMagics are the first words of the formats (internal/abi's PCLnTabMagic).
var pclnMagics = map[uint32]pclnFormat{
	0xfffffffb: pcln12, 0xfffffffa: pcln116, 0xfffffff0: pcln118, 0xfffffff1: pcln120,
}

const (
	maxPclntab = 80 << 20
	maxGoFuncs = 3 << 18

	pcdataInlTreeIndex = 2 // internal/abi, unchanged since Go 1.9
	funcdataInlTree    = 3 // Go 1.16 on
)

var errPclntab = errors.New("malformed function table")

// pclntab is the runtime's table of functions: the only symbols of a stripped
// binary. All reads of it are bounds-checked; a bad offset reads as nothing.
type pclntab struct {
	format    pclnFormat
	base      uint64 // address of the table
	quantum   uint64 // instruction alignment, the unit of pc deltas
	textStart uint64 // what 32-bit entries count from
	nfunc     int

	data *pages
	// Where its parts begin.
	names   textPart // function names, NUL-terminated
	files   textPart
	cu      uint64 // per compile unit: file number to offset in files
	pctab   uint64 // pc-value tables
	functab uint64 // entries and offsets of the funcs; offsets count from here

	byName func() (*nameIndex, error)
}

// textPart is a part of the table that holds strings.
type textPart struct{ start, size uint64 }

// pcFunc is one entry of the function table.
type pcFunc struct {
	entry, next uint64 // next function's entry: the end with padding
	nameOff     uint32
	pcsp        uint32
	pcfile      uint32
	pcln        uint32
	cuOff       uint32
	npcdata     uint32
	nfuncdata   uint8
	funcID      uint8
	tail        uint64 // where its pcdata and funcdata offsets are
}

// pclntabSection finds the function table by its section names: the plain one
// and the one of position-independent binaries.
func (f *File) pclntabSection() *elf.Section {
	for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab"} {
		if s := f.ELF.Section(name); s != nil {
			return s
		}
	}
	return nil
}

// readPclntab loads the table, from its section or from where its header is
// found in read-only data.
func (f *File) readPclntab() (*pclntab, error) {
	base, size, err := f.findPclntab()
	if err != nil {
		return nil, err
	}
	if size > maxPclntab {
		return nil, fmt.Errorf("function table of %d bytes: too large", size)
	}
	p := f.segment(base, base+size)
	if p == nil || p.Off+base-p.Vaddr+size > uint64(f.size) {
		return nil, fmt.Errorf("function table from %#x to %#x: not in the file", base, base+size)
	}
	t, err := parsePclntab(newPages(size, func(b []byte, off uint64) error {
		if _, err := f.r.ReadAt(b, int64(p.Off+base-p.Vaddr+off)); err != nil {
			return err
		}
		return f.relocate(b, base+off)
	}), base)
	if err != nil {
		return nil, err
	}
	if t.format < pcln118 {
		return t, f.checkText(t)
	}
	// Go 1.26 leaves the header's text start zero, older releases agree with
	// the module data; so that is asked first.
	m, err := f.module()
	if err == nil {
		t.textStart = m.Text
	} else if s, ok := f.Symbol("runtime.text"); ok {
		t.textStart = s.Addr
	} else if t.textStart == 0 {
		return nil, fmt.Errorf("function table: start of text: %w", err)
	}
	return t, f.checkText(t)
}

// checkText makes sure that the functions are in the file's code: walks over
// them then take no longer than the file is large.
func (f *File) checkText(t *pclntab) error {
	if t.nfunc == 0 {
		return nil
	}
	start, end := t.pcAt(0), t.pcAt(t.nfunc)
	if p := f.segment(start, end); p == nil || p.Flags&elf.PF_X == 0 {
		return fmt.Errorf("functions from %#x to %#x, where no code is: %w", start, end, errPclntab)
	}
	return nil
}

func (f *File) findPclntab() (base, size uint64, err error) {
	if s := f.pclntabSection(); s != nil {
		return s.Addr, s.FileSize, nil
	}
	for _, p := range f.ELF.Progs {
		if p.Type != elf.PT_LOAD || p.Flags&elf.PF_X != 0 {
			continue
		}
		if addr, ok := f.searchPclntab(p); ok {
			return addr, min(p.Vaddr+p.Filesz-addr, maxPclntab), nil
		}
	}
	return 0, 0, fmt.Errorf("function table: no section .gopclntab and no such header in the data")
}

// searchPclntab looks for a header: the three high bytes of a magic, two zero
// bytes, instruction quantum and pointer size.
func (f *File) searchPclntab(p *elf.Prog) (addr uint64, ok bool) {
	quantum := byte(1)
	if f.Arch == ARM64 {
		quantum = 4
	}
	pattern := []byte{0xff, 0xff, 0xff, 0, 0, quantum, 8}
	start, end := p.Vaddr, p.Vaddr+min(p.Filesz, maxDataScan*4)
	for start < end {
		at, found := f.search(start, end, 1, pattern)
		if !found {
			return 0, false
		}
		if head, err := f.Bytes(at-1, at+7); err == nil && (at-1)%8 == 0 {
			if _, known := pclnMagics[binary.LittleEndian.Uint32(head)]; known {
				return at - 1, true
			}
		}
		start = at + 1
	}
	return 0, false
}

// relocate applies the relative relocations inside data, loaded at base.
func (f *File) relocate(data []byte, base uint64) error {
	rs, err := f.relocs()
	if err != nil {
		return err
	}
	i := sort.Search(len(rs), func(i int) bool { return rs[i].addr >= base })
	for ; i < len(rs) && rs[i].addr-base+8 <= uint64(len(data)); i++ {
		binary.LittleEndian.PutUint64(data[rs[i].addr-base:], rs[i].addend)
	}
	return nil
}

// parsePclntab reads the header, which says where the table's parts are.
func parsePclntab(data *pages, base uint64) (*pclntab, error) {
	head := data.at(0, 16)
	if head == nil || head[4] != 0 || head[5] != 0 || head[7] != 8 {
		return nil, errPclntab
	}
	format, ok := pclnMagics[binary.LittleEndian.Uint32(head)]
	if !ok {
		return nil, fmt.Errorf("function table: unknown format %#x", binary.LittleEndian.Uint32(head))
	}
	t := &pclntab{format: format, base: base, quantum: uint64(head[6]), data: data}
	t.byName = sync.OnceValues(t.index)
	word := func(i int) uint64 {
		if b := data.at(uint64(8+i*8), 8); b != nil {
			return binary.LittleEndian.Uint64(b)
		}
		return 1 << 63
	}
	text := func(i int) textPart {
		start := min(word(i), data.size)
		return textPart{start, min(word(i+1)-word(i), data.size-start)}
	}
	nfunc := word(0)
	switch format {
	case pcln12:
		t.functab, t.names = 16, textPart{0, data.size}
	case pcln116:
		t.cu, t.pctab, t.functab = word(3), word(5), word(6)
		t.files, t.names = text(4), text(2)
	default:
		t.textStart = word(2)
		t.cu, t.pctab, t.functab = word(4), word(6), word(7)
		t.files, t.names = text(5), text(3)
	}
	if t.functab >= data.size || t.quantum == 0 || nfunc > maxGoFuncs || (nfunc*2+1)*t.wordSize() > data.size-t.functab {
		return nil, errPclntab
	}
	t.nfunc = int(nfunc)
	if format == pcln12 {
		t.cutFiles12()
	}
	return t, nil
}

// cutFiles12 finds the old format's file table, whose offset follows functab.
// File numbers of that format index it directly, and its strings, like all else
// there, count from the table's start.
func (t *pclntab) cutFiles12() {
	off, ok := t.data.u32(t.functab + uint64(t.nfunc*2+1)*8)
	if ok && uint64(off) < t.data.size {
		t.cu, t.files = uint64(off), t.names
	}
}

// wordSize is the size of functab's two columns.
func (t *pclntab) wordSize() uint64 {
	if t.format >= pcln118 {
		return 4
	}
	return 8
}

// pcAt is the entry of function i; for i = nfunc the end of the last one.
func (t *pclntab) pcAt(i int) uint64 {
	b := t.data.at(t.functab+uint64(i)*2*t.wordSize(), t.wordSize())
	switch {
	case b == nil:
		return 0
	case t.format >= pcln118:
		return t.textStart + uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// find returns the index of the function that holds pc.
func (t *pclntab) find(pc uint64) (int, bool) {
	i := sort.Search(t.nfunc, func(i int) bool { return t.pcAt(i) > pc }) - 1
	return i, i >= 0 && pc < t.pcAt(i+1)
}

// record says where entry i is; of the old format it counts from the table's start.
func (t *pclntab) record(i int) (off uint64, ok bool) {
	v, ok := t.data.u32(t.functab + (uint64(i)*2+1)*t.wordSize())
	if t.format == pcln12 {
		return uint64(v), ok
	}
	return t.functab + uint64(v), ok
}

// fn decodes entry i (runtime._func).
func (t *pclntab) fn(i int) (pcFunc, error) {
	w, fields := t.wordSize(), uint64(44)
	if t.format == pcln12 || t.format == pcln118 { // no cuOffset; no start line yet
		fields = 40
	}
	off, ok := t.record(i)
	rec := t.data.at(off, fields)
	if !ok || rec == nil {
		return pcFunc{}, fmt.Errorf("function %d: %w", i, errPclntab)
	}
	at := func(field uint64) uint32 { // fields counts 32-bit words behind the entry
		return binary.LittleEndian.Uint32(rec[w+field*4:])
	}
	fn := pcFunc{
		entry: t.pcAt(i), next: t.pcAt(i + 1),
		nameOff: at(0), pcsp: at(3), pcfile: at(4), pcln: at(5), npcdata: at(6),
		funcID: rec[fields-4], nfuncdata: rec[fields-1], tail: off + fields,
	}
	if t.format != pcln12 {
		fn.cuOff = at(7)
	}
	if fn.next < fn.entry {
		return pcFunc{}, fmt.Errorf("function %d: %w", i, errPclntab)
	}
	return fn, nil
}

// name reads a function name.
func (t *pclntab) name(off uint32) string { return t.text(t.names, off) }

// text reads a string. It shares the table's memory, tens of megabytes in large
// binaries, unless it lies across pages.
func (t *pclntab) text(part textPart, off uint32) string {
	if uint64(off) >= part.size {
		return ""
	}
	at, left := part.start+uint64(off), part.size-uint64(off)
	b := t.data.page(at)
	b = b[:min(uint64(len(b)), left)]
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		b = t.data.at(at, min(maxName, left))
		end = bytes.IndexByte(b, 0)
	}
	if end < 0 {
		return ""
	}
	return unsafe.String(unsafe.SliceData(b), end)
}

// pcValue is a stretch of a pc-value table: value holds for [start, end).
type pcValue struct {
	start, end uint64
	value      int32
}

// values walks a pc-value table of the function until yield says no. A table
// ends with a zero delta; its last end is the function's. Whatever the bytes
// say, it makes no more steps than the function has bytes.
func (t *pclntab) values(fn pcFunc, off uint32, yield func(pcValue) bool) {
	if off == 0 {
		return
	}
	at := t.pctab + uint64(off)
	p := t.data.page(at)
	v := pcValue{start: fn.entry, end: fn.entry, value: -1}
	for first := true; v.end < fn.next; first = false {
		if len(p) < 2*binary.MaxVarintLen64 {
			p = t.data.from(at, 2*binary.MaxVarintLen64)
		}
		delta, n := binary.Uvarint(p)
		if n <= 0 || delta == 0 && !first {
			return
		}
		pcDelta, m := binary.Uvarint(p[n:])
		if m <= 0 || pcDelta == 0 || pcDelta > 1<<32 {
			return
		}
		p, at = p[n+m:], at+uint64(n+m)
		v.value += int32(uint32(delta>>1) ^ -uint32(delta&1))
		v.start, v.end = v.end, v.end+pcDelta*t.quantum
		if !yield(v) {
			return
		}
	}
}

// value looks up pc in a pc-value table of the function, -1 where it has none.
func (t *pclntab) value(fn pcFunc, off uint32, pc uint64) int32 {
	found := int32(-1)
	t.values(fn, off, func(v pcValue) bool {
		if pc < v.end {
			found = v.value
			return false
		}
		return true
	})
	return found
}

// end is the function's end without padding: where its stack table ends. What
// has no such table keeps its padding.
func (t *pclntab) end(fn pcFunc) uint64 {
	end := fn.entry
	t.values(fn, fn.pcsp, func(v pcValue) bool { end = v.end; return true })
	if end == fn.entry || end > fn.next {
		return fn.next
	}
	return end
}

// fileLine says which source line pc comes from; of inlined code, its own.
func (t *pclntab) fileLine(fn pcFunc, pc uint64) (string, int) {
	file := t.file(fn, pc)
	if file == "" {
		return "", 0
	}
	return file, int(max(t.value(fn, fn.pcln, pc), 0))
}

// file is fileLine without the line.
func (t *pclntab) file(fn pcFunc, pc uint64) string {
	no := t.value(fn, fn.pcfile, pc)
	if no < 0 {
		return ""
	}
	off, ok := t.data.u32(t.cu + (uint64(fn.cuOff)+uint64(no))*4)
	if !ok {
		return ""
	}
	return t.text(t.files, off)
}

// pcdata is the offset in pctab of a per-pc table of the function, 0 for none.
func (t *pclntab) pcdata(fn pcFunc, table uint32) uint32 {
	if table >= fn.npcdata {
		return 0
	}
	off, _ := t.data.u32(fn.tail + uint64(table)*4)
	return off
}

// funcdata is what the function keeps at a funcdata index: before Go 1.18 an
// address, later an offset from moduledata.gofunc.
func (t *pclntab) funcdata(fn pcFunc, index uint8) (uint64, bool) {
	if index >= fn.nfuncdata {
		return 0, false
	}
	off := uint64(fn.npcdata) * 4
	if t.format >= pcln118 {
		v, ok := t.data.u32(fn.tail + off + uint64(index)*4)
		return uint64(v), ok && v != ^uint32(0)
	}
	// Pointers are aligned in memory; the record itself is, its head is 44 long.
	if off%8 == 0 {
		off += 4
	}
	b := t.data.at(fn.tail+off+uint64(index)*8, 8)
	if b == nil {
		return 0, false
	}
	v := binary.LittleEndian.Uint64(b)
	return v, v != 0
}
