package gobin

import (
	"fmt"
	"maps"
	"slices"
)

// textReader follows the code of methods Error without running it: it knows of each
// register and word of the stack what it holds, as long as that is the receiver, a word
// of what it points to, a constant or part of a text. Where a word of the receiver's decides
// it follows both ways. A receiver is no nil.
type textReader struct {
	file   *File
	rules  textRules
	concat map[uint64]int // functions that join texts => how many
}

// textRules is what code says in other words on another processor.
type textRules struct {
	since int    // minor number of the first release whose arguments are in registers
	args  []byte // registers of arguments and results, in their order
	sp, g byte
	call  uint64              // bytes of the stack that a call takes
	step  func(*textRun) bool // follows an instruction; false if it does what is not followed
}

var textRulesOf = map[Arch]textRules{
	AMD64: {17, []byte{regAX, regBX, regCX, regDI, regSI, 8, 9, 10, 11}, regSP, 14, 8, (*textRun).stepX86},
	ARM64: {18, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, regSPA64, 28, 0, (*textRun).stepA64},
}

// manyTexts is the number of those that are joined where it is an argument.
const manyTexts = -1

func newTextReader(f *File) *textReader {
	r := &textReader{f, textRulesOf[f.Arch], map[uint64]int{}}
	for n := 2; n <= 5; n++ {
		fns, err := f.GoFuncs(fmt.Sprintf("runtime.concatstring%d", n))
		if err == nil && len(fns) == 1 {
			r.concat[fns[0].Entry] = n
		}
	}
	if fns, err := f.GoFuncs("runtime.concatstrings"); err == nil && len(fns) == 1 {
		r.concat[fns[0].Entry] = manyTexts
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
	globalWord // a word at address n
	stackPlace // by distance from the stack pointer at the first byte
	theGoroutine
	thePanic  // its innermost, which is none
	textStart // of text n
	textLen
)

// panicOff is where the innermost panic is in runtime.g.
const panicOff = 32

// textRun is one method that is followed.
type textRun struct {
	*textReader
	regs    [32]known
	vectors [32][2]known     // of two words
	stack   map[uint64]known // by place
	tested  known            // what was compared with zero
	low     bool             // the stack pointer was compared with the stack's end
	texts   [][]TextPiece
	fork    *textFork // the last instruction is one
	pc      uint64
	callers []uint64 // where calls return to, the innermost last
	done    bool
}

// maxTextSteps is how many instructions are followed of a method and what it calls.
const maxTextSteps = 300

// textFork is a jump that a word of what the receiver holds decides.
type textFork struct {
	word   uint64 // its offset
	ifZero bool   // it jumps if the word is zero, not if it is not
	target uint64
}

// read returns the text that the method at an address gives; nil if that is not told by
// what the receiver holds.
func (r *textReader) read(code uint64) []TextPiece {
	if r.rules.step == nil || !r.file.Go.AtLeast(1, r.rules.since) {
		return nil
	}
	run := &textRun{textReader: r, stack: map[uint64]known{}, pc: code}
	run.regs[r.rules.args[0]], run.regs[r.rules.sp], run.regs[r.rules.g] = known{theReceiver, 0}, known{stackPlace, 0}, known{theGoroutine, 0}
	steps := maxTextSteps
	text := run.follow(&steps)
	if len(text) > maxErrorText {
		return nil
	}
	return text
}

// follow returns the text of a method from where the run is; nil as read does.
func (t *textRun) follow(steps *int) []TextPiece {
	for *steps > 0 {
		*steps--
		if !t.rules.step(t) {
			return nil
		}
		switch args := t.rules.args; {
		case t.done:
			text, _ := t.text(t.regs[args[0]], t.regs[args[1]])
			return text
		case t.fork != nil:
			return t.both(steps)
		}
	}
	return nil
}

// both returns the text that begins with a choice: that of a word that is not zero, and behind
// it that of one that is.
func (t *textRun) both(steps *int) []TextPiece {
	fork, other := t.fork, *t
	t.fork, other.fork = nil, nil
	other.stack = maps.Clone(t.stack)
	other.callers, other.texts = slices.Clone(t.callers), slices.Clone(t.texts)
	other.pc = fork.target
	zero, full := &other, t
	if !fork.ifZero {
		zero, full = t, &other
	}
	filled, empty := full.follow(steps), zero.follow(steps)
	if filled == nil || empty == nil {
		return nil
	}
	behind := len(filled) + 2 // the choice and an end
	text := append([]TextPiece{{PieceChoice, fork.word, uint64(behind)}}, shifted(filled, 1)...)
	return append(append(text, TextPiece{}), shifted(empty, behind)...)
}

// shifted makes the pieces those of a text that begins with n others.
func shifted(text []TextPiece, n int) []TextPiece {
	for i := range text {
		if text[i].Kind == PieceChoice {
			text[i].Len += uint64(n)
		}
	}
	return text
}

// text is the one that begins and is as long as two words say.
func (t *textRun) text(start, length known) ([]TextPiece, bool) {
	switch {
	case start.what == fieldWord && length == known{fieldWord, start.n + 8}:
		return []TextPiece{{Kind: PieceField, Off: start.n}}, true
	case start.what == globalWord && length == known{globalWord, start.n + 8}:
		return []TextPiece{{Kind: PieceGlobal, Off: start.n}}, true
	case length == known{aConstant, 0}:
		return []TextPiece{}, true
	case start.what == anAddress && length.what == aConstant:
		return []TextPiece{{PieceConstant, start.n, length.n}}, true
	case start.what == textStart && length == known{textLen, start.n}:
		return t.texts[start.n], true
	}
	return nil, false
}

// word is what lies at an offset from where a register points.
func (t *textRun) word(from known, off uint64) known {
	switch {
	case from.what == theGoroutine && off == panicOff:
		return known{thePanic, 0}
	case from.what == stackPlace:
		return t.stack[from.n+off]
	case from.what == theReceiver:
		return known{fieldWord, off}
	case from.what == anAddress:
		return known{globalWord, from.n + off}
	case from.what == fieldWord && off == 24: // of a table of the interface error
		return known{errorCode, from.n}
	}
	return known{}
}

// save writes a word to the stack, and nowhere else.
func (t *textRun) save(to known, off uint64, word known) bool {
	t.stack[to.n+off] = word
	return to.what == stackPlace
}

// compared notes what the processor's flags are about.
func (t *textRun) compared(with known, low bool) { t.tested, t.low = with, low }

// branch jumps if a word is zero, or is not; false if that is not known and no choice.
func (t *textRun) branch(word known, ifZero bool, target uint64) bool {
	if word.what == fieldWord {
		t.fork = &textFork{word.n, ifZero, target}
		return true
	}
	zero := word.what == thePanic
	if !zero && word.what != theReceiver {
		return false
	}
	if zero == ifZero {
		t.pc = target
	}
	return true
}

// call follows a call of the function at an address into it, unless it joins texts.
func (t *textRun) call(target uint64) bool {
	if n := t.concat[target]; n != 0 {
		return t.join(n)
	}
	t.callers = append(t.callers, t.pc)
	t.regs[t.rules.sp].n -= t.rules.call
	t.pc = target
	return true
}

// ret follows a return.
func (t *textRun) ret() {
	last := len(t.callers) - 1
	if t.done = last < 0; t.done {
		return
	}
	t.regs[t.rules.sp].n += t.rules.call
	t.pc, t.callers = t.callers[last], t.callers[:last]
}

// join is a call that joins n texts, behind an argument that is none: those that find no
// registers are on the stack, manyTexts where an argument says.
func (t *textRun) join(n int) bool {
	args, place := t.rules.args, t.regs[t.rules.sp]
	inRegs := (len(args) - 1) / 2
	if n == manyTexts {
		place, n, inRegs = t.regs[args[1]], int(t.regs[args[2]].n), 0
		if t.regs[args[2]].what != aConstant {
			return false
		}
	}
	var joined []TextPiece
	for i := 0; i < n && len(joined) <= maxErrorText; i++ {
		off := 16 * uint64(i-inRegs)
		start, length := t.word(place, off), t.word(place, off+8)
		if i < inRegs {
			start, length = t.regs[args[2*i+1]], t.regs[args[2*i+2]]
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

// callError is a call of the method Error of an error that the receiver holds, or a jump
// there, which returns with the text.
func (t *textRun) callError(code known, jump bool) bool {
	if code.what != errorCode || t.regs[t.rules.args[0]] != (known{fieldWord, code.n + 8}) {
		return false
	}
	t.returned([]TextPiece{{Kind: PieceError, Off: code.n}})
	if jump {
		t.ret()
	}
	return true
}

// returned is what is known behind a call that has given a text.
func (t *textRun) returned(text []TextPiece) {
	n, regs := uint64(len(t.texts)), t.regs
	t.texts = append(t.texts, text)
	t.regs = [32]known{}
	for _, kept := range []byte{t.rules.sp, t.rules.g} {
		t.regs[kept] = regs[kept]
	}
	t.regs[t.rules.args[0]], t.regs[t.rules.args[1]] = known{textStart, n}, known{textLen, n}
}
