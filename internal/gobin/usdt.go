package gobin

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// USDT is a static probe of a binary, as the section .note.stapsdt has it
// (systemtap's UserSpaceProbeImplementation).
type USDT struct {
	Provider, Name string
	Addr           uint64 // of the nop
	Semaphore      uint64 // address of the counter of those who watch; 0: none
	Args           []Operand
	Spec           string // the arguments as the note spells them
}

// Limits on what notes may ask for.
const (
	maxUSDTs    = 1 << 16
	noteType    = 3 // NT_STAPSDT
	noteOwner   = "stapsdt\x00"
	noteHeader  = 12
	noteAddress = 24 // three addresses in front of the names
)

// USDTs lists the static probes of the file, in the order of its notes; none
// where it has no notes.
func (f *File) USDTs() ([]USDT, error) {
	if f.ELF.Section(".note.stapsdt") == nil {
		return nil, nil
	}
	notes, err := f.section(".note.stapsdt")
	if err != nil {
		return nil, err
	}
	var base uint64
	if s := f.ELF.Section(".stapsdt.base"); s != nil {
		base = s.Addr
	}
	var found []USDT
	for len(notes) > 0 {
		desc, rest, err := stapNote(notes)
		if err != nil {
			return nil, err
		}
		notes = rest
		if desc == nil {
			continue
		}
		u, err := parseUSDT(desc, base, f.Arch)
		if err != nil {
			return nil, err
		}
		if found = append(found, u); len(found) > maxUSDTs {
			return nil, fmt.Errorf(".note.stapsdt: more than %d probes", maxUSDTs)
		}
	}
	return found, nil
}

// stapNote cuts the first note off; desc is nil for one of another owner.
func stapNote(b []byte) (desc, rest []byte, err error) {
	if len(b) < noteHeader {
		return nil, nil, fmt.Errorf(".note.stapsdt: %d bytes behind the last note", len(b))
	}
	nameSize, descSize := uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[4:]))
	kind := binary.LittleEndian.Uint32(b[8:])
	at := noteHeader + (nameSize+3)&^3
	end := at + (descSize+3)&^3
	if at+descSize > uint64(len(b)) {
		return nil, nil, fmt.Errorf(".note.stapsdt: a note of %d bytes where %d are left", end, len(b))
	}
	rest = b[min(end, uint64(len(b))):]
	if kind != noteType || string(b[noteHeader:noteHeader+nameSize]) != noteOwner {
		return nil, rest, nil
	}
	return b[at : at+descSize], rest, nil
}

// parseUSDT reads three addresses and three texts. The addresses are those of
// the link; where the file was changed since, the section .stapsdt.base has
// moved with them.
func parseUSDT(desc []byte, base uint64, arch Arch) (USDT, error) {
	if len(desc) < noteAddress {
		return USDT{}, fmt.Errorf(".note.stapsdt: a probe of %d bytes", len(desc))
	}
	texts := bytes.SplitN(desc[noteAddress:], []byte{0}, 4)
	if len(texts) < 3 {
		return USDT{}, fmt.Errorf(".note.stapsdt: a probe without a name")
	}
	addr, linked := binary.LittleEndian.Uint64(desc), binary.LittleEndian.Uint64(desc[8:])
	sema := binary.LittleEndian.Uint64(desc[16:])
	if base != 0 && linked != 0 {
		addr += base - linked
		if sema != 0 {
			sema += base - linked
		}
	}
	u := USDT{Provider: string(texts[0]), Name: string(texts[1]), Spec: string(texts[2]), Addr: addr, Semaphore: sema}
	u.Args = parseOperands(u.Spec, arch)
	return u, nil
}

// SemaphoreOffset is where in the file a probe's semaphore lies, 0 if it has
// none.
func (f *File) SemaphoreOffset(u USDT) (uint64, error) {
	if u.Semaphore == 0 {
		return 0, nil
	}
	for _, p := range f.ELF.Progs {
		if p.Type == elf.PT_LOAD && u.Semaphore >= p.Vaddr && u.Semaphore-p.Vaddr < p.Memsz {
			return u.Semaphore - p.Vaddr + p.Off + f.start, nil
		}
	}
	return 0, fmt.Errorf("semaphore %#x of %s:%s: not in the file", u.Semaphore, u.Provider, u.Name)
}
