package gobin

import (
	"errors"
	"fmt"
)

// errIndirect says that a location is in memory that a register points to.
var errIndirect = errors.New("location: behind a pointer")

// errComputed says that a value is known to the compiler and need not be anywhere.
var errComputed = errors.New("location: computed, not stored")

// The operations of a location expression (DWARF 5, section 7.7.1) that a
// parameter's place can be made of.
const (
	opAddr         = 0x03
	opDeref        = 0x06
	opConst1u      = 0x08
	opConst8s      = 0x0f
	opConstu       = 0x10
	opConsts       = 0x11
	opMinus        = 0x1c
	opPlus         = 0x22
	opPlusUconst   = 0x23
	opLit0         = 0x30
	opReg0         = 0x50
	opBreg0        = 0x70
	opRegx         = 0x90
	opFbreg        = 0x91
	opBregx        = 0x92
	opPiece        = 0x93
	opNop          = 0x96
	opCallFrameCFA = 0x9c
	opStackValue   = 0x9f
)

// maxExprStack is more than any compiler needs for a place.
const maxExprStack = 16

// exprBase is what an address is counted from.
type exprBase uint8

const (
	baseNone exprBase = iota // a plain number
	baseCFA                  // the canonical frame address
	baseReg                  // a register
)

type exprValue struct {
	base exprBase
	reg  int
	off  int64
}

// evaluator turns a location expression into a Place. Registers have no
// values here, so it can only do what leads to a register or to memory at a
// distance from SP as it is at the function's first byte.
type evaluator struct {
	arch      Arch
	frameBase []byte
	size      int // of the whole value

	stack  []exprValue
	reg    int // the current piece is in this register
	inReg  bool
	pieces []Piece
	at     int
}

// place evaluates expr.
func (ev *evaluator) place(expr []byte) (Place, error) {
	if err := ev.run(expr); err != nil {
		return Place{}, err
	}
	if len(ev.pieces) == 0 {
		if err := ev.endPiece(ev.size); err != nil {
			return Place{}, err
		}
	}
	return Place{Pieces: ev.pieces}, nil
}

func (ev *evaluator) run(expr []byte) error {
	c := &cursor{b: expr}
	for len(c.b) > 0 && c.err == nil {
		if err := ev.step(int(c.fixed(1)), c); err != nil {
			return err
		}
		if len(ev.stack) > maxExprStack {
			return fmt.Errorf("location expression: more than %d values", maxExprStack)
		}
	}
	return c.err
}

// step executes one operation.
func (ev *evaluator) step(op int, c *cursor) error {
	switch {
	case op == opNop:
	case op == opDeref:
		return errIndirect
	case op == opAddr:
		ev.push(exprValue{off: int64(c.fixed(8))})
	case op >= opConst1u && op <= opConst8s:
		n := 1 << ((op - opConst1u) / 2)
		if (op-opConst1u)%2 == 0 {
			ev.push(exprValue{off: int64(c.fixed(n))})
		} else {
			ev.push(exprValue{off: c.signed(n)})
		}
	case op == opConstu:
		ev.push(exprValue{off: int64(c.uleb())})
	case op == opConsts:
		ev.push(exprValue{off: c.sleb()})
	case op >= opLit0 && op < opReg0:
		ev.push(exprValue{off: int64(op - opLit0)})
	case op >= opReg0 && op < opBreg0:
		ev.reg, ev.inReg = op-opReg0, true
	case op == opRegx:
		ev.reg, ev.inReg = int(c.uleb()&0xffff), true
	case op >= opBreg0 && op < opRegx:
		ev.push(exprValue{base: baseReg, reg: op - opBreg0, off: c.sleb()})
	case op == opBregx:
		reg := int(c.uleb() & 0xffff)
		ev.push(exprValue{base: baseReg, reg: reg, off: c.sleb()})
	case op == opFbreg:
		return ev.pushFrameBase(c.sleb())
	case op == opCallFrameCFA:
		ev.push(exprValue{base: baseCFA})
	case op == opPlusUconst:
		return ev.add(exprValue{off: int64(c.uleb())}, 1)
	case op == opPlus, op == opMinus:
		sign := int64(1)
		if op == opMinus {
			sign = -1
		}
		v, err := ev.pop()
		if err != nil {
			return err
		}
		return ev.add(v, sign)
	case op == opPiece:
		return ev.endPiece(int(min(c.uleb(), 1<<20)))
	case op == opStackValue:
		return errComputed
	default:
		return fmt.Errorf("location operation %#x: not supported", op)
	}
	return nil
}

func (ev *evaluator) push(v exprValue) { ev.stack = append(ev.stack, v) }

func (ev *evaluator) pop() (exprValue, error) {
	if len(ev.stack) == 0 {
		return exprValue{}, fmt.Errorf("location expression: stack is empty")
	}
	v := ev.stack[len(ev.stack)-1]
	ev.stack = ev.stack[:len(ev.stack)-1]
	return v, nil
}

// add adds sign * v to the value on top.
func (ev *evaluator) add(v exprValue, sign int64) error {
	top, err := ev.pop()
	if err != nil {
		return err
	}
	if top.base == baseNone && sign > 0 {
		top, v = v, top
	}
	if v.base != baseNone {
		return fmt.Errorf("location expression: sum of two addresses")
	}
	top.off += sign * v.off
	ev.push(top)
	return nil
}

// pushFrameBase pushes the address off bytes from the frame base, which is
// the CFA or a register.
func (ev *evaluator) pushFrameBase(off int64) error {
	fb := evaluator{arch: ev.arch}
	if err := fb.run(ev.frameBase); err != nil {
		return fmt.Errorf("frame base: %w", err)
	}
	if fb.inReg {
		return fmt.Errorf("location: in the function's own frame")
	}
	v, err := fb.pop()
	if err != nil {
		return fmt.Errorf("frame base: %w", err)
	}
	v.off += off
	ev.push(v)
	return nil
}

// endPiece closes the current piece, which has size bytes.
func (ev *evaluator) endPiece(size int) error {
	p := Piece{At: ev.at, Size: size}
	switch {
	case ev.inReg:
		p = regPiece(ev.arch, ev.reg, ev.at, size)
	case len(ev.stack) > 0:
		v, _ := ev.pop()
		switch {
		case v.base == baseCFA:
			p.Kind, p.Off = PieceStack, v.off+cfaFromSP(ev.arch)
		case v.base == baseReg && v.reg == stackReg(ev.arch):
			p.Kind, p.Off = PieceStack, v.off
		case v.base == baseReg:
			return errIndirect
		default:
			return fmt.Errorf("location: memory that is not on the stack")
		}
	}
	if len(ev.pieces) == maxLeaves {
		return fmt.Errorf("location expression: more than %d pieces", maxLeaves)
	}
	ev.pieces = append(ev.pieces, p)
	ev.at += size
	ev.stack, ev.inReg = ev.stack[:0], false
	return nil
}

// cfaFromSP is the distance from SP at a function's first byte to the CFA: the
// return address that amd64's call has pushed.
func cfaFromSP(arch Arch) int64 {
	if arch == AMD64 {
		return 8
	}
	return 0
}
