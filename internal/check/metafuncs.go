package check

import (
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// ask is a question about an expression that the compiler answers; the
// expression is not evaluated.
func (b *body) ask(e *syntax.CallExpr, holds func(t *types.Type) bool) prog.Expr {
	t := b.typeOf(e.Args[0])
	if t == nil {
		return bad(e.At)
	}
	return boolean(holds(t), e.At)
}

func (b *body) callIsArray(e *syntax.CallExpr) prog.Expr {
	return b.ask(e, func(t *types.Type) bool { return t.Kind == types.Array })
}

func (b *body) callIsInteger(e *syntax.CallExpr) prog.Expr { return b.ask(e, isNumber) }

func (b *body) callIsPtr(e *syntax.CallExpr) prog.Expr {
	return b.ask(e, func(t *types.Type) bool { return t.Kind == types.Pointer })
}

func (b *body) callIsStr(e *syntax.CallExpr) prog.Expr {
	return b.ask(e, func(t *types.Type) bool {
		return t.Kind == types.String || t.Kind == types.GoString || t.Kind == types.Probe
	})
}

func (b *body) callIsUnsigned(e *syntax.CallExpr) prog.Expr {
	return b.ask(e, func(t *types.Type) bool { return isNumber(t) && !t.Signed && !isFlexible(t) })
}

func (b *body) callIsLiteral(e *syntax.CallExpr) prog.Expr {
	arg, ok := e.Args[0], true
	for ok { // through macro parameters
		var id *syntax.IdentExpr
		if id, ok = arg.(*syntax.IdentExpr); ok {
			var p param
			if p, ok = b.param(id.Name); ok {
				arg = p.arg
			}
		}
	}
	switch arg.(type) {
	case *syntax.IntExpr, *syntax.StringExpr, *syntax.BoolExpr:
		return boolean(true, e.At)
	}
	return boolean(false, e.At)
}

func (b *body) callIsScalar(e *syntax.CallExpr) prog.Expr {
	m, ok := e.Args[0].(*syntax.MapExpr)
	if !ok || m.Key != nil {
		b.wantMap(e.Name, e.Args[0].Span())
		return bad(e.At)
	}
	s := b.mapOf(m)
	return boolean(s.shaped && s.scalar, e.At)
}

// maxErrorPointer is the largest error number that the kernel returns in the
// place of a pointer (include/linux/err.h).
const maxErrorPointer = 4095

func (b *body) callIsErr(e *syntax.CallExpr) prog.Expr {
	x := b.integerArg(e.Name, e.Args[0], types.TInt64)
	if isBad(x) {
		return x
	}
	x, wrap := b.single(x)
	low := b.compareInts(prog.Ge, prog.Clone(x), integer(types.TInt64, uint64(1<<64-maxErrorPointer), e.At), e.At)
	high := b.compareInts(prog.Lt, x, integer(types.TInt64, 0, e.At), e.At)
	if l, ok := constant(low); ok {
		h, _ := constant(high)
		return boolean(l != 0 && h != 0, e.At)
	}
	return wrap(&prog.Binary{Meta: meta(types.TBool, e.At), Op: prog.AndAnd, X: low, Y: high})
}

func (b *body) callKfuncExist(e *syntax.CallExpr) prog.Expr {
	name, ok := b.literalText(e.Name, e.Args[0])
	if !ok {
		return bad(e.At)
	}
	_, known := b.world.KernelFunction(name)
	return boolean(known, e.At)
}

func (b *body) callKfuncAllowed(e *syntax.CallExpr) prog.Expr {
	name, ok := b.literalText(e.Name, e.Args[0])
	if !ok {
		return bad(e.At)
	}
	id, known := b.world.KernelFunction(name)
	return boolean(known && b.world.MayCall(id, b.point.Kind), e.At)
}

func (b *body) callStaticAssert(e *syntax.CallExpr) prog.Expr {
	cond := b.truth(b.expr(e.Args[0]))
	msg, ok := b.literalText(e.Name, e.Args[1])
	if !ok || isBad(cond) {
		return bad(e.At)
	}
	v, known := constant(cond)
	switch {
	case !known:
		b.notConstant(e.Args[0].Span())
	case v == 0:
		b.errorf(e.At, "%s", msg)
	default:
		return sequence(nil, nil, e.At)
	}
	return bad(e.At)
}

func (b *body) callAssertStr(e *syntax.CallExpr) prog.Expr {
	t := b.typeOf(e.Args[0])
	if t == nil {
		return bad(e.At)
	}
	switch t.Kind {
	case types.String, types.GoString, types.Probe, types.Array, types.Pointer:
		return sequence(nil, nil, e.At)
	}
	b.errorf(e.At, "string-like values must be either strings, arrays or pointers")
	return bad(e.At)
}

// callFail is an error with a text of constants.
func (b *body) callFail(e *syntax.CallExpr) prog.Expr {
	format, ok := b.literalText(e.Name, e.Args[0])
	if !ok {
		return bad(e.At)
	}
	verbs := Verbs(format)
	if len(verbs) != len(e.Args)-1 {
		b.argumentCount(e, len(e.Args)-1, len(verbs))
		return bad(e.At)
	}
	var out strings.Builder
	end := 0
	for i, v := range verbs {
		out.WriteString(format[end:v.Start])
		end = v.End
		switch x := b.expr(e.Args[i+1]).(type) {
		case *prog.Str:
			out.WriteString(x.Val)
		case *prog.Int:
			out.WriteString(strconv.FormatInt(int64(x.Val), 10))
		default:
			b.notConstant(e.Args[i+1].Span())
			return bad(e.At)
		}
	}
	b.errorf(e.At, "%s", strings.ReplaceAll(out.String()+format[end:], "%%", "%"))
	return bad(e.At)
}
