package codegen

import (
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// writer turns intermediate code into instructions.
type writer struct {
	places map[vreg]place
	out    asm.Instructions
	spans  []diag.Span // one a raw instruction
	jumps  []pending
	starts map[*block]int
	next   *block
	span   diag.Span
}

// pending is a jump whose target was not placed yet.
type pending struct {
	ins, raw int
	to       *block
}

var sizes = map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}

// write returns the instructions of fns, one behind the other. Their frames have to
// be each run's own, if own.
func write(fns []*fn, places []map[vreg]place, own bool) (*writer, error) {
	w := &writer{starts: map[*block]int{}}
	for i, f := range fns {
		w.places = places[i]
		first := len(w.out)
		if i == 0 && own {
			w.keepStack()
		}
		w.function(f)
		if len(fns) > 1 {
			w.out[first] = described(w.out[first], f.name, i == 0)
		}
	}
	for _, j := range w.jumps {
		off := w.starts[j.to] - j.raw - 1
		if off != int(int16(off)) {
			return nil, errJump
		}
		w.out[j.ins].Offset = int16(off)
	}
	return w, nil
}

// keepStack writes a tail call that is never made. Without one, Linux from 6.13 on
// puts a frame of 64 bytes or more not on the stack of the thread, but where all
// runs on a CPU have theirs. A program on user code may be preempted, or sleep,
// while it runs for another thread on the same CPU, and one on a tracepoint that nests
// be interrupted by a run of its own.
func (w *writer) keepStack() {
	w.put(asm.Mov.Imm(asm.R0, 0))
	w.put(asm.Instruction{OpCode: asm.JEq.Op(asm.ImmSource), Dst: asm.R0, Constant: 0, Offset: 1})
	w.put(asm.FnTailCall.Call())
}

func (w *writer) function(f *fn) {
	for n, b := range f.blocks {
		w.starts[b] = len(w.spans)
		w.next = nil
		if n+1 < len(f.blocks) {
			w.next = f.blocks[n+1]
		}
		for k := range b.ins {
			w.span = b.ins[k].span
			w.ins(&b.ins[k])
		}
	}
}

// described gives a function's first instruction the type that the kernel
// wants of programs with callbacks.
func described(i asm.Instruction, name string, program bool) asm.Instruction {
	f := &btf.Func{Name: name, Linkage: btf.StaticFunc, Type: &btf.FuncProto{
		Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
	}}
	if program {
		f.Name, f.Linkage = "program", btf.GlobalFunc
	}
	return btf.WithFuncMetadata(i.WithSymbol(f.Name), f)
}

func (w *writer) put(i asm.Instruction) {
	w.out = append(w.out, i)
	for range i.Width() {
		w.spans = append(w.spans, w.span)
	}
}

func (w *writer) jump(i asm.Instruction, to *block) {
	w.jumps = append(w.jumps, pending{ins: len(w.out), raw: len(w.spans), to: to})
	i.Offset = 0
	w.put(i)
}

// get returns o in a register: its own, or temp.
func (w *writer) get(o opnd, temp asm.Register) asm.Register {
	if o.kind == regOpnd {
		if p := w.places[o.reg]; !p.spilled {
			return p.reg
		}
	}
	w.into(temp, o)
	return temp
}

// into puts o into register r.
func (w *writer) into(r asm.Register, o opnd) {
	switch o.kind {
	case regOpnd:
		p := w.places[o.reg]
		if p.spilled {
			w.put(asm.LoadMem(r, asm.RFP, p.off, asm.DWord))
		} else if p.reg != r {
			w.put(asm.Mov.Reg(r, p.reg))
		}
	case immOpnd:
		if o.fits32() {
			w.put(asm.Mov.Imm(r, int32(o.imm)))
		} else {
			w.put(asm.LoadImm(r, o.imm, asm.DWord))
		}
	case stackOpnd:
		w.put(asm.Mov.Reg(r, asm.RFP))
		w.put(asm.Add.Imm(r, int32(o.imm)))
	case mapOpnd:
		w.put(asm.LoadMapPtr(r, 0).WithReference(o.name))
	case mapValOpnd:
		w.put(asm.LoadMapValue(r, 0, uint32(o.imm)).WithReference(o.name))
	case funcOpnd:
		w.put(asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: r, Src: asm.PseudoFunc, Constant: -1}.WithReference(o.name))
	default:
		panic("BUG: empty operand")
	}
}

// dst returns the register in which v is computed; store writes it home.
func (w *writer) dst(v vreg) asm.Register {
	if p := w.places[v]; !p.spilled {
		return p.reg
	}
	return tempA
}

func (w *writer) home(v vreg, r asm.Register) {
	p := w.places[v]
	if p.spilled {
		w.put(asm.StoreMem(asm.RFP, p.off, r, asm.DWord))
	} else if p.reg != r {
		w.put(asm.Mov.Reg(p.reg, r))
	}
}

// base returns the register and offset by which i's memory is reached.
func (w *writer) base(i *ins) (asm.Register, int16) {
	if i.a.kind == stackOpnd {
		return asm.RFP, int16(i.a.imm + i.off)
	}
	return w.get(i.a, tempB), int16(i.off)
}

func (w *writer) ins(i *ins) {
	switch i.op {
	case opMov:
		if p := w.places[i.dst]; p.spilled && i.a.kind == regOpnd && !w.places[i.a.reg].spilled {
			w.home(i.dst, w.places[i.a.reg].reg)
			return
		}
		r := w.dst(i.dst)
		w.into(r, i.a)
		w.home(i.dst, r)
	case opArg:
		w.home(i.dst, asm.R1+asm.Register(i.off))
	case opALU:
		w.alu(i)
	case opExt:
		w.ext(i)
	case opSwap:
		r := w.dst(i.dst)
		w.into(r, i.a)
		w.put(asm.HostTo(asm.BE, r, sizes[i.size]))
		w.home(i.dst, r)
	case opLoad:
		base, off := w.base(i)
		r := w.dst(i.dst)
		w.put(asm.LoadMem(r, base, off, sizes[i.size]))
		w.home(i.dst, r)
	case opStore:
		base, off := w.base(i)
		if i.b.fits32() {
			w.put(asm.Instruction{OpCode: asm.StoreImmOp(sizes[i.size]), Dst: base, Offset: off, Constant: i.b.imm})
			return
		}
		w.put(asm.StoreMem(base, off, w.get(i.b, tempA), sizes[i.size]))
	case opAdd, opXchg, opCas:
		w.atomic(i)
	case opCall:
		w.call(i)
	default:
		w.leave(i)
	}
}

func (w *writer) alu(i *ins) {
	r := w.dst(i.dst)
	if i.b.fits32() {
		w.into(r, i.a)
		w.put(i.alu.Imm(r, int32(i.b.imm)))
		w.home(i.dst, r)
		return
	}
	b := w.get(i.b, tempB)
	if b == r && !i.a.isReg(i.dst) {
		r = tempA
	}
	w.into(r, i.a)
	w.put(i.alu.Reg(r, b))
	w.home(i.dst, r)
}

func (w *writer) ext(i *ins) {
	r := w.dst(i.dst)
	switch {
	case !i.signed && i.size == 4:
		w.put(asm.Mov.Reg32(r, w.get(i.a, r)))
	case !i.signed:
		w.into(r, i.a)
		w.put(asm.And.Imm(r, 1<<(8*i.size)-1))
	default:
		w.into(r, i.a)
		n := int32(64 - 8*i.size)
		w.put(asm.LSh.Imm(r, n))
		w.put(asm.ArSh.Imm(r, n))
	}
	w.home(i.dst, r)
}

// atomic writes the three atomic operations. Compare and exchange compares
// with R0 by definition; its base and new value are kept in registers.
func (w *writer) atomic(i *ins) {
	base, off := w.base(i)
	size := sizes[i.size]
	switch i.op {
	case opAdd:
		w.put(asm.AddAtomic.Mem(base, w.get(i.b, tempA), size, off))
	case opXchg:
		w.into(tempA, i.b)
		w.put(coded(asm.Xchg, asm.Xchg.Mem(base, tempA, size, off)))
		w.home(i.dst, tempA)
	case opCas:
		w.into(tempA, i.args[0])
		w.put(coded(asm.CmpXchg, asm.CmpXchg.Mem(base, w.get(i.b, tempB), size, off)))
		w.home(i.dst, tempA)
	}
}

// coded puts the operation's number into the instruction's constant, where the
// kernel wants it; cilium/ebpf 0.22 writes zero there, which is an addition.
func coded(op asm.AtomicOp, i asm.Instruction) asm.Instruction {
	i.Constant = int64(op >> 8)
	return i
}

// call moves the arguments into R1 and up, all at once: a register that is
// both a source and a target is read before it is written. A fifth argument is a
// constant: R5 holds no values.
func (w *writer) call(i *ins) {
	args := i.args[:min(len(i.args), len(callerSaved))]
	regs := map[asm.Register]asm.Register{}
	for k, a := range args {
		if a.kind == regOpnd && !w.places[a.reg].spilled && w.places[a.reg].reg != callerSaved[k] {
			regs[callerSaved[k]] = w.places[a.reg].reg
		}
	}
	for len(regs) > 0 {
		w.moveOne(regs)
	}
	for k, a := range args {
		if a.kind != regOpnd || w.places[a.reg].spilled {
			w.into(callerSaved[k], a)
		}
	}
	if len(i.args) > len(args) {
		w.into(tempB, i.args[len(args)])
	}
	if i.kfunc != 0 {
		w.put(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(i.kfunc)})
	} else {
		w.put(i.fn.Call())
	}
	if i.dst != 0 {
		w.home(i.dst, asm.R0)
	}
}

// moveOne makes one of the moves target <- source that destroys no other's
// source; of a cycle it parks a source first.
func (w *writer) moveOne(regs map[asm.Register]asm.Register) {
	for _, to := range callerSaved {
		from, ok := regs[to]
		if !ok || isSource(regs, to) {
			continue
		}
		w.put(asm.Mov.Reg(to, from))
		delete(regs, to)
		return
	}
	for _, to := range callerSaved {
		if from, ok := regs[to]; ok {
			w.put(asm.Mov.Reg(tempA, from))
			regs[to] = tempA
			return
		}
	}
}

func isSource(regs map[asm.Register]asm.Register, r asm.Register) bool {
	for _, from := range regs {
		if from == r {
			return true
		}
	}
	return false
}

var inverse = map[asm.JumpOp]asm.JumpOp{
	asm.JEq: asm.JNE, asm.JNE: asm.JEq, asm.JGT: asm.JLE, asm.JGE: asm.JLT, asm.JLT: asm.JGE, asm.JLE: asm.JGT,
	asm.JSGT: asm.JSLE, asm.JSGE: asm.JSLT, asm.JSLT: asm.JSGE, asm.JSLE: asm.JSGT,
}

// leave writes what ends a block.
func (w *writer) leave(i *ins) {
	switch i.op {
	case opJump:
		w.goTo(i.to)
	case opBranch:
		cc, to, els := i.cc, i.to, i.els
		if to == w.next {
			cc, to, els = inverse[cc], els, to
		}
		a := w.get(i.a, tempA)
		if i.b.fits32() {
			w.jump(asm.Instruction{OpCode: cc.Op(asm.ImmSource), Dst: a, Constant: i.b.imm}, to)
		} else {
			w.jump(asm.Instruction{OpCode: cc.Op(asm.RegSource), Dst: a, Src: w.get(i.b, tempB)}, to)
		}
		w.goTo(els)
	case opExit:
		w.into(asm.R0, i.a)
		w.put(asm.Return())
	}
}

func (w *writer) goTo(b *block) {
	if b != w.next {
		w.jump(asm.Instruction{OpCode: asm.Ja.Op(asm.ImmSource)}, b)
	}
}
