package check

import (
	"math/big"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// Literals are computed with as the numbers that they are. What no integer of 64 bits
// holds is an error.

// number128 is the number that a literal stands for.
func number128(x *prog.Int) *big.Int {
	if x.T.Signed {
		return big.NewInt(int64(x.Val))
	}
	return new(big.Int).SetUint64(x.Val)
}

// exact is the literal of a number.
func (b *body) exact(n *big.Int, span diag.Span) prog.Expr {
	switch {
	case n.IsInt64():
		return literal(n.Int64(), span)
	case n.IsUint64():
		return unsignedLiteral(n.Uint64(), span)
	}
	b.literalRange(span)
	return bad(span)
}

// farApart tells whether there is no integer type for both: one is negative, the other
// needs uint64.
func farApart(x, y *prog.Int) bool {
	negative := func(v *prog.Int) bool { return v.T.Signed && int64(v.Val) < 0 }
	return negative(x) && y.T == hugeLiteral || negative(y) && x.T == hugeLiteral
}

// foldLiterals computes an operation on two literals.
func (b *body) foldLiterals(op prog.Op, x, y *prog.Int, span diag.Span) prog.Expr {
	l, r := number128(x), number128(y)
	switch op {
	case prog.Div, prog.Mod:
		if r.Sign() == 0 {
			b.zeroDivision(span)
			return bad(span)
		}
	case prog.Shl, prog.Shr:
		if r.Sign() < 0 || r.Cmp(big.NewInt(63)) > 0 {
			b.literalRange(span)
			return bad(span)
		}
	}
	if farApart(x, y) {
		b.literalRange(span)
		return bad(span)
	}
	n := new(big.Int)
	switch op {
	case prog.Add:
		n.Add(l, r)
	case prog.Sub:
		n.Sub(l, r)
	case prog.Mul:
		n.Mul(l, r)
	case prog.Div:
		n.Quo(l, r)
	case prog.Mod:
		n.Rem(l, r)
	case prog.Shl:
		return b.bits(x, x.Val<<y.Val, span)
	case prog.Shr:
		n.Rsh(l, uint(y.Val))
	default:
		v, _ := compute(op, x.Val, y.Val, false)
		if int64(y.Val) < 0 && y.T.Signed {
			x = y
		}
		return b.bits(x, v, span)
	}
	return b.exact(n, span)
}

// bits is the literal that has the bits v: negative where like, what they came from, is.
func (b *body) bits(like *prog.Int, v uint64, span diag.Span) prog.Expr {
	if like.T.Signed && int64(like.Val) < 0 {
		return b.exact(big.NewInt(int64(v)), span)
	}
	return b.exact(new(big.Int).SetUint64(v), span)
}
