package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// value returns the scalar value of e, extended to 64 bits by its type.
func (c *comp) value(e prog.Expr) opnd {
	outer := c.span
	c.span = e.Span()
	defer func() { c.span = outer }()
	t := e.Type()
	switch e := e.(type) {
	case *prog.Int:
		return c.ext(iOpnd(int64(e.Val)), t.Size, t.Signed)
	case *prog.VarRef:
		if v := c.vars[e.Var]; v.reg != 0 {
			return rOpnd(v.reg)
		}
		return c.load(c.vars[e.Var].mem, t.Size, t.Signed)
	case *prog.Reg:
		return c.register(e)
	case *prog.CtxLoad:
		return c.load(mem{base: c.ctx}.at(e.Off), t.Size, t.Signed)
	case *prog.CtxAddr:
		return c.ctxAddr(e)
	case *prog.CtxArg:
		return c.ext(c.load(mem{base: c.ctx}.at(8*e.N), 8, false), t.Size, t.Signed)
	case *prog.Builtin:
		return c.builtin(e)
	case *prog.Call:
		return c.function(e)
	case *prog.Unary:
		return c.unary(e)
	case *prog.Binary:
		return c.binary(e)
	case *prog.Cond:
		return c.choose(e)
	case *prog.Cast:
		return c.cast(e)
	case *prog.Must:
		return c.must(e)
	case *prog.Load:
		return c.loadScalar(e)
	case *prog.Member:
		if v, ok := c.part(e); ok {
			return v
		}
		return c.bits(c.place(e.X).at(int(e.Off)), t, e.BitOff, e.BitSize)
	case *prog.Elem:
		return c.elem(e)
	case *prog.MapGet:
		return c.mapGet(e)
	case *prog.MapPtr:
		return c.lookup(e.Map, e.Key)
	case *prog.Addr:
		return c.addr(c.vars[e.Var].mem)
	case *prog.Block:
		c.blockStmts(e)
		return c.value(e.X)
	}
	c.errs.Errorf(e.Span(), "BUG: no code for this expression")
	return iOpnd(0)
}

// must is a number that has to be there: without it the statement is left out as
// with a read that fails, but nothing is amiss.
func (c *comp) must(e *prog.Must) opnd {
	v := c.copy(c.value(e.X))
	gone, ok := c.block(), c.block()
	c.branch(asm.JEq, v, iOpnd(-1), gone, ok)
	c.start(gone)
	c.set(v.reg, iOpnd(0))
	c.absent = true
	c.onFault(ok)
	c.absent = false
	c.start(ok)
	return v
}

// blockStmts runs the statements of a block expression. Their variables were
// placed by the statement around it.
func (c *comp) blockStmts(e *prog.Block) {
	for _, s := range e.Stmts {
		fault := c.onFault
		c.span = s.Span()
		if set, ok := s.(*prog.SetVar); ok && !c.unused[set.Var] {
			c.assignVar(set) // a read that fails is the surrounding expression's
		} else {
			c.one(s)
		}
		c.onFault = fault
	}
	c.span = e.Span()
}

func (c *comp) ctxAddr(e *prog.CtxAddr) opnd {
	if !e.DataLoc {
		return c.alu(asm.Add, c.ctx, iOpnd(int64(e.Off)))
	}
	word := c.load(mem{base: c.ctx}.at(e.Off), 4, false)
	return c.alu(asm.Add, c.ctx, c.alu(asm.And, word, iOpnd(0xffff)))
}

// bits reads a scalar of type t at m, or size bits of it from bit off on.
func (c *comp) bits(m mem, t *types.Type, off, size int) opnd {
	if size == 0 {
		return c.load(m, t.Size, t.Signed)
	}
	v := c.alu(asm.LSh, c.load(m, t.Size, false), iOpnd(int64(64-off-size)))
	shift := asm.RSh
	if t.Signed {
		shift = asm.ArSh
	}
	return c.alu(shift, v, iOpnd(int64(64-size)))
}

func (c *comp) loadScalar(e *prog.Load) opnd {
	ptr := c.value(e.Ptr)
	if e.Ptr.Type().Space == types.SpaceMap {
		return c.bits(mem{base: ptr}.at(int(e.Off)), e.T, e.BitOff, e.BitSize)
	}
	mark := c.stack.at
	m := c.stackMem(8)
	err := c.read(m, iOpnd(int64(e.T.Size)), e.T.Size, c.alu(asm.Add, ptr, iOpnd(e.Off)), c.user(e.Ptr.Type()))
	if e.Checked {
		c.checked(err)
	}
	v := c.bits(m, e.T, e.BitOff, e.BitSize)
	c.stack.at = mark
	return v
}

func (c *comp) unary(e *prog.Unary) opnd {
	if e.Op == prog.Not {
		return c.truth(e)
	}
	x := c.value(e.X)
	v := c.alu(asm.Xor, x, iOpnd(-1))
	if e.Op == prog.Neg {
		v = c.alu(asm.Sub, iOpnd(0), x)
	}
	return c.ext(v, e.T.Size, e.T.Signed)
}

var aluOps = map[prog.Op]asm.ALUOp{
	prog.Add: asm.Add, prog.Sub: asm.Sub, prog.Mul: asm.Mul, prog.And: asm.And, prog.Or: asm.Or, prog.Xor: asm.Xor,
	prog.Shl: asm.LSh, prog.Shr: asm.RSh,
}

// operands evaluates x, then y; what y's statements change in variables does
// not reach back into x.
func (c *comp) operands(ex, ey prog.Expr) (x, y opnd) {
	x = c.value(ex)
	if x.kind == regOpnd && hasBlock(ey) {
		x = c.copy(x)
	}
	return x, c.value(ey)
}

func (c *comp) binary(e *prog.Binary) opnd {
	if e.Op == prog.Div || e.Op == prog.Mod {
		return c.divide(e)
	}
	op, ok := aluOps[e.Op]
	if !ok {
		return c.truth(e)
	}
	x, y := c.operands(e.X, e.Y)
	if y.isImm() && (e.Op == prog.Shl || e.Op == prog.Shr) {
		y.imm &= 63
	}
	return c.ext(c.alu(op, x, y), e.T.Size, e.T.Signed)
}

// divide divides, or takes the rest. Division by zero gives one and is
// counted. eBPF divides unsigned numbers only: signs are taken off before and
// put on after.
func (c *comp) divide(e *prog.Binary) opnd {
	x, y := c.operands(e.X, e.Y)
	op := asm.Div
	if e.Op == prog.Mod {
		op = asm.Mod
	}
	signed := e.X.Type().Signed || e.Y.Type().Signed
	if y.isImm() && y.imm != 0 {
		return c.ext(c.quotient(op, x, y, signed), e.T.Size, e.T.Signed)
	}
	zero, end, v := c.block(), c.block(), c.reg()
	c.unless(asm.JEq, y, iOpnd(0), zero)
	if !y.isImm() {
		c.set(v, c.ext(c.quotient(op, x, y, signed), e.T.Size, e.T.Signed))
	}
	c.jump(end)
	c.start(zero)
	c.remark(prog.RemarkDivZero, e.Span())
	c.set(v, iOpnd(1))
	c.start(end)
	return rOpnd(v)
}

func (c *comp) quotient(op asm.ALUOp, x, y opnd, signed bool) opnd {
	if !signed {
		return c.alu(op, x, y)
	}
	sx, sy := c.alu(asm.ArSh, x, iOpnd(63)), c.alu(asm.ArSh, y, iOpnd(63))
	q := c.alu(op, c.flip(x, sx), c.flip(y, sy))
	if op == asm.Mod {
		return c.flip(q, sx)
	}
	return c.flip(q, c.alu(asm.Xor, sx, sy))
}

// flip negates x where sign is all ones and keeps it where sign is zero.
func (c *comp) flip(x, sign opnd) opnd {
	return c.alu(asm.Sub, c.alu(asm.Xor, x, sign), sign)
}

// truth is a condition as a number.
func (c *comp) truth(e prog.Expr) opnd {
	yes, no, end, v := c.block(), c.block(), c.block(), c.reg()
	c.cond(e, yes, no)
	c.start(yes)
	c.set(v, iOpnd(1))
	c.jump(end)
	c.start(no)
	c.set(v, iOpnd(0))
	c.start(end)
	return rOpnd(v)
}

func (c *comp) choose(e *prog.Cond) opnd {
	yes, no, end, v := c.block(), c.block(), c.block(), c.reg()
	c.cond(e.C, yes, no)
	void := e.T.Kind == types.Void
	branch := func(x prog.Expr) {
		if void {
			c.drop(x)
		} else {
			c.set(v, c.value(x))
		}
	}
	c.both(func() {
		c.start(yes)
		branch(e.A)
		c.jump(end)
	}, func() {
		c.start(no)
		branch(e.B)
	})
	c.start(end)
	if void {
		return iOpnd(0)
	}
	return rOpnd(v)
}

func (c *comp) cast(e *prog.Cast) opnd {
	from, t := e.X.Type(), e.T
	if !from.Scalar() {
		return c.load(c.place(e.X), t.Size, t.Signed)
	}
	if t.Kind == types.Bool && from.Kind != types.Bool {
		return c.truth(e)
	}
	v := c.value(e.X)
	if _, ok := e.X.(*prog.CtxArg); ok && t.Kind == types.Pointer {
		return c.maybeNull(v)
	}
	if from.Size < t.Size && (!from.Signed || t.Signed) || from.Size == t.Size && from.Signed == t.Signed {
		return v
	}
	return c.ext(v, t.Size, t.Signed)
}

// maybeNull is a pointer that the verifier, since Linux 6.14, may want to be tested
// before anything is added to it: where it is null it becomes the number.
func (c *comp) maybeNull(v opnd) opnd {
	v = c.copy(v)
	null, end := c.block(), c.block()
	c.branch(asm.JEq, v, iOpnd(0), null, end)
	c.start(null)
	c.set(v.reg, iOpnd(0))
	c.start(end)
	return v
}

type comparison struct{ unsigned, signed asm.JumpOp }

var comparisons = map[prog.Op]comparison{
	prog.Eq: {asm.JEq, asm.JEq}, prog.Ne: {asm.JNE, asm.JNE}, prog.Lt: {asm.JLT, asm.JSLT}, prog.Le: {asm.JLE, asm.JSLE},
	prog.Gt: {asm.JGT, asm.JSGT}, prog.Ge: {asm.JGE, asm.JSGE},
}

// cond goes to yes if e holds, else to no.
func (c *comp) cond(e prog.Expr, yes, no *block) {
	outer := c.span
	c.span = e.Span()
	switch e := e.(type) {
	case *prog.Unary:
		if e.Op == prog.Not {
			c.cond(e.X, no, yes)
			c.span = outer
			return
		}
	case *prog.Binary:
		if c.condBinary(e, yes, no) {
			c.span = outer
			return
		}
	case *prog.Cast:
		if e.T.Kind == types.Bool && e.X.Type().Scalar() {
			c.cond(e.X, yes, no)
			c.span = outer
			return
		}
	}
	c.branch(asm.JNE, c.value(e), iOpnd(0), yes, no)
	c.span = outer
}

func (c *comp) condBinary(e *prog.Binary, yes, no *block) bool {
	switch e.Op {
	case prog.AndAnd, prog.OrOr:
		more := c.block()
		if e.Op == prog.AndAnd {
			c.cond(e.X, more, no)
		} else {
			c.cond(e.X, yes, more)
		}
		before := c.claimed
		c.start(more)
		c.within(func() { c.cond(e.Y, yes, no) })
		c.claimed = join(before, c.claimed)
		return true
	}
	cmp, ok := comparisons[e.Op]
	if !ok {
		return false
	}
	if !e.X.Type().Scalar() {
		if e.Op == prog.Ne {
			yes, no = no, yes
		}
		c.equal(e.X, e.Y, yes, no)
		return true
	}
	x, y := c.operands(e.X, e.Y)
	cc := cmp.unsigned
	if e.X.Type().Signed {
		cc = cmp.signed
	}
	c.branch(cc, x, y, yes, no)
	return true
}
