package check

import (
	"math/big"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// operators maps what is written to what is done.
var operators = map[syntax.Op]prog.Op{
	syntax.OpLOr: prog.OrOr, syntax.OpLAnd: prog.AndAnd, syntax.OpOr: prog.Or, syntax.OpXor: prog.Xor,
	syntax.OpAnd: prog.And, syntax.OpEq: prog.Eq, syntax.OpNe: prog.Ne, syntax.OpLt: prog.Lt,
	syntax.OpGt: prog.Gt, syntax.OpLe: prog.Le, syntax.OpGe: prog.Ge, syntax.OpShl: prog.Shl,
	syntax.OpShr: prog.Shr, syntax.OpAdd: prog.Add, syntax.OpSub: prog.Sub, syntax.OpMul: prog.Mul,
	syntax.OpDiv: prog.Div, syntax.OpMod: prog.Mod,
}

// truth is x as a condition.
func (b *body) truth(x prog.Expr) prog.Expr {
	if isBad(x) {
		return x
	}
	switch t := x.Type(); {
	case t.Kind == types.Bool:
		return x
	case t.IsInt(), t.Kind == types.Pointer, t.Kind == types.GoMap, t.Kind == types.GoChan, t.Kind == types.GoFunc:
		if v, ok := constant(x); ok {
			return boolean(v != 0, x.Span())
		}
		if t.Optional {
			x = b.convert(x, types.TUint64)
		}
		return &prog.Cast{Meta: meta(types.TBool, x.Span()), X: x}
	case t.Kind == types.GoInterface, t.Kind == types.GoSlice:
		x, wrap := b.single(x)
		return wrap(b.truth(part(x, 0, types.TUint64)))
	}
	b.badCondition(x)
	return bad(x.Span())
}

func (b *body) binaryExpr(e *syntax.BinaryExpr) prog.Expr {
	l := b.expr(e.L)
	if e.Op == syntax.OpLAnd || e.Op == syntax.OpLOr {
		return b.logical(e, l)
	}
	return b.binary(e.Op, l, b.expr(e.R), e.At)
}

// logical builds && and ||; a constant on the left decides whether the right
// side is there at all.
func (b *body) logical(e *syntax.BinaryExpr, l prog.Expr) prog.Expr {
	l = b.truth(l)
	or := e.Op == syntax.OpLOr
	if v, ok := constant(l); ok {
		if (v != 0) == or {
			return boolean(or, e.At)
		}
		return b.truth(b.expr(e.R))
	}
	r := b.truth(b.expr(e.R))
	if isBad(l, r) {
		return bad(e.At)
	}
	if v, ok := constant(r); ok && (v != 0) != or {
		return l
	}
	op := prog.AndAnd
	if or {
		op = prog.OrOr
	}
	return &prog.Binary{Meta: meta(types.TBool, e.At), Op: op, X: l, Y: r}
}

// binary builds an operator on two values.
func (b *body) binary(op syntax.Op, x, y prog.Expr, span diag.Span) prog.Expr {
	if isBad(x, y) {
		return bad(span)
	}
	o := operators[op]
	if isComparison(o) {
		return b.compare(op, o, x, y, span)
	}
	xt, yt := x.Type(), y.Type()
	switch {
	case xt.Kind == types.Pointer && yt.IsInt() && (o == prog.Add || o == prog.Sub):
		if o == prog.Sub {
			y = b.negate(y, span)
		}
		return b.movePointer(x, y, span)
	case yt.Kind == types.Pointer && xt.IsInt() && o == prog.Add:
		return b.movePointer(y, x, span)
	case xt.IsInt() && yt.IsInt():
		return b.arithmetic(o, x, y, span)
	}
	if o == prog.Add {
		if l, r, ok := literalTexts(x, y); ok {
			return text(l+r, span)
		}
		if s, ok := b.behind(x, y, span); ok {
			return s
		}
	}
	b.badOperands(op, xt, yt, span)
	return bad(span)
}

// arithmetic works on 64 bits. The result is signed if an operand is, or if it
// may fall below zero; a shift has the sign of what is shifted.
func (b *body) arithmetic(op prog.Op, x, y prog.Expr, span diag.Span) prog.Expr {
	xt, yt := x.Type(), y.Type()
	if v, ok := b.fold(op, x, y, span); ok {
		return v
	}
	b.mixedSigns(x, y)
	signed := resultSigned(xt, yt) || op == prog.Sub
	if op == prog.Shl || op == prog.Shr {
		signed = xt.Signed
	}
	t := types.Integer(8, signed).In(max(xt.Space, yt.Space))
	left, right := b.widen(x, t), b.widen(y, t)
	if op == prog.Shr && signed {
		// The language shifts zeroes in, also below a sign.
		u := &prog.Binary{Meta: meta(types.TUint64, span), Op: op, X: b.convert(left, types.TUint64), Y: b.convert(right, types.TUint64)}
		return &prog.Cast{Meta: meta(t, span), X: u}
	}
	z := prog.Expr(&prog.Binary{Meta: meta(t, span), Op: op, X: left, Y: right})
	if xt.Kind == types.Bool && yt.Kind == types.Bool && (op == prog.And || op == prog.Or || op == prog.Xor) {
		z = &prog.Cast{Meta: meta(types.TBool, span), X: z}
	}
	return z
}

// resultSigned is the sign of an operation on values of a and b, where a
// literal takes the sign of the other.
func resultSigned(a, b *types.Type) bool {
	switch {
	case isFlexible(a) && !isFlexible(b):
		return b.Signed
	case isFlexible(b) && !isFlexible(a):
		return a.Signed
	}
	return a.Signed || b.Signed
}

// widen makes x a 64-bit integer of t, extended by x's own sign.
func (b *body) widen(x prog.Expr, t *types.Type) prog.Expr { return b.convert(x, t) }

// maxLabel bounds the numbers that have names.
const maxLabel = 1024

// fold computes an operation on two constants. What comes of two literals is
// a literal again.
func (b *body) fold(op prog.Op, x, y prog.Expr, span diag.Span) (prog.Expr, bool) {
	l, lok := constant(x)
	r, rok := constant(y)
	if !lok || !rok {
		return nil, false
	}
	if isLiteral(x.Type()) && isLiteral(y.Type()) {
		return b.foldLiterals(op, x.(*prog.Int), y.(*prog.Int), span), true
	}
	signed := resultSigned(x.Type(), y.Type()) && x.Type() != hugeLiteral && y.Type() != hugeLiteral
	v, ok := compute(op, l, r, signed)
	if !ok {
		return nil, false
	}
	t := types.Integer(8, signed || op == prog.Sub)
	if x.Type().Kind == types.Bool && y.Type().Kind == types.Bool {
		if op == prog.And || op == prog.Or || op == prog.Xor {
			return boolean(v != 0, span), true
		}
		t = types.TInt64
	}
	return integer(t, v, span), true
}

// compute reports false where the result is only known at run time: a
// division by zero is counted there.
func compute(op prog.Op, l, r uint64, signed bool) (uint64, bool) {
	switch op {
	case prog.Add:
		return l + r, true
	case prog.Sub:
		return l - r, true
	case prog.Mul:
		return l * r, true
	case prog.And:
		return l & r, true
	case prog.Or:
		return l | r, true
	case prog.Xor:
		return l ^ r, true
	case prog.Shl:
		return l << (r & 63), true
	case prog.Shr:
		return l >> (r & 63), true
	case prog.Div, prog.Mod:
		return divide(op, l, r, signed)
	}
	return 0, false
}

func divide(op prog.Op, l, r uint64, signed bool) (uint64, bool) {
	switch {
	case r == 0:
		return 0, false
	case signed && op == prog.Div:
		return uint64(int64(l) / int64(r)), true
	case signed:
		return uint64(int64(l) % int64(r)), true
	case op == prog.Div:
		return l / r, true
	}
	return l % r, true
}

// movePointer adds n elements to a pointer.
func (b *body) movePointer(p, n prog.Expr, span diag.Span) prog.Expr {
	if v, ok := constant(n); ok && v == 0 {
		return p
	}
	size := b.elemSize(p.Type())
	n = b.convert(n, types.TInt64)
	if size != 1 {
		n = b.arithmetic(prog.Mul, n, integer(types.TInt64, uint64(size), span), span)
	}
	return &prog.Binary{Meta: meta(p.Type(), span), Op: prog.Add, X: p, Y: n}
}

// elemSize is the distance of two elements that a pointer leads to, in bytes.
func (b *body) elemSize(p *types.Type) int {
	if p.Elem == nil {
		return 1
	}
	return max(b.resolve(p.Elem).Size, 1)
}

func (b *body) unaryExpr(e *syntax.UnaryExpr) prog.Expr {
	if e.Op == syntax.OpAnd {
		return b.addressOf(e)
	}
	if id, ok := e.X.(*syntax.IdentExpr); ok && e.Op == syntax.OpMul && id.Name == "args" {
		return b.expr(e.X)
	}
	x := b.expr(e.X)
	if isBad(x) {
		return bad(e.At)
	}
	t := x.Type()
	switch {
	case e.Op == syntax.OpNot:
		return b.not(x, e.At)
	case e.Op == syntax.OpMul && t.Kind == types.Pointer:
		return b.deref(x, e.At)
	case e.Op == syntax.OpMul && t.IsInt():
		return b.load(b.convert(x, types.PointerTo(nil, b.spaceOf(t))), 0, types.TUint64, e.At)
	case e.Op == syntax.OpSub && t.IsInt() && t.Kind != types.Bool:
		if t.Size == 8 && !t.Signed && !isLiteral(t) {
			return b.convert(b.negate(x, e.At), types.TUint64)
		}
		return b.negate(x, e.At)
	case e.Op == syntax.OpBitNot && t.IsInt() && t.Kind != types.Bool:
		if v, ok := constant(x); ok && isLiteral(t) {
			return integer(types.TUint64, ^v, e.At)
		}
		t = types.Integer(t.Size, t.Signed && t.Size == 8)
		return &prog.Unary{Meta: meta(t, e.At), Op: prog.BitNot, X: b.convert(x, t)}
	}
	b.badOperand(e, t)
	return bad(e.At)
}

// addressOf is &$v, or &@m: where the kernel keeps the map itself, not its values.
func (b *body) addressOf(e *syntax.UnaryExpr) prog.Expr {
	if m, ok := e.X.(*syntax.MapExpr); ok {
		s := b.wholeMap("&", m)
		if s == nil {
			return bad(e.At)
		}
		return b.mapCall(prog.FnMapAddr, types.PointerTo(types.TInt8, types.SpaceKernel), s, nil, e.At)
	}
	x := b.expr(e.X)
	if isBad(x) {
		return x
	}
	v, ok := x.(*prog.VarRef)
	if !ok {
		b.badOperand(e, x.Type())
		return bad(e.At)
	}
	return &prog.Addr{Meta: meta(types.PointerTo(x.Type(), types.SpaceKernel), e.At), Var: v.Var}
}

func (b *body) not(x prog.Expr, span diag.Span) prog.Expr {
	x = b.truth(x)
	if isBad(x) {
		return bad(span)
	}
	if v, ok := constant(x); ok {
		return boolean(v == 0, span)
	}
	return &prog.Unary{Meta: meta(types.TBool, span), Op: prog.Not, X: x}
}

// negate is -x, always signed.
func (b *body) negate(x prog.Expr, span diag.Span) prog.Expr {
	if v, ok := constant(x); ok {
		if isLiteral(x.Type()) {
			return b.exact(new(big.Int).Neg(number128(x.(*prog.Int))), span)
		}
		return integer(types.TInt64, -v, span)
	}
	return &prog.Unary{Meta: meta(types.TInt64, span), Op: prog.Neg, X: b.widen(x, types.TInt64)}
}

// intOperand checks the right side of += and -=.
func (b *body) intOperand(x prog.Expr, op syntax.Op) prog.Expr {
	if isBad(x) || x.Type().IsInt() {
		return x
	}
	b.badOperands(op, types.TInt64, x.Type(), x.Span())
	return bad(x.Span())
}

// step is ++ or -- whose value nobody reads.
func (b *body) step(e *syntax.IncDecExpr) {
	one := literal(1, e.At)
	if e.Op == syntax.OpDec {
		one = literal(-1, e.At)
	}
	if m, ok := e.X.(*syntax.MapExpr); ok {
		b.addMap(m, one, e.At)
		return
	}
	v := e.X.(*syntax.VarExpr)
	old := b.variable(v)
	if isBad(old) {
		return
	}
	x := b.stepped(old, one, e.At)
	if target := b.target(v); target.fixed && !isBad(x) && isNumber(target.v.Type) {
		x = b.convert(x, target.v.Type) // as C does, without a word
	}
	b.storeVar(v, x, e.At)
}

// stepped is x+n as ++ computes it.
func (b *body) stepped(x prog.Expr, n *prog.Int, span diag.Span) prog.Expr {
	if !x.Type().IsInt() && x.Type().Kind != types.Pointer {
		b.badStep(x.Type(), span)
		return bad(span)
	}
	return b.binary(syntax.OpAdd, x, n, span)
}

// stepValue is ++ or -- as a value.
func (b *body) stepValue(e *syntax.IncDecExpr) prog.Expr {
	var x prog.Expr
	read := func() prog.Expr { return b.expr(e.X) }
	if m, ok := e.X.(*syntax.MapExpr); ok {
		read = func() prog.Expr { return b.mapValue(m) }
	}
	stmts := b.collect(func() {
		if e.Post {
			x = b.keep(read())
			b.step(e)
			return
		}
		b.step(e)
		x = b.bind(read())
	})
	return sequence(stmts, x, e.At)
}
