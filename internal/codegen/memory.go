package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// unrolled is how many bytes are copied or cleared without a helper.
const unrolled = 128

// stackMem returns size bytes of the stack frame.
func (c *comp) stackMem(size int) mem {
	end := c.stack.take(size) + round8(size)
	return mem{base: opnd{kind: stackOpnd, imm: -int64(end)}}
}

// temp returns size bytes, in the stack if they are few.
func (c *comp) temp(size int) mem {
	if size <= c.lim.onStack {
		return c.stackMem(size)
	}
	return c.scratchMem(size)
}

// zero clears n bytes at m. Many are cleared by a read that is bound to fail:
// the helper then clears its target.
func (c *comp) zero(m mem, n int) {
	if n > unrolled {
		c.call(asm.FnProbeReadKernel, c.addr(m), iOpnd(int64(n)), iOpnd(0))
		return
	}
	for off := 0; off < n; {
		size := m.chunk(off, n-off)
		c.store(m.at(off), size, iOpnd(0))
		off += size
	}
}

// copyMem copies n bytes.
func (c *comp) copyMem(dst, src mem, n int) {
	if dst == src {
		return
	}
	if n > unrolled {
		c.call(asm.FnProbeReadKernel, c.addr(dst), iOpnd(int64(n)), c.addr(src))
		return
	}
	for off := 0; off < n; {
		size := min(dst.chunk(off, n-off), src.chunk(off, n-off))
		c.store(dst.at(off), size, c.load(src.at(off), size, false))
		off += size
	}
}

// bytes writes the constant s at m.
func (c *comp) bytes(m mem, s string) {
	for off := 0; off < len(s); {
		size := m.chunk(off, len(s)-off)
		var v int64
		for i := range size {
			v |= int64(s[off+i]) << (8 * i)
		}
		c.store(m.at(off), size, iOpnd(v))
		off += size
	}
}

// user tells whether a pointer of type t leads to user memory. An unknown one
// does where a process's own code is probed.
func (c *comp) user(t *types.Type) bool {
	if t.Space == types.SpaceUnknown {
		return c.u.Target != nil
	}
	return t.Space == types.SpaceUser
}

// read copies n bytes, at most limit, at ptr into dst and returns the helper's
// result, zero where it could. Otherwise the bytes at dst are zero. Where kernels
// check what is copied from a process (CONFIG_HARDENED_USERCOPY), they find the stack
// at once, but look for a map's value among all areas of memory: the way through the
// stack is shorter.
func (c *comp) read(dst mem, n opnd, limit int, ptr opnd, user bool) opnd {
	if !c.byStack(dst, limit, user) {
		return c.readTo(dst, n, ptr, user)
	}
	mark := c.stack.at
	m := c.stackMem(limit)
	if !n.isImm() {
		c.zero(m, limit)
	}
	err := c.readTo(m, n, ptr, user)
	c.copyMem(dst, m, limit)
	c.stack.at = mark
	return err
}

// byStack tells whether what is read to dst comes by way of the stack: it is then
// limit bytes, those beyond what was read zero.
func (c *comp) byStack(dst mem, limit int, user bool) bool {
	return user && !dst.onStack() && limit <= c.lim.read
}

func (c *comp) readTo(dst mem, n, ptr opnd, user bool) opnd {
	fn := asm.FnProbeReadKernel
	switch {
	case user && c.sleepable():
		fn = asm.FnCopyFromUser
	case user:
		fn = asm.FnProbeReadUser
	}
	err := c.call(fn, c.addr(dst), n, ptr)
	c.failed(prog.RemarkRead, asm.JNE, err)
	return err
}

// checked tells of a failed read if err is not zero.
func (c *comp) checked(err opnd) {
	bad, ok := c.block(), c.block()
	c.branch(asm.JNE, err, iOpnd(0), bad, ok)
	c.start(bad)
	c.onFault(ok)
	c.start(ok)
}

// loadMem reads the memory value of e into dst.
func (c *comp) loadMem(e *prog.Load, dst mem) {
	if e.T.Size == 0 {
		return
	}
	ptr := c.value(e.Ptr)
	if e.Ptr.Type().Space == types.SpaceMap {
		c.copyMem(dst, mem{base: ptr}.at(int(e.Off)), e.T.Size)
		return
	}
	err := c.read(dst, iOpnd(int64(e.T.Size)), e.T.Size, c.alu(asm.Add, ptr, iOpnd(e.Off)), c.user(e.Ptr.Type()))
	if e.Checked {
		c.checked(err)
	}
}

// place returns where the memory value of e lies, making it if need be.
func (c *comp) place(e prog.Expr) mem {
	switch e := e.(type) {
	case *prog.VarRef:
		if c.vars[e.Var].parts == nil {
			return c.vars[e.Var].mem
		}
	case *prog.Builtin:
		if e.ID == prog.BComm && c.named && e.T.Size == commSize {
			return c.comm
		}
	case *prog.Member:
		return c.place(e.X).at(int(e.Off))
	case *prog.Elem:
		if i, ok := e.I.(*prog.Int); ok && i.Val < uint64(elems(e.X.Type())) {
			return c.place(e.X).at(int(i.Val) * e.T.Size)
		}
	case *prog.Block:
		c.blockStmts(e)
		return c.place(e.X)
	case *prog.Cast:
		if !e.X.Type().Scalar() && e.X.Type().Size == e.T.Size {
			return c.place(e.X)
		}
	case *prog.Load:
		if e.Ptr.Type().Space == types.SpaceMap {
			return mem{base: c.inReg(c.value(e.Ptr))}.at(int(e.Off))
		}
	}
	m := c.temp(e.Type().Size)
	c.fill(e, m, e.Type().Size)
	return m
}

// fill writes the value of e at dst and clears what remains of size bytes.
func (c *comp) fill(e prog.Expr, dst mem, size int) {
	n := e.Type().Size
	if e.Type().Scalar() {
		c.store(dst, n, c.value(e))
	} else {
		c.fillMem(e, dst)
	}
	if n < size {
		c.zero(dst.at(n), size-n)
	}
}

func (c *comp) fillMem(e prog.Expr, dst mem) {
	n := e.Type().Size
	switch e := e.(type) {
	case *prog.Str:
		c.bytes(dst, e.Val[:min(len(e.Val), max(n-1, 0))])
		c.zero(dst.at(min(len(e.Val), n-1)), n-min(len(e.Val), n-1))
	case *prog.Load:
		c.loadMem(e, dst)
	case *prog.CtxLoad:
		c.call(asm.FnProbeReadKernel, c.addr(dst), iOpnd(int64(n)), c.alu(asm.Add, c.ctx, iOpnd(int64(e.Off))))
	case *prog.VarRef:
		c.fillVar(e.Var, dst)
	case *prog.Compose:
		c.compose(e, dst)
	case *prog.MapGet:
		c.mapGetMem(e, dst)
	case *prog.StrN:
		c.strN(e, dst)
	case *prog.Call:
		c.callMem(e, dst)
	case *prog.Builtin:
		c.builtinMem(e, dst)
	case *prog.Cond:
		yes, no, end := c.block(), c.block(), c.block()
		c.cond(e.C, yes, no)
		c.both(func() {
			c.start(yes)
			c.fill(e.A, dst, n)
			c.jump(end)
		}, func() {
			c.start(no)
			c.fill(e.B, dst, n)
		})
		c.start(end)
	case *prog.Cast:
		c.castMem(e, dst)
	case *prog.Block:
		c.blockStmts(e)
		c.fill(e.X, dst, n)
	case *prog.Elem:
		c.elemMem(e, dst)
	default:
		c.copyMem(dst, c.place(e), n)
	}
}

// castMem reinterprets a value, cutting or lengthening a string.
func (c *comp) castMem(e *prog.Cast, dst mem) {
	n := e.T.Size
	if e.T.Kind == types.Buffer && e.X.Type().Kind == types.Array {
		c.store(dst, 4, iOpnd(int64(e.X.Type().Size)))
		c.fill(e.X, dst.at(4), n-4)
		return
	}
	if e.X.Type().Size <= n {
		c.fill(e.X, dst, n)
		return
	}
	c.copyMem(dst, c.place(e.X), n)
	if e.T.Kind == types.String {
		c.store(dst.at(n-1), 1, iOpnd(0))
	}
}

// compose writes the parts of a tuple, record, struct or array and clears the
// gaps between them.
func (c *comp) compose(e *prog.Compose, dst mem) {
	end := 0
	for i, p := range e.Parts {
		off, size := partAt(e.T, i)
		if off > end {
			c.zero(dst.at(end), off-end)
		}
		c.fill(p, dst.at(off), size)
		end = off + size
	}
	if end < e.T.Size {
		c.zero(dst.at(end), e.T.Size-end)
	}
}

// partAt returns the offset and size of part i of a value of type t.
func partAt(t *types.Type, i int) (off, size int) {
	if t.Kind == types.Array {
		return i * t.Elem.Size, t.Elem.Size
	}
	return t.Fields[i].Offset, t.Fields[i].Type.Size
}

// elems returns how many elements t has; a string's are its bytes.
func elems(t *types.Type) int {
	if t.Kind == types.Array {
		return t.Len
	}
	return t.Size
}

// elemAddr returns the address of element e.I of a value in memory. out is
// where an index beyond the end leads to; it is counted there.
func (c *comp) elemAddr(e *prog.Elem, out *block) mem {
	m := c.inScratch(e.X)
	i := c.copy(c.value(e.I))
	c.noSpill[i.reg] = true
	c.unless(asm.JGE, i, iOpnd(int64(elems(e.X.Type()))), out)
	off := c.alu(asm.Mul, i, iOpnd(int64(e.T.Size)))
	if off.kind == regOpnd {
		c.noSpill[off.reg] = true
	}
	return mem{base: c.alu(asm.Add, c.inReg(c.addr(m)), off)}
}

func (c *comp) elemMem(e *prog.Elem, dst mem) {
	out, end := c.block(), c.block()
	c.copyMem(dst, c.elemAddr(e, out), e.T.Size)
	c.jump(end)
	c.start(out)
	c.remark(prog.RemarkBounds, e.Span())
	c.zero(dst, e.T.Size)
	c.start(end)
}

func (c *comp) elem(e *prog.Elem) opnd {
	if i, ok := e.I.(*prog.Int); ok && i.Val < uint64(elems(e.X.Type())) {
		return c.load(c.place(e.X).at(int(i.Val)*e.T.Size), e.T.Size, e.T.Signed)
	}
	out, end, v := c.block(), c.block(), c.reg()
	c.set(v, c.load(c.elemAddr(e, out), e.T.Size, e.T.Signed))
	c.jump(end)
	c.start(out)
	c.remark(prog.RemarkBounds, e.Span())
	c.set(v, iOpnd(0))
	c.start(end)
	return rOpnd(v)
}
