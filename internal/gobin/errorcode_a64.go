package gobin

import (
	"encoding/binary"
	"math/bits"
)

// regSPA64 is the stack pointer's number, and that of a register that is always zero.
const regSPA64 = 31

// stepA64 follows an instruction of arm64.
func (t *textRun) stepA64() bool {
	code, err := t.file.Text(t.pc, t.pc+4)
	if err != nil {
		return false
	}
	w := binary.LittleEndian.Uint32(code)
	in, _ := decodeA64(code, t.pc) // four bytes are always one
	at := t.pc
	t.pc += 4
	first := byte(w & 31)
	switch in.class {
	case classRet:
		t.ret()
	case classJump:
		t.pc = in.target
	case classCall:
		return t.call(in.target)
	case classJumpIndirect:
		return t.callError(t.regs[in.arg], true)
	case classStackCmp:
		t.compared(known{}, t.regs[w>>5&31].what == stackPlace)
	case classCondLow:
		return t.low
	case classCond: // cbz, cbnz
		return w&0xfe000000 == 0xb4000000 && t.branch(t.regs[first], w&(1<<24) == 0, in.target)
	default:
		if w&0xfffffc1f == 0xd63f0000 { // blr
			return t.callError(t.regs[w>>5&31], false)
		}
		return isHint(w) || t.move(w) || t.add(w, at) || t.access(w)
	}
	return true
}

// move follows an instruction that gives a register a constant, or what another holds.
func (t *textRun) move(w uint32) bool {
	to := &t.regs[w&31]
	switch {
	case w&0xffe0ffe0 == 0xaa0003e0: // mov
		*to = t.held(w >> 16 & 31)
	case w&0x7fe00000 == 0x52800000: // movz of 16 bits
		*to = known{aConstant, uint64(w >> 5 & 0xffff)}
	case w&0xffc003e0 == 0xb24003e0: // mov of a run of ones
		ones := uint64(1)<<(w>>10&63+1) - 1
		*to = known{aConstant, bits.RotateLeft64(ones, -int(w>>16&63))}
	default:
		return false
	}
	return w&31 != regSPA64
}

// held is what a register holds that is no address.
func (t *textRun) held(reg uint32) known {
	if reg == regSPA64 {
		return known{aConstant, 0}
	}
	return t.regs[reg]
}

// add follows an instruction that makes an address; at is its own.
func (t *textRun) add(w uint32, at uint64) bool {
	to, from := &t.regs[w&31], t.regs[w>>5&31]
	switch {
	case w&0x9f000000 == 0x90000000: // adrp
		pages := signed(w, 5, 19)&^3 | uint64(w>>29&3)
		*to = known{anAddress, at&^0xfff + pages<<12}
		return w&31 != regSPA64
	case w&0xbf800000 != 0x91000000 || from.what != anAddress && from.what != stackPlace: // add, sub
		return false
	}
	n := uint64(w >> 10 & 0xfff)
	if w&(1<<22) != 0 {
		n <<= 12
	}
	if w&(1<<30) != 0 {
		n = -n
	}
	*to = known{from.what, from.n + n}
	return true
}

// access follows an instruction that reads or writes registers: one, or the two of a pair.
func (t *textRun) access(w uint32) bool {
	const after, plain, before = 1, 2, 3 // when the offset is added to the base for good; plain: never
	how, regs, load := uint32(0), []uint32{w & 31}, w&(1<<22) != 0
	scale, vectors := 3, w&(1<<26) != 0
	if vectors {
		scale = 4
	}
	var off uint64
	switch {
	case w&0xff800000 == 0xf9000000, w&0xff800000 == 0x3d800000:
		how, off = plain, uint64(w>>10&0xfff)<<scale
	case w&0xffa00000 == 0xf8000000, w&0xffa00000 == 0x3c800000:
		how, off = [...]uint32{plain, after, 0, before}[w>>10&3], uint64(int64(w)<<43>>55)
	case w&0xfe000000 == 0xa8000000, w&0xfe000000 == 0xac000000:
		how, off, regs = w>>23&3, uint64(int64(w)<<42>>57)<<scale, append(regs, w>>10&31)
	}
	if how == 0 {
		return false
	}
	base := byte(w >> 5 & 31)
	if how == before {
		t.regs[base].n += off
	}
	at := off
	if how != plain {
		at = 0
	}
	done := t.transfer(t.regs[base], at, t.words(regs, vectors), load)
	if how == after {
		t.regs[base].n += off
	}
	return done
}

// words are those of registers.
func (t *textRun) words(regs []uint32, vectors bool) (list []*known) {
	for _, reg := range regs {
		switch {
		case vectors:
			list = append(list, &t.vectors[reg][0], &t.vectors[reg][1])
		case reg == regSPA64:
			list = append(list, &known{aConstant, 0})
		default:
			list = append(list, &t.regs[reg])
		}
	}
	return list
}

// transfer reads words from an address, or writes them there.
func (t *textRun) transfer(place known, off uint64, words []*known, load bool) bool {
	for i, word := range words {
		at := off + 8*uint64(i)
		if load {
			*word = t.word(place, at)
		} else if !t.save(place, at, *word) {
			return false
		}
	}
	return true
}
