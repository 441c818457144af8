package gobin

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// Limits on what a file may make us hold. A file that asks for more is refused:
// the largest Go binaries known (hundreds of megabytes) stay far below.
const (
	maxSections    = 1 << 15
	maxSectionName = 4 << 20
	maxDynamic     = 1 << 20
	maxRelocs      = 48 << 20
	maxRead        = 128 << 20 // one table
)

// openELF parses the headers. The standard library trusts some counts in them,
// so those are checked first, and a panic on the rest becomes an error.
func openELF(r io.ReaderAt, size int64) (ef *elf.File, arch Arch, err error) {
	defer catch(&err)
	if err := checkHeader(r, size); err != nil {
		return nil, "", err
	}
	if ef, err = elf.NewFile(r); err != nil && !isCutOff(err) {
		ef, err = elf.NewFile(sectionless{r}) // the kernel does not look at sections either
	}
	if err != nil {
		return nil, "", fmt.Errorf("elf headers: %w", err)
	}
	switch {
	case ef.Machine == elf.EM_386:
		return nil, "", fmt.Errorf("386 (32-bit x86) binaries are not served, only amd64 and arm64")
	case ef.Machine == elf.EM_ARM:
		return nil, "", fmt.Errorf("arm (32-bit) binaries are not served, only amd64 and arm64")
	case ef.Class != elf.ELFCLASS64 || ef.ByteOrder != binary.LittleEndian:
		return nil, "", fmt.Errorf("%v %v %v binaries are not served, only amd64 and arm64", ef.Machine, ef.Class, ef.Data)
	case ef.Machine == elf.EM_X86_64:
		arch = AMD64
	case ef.Machine == elf.EM_AARCH64:
		arch = ARM64
	default:
		return nil, "", fmt.Errorf("%v binaries are not served, only amd64 and arm64", ef.Machine)
	}
	if ef.Type != elf.ET_EXEC && ef.Type != elf.ET_DYN {
		return nil, "", fmt.Errorf("%v: neither an executable nor a shared library", ef.Type)
	}
	return ef, arch, nil
}

func isCutOff(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// sectionless is an ELF file without its section headers.
type sectionless struct{ r io.ReaderAt }

func (s sectionless) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.r.ReadAt(p, off)
	for _, field := range [][2]int64{{0x28, 8}, {0x3c, 4}} { // their place; their number and that of their names
		for at := field[0]; at < field[0]+field[1]; at++ {
			if at >= off && at < off+int64(n) {
				p[at-off] = 0
			}
		}
	}
	return n, err
}

// catch turns a panic of a standard parser on hostile bytes into an error.
func catch(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("malformed file: %v", p)
	}
}

// checkHeader refuses counts and sizes that debug/elf would allocate for.
func checkHeader(r io.ReaderAt, size int64) error {
	var h [64]byte
	if n, err := r.ReadAt(h[:], 0); n < 20 || string(h[:4]) != elf.ELFMAG {
		if err != nil && err != io.EOF {
			return err
		}
		return ErrNotELF
	}
	if elf.Class(h[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(h[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return checkHeader32(h[:])
	}
	shoff := binary.LittleEndian.Uint64(h[0x28:])
	shentsize := binary.LittleEndian.Uint16(h[0x3a:])
	shnum := uint64(binary.LittleEndian.Uint16(h[0x3c:]))
	shstrndx := uint64(binary.LittleEndian.Uint16(h[0x3e:]))
	if shoff == 0 {
		return nil
	}
	if shentsize != 64 || shoff > uint64(size) {
		return fmt.Errorf("section headers at %#x of %d bytes: %w", shoff, size, io.ErrUnexpectedEOF)
	}
	var sh [64]byte
	if shnum == 0 {
		// More than 0xff00 sections: no linker of a program makes so many.
		if _, err := r.ReadAt(sh[:], int64(shoff)); err != nil {
			return fmt.Errorf("section headers: %w", err)
		}
		shnum = binary.LittleEndian.Uint64(sh[0x20:])
	}
	if shnum > maxSections {
		return fmt.Errorf("%d sections: too many", shnum)
	}
	if shstrndx >= shnum {
		return nil // debug/elf reports it
	}
	if _, err := r.ReadAt(sh[:], int64(shoff+shstrndx*64)); err != nil {
		return fmt.Errorf("section headers: %w", err)
	}
	if n := binary.LittleEndian.Uint64(sh[0x20:]); n > maxSectionName {
		return fmt.Errorf("section names of %d bytes: too large", n)
	}
	return nil
}

// checkHeader32 names what is not 64-bit little-endian without parsing further.
func checkHeader32(h []byte) error {
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(h[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	name := elf.Machine(order.Uint16(h[18:])).String()
	switch name {
	case elf.EM_386.String():
		name = "386 (32-bit x86)"
	case elf.EM_ARM.String():
		name = "arm (32-bit)"
	}
	return fmt.Errorf("%s binaries are not served, only amd64 and arm64", name)
}

// segment finds the PT_LOAD that backs [start, end) with file bytes.
func (f *File) segment(start, end uint64) *elf.Prog {
	for _, p := range f.ELF.Progs {
		if p.Type == elf.PT_LOAD && start >= p.Vaddr && start-p.Vaddr < p.Filesz &&
			end >= start && end-p.Vaddr <= p.Filesz {
			return p
		}
	}
	return nil
}

// Moved says that the loader chooses where the file's addresses are in memory.
func (f *File) Moved() bool { return f.ELF.Type == elf.ET_DYN }

// FileOffset translates a virtual address to an offset in the file, which is
// what a uprobe is attached by.
func (f *File) FileOffset(vaddr uint64) (uint64, error) {
	p := f.segment(vaddr, vaddr)
	if p == nil {
		return 0, fmt.Errorf("address %#x: not in the file", vaddr)
	}
	return vaddr - p.Vaddr + p.Off + f.start, nil
}

// Address translates an offset in the file to the virtual address that an
// executable segment gives it.
func (f *File) Address(off uint64) (uint64, error) {
	off -= f.start
	for _, p := range f.ELF.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && off >= p.Off && off-p.Off < p.Filesz {
			return off - p.Off + p.Vaddr, nil
		}
	}
	return 0, fmt.Errorf("file offset %#x: not in an executable segment", off)
}

// Bytes returns the file's bytes of the virtual addresses [start, end), as
// stored: relocations are not applied (see Pointer).
func (f *File) Bytes(start, end uint64) ([]byte, error) {
	p := f.segment(start, end)
	if p == nil {
		return nil, fmt.Errorf("addresses %#x to %#x: not in the file", start, end)
	}
	return f.readAt(p.Off+start-p.Vaddr, end-start)
}

// Text returns the code bytes of [start, end), which must be executable.
func (f *File) Text(start, end uint64) ([]byte, error) {
	if p := f.segment(start, end); p != nil && p.Flags&elf.PF_X == 0 {
		return nil, fmt.Errorf("address %#x: not code", start)
	}
	return f.Bytes(start, end)
}

// readAt reads n bytes of the file, which must really be there before memory
// is asked for.
func (f *File) readAt(off, n uint64) ([]byte, error) { return f.read(off, n, maxRead) }

func (f *File) read(off, n, limit uint64) ([]byte, error) {
	if n > limit {
		return nil, fmt.Errorf("reading %d bytes: more than the %d allowed", n, limit)
	}
	if off > uint64(f.size) || n > uint64(f.size)-off {
		return nil, fmt.Errorf("reading %d bytes at %#x: %w", n, off, io.ErrUnexpectedEOF)
	}
	b := make([]byte, n)
	if _, err := f.r.ReadAt(b, int64(off)); err != nil {
		return nil, fmt.Errorf("reading %d bytes at %#x: %w", n, off, err)
	}
	return b, nil
}

// section returns the stored bytes of a named section, nil if there is none.
func (f *File) section(name string) ([]byte, error) {
	s := f.ELF.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	b, err := f.readAt(s.Offset, s.FileSize)
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", name, err)
	}
	return b, nil
}

// reloc is a relative relocation: the loader writes addend (plus the load
// bias) at addr.
type reloc struct{ addr, addend uint64 }

// dynamic reads a value of the dynamic segment, 0 if it is not there.
func (f *File) dynamic(tag elf.DynTag) uint64 {
	for _, p := range f.ELF.Progs {
		if p.Type != elf.PT_DYNAMIC || p.Filesz > maxDynamic {
			continue
		}
		b, err := f.readAt(p.Off, p.Filesz)
		if err != nil {
			return 0
		}
		for ; len(b) >= 16; b = b[16:] {
			if elf.DynTag(binary.LittleEndian.Uint64(b)) == tag {
				return binary.LittleEndian.Uint64(b[8:])
			}
		}
	}
	return 0
}

// readRelocs lists the relative relocations sorted by address. Position
// independent binaries keep their pointers there, not in the data.
func (f *File) readRelocs() ([]reloc, error) {
	table, size := f.dynamic(elf.DT_RELA), f.dynamic(elf.DT_RELASZ)
	if table == 0 || size == 0 {
		return nil, nil
	}
	if size > maxRelocs {
		return nil, fmt.Errorf("relocations of %d bytes: too large", size)
	}
	b, err := f.Bytes(table, table+size)
	if err != nil {
		return nil, fmt.Errorf("relocations: %w", err)
	}
	relative := uint32(elf.R_X86_64_RELATIVE)
	if f.Arch == ARM64 {
		relative = uint32(elf.R_AARCH64_RELATIVE)
	}
	rs := make([]reloc, 0, len(b)/24)
	for ; len(b) >= 24; b = b[24:] {
		if uint32(binary.LittleEndian.Uint64(b[8:])) == relative {
			rs = append(rs, reloc{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[16:])})
		}
	}
	slices.SortFunc(rs, func(a, b reloc) int { return cmp.Compare(a.addr, b.addr) })
	return rs, nil
}

// Pointer reads the pointer-sized word at a virtual address as the loaded
// program has it, less its load bias: a relative relocation is applied.
func (f *File) Pointer(vaddr uint64) (uint64, error) {
	rs, err := f.relocs()
	if err != nil {
		return 0, err
	}
	i := sort.Search(len(rs), func(i int) bool { return rs[i].addr >= vaddr })
	if i < len(rs) && rs[i].addr == vaddr {
		return rs[i].addend, nil
	}
	b, err := f.Bytes(vaddr, vaddr+8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}
