package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// inScratch returns the memory value of e at a place where the verifier takes
// variable offsets.
func (c *comp) inScratch(e prog.Expr) mem {
	m := c.place(e)
	if !m.onStack() {
		return m
	}
	s := c.scratchMem(e.Type().Size)
	c.copyMem(s, m, e.Type().Size)
	return s
}

// strstr is the index of the first place where the needle stands in the
// haystack, or -1.
func (c *comp) strstr(e *prog.Call) opnd {
	size := e.Args[0].Type().Size
	hay := c.inReg(c.addr(c.inScratch(e.Args[0])))
	var needle func(at opnd, yes, no *block)
	if s, ok := e.Args[1].(*prog.Str); ok {
		if len(s.Val) >= size {
			return iOpnd(-1)
		}
		size -= len(s.Val)
		needle = func(at opnd, yes, no *block) {
			c.prefix(mem{base: c.alu(asm.Add, hay, at)}, s.Val, yes, no)
		}
	} else {
		m := c.inReg(c.addr(c.inScratch(e.Args[1])))
		needle = func(at opnd, yes, no *block) {
			c.standsAt(hay, size, m, e.Args[1].Type().Size, at, yes, no)
		}
	}
	i, v := c.reg(), c.reg()
	c.noSpill[i] = true
	c.set(i, iOpnd(0))
	top, test, here, next, gone, end := c.block(), c.block(), c.block(), c.block(), c.block(), c.block()
	c.enter(top, gone)
	c.branch(asm.JLT, rOpnd(i), iOpnd(int64(size)), test, gone)
	c.start(test)
	needle(rOpnd(i), here, next)
	c.start(next)
	c.emit(ins{op: opALU, alu: asm.Add, dst: i, a: rOpnd(i), b: iOpnd(1)})
	c.jump(top)
	c.start(here)
	c.set(v, rOpnd(i))
	c.jump(end)
	c.start(gone)
	c.set(v, iOpnd(-1))
	c.start(end)
	return rOpnd(v)
}

// standsAt goes to yes if the string at needle stands at byte at of the one at
// hay.
func (c *comp) standsAt(hay opnd, size int, needle opnd, n int, at opnd, yes, no *block) {
	j := c.reg()
	c.noSpill[j] = true
	c.set(j, iOpnd(0))
	top, test, in := c.block(), c.block(), c.block()
	c.enter(top, no)
	c.branch(asm.JLT, rOpnd(j), iOpnd(int64(n)), test, yes)
	c.start(test)
	want := c.load(mem{base: c.alu(asm.Add, needle, rOpnd(j))}, 1, false)
	c.unless(asm.JEq, want, iOpnd(0), yes)
	k := c.bounded(c.alu(asm.Add, at, rOpnd(j)))
	c.branch(asm.JLT, k, iOpnd(int64(size)), in, no)
	c.start(in)
	c.unless(asm.JNE, c.load(mem{base: c.alu(asm.Add, hay, k)}, 1, false), want, no)
	c.emit(ins{op: opALU, alu: asm.Add, dst: j, a: rOpnd(j), b: iOpnd(1)})
	c.jump(top)
}
