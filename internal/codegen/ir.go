package codegen

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// vreg is a virtual register; zero is none.
type vreg int

type opndKind uint8

const (
	noOpnd     opndKind = iota
	regOpnd             // a virtual register
	immOpnd             // a constant
	stackOpnd           // the address imm bytes from the frame's top (negative)
	mapOpnd             // the map called name
	mapValOpnd          // the address imm bytes into the only value of map name
	funcOpnd            // the function called name
)

// opnd is an operand of an instruction.
type opnd struct {
	kind opndKind
	reg  vreg
	imm  int64
	name string
}

func rOpnd(r vreg) opnd     { return opnd{kind: regOpnd, reg: r} }
func iOpnd(v int64) opnd    { return opnd{kind: immOpnd, imm: v} }
func mOpnd(n string) opnd   { return opnd{kind: mapOpnd, name: n} }
func valOpnd(n string) opnd { return opnd{kind: mapValOpnd, name: n} }

func (o opnd) isImm() bool         { return o.kind == immOpnd }
func (o opnd) is(v int64) bool     { return o.kind == immOpnd && o.imm == v }
func (o opnd) fits32() bool        { return o.kind == immOpnd && o.imm == int64(int32(o.imm)) }
func (o opnd) isReg(r vreg) bool   { return o.kind == regOpnd && o.reg == r }
func (o opnd) plus(off int64) opnd { o.imm += off; return o }

func (o opnd) String() string {
	switch o.kind {
	case regOpnd:
		return fmt.Sprintf("v%d", o.reg)
	case immOpnd:
		if o.imm > 1<<20 || o.imm < -1<<20 {
			return fmt.Sprintf("%#x", uint64(o.imm))
		}
		return fmt.Sprint(o.imm)
	case stackOpnd:
		return fmt.Sprintf("&stack[%d]", o.imm)
	case mapOpnd:
		return "map " + o.name
	case mapValOpnd:
		return fmt.Sprintf("&%s[%d]", o.name, o.imm)
	case funcOpnd:
		return "function " + o.name
	}
	return "_"
}

type irOp uint8

const (
	opMov    irOp = iota // dst = a
	opALU                // dst = a alu b
	opExt                // dst = a, cut to size bytes and extended
	opSwap               // dst = a with its size low bytes swapped
	opLoad               // dst = size bytes at a+off
	opStore              // size bytes at a+off = b
	opAdd                // size bytes at a+off += b, atomically
	opXchg               // dst = size bytes at a+off, which become b, atomically
	opCas                // dst = size bytes at a+off, which become b if they were args[0]
	opCall               // dst = fn(args)
	opArg                // dst = argument off of the function; first instructions only
	opJump               // go to to
	opBranch             // go to to if a cc b, else to els
	opExit               // leave the function with a
)

// ins is one instruction of the intermediate code.
type ins struct {
	op     irOp
	dst    vreg
	a, b   opnd
	off    int64
	size   int
	signed bool
	alu    asm.ALUOp
	cc     asm.JumpOp
	fn     asm.BuiltinFunc
	kfunc  uint32 // call: not fn, but the kernel's function of this number
	args   []opnd
	pure   bool // call without effect
	to     *block
	els    *block
	span   diag.Span
}

// block is a run of instructions; only the last one leaves it.
type block struct {
	id  int
	ins []ins
}

func (b *block) String() string { return fmt.Sprintf("b%d", b.id) }

func (b *block) done() bool {
	return len(b.ins) > 0 && b.ins[len(b.ins)-1].ends()
}

func (i *ins) ends() bool { return i.op >= opJump }

// removable tells whether i does nothing but set dst.
func (i *ins) removable() bool {
	switch i.op {
	case opMov, opALU, opExt, opSwap, opLoad, opArg:
		return true
	case opCall:
		return i.pure
	}
	return false
}

// targets returns the blocks i may go to.
func (i *ins) targets() []*block {
	switch i.op {
	case opJump:
		return []*block{i.to}
	case opBranch:
		return []*block{i.to, i.els}
	}
	return nil
}

// uses calls f for every operand that i reads.
func (i *ins) uses(f func(*opnd)) {
	f(&i.a)
	f(&i.b)
	for k := range i.args {
		f(&i.args[k])
	}
}

var aluText = map[asm.ALUOp]string{
	asm.Add: "+", asm.Sub: "-", asm.Mul: "*", asm.Div: "/", asm.Mod: "%", asm.Or: "|", asm.And: "&",
	asm.Xor: "^", asm.LSh: "<<", asm.RSh: ">>", asm.ArSh: ">>>",
}

var ccText = map[asm.JumpOp]string{
	asm.JEq: "==", asm.JNE: "!=", asm.JGT: ">", asm.JGE: ">=", asm.JLT: "<", asm.JLE: "<=",
	asm.JSGT: "s>", asm.JSGE: "s>=", asm.JSLT: "s<", asm.JSLE: "s<=",
}

func (i *ins) String() string {
	at := func() string {
		if i.off == 0 {
			return fmt.Sprintf("u%d[%v]", i.size*8, i.a)
		}
		return fmt.Sprintf("u%d[%v%+d]", i.size*8, i.a, i.off)
	}
	sign := "u"
	if i.signed {
		sign = "s"
	}
	switch i.op {
	case opMov:
		return fmt.Sprintf("v%d = %v", i.dst, i.a)
	case opALU:
		return fmt.Sprintf("v%d = %v %s %v", i.dst, i.a, aluText[i.alu], i.b)
	case opExt:
		return fmt.Sprintf("v%d = %s%d %v", i.dst, sign, i.size*8, i.a)
	case opSwap:
		return fmt.Sprintf("v%d = swap%d %v", i.dst, i.size*8, i.a)
	case opLoad:
		return fmt.Sprintf("v%d = %s", i.dst, at())
	case opStore:
		return fmt.Sprintf("%s = %v", at(), i.b)
	case opAdd:
		return fmt.Sprintf("atomic %s += %v", at(), i.b)
	case opXchg:
		return fmt.Sprintf("v%d = atomic %s <-> %v", i.dst, at(), i.b)
	case opCas:
		return fmt.Sprintf("v%d = atomic %s == %v ? %v", i.dst, at(), i.args[0], i.b)
	case opCall:
		return i.callText()
	case opArg:
		return fmt.Sprintf("v%d = argument %d", i.dst, i.off)
	case opJump:
		return fmt.Sprintf("goto %v", i.to)
	case opBranch:
		return fmt.Sprintf("if %v %s %v goto %v else %v", i.a, ccText[i.cc], i.b, i.to, i.els)
	}
	if i.a.is(0) {
		return "exit"
	}
	return fmt.Sprintf("exit %v", i.a)
}

func (i *ins) callText() string {
	var args []string
	for _, a := range i.args {
		args = append(args, a.String())
	}
	name := strings.TrimPrefix(i.fn.String(), "Fn")
	if i.kfunc != 0 {
		name = fmt.Sprintf("kernel function %d", i.kfunc)
	}
	call := fmt.Sprintf("%s(%s)", name, strings.Join(args, ", "))
	if i.dst == 0 {
		return call
	}
	return fmt.Sprintf("v%d = %s", i.dst, call)
}

// dump writes functions as text; the first one is the program.
func dump(fns []*fn) string {
	var s strings.Builder
	for _, f := range fns {
		if f.name != "" {
			fmt.Fprintf(&s, "function %s\n", f.name)
		}
		for _, b := range f.blocks {
			fmt.Fprintf(&s, "%v:\n", b)
			for k := range b.ins {
				fmt.Fprintf(&s, "\t%v\n", &b.ins[k])
			}
		}
	}
	return s.String()
}
