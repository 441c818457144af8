package gobin

import "encoding/binary"

// stepX86 follows an instruction of amd64.
func (t *textRun) stepX86() bool {
	code, err := t.file.Text(t.pc, t.pc+maxInstX86)
	var x x86Inst
	if err != nil || x.parse(code) != nil || x.vex || x.addr32 {
		return false
	}
	t.pc += uint64(x.pos)
	target := t.pc + uint64(int64(x.relative))
	switch {
	case x.opMap == map0F && x.op == 0x1f: // nop
		return true
	case x.opMap == map0F && 0x80 <= x.op && x.op < 0x90, x.opMap == mapOne && 0x70 <= x.op && x.op < 0x80:
		return t.branchX86(x.op&0xf, target)
	case x.opMap == map0F && (x.op == 0x10 || x.op == 0x11) && !x.repeat && !x.opSize16: // movups
		return t.copyTwo(&x)
	case x.opMap != mapOne:
		return false
	}
	switch {
	case x.op == 0x90 && x.rex == 0: // nop
	case x.op == 0x55 && x.rex == 0:
		t.regs[regSP].n -= 8
	case x.op == 0x5d && x.rex == 0:
		t.regs[regSP].n += 8
	case x.op == 0xc3:
		t.ret()
	case x.op == 0xe9, x.op == 0xeb:
		t.pc = target
	case x.op == 0xe8:
		return t.call(target)
	case x.op == 0xff && (x.reg() == 2 || x.reg() == 4) && x.mod() == 3:
		return t.callError(t.regs[x.rmNumber()], x.reg() == 4)
	case x.isStackCmp():
		t.compared(known{}, true)
	default:
		return t.compute(&x)
	}
	return true
}

// branchX86 follows a conditional jump.
func (t *textRun) branchX86(cond byte, target uint64) bool {
	const below, equal, notEqual = 6, 4, 5
	switch cond {
	case below:
		return t.low
	case equal, notEqual:
		return t.branch(t.tested, cond == equal, target)
	}
	return false
}

// compute follows an instruction that computes.
func (t *textRun) compute(x *x86Inst) bool {
	wide := x.rex&rexW != 0
	switch {
	case x.op == 0x85 && x.mod() == 3 && wide: // test
		if x.regNumber() != x.rmNumber() {
			return false
		}
		t.compared(t.regs[x.regNumber()], false)
	case x.op == 0x31 && x.mod() == 3 && x.regNumber() == x.rmNumber(): // xor
		t.regs[x.regNumber()] = known{aConstant, 0}
		t.compared(known{}, false)
	case 0xb8 <= x.op && x.op < 0xc0 && !wide: // mov, a constant
		t.regs[x.op&7|x.rex&rexB<<3] = known{aConstant, uint64(x.constant(4))}
	case x.op == 0xc7 && wide && x.mod() != 3: // mov of a constant to memory
		at, off, ok := t.operand(x)
		return ok && t.save(at, off, known{aConstant, uint64(x.constant(4))})
	case x.op == 0x83 && wide && x.mod() != 3 && x.reg() == 7 && x.constant(1) == 0: // cmp of a word with zero
		at, off, ok := t.operand(x)
		t.compared(t.word(at, off), false)
		return ok
	case x.op == 0x83 && x.mod() == 3 && x.rm() == regSP && wide && x.rex&rexB == 0:
		return t.moveStack(x.reg(), uint64(int8(x.constant(1))))
	case x.op == 0x81 && x.mod() == 3 && x.rm() == regSP && wide && x.rex&rexB == 0:
		return t.moveStack(x.reg(), uint64(int32(x.constant(4))))
	case x.op == 0x8d && wide: // lea
		from, off, ok := t.operand(x)
		t.regs[x.regNumber()] = known{from.what, from.n + off}
		return ok && (from.what == anAddress || from.what == stackPlace)
	case x.op == 0x8b && wide:
		return t.load(x)
	case x.op == 0x89 && wide:
		return t.store(x)
	case x.op == 0x89 && x.mod() == 3 && t.regs[x.regNumber()].what == aConstant: // mov of 32 bits
		t.regs[x.rmNumber()] = t.regs[x.regNumber()]
	default:
		return false
	}
	return true
}

func (t *textRun) moveStack(op byte, n uint64) bool {
	const add, sub = 0, 5
	t.compared(known{}, false)
	switch op {
	case add:
		t.regs[regSP].n += n
	case sub:
		t.regs[regSP].n -= n
	default:
		return false
	}
	return true
}

// operand is where the operand in memory lies: an offset from what a register holds.
func (t *textRun) operand(x *x86Inst) (from known, off uint64, ok bool) {
	if x.mod() == 0 && x.rm() == 5 { // by distance from the next instruction
		return known{anAddress, t.pc}, uint64(x.disp), true
	}
	return t.regs[x.rmNumber()], uint64(x.disp), x.mod() != 3 && x.plainAddress()
}

func (t *textRun) load(x *x86Inst) bool {
	from, off, ok := t.operand(x)
	if x.mod() != 3 {
		from = t.word(from, off)
	}
	t.regs[x.regNumber()] = from
	return ok || x.mod() == 3
}

func (t *textRun) store(x *x86Inst) bool {
	from, to := t.regs[x.regNumber()], &t.regs[x.rmNumber()]
	if x.mod() != 3 {
		at, off, ok := t.operand(x)
		return ok && t.save(at, off, from)
	}
	*to = from
	return true
}

// copyTwo reads two words into a register of vectors, or writes them from there.
func (t *textRun) copyTwo(x *x86Inst) bool {
	at, off, ok := t.operand(x)
	v := &t.vectors[x.regNumber()]
	switch {
	case !ok:
		return false
	case x.op == 0x10:
		*v = [2]known{t.word(at, off), t.word(at, off+8)}
		return true
	}
	return t.save(at, off, v[0]) && t.save(at, off+8, v[1])
}

const (
	regAX = 0
	regCX = 1
	regBX = 3
	regSI = 6
	regDI = 7
)

// rmNumber is the register that ModRM's rm field names, with what REX adds; with a SIB
// byte its base.
func (x *x86Inst) rmNumber() byte {
	if x.mod() != 3 && x.rm() == 4 {
		return x.sib&7 | x.rex&rexB<<3
	}
	return x.rm() | x.rex&rexB<<3
}

// plainAddress tells whether the operand in memory is a register and a distance.
func (x *x86Inst) plainAddress() bool {
	const none = 4
	indexed := x.rm() == 4 && (x.sib>>3&7 != none || x.rex&rexX != 0)
	absolute := x.mod() == 0 && (x.rm() == 5 || x.rm() == 4 && x.sib&7 == 5)
	return !indexed && !absolute
}

// constant is the number of n bytes that the instruction ends with.
func (x *x86Inst) constant(n int) uint32 {
	if n == 1 {
		return uint32(x.code[x.pos-1])
	}
	return binary.LittleEndian.Uint32(x.code[x.pos-4:])
}
