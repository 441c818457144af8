package gobin

import (
	"encoding/binary"
	"fmt"
)

// textReader follows the code of methods Error without running it: it knows of each
// register and word of the stack what it holds, as long as that is the receiver, a word
// of what it points to, a constant or part of a text. A receiver is no nil.
type textReader struct {
	file   *File
	concat map[uint64]int // functions that join texts => how many
}

func newTextReader(f *File) *textReader {
	r := &textReader{f, map[uint64]int{}}
	for n := 2; n <= 5; n++ {
		fns, err := f.GoFuncs(fmt.Sprintf("runtime.concatstring%d", n))
		if err == nil && len(fns) == 1 {
			r.concat[fns[0].Entry] = n
		}
	}
	return r
}

// known is what is known of a word.
type known struct {
	what knownAs
	n    uint64 // the offset, number, address or text that it is about
}

type knownAs uint8

const (
	notKnown    knownAs = iota
	theReceiver         // where the interface points
	fieldWord           // a word at offset n from there
	errorCode           // the method Error of the error that is at offset n
	aConstant
	anAddress
	thePanic  // the goroutine's innermost, which is none
	textStart // of text n
	textLen
)

// textRun is one method that is followed.
type textRun struct {
	*textReader
	regs   [16]known
	stack  map[int64]known // by distance from the stack pointer at the first byte
	sp     int64
	tested known // what was compared with zero
	low    bool  // the stack pointer was compared with the stack's end
	texts  [][]TextPiece
	pc     uint64
	done   bool
}

// maxTextSteps is how many instructions of a method are followed.
const maxTextSteps = 64

// read returns the text that the method at an address gives; nil if that is not told by
// what the receiver holds.
func (r *textReader) read(code uint64) []TextPiece {
	if r.file.Arch != AMD64 || !r.file.Go.AtLeast(1, 17) {
		return nil
	}
	run := &textRun{textReader: r, stack: map[int64]known{}, pc: code}
	run.regs[regAX] = known{theReceiver, 0}
	for range maxTextSteps {
		if !run.step() {
			return nil
		}
		if run.done {
			text, ok := run.text(run.regs[regAX], run.regs[regBX])
			if !ok || len(text) > maxErrorText {
				return nil
			}
			return text
		}
	}
	return nil
}

// text is the one that begins and is as long as two words say.
func (t *textRun) text(start, length known) ([]TextPiece, bool) {
	switch {
	case start.what == fieldWord && length == known{fieldWord, start.n + 8}:
		return []TextPiece{{Kind: PieceField, Off: start.n}}, true
	case start.what == anAddress && length.what == aConstant:
		return []TextPiece{{PieceConstant, start.n, length.n}}, true
	case start.what == textStart && length == known{textLen, start.n}:
		return t.texts[start.n], true
	}
	return nil, false
}

// step follows an instruction; false if it does what is not followed.
func (t *textRun) step() bool {
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
		return t.branch(x.op&0xf, target)
	case x.opMap != mapOne:
		return false
	}
	switch {
	case x.op == 0x90 && x.rex == 0: // nop
	case x.op == 0x55 && x.rex == 0:
		t.sp -= 8
	case x.op == 0x5d && x.rex == 0:
		t.sp += 8
	case x.op == 0xc3:
		t.done = true
	case x.op == 0xe9, x.op == 0xeb:
		t.pc = target
	case x.op == 0xe8:
		return t.join(t.concat[target])
	case x.op == 0xff && (x.reg() == 2 || x.reg() == 4) && x.mod() == 3:
		t.done = x.reg() == 4 // it jumps there
		return t.callError(t.regs[x.rmNumber()])
	case x.isStackCmp():
		t.compared(known{}, true)
	default:
		return t.compute(&x)
	}
	return true
}

// branch follows a conditional jump of which it is known where it leads.
func (t *textRun) branch(cond byte, target uint64) bool {
	const below, equal, notEqual = 6, 4, 5
	noNil := t.tested.what == theReceiver
	switch {
	case cond == below && t.low, cond == equal && noNil, cond == notEqual && t.tested.what == thePanic:
		return true
	case cond == notEqual && noNil:
		t.pc = target
		return true
	}
	return false
}

// join is a call that joins n texts.
func (t *textRun) join(n int) bool {
	if n == 0 {
		return false
	}
	order := [...]byte{regBX, regCX, regDI, regSI, 8, 9, 10, 11}
	var joined []TextPiece
	for i := range n {
		start, length := t.stack[t.sp], t.stack[t.sp+8]
		if 2*i < len(order) {
			start, length = t.regs[order[2*i]], t.regs[order[2*i+1]]
		}
		text, ok := t.text(start, length)
		if !ok {
			return false
		}
		joined = append(joined, text...)
	}
	t.returned(joined)
	return true
}

// callError is a call of the method Error of an error that the receiver holds.
func (t *textRun) callError(code known) bool {
	if code.what != errorCode || t.regs[regAX] != (known{fieldWord, code.n + 8}) {
		return false
	}
	t.returned([]TextPiece{{Kind: PieceError, Off: code.n}})
	return true
}

// returned is what is known behind a call that has given a text.
func (t *textRun) returned(text []TextPiece) {
	t.regs = [16]known{}
	n := uint64(len(t.texts))
	t.texts = append(t.texts, text)
	t.regs[regAX], t.regs[regBX] = known{textStart, n}, known{textLen, n}
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
	case x.op == 0x83 && x.mod() == 3 && x.rm() == regSP && wide && x.rex&rexB == 0:
		return t.moveStack(x.reg(), int64(int8(x.constant(1))))
	case x.op == 0x81 && x.mod() == 3 && x.rm() == regSP && wide && x.rex&rexB == 0:
		return t.moveStack(x.reg(), int64(int32(x.constant(4))))
	case x.op == 0x8d && x.mod() == 0 && x.rm() == 5: // lea, an address
		t.regs[x.regNumber()] = known{anAddress, t.pc + uint64(int64(x.disp))}
	case x.op == 0x8b && wide:
		return t.load(x)
	case x.op == 0x89 && wide:
		return t.store(x)
	default:
		return false
	}
	return true
}

// compared notes what the processor's flags are about.
func (t *textRun) compared(with known, low bool) { t.tested, t.low = with, low }

func (t *textRun) moveStack(op byte, n int64) bool {
	const add, sub = 0, 5
	t.compared(known{}, false)
	switch op {
	case add:
		t.sp += n
	case sub:
		t.sp -= n
	default:
		return false
	}
	return true
}

func (t *textRun) load(x *x86Inst) bool {
	to := &t.regs[x.regNumber()]
	base, off := x.rmNumber(), uint64(int64(x.disp))
	switch from := t.regs[base]; {
	case x.mod() == 3:
		*to = from
	case !x.plainAddress():
		return false
	case base == regG && off == panicOff:
		*to = known{thePanic, 0}
	case base == regSP:
		*to = t.stack[t.sp+int64(x.disp)]
	case from.what == theReceiver:
		*to = known{fieldWord, off}
	case from.what == fieldWord && off == 24: // of a table of the interface error
		*to = known{errorCode, from.n}
	default:
		*to = known{}
	}
	return true
}

func (t *textRun) store(x *x86Inst) bool {
	from := t.regs[x.regNumber()]
	switch {
	case x.mod() == 3 && x.rmNumber() == regBP: // the frame's
	case x.mod() == 3 && x.rmNumber() != regSP:
		t.regs[x.rmNumber()] = from
	case x.mod() != 3 && x.plainAddress() && x.rmNumber() == regSP:
		t.stack[t.sp+int64(x.disp)] = from
	default:
		return false
	}
	return true
}

const (
	regAX = 0
	regCX = 1
	regBX = 3
	regSI = 6
	regDI = 7
	regG  = 14

	panicOff = 32 // of the innermost panic, in runtime.g
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
