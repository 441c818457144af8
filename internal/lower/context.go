package lower

import (
	"cmp"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// context rewrites the expressions of one body for the sites it fires at.
type context struct {
	arch         Arch
	group        *prog.Group
	userCaller   bool // a user stack lacks the immediate caller here
	kernelCaller bool // the kernel's does
	frame        *frame
}

func (c *context) rewrite(b *prog.Body) {
	expandEmits(b.Stmts, c)
	prog.Rewrite(b.Stmts, c.expr)
}

func (c *context) expr(e prog.Expr) prog.Expr {
	switch e := e.(type) {
	case *prog.GoParam:
		if c.frame != nil && !e.Ret {
			return c.frame.value(e)
		}
		return c.place(e)
	case *prog.GoID:
		return c.goid(e)
	case *prog.Builtin:
		if e.ID == prog.BDwarfStack && c.group.Go != nil {
			e.ID = prog.BUstack // Go keeps frame pointers and writes no .eh_frame
		}
		if e.ID == prog.BUstack && c.userCaller || e.ID == prog.BKstack && c.kernelCaller {
			return &prog.Call{Meta: e.Meta, Fn: prog.FnStackPush, Args: []prog.Expr{e, c.callerPC(e.At)}}
		}
	}
	return e
}

func (c *context) callerPC(at diag.Span) prog.Expr {
	if !c.arch.CallerAtSP {
		return c.reg(c.arch.CallerInReg, at)
	}
	return c.userWord(c.reg(c.arch.SP, at), 0, at)
}

func (c *context) reg(name string, at diag.Span) prog.Expr {
	return &prog.Reg{Meta: prog.Meta{T: types.TUint64, At: at}, Name: name}
}

// regPart is the part of a register that holds p, in its low bytes.
func (c *context) regPart(p prog.Piece, at diag.Span) prog.Expr {
	r := c.reg(p.Reg, at)
	if p.Shift == 0 {
		return r
	}
	return binary(prog.Shr, r, constant(uint64(8*p.Shift), at))
}

// userWord reads the word at base+off, which is memory in use and so present.
func (c *context) userWord(base prog.Expr, off int64, at diag.Span) prog.Expr {
	ptr := &prog.Cast{Meta: prog.Meta{T: types.PointerTo(types.TUint64, types.SpaceUser), At: at}, X: base}
	return &prog.Load{Meta: prog.Meta{T: types.TUint64, At: at}, Ptr: ptr, Off: off}
}

// g is the address of the running goroutine's runtime.g.
func (c *context) g(at diag.Span) prog.Expr {
	if f := c.group.Go; f.HasTLS {
		return &prog.Call{Meta: prog.Meta{T: types.TUint64, At: at}, Fn: prog.FnReadTLS,
			Args: []prog.Expr{constant(uint64(f.GTLS), at)}}
	}
	return c.reg(c.group.Go.GReg, at)
}

// goid is the running goroutine's id; on a thread's own stacks (g0, gsignal),
// whose id is zero, that of the goroutine the thread runs.
func (c *context) goid(e *prog.GoID) prog.Expr {
	f, at := c.group.Go, e.At
	own, ownVar := bind(types.TUint64, c.userWord(c.g(at), f.GoID, at))
	m := c.userWord(c.g(at), f.M, at)
	curg := c.userWord(m, f.CurG, at)
	pick := &prog.Cond{Meta: e.Meta, C: ne(ownVar, constant(0, at)), A: ownVar, B: c.userWord(curg, f.GoID, at)}
	return &prog.Block{Meta: e.Meta, Stmts: []prog.Stmt{own}, X: pick}
}

// place reads a value where it lies at the site.
func (c *context) place(e *prog.GoParam) prog.Expr {
	return assemble(e.T, e.Place, e.At, func(p prog.Piece) prog.Expr {
		if p.Reg != "" {
			return c.regPart(p, e.At)
		}
		base := c.reg(cmp.Or(p.Base, c.arch.SP), e.At)
		ptr := &prog.Cast{Meta: prog.Meta{T: types.PointerTo(nil, types.SpaceUser), At: e.At}, X: base}
		return &prog.Load{Meta: prog.Meta{T: pieceType(p.Size), At: e.At}, Ptr: ptr, Off: p.Off}
	})
}

func pieceType(size int) *types.Type {
	switch size {
	case 1, 2, 4, 8:
		return types.Integer(size, false)
	}
	return types.ArrayOf(types.TUint8, size)
}

// assemble makes a value of type t from the pieces of its place.
func assemble(t *types.Type, place prog.Place, at diag.Span, read func(prog.Piece) prog.Expr) prog.Expr {
	if t.Scalar() {
		return &prog.Cast{Meta: prog.Meta{T: t, At: at}, X: cast(pieceType(t.Size), read(place.Pieces[0]), at)}
	}
	if len(place.Pieces) == 1 {
		return reinterpret(t, read(place.Pieces[0]), at)
	}
	shape := &types.Type{Kind: types.Tuple, Size: t.Size}
	var parts []prog.Expr
	off := 0
	for _, p := range place.Pieces {
		if !padding(p) {
			shape.Fields = append(shape.Fields, types.Field{Type: pieceType(p.Size), Offset: off})
			parts = append(parts, cast(pieceType(p.Size), read(p), at))
		}
		off += p.Size
	}
	tuple := &prog.Compose{Meta: prog.Meta{T: shape, At: at}, Parts: parts}
	return cast(t, tuple, at)
}

// reinterpret is the memory value x as a t; what is read from memory is read
// as one.
func reinterpret(t *types.Type, x prog.Expr, at diag.Span) prog.Expr {
	if l, ok := x.(*prog.Load); ok {
		l.T = t
		return l
	}
	whole := &types.Type{Kind: types.Tuple, Size: t.Size, Fields: []types.Field{{Type: pieceType(t.Size)}}}
	if x.Type().Scalar() {
		x = &prog.Compose{Meta: prog.Meta{T: whole, At: at}, Parts: []prog.Expr{cast(pieceType(t.Size), x, at)}}
	}
	return cast(t, x, at)
}

// padding tells whether p stands for bytes that no register or stack word
// holds.
func padding(p prog.Piece) bool { return p.Reg == prog.NoReg }

// leaveIfAgain ends a body at the stack check of a call that will start again
// on a larger stack.
func (a Arch) leaveIfAgain(at diag.Span) prog.Stmt {
	flags := &prog.Reg{Meta: prog.Meta{T: types.TUint64, At: at}, Name: a.Flags}
	var again prog.Expr
	if a.AgainMask != 0 {
		again = ne(binary(prog.And, flags, constant(a.AgainMask, at)), constant(0, at))
	} else {
		// arm64 b.ls: C (bit 29) clear or Z (bit 30) set
		cz := binary(prog.And, flags, constant(0x60000000, at))
		again = ne(cz, constant(0x20000000, at))
	}
	return &prog.If{At: prog.At{Pos: at}, Cond: again, Then: []prog.Stmt{&prog.Return{At: prog.At{Pos: at}}}}
}

func constant(v uint64, at diag.Span) prog.Expr {
	return &prog.Int{Meta: prog.Meta{T: types.TUint64, At: at}, Val: v}
}

func binary(op prog.Op, x, y prog.Expr) prog.Expr {
	return &prog.Binary{Meta: prog.Meta{T: types.TUint64, At: x.Span()}, Op: op, X: x, Y: y}
}

func compare(op prog.Op, x, y prog.Expr) prog.Expr {
	return &prog.Binary{Meta: prog.Meta{T: types.TBool, At: x.Span()}, Op: op, X: x, Y: y}
}

func ne(x, y prog.Expr) prog.Expr { return compare(prog.Ne, x, y) }

func cast(t *types.Type, x prog.Expr, at diag.Span) prog.Expr {
	return &prog.Cast{Meta: prog.Meta{T: t, At: at}, X: x}
}

// bind evaluates x once: the statement stores it, the expression reads it.
func bind(t *types.Type, x prog.Expr) (prog.Stmt, prog.Expr) {
	v := &prog.Var{Type: t}
	return &prog.SetVar{At: prog.At{Pos: x.Span()}, Var: v, X: x}, &prog.VarRef{Meta: prog.Meta{T: t, At: x.Span()}, Var: v}
}
