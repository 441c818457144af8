package gobin

import (
	"errors"
	"fmt"
	"math"

	"github.com/rpcxray/rpcxray/internal/types"
)

// unwindRegs are DWARF's numbers of the registers that unwinding is about, of arm64 x29,
// SP and x30.
type unwindRegs struct{ bp, sp, ra uint64 }

var unwindRegsOf = map[Arch]unwindRegs{AMD64: {6, 7, 16}, ARM64: {29, 31, 30}}

// linked tells whether a call leaves its return address in a register.
func (r unwindRegs) linked() bool { return r == unwindRegsOf[ARM64] }

// rules are those of one row.
type rules struct {
	cfa    rule
	cfaReg uint64 // of a rule that is a register and an offset
	bp, ra rule
}

// rule says where something is.
type rule struct {
	base   types.UnwindBase
	off    int64
	behind int64
	bad    bool // in a way that a row cannot say
}

// cfaProgram runs the instructions (DW_CFA) that describe how a function's frame
// changes from address to address.
type cfaProgram struct {
	cie     *cie
	now     rules
	saved   []rules
	pc, end uint64 // of the function
	rows    []types.UnwindRow
}

// maxRemembered is more than compilers nest.
const maxRemembered = 64

// Instructions. The first three have an operand in their lower six bits.
const (
	cfaAdvance         = 0x40
	cfaOffset          = 0x80
	cfaRestore         = 0xc0
	cfaNop             = 0x00
	cfaSetLoc          = 0x01
	cfaAdvance1        = 0x02
	cfaAdvance2        = 0x03
	cfaAdvance4        = 0x04
	cfaOffsetExt       = 0x05
	cfaRestoreExt      = 0x06
	cfaUndefined       = 0x07
	cfaSameValue       = 0x08
	cfaRegister        = 0x09
	cfaRemember        = 0x0a
	cfaRestoreState    = 0x0b
	cfaDef             = 0x0c
	cfaDefRegister     = 0x0d
	cfaDefOffset       = 0x0e
	cfaDefExpr         = 0x0f
	cfaExpr            = 0x10
	cfaOffsetExtSigned = 0x11
	cfaDefSigned       = 0x12
	cfaDefOffsetSigned = 0x13
	cfaValOffset       = 0x14
	cfaValOffsetSigned = 0x15
	cfaValExpr         = 0x16
	cfaSignedRA        = 0x2d
	cfaArgsSize        = 0x2e
	cfaNegativeOffset  = 0x2f
)

// run executes a program; behind it the last row is under construction.
func (p *cfaProgram) run(program []byte) error {
	c := &cursor{b: program}
	for len(c.b) > 0 && c.err == nil {
		op := byte(c.fixed(1))
		low := uint64(op & 0x3f)
		var err error
		switch op & 0xc0 {
		case cfaAdvance:
			err = p.advance(low)
		case cfaOffset:
			p.set(low, p.scaled(c.uleb()))
		case cfaRestore:
			p.restore(low)
		default:
			err = p.step(op, c)
		}
		if err != nil {
			return err
		}
	}
	return c.err
}

// step executes an instruction without an operand in it.
func (p *cfaProgram) step(op byte, c *cursor) error {
	switch op {
	case cfaNop, cfaSignedRA: // signed return addresses are cut to what they were
	case cfaAdvance1:
		return p.advance(c.fixed(1))
	case cfaAdvance2:
		return p.advance(c.fixed(2))
	case cfaAdvance4:
		return p.advance(c.fixed(4))
	case cfaArgsSize:
		c.uleb()
	case cfaRemember:
		if len(p.saved) == maxRemembered {
			return errors.New("too many states remembered")
		}
		p.saved = append(p.saved, p.now)
	case cfaRestoreState:
		if len(p.saved) == 0 {
			return errors.New("no state remembered")
		}
		p.now = p.saved[len(p.saved)-1]
		p.saved = p.saved[:len(p.saved)-1]
	case cfaDef, cfaDefSigned, cfaDefRegister, cfaDefOffset, cfaDefOffsetSigned, cfaDefExpr:
		p.define(op, c)
	default:
		return p.register(op, c)
	}
	return nil
}

// define executes an instruction about the canonical frame address.
func (p *cfaProgram) define(op byte, c *cursor) {
	off := p.now.cfa.off
	switch op {
	case cfaDef:
		p.now.cfaReg, off = c.uleb(), int64(c.uleb())
	case cfaDefSigned:
		p.now.cfaReg = c.uleb()
		off = c.sleb() * p.cie.dataAlign
	case cfaDefRegister:
		p.now.cfaReg = c.uleb()
	case cfaDefOffset:
		off = int64(c.uleb())
	case cfaDefOffsetSigned:
		off = c.sleb() * p.cie.dataAlign
	case cfaDefExpr:
		p.now.cfa = p.cie.regs.frameExpr(c.bytes(c.uleb()))
		return
	}
	p.now.cfa = rule{base: p.cie.regs.base(p.now.cfaReg), off: off}
}

// register executes an instruction about a register's value in the caller.
func (p *cfaProgram) register(op byte, c *cursor) error {
	reg := c.uleb()
	bad := rule{bad: true}
	switch op {
	case cfaOffsetExt:
		p.set(reg, p.scaled(c.uleb()))
	case cfaOffsetExtSigned:
		p.set(reg, rule{base: types.UnwindFrame, off: c.sleb() * p.cie.dataAlign})
	case cfaNegativeOffset:
		r := p.scaled(c.uleb())
		r.off = -r.off
		p.set(reg, r)
	case cfaRestoreExt:
		p.restore(reg)
	case cfaUndefined:
		p.set(reg, rule{})
	case cfaSameValue:
		p.set(reg, p.cie.regs.kept(reg))
	case cfaRegister, cfaValOffset:
		c.uleb()
		p.set(reg, bad)
	case cfaValOffsetSigned:
		c.sleb()
		p.set(reg, bad)
	case cfaExpr:
		p.set(reg, p.cie.regs.addressExpr(c.bytes(c.uleb())))
	case cfaValExpr:
		c.bytes(c.uleb())
		p.set(reg, bad)
	default:
		return fmt.Errorf("instruction %#x", op)
	}
	return nil
}

func (p *cfaProgram) scaled(n uint64) rule {
	return rule{base: types.UnwindFrame, off: int64(n) * p.cie.dataAlign}
}

// set gives a register its rule; most are of no interest.
func (p *cfaProgram) set(reg uint64, r rule) {
	switch reg {
	case p.cie.regs.bp:
		p.now.bp = r
	case p.cie.regs.ra:
		p.now.ra = r
	}
}

func (p *cfaProgram) restore(reg uint64) {
	switch reg {
	case p.cie.regs.bp:
		p.now.bp = p.cie.start.bp
	case p.cie.regs.ra:
		p.now.ra = p.cie.start.ra
	}
}

// advance ends the row at hand.
func (p *cfaProgram) advance(n uint64) error {
	if n > (p.end-p.pc)/max(p.cie.codeAlign, 1) {
		return errors.New("an address behind the function's end")
	}
	if n > 0 {
		p.rows = append(p.rows, p.row())
		p.pc += n * p.cie.codeAlign
	}
	return nil
}

// row is the row at hand. One that cannot be told ends a stack.
func (p *cfaProgram) row() types.UnwindRow {
	n := &p.now
	for _, r := range []rule{n.cfa, n.bp, n.ra} {
		if r.bad || r.off != int64(int32(r.off)) || r.behind != int64(uint8(r.behind)) {
			return types.UnwindRow{PC: p.pc}
		}
	}
	return types.UnwindRow{
		PC: p.pc, CFA: n.cfa.base, CFAOff: int32(n.cfa.off), CFABehind: uint8(n.cfa.behind),
		BP: n.bp.base, BPOff: int32(n.bp.off), RA: n.ra.base, RAOff: int32(n.ra.off),
	}
}

// base is what an offset from a register counts from; UnwindNone for a register that is
// not followed.
func (r unwindRegs) base(reg uint64) types.UnwindBase {
	switch reg {
	case r.sp:
		return types.UnwindSP
	case r.bp:
		return types.UnwindFP
	}
	return types.UnwindNone
}

// kept is the rule of a register that has the caller's value still.
func (r unwindRegs) kept(reg uint64) rule {
	if reg == r.ra && r.linked() {
		return rule{base: types.UnwindLink}
	}
	return rule{}
}

// addressExpr reads an expression that is a register and an offset.
func (regs unwindRegs) addressExpr(expr []byte) rule {
	c := &cursor{b: expr}
	r := regs.operand(c)
	if c.err != nil || len(c.b) > 0 || r.base == types.UnwindNone {
		return rule{bad: true}
	}
	return r
}

// operand reads the operation that begins with a register.
func (regs unwindRegs) operand(c *cursor) rule {
	op := c.fixed(1)
	if op < opBreg0 || op >= opRegx {
		return rule{}
	}
	return rule{base: regs.base(op - opBreg0), off: c.sleb()}
}

// frameExpr reads the expressions that are in use for the canonical frame address:
// that of linkers' PLTs, and a word at a distance from a register.
func (regs unwindRegs) frameExpr(expr []byte) rule {
	if r, ok := pltExpr(expr); ok {
		return r
	}
	c := &cursor{b: expr}
	r := regs.operand(c)
	if c.fixed(1) != opDeref || r.base == types.UnwindNone {
		return rule{bad: true}
	}
	r.base |= types.UnwindWord
	if len(c.b) > 0 {
		if c.fixed(1) != opPlusUconst {
			return rule{bad: true}
		}
		r.behind = int64(min(c.uleb(), math.MaxInt32))
	}
	if c.err != nil || len(c.b) > 0 {
		return rule{bad: true}
	}
	return r
}

// pltExpr recognizes SP+8 + 8*((IP & 15) >= n), of amd64.
func pltExpr(expr []byte) (rule, bool) {
	const (
		opBreg7, opBreg16  = opBreg0 + 7, opBreg0 + 16
		opAnd, opGe, opShl = 0x1a, 0x2a, 0x24
	)
	want := []byte{opBreg7, 8, opBreg16, 0, opLit0 + 15, opAnd, 0, opGe, opLit0 + 3, opShl, opPlus}
	if len(expr) != len(want) || expr[6] < opLit0 || expr[6] >= opReg0 {
		return rule{}, false
	}
	want[6] = expr[6]
	return rule{base: types.UnwindSP | types.UnwindPLT, off: 8, behind: int64(expr[6] - opLit0)}, string(expr) == string(want)
}
