package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// Strings in memory are filled up with zeroes, so that equal strings are equal
// bytes and may be parts of map keys.

// atMost returns the unsigned smaller of n and limit in a register that keeps
// its bounds before the verifier's eyes.
func (c *comp) atMost(n opnd, limit int) opnd {
	if n.isImm() {
		return iOpnd(int64(min(uint64(n.imm), uint64(limit))))
	}
	v := c.copy(n)
	c.noSpill[v.reg] = true
	big, end := c.block(), c.block()
	c.branch(asm.JLE, v, iOpnd(int64(limit)), end, big)
	c.start(big)
	c.set(v.reg, iOpnd(int64(limit)))
	c.start(end)
	return v
}

// readStr reads a NUL-terminated string of at most size bytes into dst and
// returns its length with the NUL, or what is below zero.
func (c *comp) readStr(dst mem, size, ptr opnd, user bool) opnd {
	fn := asm.FnProbeReadKernelStr
	if user {
		fn = asm.FnProbeReadUserStr
	}
	n := c.call(fn, c.addr(dst), size, ptr)
	if !user || !c.sleepable() {
		c.failed(prog.RemarkReadStr, asm.JSLT, n)
		return n
	}
	// Bring in the page the string starts in and the next, and read again.
	v, end := c.reg(), c.block()
	c.set(v, n)
	c.unless(asm.JSGE, n, iOpnd(0), end)
	mark := c.stack.at
	one := c.addr(c.stackMem(1))
	next := c.alu(asm.Add, c.alu(asm.Or, ptr, iOpnd(pageSize-1)), iOpnd(1))
	c.call(asm.FnCopyFromUser, one, iOpnd(1), ptr)
	c.call(asm.FnCopyFromUser, one, iOpnd(1), next)
	c.stack.at = mark
	c.set(v, c.call(fn, c.addr(dst), size, ptr))
	c.start(end)
	c.failed(prog.RemarkReadStr, asm.JSLT, rOpnd(v))
	return rOpnd(v)
}

// strArgs evaluates str's arguments: the pointer and how many bytes to read.
func (c *comp) strArgs(e *prog.Call, limit int) (ptr, size opnd, user bool) {
	ptr = c.value(e.Args[0])
	user = c.user(e.Args[0].Type())
	if len(e.Args) == 1 {
		return ptr, iOpnd(int64(limit)), user
	}
	if hasBlock(e.Args[1]) {
		ptr = c.copy(ptr)
	}
	return ptr, c.value(e.Args[1]), user
}

// callMem writes the result of a function whose value lives in memory.
func (c *comp) callMem(e *prog.Call, dst mem) {
	n := e.T.Size
	switch e.Fn {
	case prog.FnStr:
		ptr, size, user := c.strArgs(e, n)
		c.zero(dst, n)
		got := c.readStr(dst, c.atMost(size, n), ptr, user)
		c.lastByte(dst, n, got, size, ptr, user)
	case prog.FnBuf:
		c.buffer(e, dst)
	case prog.FnUSym:
		c.store(dst, 8, c.value(e.Args[0]))
		c.store(dst.at(8), 4, c.alu(asm.RSh, c.pidTgid(), iOpnd(32)))
		c.store(dst.at(12), 4, iOpnd(0))
	case prog.FnNtop:
		c.ntop(e, dst)
	case prog.FnMac:
		c.copyMem(dst, c.place(e.Args[0]), 6)
	case prog.FnStrftime:
		index, ns := c.operands(e.Args[0], e.Args[1])
		c.store(dst, 8, ns)
		c.store(dst.at(8), 8, index)
	case prog.FnStrConcat:
		c.strConcat(e, dst)
	case prog.FnStackPush:
		c.stackPush(e, dst)
	case prog.FnPath:
		c.path(e, dst)
	case prog.FnCommOf:
		c.commOf(e, dst)
	default:
		c.errs.Errorf(e.At, "BUG: no code for this function")
	}
}

// lastByte puts the character where readStr had to put the NUL of a string that
// does not fit into n bytes, though more of it were wanted: a string without a
// NUL is one that was cut.
func (c *comp) lastByte(dst mem, n int, got, want, ptr opnd, user bool) {
	if want.isImm() && want.imm <= int64(n) {
		return
	}
	end := c.block()
	if !want.isImm() {
		c.unless(asm.JLE, want, iOpnd(int64(n)), end)
	}
	c.unless(asm.JNE, got, iOpnd(int64(n)), end)
	c.read(dst.at(n-1), iOpnd(1), 1, c.alu(asm.Add, ptr, iOpnd(int64(n-1))), user)
	c.start(end)
}

func (c *comp) buffer(e *prog.Call, dst mem) {
	room := e.T.Size - 4
	ptr, n := c.operands(e.Args[0], e.Args[1])
	c.zero(dst.at(4), room)
	size := c.atMost(n, room)
	c.store(dst, 4, size)
	c.read(dst.at(4), size, room, ptr, c.user(e.Args[0].Type()))
}

// ntop writes an address: the family, then 16 bytes.
func (c *comp) ntop(e *prog.Call, dst mem) {
	af, addr := e.Args[0], e.Args[1]
	c.store(dst, 4, c.value(af))
	n := min(addr.Type().Size, 16)
	if addr.Type().Scalar() {
		n = 4
		c.store(dst.at(4), 4, c.value(addr))
	} else {
		c.copyMem(dst.at(4), c.place(addr), n)
	}
	c.zero(dst.at(4+n), 16-n)
}

// strN writes the string of a known length.
func (c *comp) strN(e *prog.StrN, dst mem) {
	ptr, n := c.operands(e.Ptr, e.Len)
	user := c.user(e.Ptr.Type())
	if !c.byStack(dst, e.T.Size, user) {
		c.zero(dst, e.T.Size)
	}
	err := c.read(dst, c.atMost(n, e.T.Size-1), e.T.Size, ptr, user)
	if e.Checked {
		c.checked(err)
	}
}

// equal goes to yes if two memory values are the same.
func (c *comp) equal(x, y prog.Expr, yes, no *block) {
	if s, ok := x.(*prog.Str); ok {
		x, y = y, s
	}
	n := min(x.Type().Size, y.Type().Size)
	if s, ok := y.(*prog.Str); ok {
		c.equalConst(c.place(x), x.Type().Size, s.Val, yes, no)
		return
	}
	c.equalBytes(c.place(x), c.place(y), n, yes, no)
}

// equalConst compares a string of capacity size with a constant.
func (c *comp) equalConst(m mem, size int, s string, yes, no *block) {
	s += "\x00"
	if len(s) > size {
		c.jump(no)
		return
	}
	c.prefix(m, s, yes, no)
}

// prefix goes to yes if the bytes at m are those of s.
func (c *comp) prefix(m mem, s string, yes, no *block) {
	for off := 0; off < len(s); {
		size := m.chunk(off, len(s)-off)
		var v int64
		for i := range size {
			v |= int64(s[off+i]) << (8 * i)
		}
		c.unless(asm.JNE, c.load(m.at(off), size, false), iOpnd(v), no)
		off += size
	}
	c.jump(yes)
}

// equalBytes goes to yes if n bytes at a and b are the same.
func (c *comp) equalBytes(a, b mem, n int, yes, no *block) {
	if n > 2*unrolled && !a.onStack() && !b.onStack() {
		whole := n &^ 7
		c.words(a, b, whole, no)
		a, b, n = a.at(whole), b.at(whole), n-whole
	}
	for off := 0; off < n; {
		size := min(a.chunk(off, n-off), b.chunk(off, n-off))
		c.unless(asm.JNE, c.load(a.at(off), size, false), c.load(b.at(off), size, false), no)
		off += size
	}
	c.jump(yes)
}

// words compares n bytes, a multiple of eight, in a loop.
func (c *comp) words(a, b mem, n int, no *block) {
	pa, pb := c.inReg(c.addr(a)), c.inReg(c.addr(b))
	i := c.copy(iOpnd(0))
	c.noSpill[i.reg] = true
	top, body, end := c.block(), c.block(), c.block()
	c.start(top)
	c.branch(asm.JLT, i, iOpnd(int64(n)), body, end)
	c.start(body)
	x := c.load(mem{base: c.alu(asm.Add, pa, i)}, 8, false)
	y := c.load(mem{base: c.alu(asm.Add, pb, i)}, 8, false)
	c.unless(asm.JNE, x, y, no)
	c.emit(ins{op: opALU, alu: asm.Add, dst: i.reg, a: i, b: iOpnd(8)})
	c.jump(top)
	c.start(end)
}

// strncmp is zero if the first n characters are the same, else one.
func (c *comp) strncmp(e *prog.Call) opnd {
	n, ok := e.Args[2].(*prog.Int)
	if !ok {
		c.errs.Errorf(e.Args[2].Span(), "the length has to be a constant")
		return iOpnd(0)
	}
	x, y := e.Args[0], e.Args[1]
	if s, ok := x.(*prog.Str); ok {
		x, y = y, s
	}
	yes, no, end, v := c.block(), c.block(), c.block(), c.reg()
	size := int(min(n.Val, uint64(x.Type().Size), uint64(y.Type().Size)))
	if s, ok := y.(*prog.Str); ok && len(s.Val) >= size {
		c.prefix(c.place(x), s.Val[:size], yes, no)
	} else if ok {
		c.equalConst(c.place(x), x.Type().Size, s.Val, yes, no)
	} else {
		c.equalBytes(c.place(x), c.place(y), size, yes, no)
	}
	c.start(yes)
	c.set(v, iOpnd(0))
	c.jump(end)
	c.start(no)
	c.set(v, iOpnd(1))
	c.start(end)
	return rOpnd(v)
}

// strlen counts a string's characters.
func (c *comp) strlen(e prog.Expr) opnd {
	if s, ok := e.(*prog.Str); ok {
		return iOpnd(int64(len(s.Val)))
	}
	n := e.Type().Size
	m := c.place(e)
	copied := c.scratchMem(n)
	return c.alu(asm.Sub, c.readStr(copied, iOpnd(int64(n)), c.addr(m), false), iOpnd(1))
}

// memcmp compares n bytes of two memory values, the first differing one
// decides.
func (c *comp) memcmp(e *prog.Call) opnd {
	n, ok := e.Args[2].(*prog.Int)
	if !ok {
		c.errs.Errorf(e.Args[2].Span(), "the length has to be a constant")
		return iOpnd(0)
	}
	a, b := c.place(e.Args[0]), c.place(e.Args[1])
	size := int(min(n.Val, uint64(e.Args[0].Type().Size), uint64(e.Args[1].Type().Size)))
	x, y, v := c.reg(), c.reg(), c.reg()
	differ, end := c.block(), c.block()
	for off := 0; off < size; {
		k := min(a.chunk(off, size-off), b.chunk(off, size-off))
		c.set(x, c.load(a.at(off), k, false))
		c.set(y, c.load(b.at(off), k, false))
		c.unless(asm.JNE, rOpnd(x), rOpnd(y), differ)
		off += k
	}
	c.set(v, iOpnd(0))
	c.jump(end)
	c.start(differ)
	c.set(v, iOpnd(1))
	c.unless(asm.JGT, c.swap(rOpnd(x), 8), c.swap(rOpnd(y), 8), end)
	c.set(v, iOpnd(-1))
	c.start(end)
	return rOpnd(v)
}

// swap reverses the bytes of the low size bytes of x.
func (c *comp) swap(x opnd, size int) opnd {
	dst := c.reg()
	c.emit(ins{op: opSwap, dst: dst, a: c.inReg(x), size: size})
	return rOpnd(dst)
}
