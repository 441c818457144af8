package check

import (
	"strconv"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// expr builds an expression. A wrong one is reported and comes back as bad.
func (b *body) expr(e syntax.Expr) prog.Expr {
	span := e.Span()
	switch e := e.(type) {
	case *syntax.IntExpr:
		return unsignedLiteral(e.Value, span)
	case *syntax.BoolExpr:
		return boolean(e.Value, span)
	case *syntax.StringExpr:
		return text(e.Value, span)
	case *syntax.PositionalExpr:
		return b.positional(e)
	case *syntax.IdentExpr:
		return b.ident(e.Name, span)
	case *syntax.VarExpr:
		return b.variable(e)
	case *syntax.MapExpr:
		return b.mapGet(e)
	case *syntax.CallExpr:
		return b.call(e)
	case *syntax.UnaryExpr:
		return b.unaryExpr(e)
	case *syntax.IncDecExpr:
		return b.stepValue(e)
	case *syntax.BinaryExpr:
		return b.binaryExpr(e)
	case *syntax.CondExpr:
		return b.ternary(e)
	case *syntax.FieldExpr:
		return b.field(e)
	case *syntax.IndexExpr:
		return b.index(e)
	case *syntax.CastExpr:
		return b.cast(e)
	case *syntax.SizeofExpr:
		return b.sizeof(e)
	case *syntax.OffsetofExpr:
		return b.offsetof(e)
	case *syntax.TupleExpr:
		return b.tuple(e)
	case *syntax.RecordExpr:
		return b.record(e)
	case *syntax.Block:
		return b.blockExpr(e)
	case *syntax.IfExpr:
		return b.ifExpr(e)
	case *syntax.ComptimeExpr:
		x := b.expr(e.X)
		switch x.(type) {
		case *prog.Int, *prog.Str:
		default:
			b.notConstant(span)
			return bad(span)
		}
		return x
	case *syntax.TypeinfoExpr:
		return b.typeinfo(e)
	case *syntax.TypeofExpr:
		b.typeAsValue(span)
	default:
		panic("BUG: unknown expression")
	}
	return bad(span)
}

// positional is $N or $#: a number where its text is one.
func (b *body) positional(e *syntax.PositionalExpr) prog.Expr {
	if e.N == 0 {
		return literal(int64(len(b.opts.Params)), e.At)
	}
	s, ok := b.positionalText(e)
	if !ok {
		return literal(0, e.At)
	}
	return parameter(s, e.At)
}

func (b *body) positionalText(e *syntax.PositionalExpr) (string, bool) {
	if e.N > len(b.opts.Params) || b.opts.Params[e.N-1] == "" {
		b.missingParam(e)
		return "", false
	}
	return b.opts.Params[e.N-1], true
}

// parameter is a command-line value as a constant.
func parameter(s string, span diag.Span) prog.Expr {
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return literal(n, span)
	}
	if n, err := syntax.ParseInt(s); err == nil {
		return unsignedLiteral(n, span)
	}
	return text(s, span)
}

// ident is a name: macro parameter, #define, macro, builtin or constant.
func (b *body) ident(name string, span diag.Span) prog.Expr {
	if p, ok := b.param(name); ok {
		var x prog.Expr
		b.within(p, func() { x = b.expr(p.arg) })
		return x
	}
	if d := b.defines[name]; d != nil {
		return b.define(d, span)
	}
	if b.macros[name] != nil {
		return b.expand(name, nil, span)
	}
	if e, ok := b.enums[name]; ok {
		return integer(e.typ, uint64(e.value), span)
	}
	if bi := b.builtins[builtinName(name)]; bi != nil {
		if !bi.Kinds.has(b.point.Kind) {
			b.wrongBuiltin(span, name)
			return bad(span)
		}
		return bi.make(b, span, name)
	}
	if fn := b.functions[builtinName(name)]; fn != nil && fn.Min == 0 {
		return b.call(&syntax.CallExpr{Loc: syntax.Loc{At: span}, Name: fn.Name, NameSpan: span})
	}
	if v, t, ok := b.world.EnumConst(name); ok {
		return integer(t, uint64(v), span)
	}
	b.unknownName(name, span)
	return bad(span)
}

// define is a #define used as a constant. It may use others, not itself.
func (b *body) define(d *syntax.Define, span diag.Span) prog.Expr {
	if d.Value == nil {
		b.notExpression(d, span)
		return bad(span)
	}
	delete(b.defines, d.Name)
	x := b.expr(d.Value)
	b.defines[d.Name] = d
	return relocate(x, span)
}

// relocate gives a constant the place where it was used.
func relocate(x prog.Expr, span diag.Span) prog.Expr {
	switch x := x.(type) {
	case *prog.Int:
		return &prog.Int{Meta: meta(x.T, span), Val: x.Val}
	case *prog.Str:
		return &prog.Str{Meta: meta(x.T, span), Val: x.Val}
	}
	return x
}

// variable reads $name.
func (b *body) variable(e *syntax.VarExpr) prog.Expr {
	if p, ok := b.param("$" + e.Name); ok {
		var x prog.Expr
		b.within(p, func() { x = b.variable(p.arg.(*syntax.VarExpr)) })
		return x
	}
	v := b.lookup(e.Name)
	if v == nil {
		b.undefinedVariable(e)
		return bad(e.At)
	}
	if v.v.Type == unknown {
		v.bare = false // said once
		b.untypedVariable(e, v)
		return bad(e.At)
	}
	if v.bare && !v.used {
		v.used = true
		b.unassigned(e)
	}
	return &prog.VarRef{Meta: meta(v.v.Type, e.At), Var: v.v}
}

// tuple is (a, b).
func (b *body) tuple(e *syntax.TupleExpr) prog.Expr {
	out := &prog.Compose{Meta: meta(nil, e.At)}
	var elems []*types.Type
	for _, el := range e.Elems {
		x := b.value(el)
		if isBad(x) {
			return bad(e.At)
		}
		out.Parts = append(out.Parts, x)
		elems = append(elems, x.Type())
	}
	out.T = types.TupleOf(elems...)
	return out
}

// record is (a=1, b=2).
func (b *body) record(e *syntax.RecordExpr) prog.Expr {
	out := &prog.Compose{Meta: meta(nil, e.At)}
	var fields []types.Field
	for _, f := range e.Fields {
		x := b.value(f.Value)
		if isBad(x) {
			return bad(e.At)
		}
		out.Parts = append(out.Parts, x)
		fields = append(fields, types.Field{Name: f.Name, Type: x.Type()})
	}
	out.T = types.RecordOf(fields)
	return out
}

// value is an expression that has to have a value.
func (b *body) value(e syntax.Expr) prog.Expr {
	x := b.expr(e)
	if x.Type().Kind == types.Void && !isBad(x) {
		b.noValue(e.Span())
		return bad(e.Span())
	}
	return x
}

// blockExpr is { stmts; x }.
func (b *body) blockExpr(e *syntax.Block) prog.Expr {
	var x prog.Expr
	stmts := b.collect(func() {
		b.scoped(func() {
			b.stmts(e.Stmts)
			if e.Value != nil {
				x = b.expr(e.Value)
			}
		})
	})
	return sequence(stmts, x, e.At)
}

// sequence is a value behind statements; x may be nil.
func sequence(stmts []prog.Stmt, x prog.Expr, span diag.Span) prog.Expr {
	if x == nil {
		return &prog.Block{Meta: meta(types.TVoid, span), Stmts: stmts}
	}
	if len(stmts) == 0 || isBad(x) {
		return x
	}
	return &prog.Block{Meta: meta(x.Type(), span), Stmts: stmts, X: x}
}

// condition is e where it decides what is done. A literal string holds unless
// it is empty.
func (b *body) condition(e syntax.Expr) prog.Expr {
	x := b.expr(e)
	if s, ok := x.(*prog.Str); ok {
		return boolean(s.Val != "", s.At)
	}
	return b.truth(x)
}

// ifExpr is if c { a } else { b } with a value.
func (b *body) ifExpr(e *syntax.IfExpr) prog.Expr {
	cond := b.condition(e.Cond)
	if v, ok := constant(cond); ok {
		return b.chosen(v != 0, e.Then, e.Else)
	}
	return b.choose(cond, b.expr(e.Then), b.expr(e.Else), e.At)
}

// ternary is c ? a : b and c ?: b.
func (b *body) ternary(e *syntax.CondExpr) prog.Expr {
	if e.Then == nil {
		return b.elvis(e)
	}
	cond := b.condition(e.Cond)
	if v, ok := constant(cond); ok {
		return b.chosen(v != 0, e.Then, e.Else)
	}
	return b.choose(cond, b.expr(e.Then), b.expr(e.Else), e.At)
}

// chosen is the one value of two whose condition is a constant. Where branches that never
// run are looked at, a text has room for the other one.
func (b *body) chosen(yes bool, then, els syntax.Expr) prog.Expr {
	if !yes {
		then, els = els, then
	}
	x := b.expr(then)
	if !b.seesDead() {
		return x
	}
	var other prog.Expr
	b.dry(func() { other = b.storable(b.expr(els), b.prog.Config.MaxStrlen) })
	if isBad(x, other) || x.Type().Kind != types.String || other.Type().Kind != types.String || other.Type().Size <= x.Type().Size {
		return x
	}
	return b.convert(b.storable(x, b.prog.Config.MaxStrlen), other.Type())
}

// elvis is a ?: b; a is evaluated once.
func (b *body) elvis(e *syntax.CondExpr) prog.Expr {
	var x prog.Expr
	stmts := b.collect(func() { x = b.bind(b.storable(b.expr(e.Cond), b.prog.Config.MaxStrlen)) })
	if isBad(x) {
		return x
	}
	cond := b.truth(x)
	if v, ok := constant(cond); ok {
		if v != 0 {
			return x
		}
		return b.expr(e.Else)
	}
	return sequence(stmts, b.choose(cond, prog.Clone(x), b.expr(e.Else), e.At), e.At)
}

// choose makes one value of two, of the type that holds both.
func (b *body) choose(cond, x, y prog.Expr, span diag.Span) prog.Expr {
	if isBad(cond, x, y) {
		return bad(span)
	}
	if x.Type().Kind == types.Void && y.Type().Kind == types.Void {
		then := b.collect(func() { b.eval(x, span) })
		els := b.collect(func() { b.eval(y, span) })
		return sequence([]prog.Stmt{&prog.If{At: at(span), Cond: cond, Then: then, Else: els}}, nil, span)
	}
	if !types.Equal(x.Type(), y.Type()) {
		x, y = b.storable(x, b.prog.Config.MaxStrlen), b.storable(y, b.prog.Config.MaxStrlen)
	}
	t, ok := merge(x.Type(), y.Type())
	if !ok || x.Type().Kind == types.Void {
		b.branchTypes(x.Type(), y.Type(), span)
		return bad(span)
	}
	return &prog.Cond{Meta: meta(t, span), C: cond, A: b.convert(x, t), B: b.convert(y, t)}
}
