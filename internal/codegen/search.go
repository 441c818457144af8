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

// inSlot returns the memory value of e in the scratch slot, where the functions
// of loops find it.
func (c *comp) inSlot(e prog.Expr) mem {
	m := c.place(e)
	if m.base.isReg(c.scratch) {
		return m
	}
	s := c.scratchMem(e.Type().Size)
	c.copyMem(s, m, e.Type().Size)
	return s
}

// byteAt reads the byte at an offset that the verifier knows the bounds of.
func (c *comp) byteAt(m mem, off opnd) opnd {
	return c.load(mem{base: c.alu(asm.Add, c.inReg(c.addr(m)), off)}, 1, false)
}

// strstr is the index of the first place where the needle stands in the
// haystack, or -1.
func (c *comp) strstr(e *prog.Call) opnd {
	size := e.Args[0].Type().Size
	hay := c.inSlot(e.Args[0])
	var stands func(at opnd, yes, no *block)
	if s, ok := e.Args[1].(*prog.Str); ok {
		if len(s.Val) >= size {
			return iOpnd(-1)
		}
		size -= len(s.Val)
		stands = func(at opnd, yes, no *block) {
			c.prefix(mem{base: c.alu(asm.Add, c.inReg(c.addr(hay)), at)}, s.Val, yes, no)
		}
	} else {
		needle := c.inSlot(e.Args[1])
		state := c.scratchMem(16)
		stands = func(at opnd, yes, no *block) {
			c.standsAt(hay, size, needle, e.Args[1].Type().Size, state, at, yes, no)
		}
	}
	index := c.scratchMem(8)
	c.store(index, 8, iOpnd(-1))
	c.repeat(nil, iOpnd(int64(size)), func(i opnd, l loop) {
		i = c.bounded(i)
		here, more := c.block(), c.block()
		c.unless(asm.JGE, i, iOpnd(int64(size)), l.leave)
		stands(i, here, more)
		c.start(here)
		c.store(index, 8, i)
		c.jump(l.leave)
		c.start(more)
		c.branch(asm.JEq, c.byteAt(hay, i), iOpnd(0), l.leave, l.next)
	})
	return c.load(index, 8, false)
}

// standsAt goes to yes if the string at needle, of n bytes at most, stands at
// byte at of the one at hay. Two words at state are its own.
func (c *comp) standsAt(hay mem, size int, needle mem, n int, state mem, at opnd, yes, no *block) {
	first, start, stands := c.load(needle, 1, false), state, state.at(8)
	c.unless(asm.JEq, first, iOpnd(0), yes)
	c.unless(asm.JNE, c.byteAt(hay, at), first, no)
	c.store(start, 8, at)
	c.store(stands, 8, iOpnd(1))
	c.repeat(nil, iOpnd(int64(n)), func(j opnd, l loop) {
		j = c.bounded(j)
		c.unless(asm.JGE, j, iOpnd(int64(n)), l.leave)
		want, differ, inside := c.byteAt(needle, j), c.block(), c.block()
		c.unless(asm.JEq, want, iOpnd(0), l.leave)
		k := c.bounded(c.alu(asm.Add, c.load(start, 8, false), j))
		c.branch(asm.JLT, k, iOpnd(int64(size)), inside, differ)
		c.start(inside)
		c.branch(asm.JEq, c.byteAt(hay, k), want, l.next, differ)
		c.start(differ)
		c.store(stands, 8, iOpnd(0))
		c.jump(l.leave)
	})
	c.branch(asm.JNE, c.load(stands, 8, false), iOpnd(0), yes, no)
}
