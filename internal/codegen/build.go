package codegen

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// fn is a function of intermediate code under construction. Constants are
// folded while it is built.
type fn struct {
	name    string // empty: the program itself
	caller  *fn    // of a loop's function: what calls it
	blocks  []*block
	cur     *block
	ids     int
	regs    int
	noSpill map[vreg]bool // values whose bounds the verifier must not lose
	span    diag.Span
	stack   arena
	size    int // instructions
	effort  int // what the verifier has to do, in instructions that it looks at
}

// arena hands out places in the stack frame or in the scratch slot. Places
// are freed in the reverse order, by going back to a mark.
type arena struct {
	at, max int
}

func (a *arena) take(size int) int {
	off := a.at
	a.at += (size + 7) &^ 7
	a.max = max(a.max, a.at)
	return off
}

func newFn(name string) *fn {
	f := &fn{name: name, noSpill: map[vreg]bool{}}
	f.start(f.block())
	return f
}

func (f *fn) block() *block {
	f.ids++
	return &block{id: f.ids - 1}
}

// start puts b behind what was built so far and goes on there; a block left
// open falls through to it.
func (f *fn) start(b *block) {
	if f.cur != nil && !f.cur.done() {
		f.jump(b)
	}
	f.blocks = append(f.blocks, b)
	f.cur = b
}

func (f *fn) reg() vreg {
	f.regs++
	return vreg(f.regs)
}

// emit adds i. Behind a jump it goes to a block that nothing reaches.
func (f *fn) emit(i ins) {
	if f.cur.done() {
		f.cur = f.block()
		f.blocks = append(f.blocks, f.cur)
	}
	i.span = f.span
	f.size++
	f.effort++
	f.cur.ins = append(f.cur.ins, i)
}

func (f *fn) set(dst vreg, a opnd) {
	if !a.isReg(dst) {
		f.emit(ins{op: opMov, dst: dst, a: a})
	}
}

// copy returns a fresh register with a's value.
func (f *fn) copy(a opnd) opnd {
	dst := f.reg()
	f.set(dst, a)
	return rOpnd(dst)
}

// inReg returns a in a register.
func (f *fn) inReg(a opnd) opnd {
	if a.kind == regOpnd {
		return a
	}
	return f.copy(a)
}

// arg returns argument n of the function; they are asked for before anything
// else is emitted.
func (f *fn) arg(n int64) opnd {
	dst := f.reg()
	f.emit(ins{op: opArg, dst: dst, off: n})
	return rOpnd(dst)
}

func (f *fn) jump(b *block) { f.emit(ins{op: opJump, to: b}) }

var swapped = map[asm.JumpOp]asm.JumpOp{
	asm.JEq: asm.JEq, asm.JNE: asm.JNE, asm.JGT: asm.JLT, asm.JGE: asm.JLE, asm.JLT: asm.JGT, asm.JLE: asm.JGE,
	asm.JSGT: asm.JSLT, asm.JSGE: asm.JSLE, asm.JSLT: asm.JSGT, asm.JSLE: asm.JSGE,
}

// branch goes to yes if a cc b, else to no.
func (f *fn) branch(cc asm.JumpOp, a, b opnd, yes, no *block) {
	if a.isImm() && b.isImm() {
		if holds(cc, a.imm, b.imm) {
			f.jump(yes)
		} else {
			f.jump(no)
		}
		return
	}
	if a.isImm() {
		a, b, cc = b, a, swapped[cc]
	}
	f.effort += branchEffort
	f.emit(ins{op: opBranch, cc: cc, a: a, b: b, to: yes, els: no})
}

// unless goes to away if a cc b and goes on in a new block otherwise.
func (f *fn) unless(cc asm.JumpOp, a, b opnd, away *block) {
	next := f.block()
	f.branch(cc, a, b, away, next)
	f.start(next)
}

func holds(cc asm.JumpOp, a, b int64) bool {
	switch cc {
	case asm.JEq:
		return a == b
	case asm.JNE:
		return a != b
	case asm.JGT:
		return uint64(a) > uint64(b)
	case asm.JGE:
		return uint64(a) >= uint64(b)
	case asm.JLT:
		return uint64(a) < uint64(b)
	case asm.JLE:
		return uint64(a) <= uint64(b)
	case asm.JSGT:
		return a > b
	case asm.JSGE:
		return a >= b
	case asm.JSLT:
		return a < b
	case asm.JSLE:
		return a <= b
	}
	panic("BUG: comparison without a meaning")
}

// alu returns a op b.
func (f *fn) alu(op asm.ALUOp, a, b opnd) opnd {
	if a.isImm() && b.isImm() {
		if v, ok := foldALU(op, a.imm, b.imm); ok {
			return iOpnd(v)
		}
	}
	if a.isImm() && (op == asm.Add || op == asm.Mul || op == asm.And || op == asm.Or || op == asm.Xor) {
		a, b = b, a
	}
	if b.isImm() {
		if a.kind == stackOpnd && (op == asm.Add || op == asm.Sub) {
			v, _ := foldALU(op, a.imm, b.imm)
			a.imm = v
			return a
		}
		var same bool
		if op, b, same = strength(op, b); same {
			return a
		}
		if b.is(0) && (op == asm.Mul || op == asm.And) {
			return b
		}
	}
	dst := f.reg()
	f.emit(ins{op: opALU, alu: op, dst: dst, a: a, b: b})
	return rOpnd(dst)
}

// strength replaces an operation with the constant b by a cheaper one; same
// says that it changes nothing.
func strength(op asm.ALUOp, b opnd) (asm.ALUOp, opnd, bool) {
	power := b.imm > 0 && b.imm&(b.imm-1) == 0
	log := int64(bits.TrailingZeros64(uint64(b.imm)))
	switch op {
	case asm.Add, asm.Sub, asm.Or, asm.Xor, asm.LSh, asm.RSh, asm.ArSh:
		return op, b, b.imm == 0
	case asm.And:
		return op, b, b.imm == -1
	case asm.Mul:
		if power {
			return asm.LSh, iOpnd(log), log == 0
		}
	case asm.Div:
		if power {
			return asm.RSh, iOpnd(log), log == 0
		}
	case asm.Mod:
		if power {
			return asm.And, iOpnd(b.imm - 1), false
		}
	}
	return op, b, false
}

// foldALU computes a op b; not where b is a zero divisor.
func foldALU(op asm.ALUOp, a, b int64) (int64, bool) {
	switch op {
	case asm.Add:
		return a + b, true
	case asm.Sub:
		return a - b, true
	case asm.Mul:
		return a * b, true
	case asm.Div:
		if b != 0 {
			return int64(uint64(a) / uint64(b)), true
		}
	case asm.Mod:
		if b != 0 {
			return int64(uint64(a) % uint64(b)), true
		}
	case asm.And:
		return a & b, true
	case asm.Or:
		return a | b, true
	case asm.Xor:
		return a ^ b, true
	case asm.LSh:
		return a << (b & 63), true
	case asm.RSh:
		return int64(uint64(a) >> (b & 63)), true
	case asm.ArSh:
		return a >> (b & 63), true
	}
	return 0, false
}

// ext cuts a to size bytes and extends it again.
func (f *fn) ext(a opnd, size int, signed bool) opnd {
	if size == 8 {
		return a
	}
	if a.isImm() {
		n := 64 - 8*size
		if signed {
			return iOpnd(a.imm << n >> n)
		}
		return iOpnd(int64(uint64(a.imm) << n >> n))
	}
	dst := f.reg()
	f.emit(ins{op: opExt, dst: dst, a: a, size: size, signed: signed})
	return rOpnd(dst)
}

// call calls a helper and returns its result.
func (f *fn) call(fn asm.BuiltinFunc, args ...opnd) opnd {
	dst := f.reg()
	f.emit(ins{op: opCall, fn: fn, dst: dst, args: args})
	return rOpnd(dst)
}

// kernelCall calls the kernel's own function of that number.
func (f *fn) kernelCall(id uint32, args ...opnd) opnd {
	dst := f.reg()
	f.emit(ins{op: opCall, kfunc: id, dst: dst, args: args})
	return rOpnd(dst)
}

// pureCall is call for helpers whose result alone matters.
func (f *fn) pureCall(fn asm.BuiltinFunc, args ...opnd) opnd {
	dst := f.reg()
	f.emit(ins{op: opCall, fn: fn, dst: dst, args: args, pure: true})
	return rOpnd(dst)
}

// mem is a place in BPF memory: a register or stack address and an offset.
type mem struct {
	base opnd
	off  int64
}

func (m mem) at(off int) mem { return mem{m.base, m.off + int64(off)} }

// onStack tells whether the verifier insists on aligned access to m.
func (m mem) onStack() bool { return m.base.kind == stackOpnd }

// addr returns m's address.
func (f *fn) addr(m mem) opnd {
	if m.onStack() || m.base.kind == mapValOpnd {
		return m.base.plus(m.off)
	}
	return f.alu(asm.Add, m.base, iOpnd(m.off))
}

// chunk returns the widest access of at most n bytes at off of m that the
// verifier takes.
func (m mem) chunk(off, n int) int {
	size := 8
	for size > n || m.onStack() && (m.base.imm+m.off+int64(off))%int64(size) != 0 {
		size /= 2
	}
	return size
}

// near returns m with an offset that fits an instruction.
func (f *fn) near(m mem) mem {
	if m.off == int64(int16(m.off)) && m.off < 1<<15-8 {
		return m
	}
	return mem{base: f.addr(m)}
}

// load reads size bytes at m.
func (f *fn) load(m mem, size int, signed bool) opnd {
	if c := m.chunk(0, size); c < size {
		low := f.load(m, size/2, false)
		high := f.load(m.at(size/2), size/2, false)
		return f.ext(f.alu(asm.Or, low, f.alu(asm.LSh, high, iOpnd(int64(size*4)))), size, signed)
	}
	m = f.near(m)
	dst := f.reg()
	f.emit(ins{op: opLoad, dst: dst, a: m.base, off: m.off, size: size})
	if signed && size < 8 {
		return f.ext(rOpnd(dst), size, true)
	}
	return rOpnd(dst)
}

// store writes the low size bytes of v at m.
func (f *fn) store(m mem, size int, v opnd) {
	if c := m.chunk(0, size); c < size {
		f.store(m, size/2, v)
		f.store(m.at(size/2), size/2, f.alu(asm.RSh, v, iOpnd(int64(size*4))))
		return
	}
	m = f.near(m)
	if v.isImm() {
		v = f.ext(v, size, true)
	}
	f.emit(ins{op: opStore, a: m.base, off: m.off, size: size, b: v})
}
