package check

import (
	"maps"
	"slices"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// block builds a block with a scope of its own.
func (b *body) block(blk *syntax.Block) {
	b.scoped(func() { b.stmts(blk.Stmts) })
}

func (b *body) stmts(list []syntax.Stmt) {
	for i, s := range list {
		b.stmt(s)
		if n := len(b.out); n > 0 && leaves(b.out[n-1]) && i+1 < len(list) {
			b.unreachable(list[i+1].Span())
			return
		}
	}
}

// leaves tells whether nothing behind s in its block runs.
func leaves(s prog.Stmt) bool {
	switch s.(type) {
	case *prog.Return, *prog.Break, *prog.Continue:
		return true
	}
	return false
}

func (b *body) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.Block:
		b.block(s)
	case *syntax.ExprStmt:
		b.exprStmt(s)
	case *syntax.DiscardStmt:
		b.eval(b.expr(s.X), s.Span())
	case *syntax.LetStmt:
		b.let(s)
	case *syntax.AssignStmt:
		b.assign(s)
	case *syntax.IfStmt:
		b.ifStmt(s)
	case *syntax.WhileStmt:
		b.while(s)
	case *syntax.UnrollStmt:
		b.unroll(s)
	case *syntax.ForRangeStmt:
		b.forRange(s)
	case *syntax.ForMapStmt:
		b.forMap(s)
	case *syntax.BreakStmt:
		b.jump(s.Span(), "break")
	case *syntax.ContinueStmt:
		b.jump(s.Span(), "continue")
	case *syntax.ReturnStmt:
		b.ret(s)
	case *syntax.Import:
		b.errorf(s.Span(), "Import statements that are not at the top level are primarily for the standard library.").Hint = "import it at the top of the script"
	default:
		panic("BUG: unknown statement")
	}
}

// exprStmt evaluates an expression for its effect. ++ and -- of a map whose
// result is not used become one atomic add.
func (b *body) exprStmt(s *syntax.ExprStmt) {
	if inc, ok := s.X.(*syntax.IncDecExpr); ok {
		b.step(inc)
		return
	}
	x := b.expr(s.X)
	if isBad(x) {
		return
	}
	if x.Type().Kind != types.Void && !b.mayDiscard(s.X) {
		b.discarded(s.Span())
	}
	b.eval(x, s.Span())
}

// mayDiscard tells whether an expression is a call that is made for its effect
// as well.
func (b *body) mayDiscard(x syntax.Expr) bool {
	call, ok := x.(*syntax.CallExpr)
	if !ok {
		return false
	}
	fn := b.functions[call.Name]
	return fn != nil && fn.Effect
}

// eval adds x for its effect: the statements of a void expression as they
// are, other values only if they do something.
func (b *body) eval(x prog.Expr, span diag.Span) {
	if isBad(x) {
		return
	}
	if blk, ok := x.(*prog.Block); ok {
		for _, s := range blk.Stmts {
			b.add(s)
		}
		if blk.X != nil {
			b.eval(blk.X, span)
		}
		return
	}
	if call, ok := x.(*prog.Call); ok {
		if call.Fn == prog.FnDelete {
			b.add(&prog.Delete{At: at(span), Map: call.Map, Key: arg0(call)})
			return
		}
		b.add(&prog.Eval{At: at(span), X: x})
		return
	}
	if c, ok := x.(*prog.Cond); ok {
		b.add(&prog.Eval{At: at(span), X: c})
	}
}

func arg0(c *prog.Call) prog.Expr {
	if len(c.Args) == 0 {
		return nil
	}
	return c.Args[0]
}

func (b *body) let(s *syntax.LetStmt) {
	if b.nameTaken(s.Var, false) {
		return
	}
	var typ *types.Type
	if s.Type != nil {
		if typ = b.typ(s.Type); typ != nil && typ.Kind == types.Void {
			b.errorf(s.Type.Span(), "Invalid variable declaration type: %s", typ)
			typ = nil
		}
		if typ == nil {
			typ = unknown
		}
	}
	var x prog.Expr
	if s.Value != nil {
		x = b.expr(s.Value)
	}
	text := isText(s.Type) && typ != unknown
	if text {
		typ = nil
	}
	v := b.declareVar(s.Var.Name, typ, s.Var.Span())
	if text && v.v.Type == unknown {
		b.grow(v, types.Str(1)) // it is as long as what it is given
	}
	if x == nil {
		v.bare = true
		if v.v.Type != unknown {
			b.add(&prog.SetVar{At: at(s.Span()), Var: v.v, X: zero(v.v.Type, s.Span())})
		}
		return
	}
	b.setVar(v, x, s.Span())
}

// isText tells whether t is string without a length.
func isText(t syntax.Type) bool {
	named, ok := t.(*syntax.NamedType)
	return ok && named.Tag == "" && named.Name == "string"
}

// setVar assigns x to v, whose type grows to hold it.
func (b *body) setVar(v *variable, x prog.Expr, span diag.Span) {
	v.bare = false
	x = b.storable(x, b.prog.Config.MaxStrlen)
	if isBad(x) || v.fixed && v.v.Type == unknown {
		return
	}
	switch t := x.Type(); t.Kind {
	case types.Void, types.Float, types.Complex:
		b.badVariable(v, t, span)
		return
	}
	if v.fixed {
		if x = b.fitFixed(v, x, span); x == nil {
			return
		}
	} else {
		old := v.v.Type
		if !b.grow(v, x.Type()) {
			b.variableMismatch(v, x.Type(), span)
			return
		}
		if old != unknown && losesSign(old, x.Type()) {
			b.signMismatch(v.v.Name, old, x.Type(), span)
		}
	}
	b.add(&prog.SetVar{At: at(span), Var: v.v, X: b.convert(x, v.v.Type)})
}

// fitFixed checks an assignment to a variable whose type was declared.
func (b *body) fitFixed(v *variable, x prog.Expr, span diag.Span) prog.Expr {
	t, from := v.v.Type, x.Type()
	if n, ok := x.(*prog.Int); ok && isNumber(t) && isNumber(from) {
		if truncate(n.Val, t) != n.Val || isLiteral(from) && int64(n.Val) < 0 && !t.Signed && from != hugeLiteral {
			b.variableMismatch(v, from, span)
			return nil
		}
		return x
	}
	if t.Kind == types.Pointer && from.Kind == types.Pointer {
		return x
	}
	merged, ok := merge(t, from)
	switch {
	case !ok:
		b.variableMismatch(v, from, span)
		return nil
	case isNumber(t) && isNumber(from):
		if !types.Equal(merged, t) {
			b.signMismatch(v.v.Name, t, from, span)
		}
	case !types.Equal(merged, t):
		b.variableMismatch(v, from, span)
		return nil
	}
	return x
}

func (b *body) assign(s *syntax.AssignStmt) {
	value := s.Value
	if s.Op != "" {
		if m, ok := s.Target.(*syntax.MapExpr); ok {
			b.updateMap(m, s)
			return
		}
		value = &syntax.BinaryExpr{Loc: s.Loc, Op: s.Op, OpSpan: s.At, L: s.Target, R: s.Value}
	}
	switch target := s.Target.(type) {
	case *syntax.MapExpr:
		b.assignMap(target, value, s.Span())
	case *syntax.VarExpr:
		b.storeVar(target, b.expr(value), s.Span())
	}
}

func (b *body) storeVar(target *syntax.VarExpr, x prog.Expr, span diag.Span) {
	b.setVar(b.target(target), x, span)
}

// target finds the variable that is assigned to. One that neither this body nor a
// macro's caller has is made in this block.
func (b *body) target(e *syntax.VarExpr) *variable {
	if v := b.known(e.Name); v != nil {
		return v
	}
	b.dropParam("$" + e.Name)
	return b.declareVar(e.Name, nil, e.Span())
}

// updateMap is @m[k] op= x. Additions are atomic; the key of others is
// evaluated once.
func (b *body) updateMap(e *syntax.MapExpr, s *syntax.AssignStmt) {
	if s.Op == syntax.OpAdd || s.Op == syntax.OpSub {
		x := b.intOperand(b.expr(s.Value), s.Op)
		if s.Op == syntax.OpSub && !isBad(x) {
			x = b.negate(x, s.Span())
		}
		b.addMap(e, x, s.Span())
		return
	}
	m := b.mapOf(e)
	key, ok := b.key(m, e)
	if !ok {
		return
	}
	if m.m.Value == nil && !b.fitValue(m, types.TInt64, s.Span()) {
		return
	}
	key = b.bind(key)
	old := &prog.MapGet{Meta: meta(m.m.Value, e.Span()), Map: m.m, Key: key}
	x := b.binary(s.Op, old, b.expr(s.Value), s.Span())
	if isBad(x) || !b.fitValue(m, x.Type(), s.Span()) {
		return
	}
	set := &prog.SetMap{At: at(s.Span()), Map: m.m, X: b.convert(x, m.m.Value)}
	if key != nil {
		set.Key = prog.Clone(key)
	}
	b.add(set)
}

func (b *body) ifStmt(s *syntax.IfStmt) {
	cond := b.condition(s.Cond)
	if v, ok := constant(cond); ok {
		b.taken(v != 0, s)
		return
	}
	then := b.collect(func() { b.block(s.Then) })
	var els []prog.Stmt
	if s.Else != nil {
		els = b.collect(func() { b.stmt(s.Else) })
	}
	if !isBad(cond) {
		b.add(&prog.If{At: at(s.Span()), Cond: cond, Then: then, Else: els})
	}
}

// taken builds the one branch of an if whose condition is a constant.
func (b *body) taken(yes bool, s *syntax.IfStmt) {
	then := func() { b.block(s.Then) }
	els := func() {
		if s.Else != nil {
			b.stmt(s.Else)
		}
	}
	if !yes {
		then, els = els, then
	}
	then()
	if b.seesDead() {
		b.dry(els)
	}
}

// seesDead tells whether branches that never run are looked at for the types of maps: also
// in what the user does about calls, whose sides and frameworks are constants in one
// binary and others in the next.
func (b *body) seesDead() bool { return b.keepDead || b.rpc != nil && b.names.owner == "" }

// dry runs f for the types that it gives to maps; what it builds and reports is
// dropped.
func (b *body) dry(f func()) {
	pass, declared := b.pass, b.declared
	b.pass = diag.NewList(b.file.Source)
	actions := len(b.actions)
	b.collect(f)
	b.pass, b.declared = pass, declared
	b.actions, b.prog.Actions = b.actions[:actions], b.prog.Actions[:actions]
}

func (b *body) while(s *syntax.WhileStmt) {
	cond := b.condition(s.Cond)
	if v, ok := constant(cond); ok && v == 0 {
		return
	}
	b.deprecatedWhile(s)
	stmts := b.loop(func() { b.block(s.Body) })
	if !isBad(cond) {
		b.add(&prog.While{At: at(s.Span()), Cond: cond, Body: stmts})
	}
}

func (b *body) loop(f func()) []prog.Stmt {
	b.loops++
	stmts := b.collect(f)
	b.loops--
	return stmts
}

// maxUnroll bounds unroll(), as the language has it.
const maxUnroll = 100

func (b *body) unroll(s *syntax.UnrollStmt) {
	x := b.expr(s.Count)
	n, ok := constant(x)
	switch {
	case isBad(x):
		return
	case !ok:
		b.errorf(s.Count.Span(), "invalid unroll value: it must be a literal")
		return
	case int64(n) < 1:
		b.unrollRange(s.Count.Span(), "unroll minimum value is 1")
		return
	case n > maxUnroll:
		b.unrollRange(s.Count.Span(), "unroll maximum value is 100")
		return
	}
	if n > mostCopies {
		b.repeat(s, n)
		return
	}
	for range n {
		if !b.copied(s.At) {
			return
		}
		b.block(s.Body)
	}
}

// mostCopies is up to how often the body of unroll() is written out: more of it is
// a loop.
const mostCopies = 4

// unrolled is an unroll() that is compiled as a loop, which nothing in it knows of.
type unrolled struct {
	loops int                  // around it, in its function
	jumps map[string]*prog.Var // for break and continue of the innermost of them: whether it was reached
}

func (b *body) repeat(s *syntax.UnrollStmt, n uint64) {
	outer := b.unrolled
	u := &unrolled{loops: b.loops, jumps: map[string]*prog.Var{}}
	b.unrolled = u
	stmts := b.collect(func() { b.block(s.Body) })
	b.unrolled = outer
	words := slices.Sorted(maps.Keys(u.jumps))
	for _, word := range words {
		b.add(&prog.SetVar{At: at(s.Span()), Var: u.jumps[word], X: integer(types.TBool, 0, s.At)})
	}
	bound := func(n uint64) prog.Expr { return integer(types.TInt64, n, s.Count.Span()) }
	b.add(&prog.ForRange{At: at(s.Span()), Var: b.temp(types.TInt64), Lo: bound(0), Hi: bound(n), Body: stmts})
	for _, word := range words {
		reached := &prog.VarRef{Meta: meta(types.TBool, s.At), Var: u.jumps[word]}
		b.add(&prog.If{At: at(s.Span()), Cond: reached, Then: b.collect(func() { b.jump(s.Span(), word) })})
	}
}

func (b *body) forRange(s *syntax.ForRangeStmt) {
	if b.nameTaken(s.Var, true) {
		return
	}
	lo, hi := b.expr(s.From), b.expr(s.To)
	lo, hi = b.bound(lo, "start"), b.bound(hi, "end")
	b.scoped(func() {
		v := b.declareVar(s.Var.Name, nil, s.Var.Span())
		if isBad(lo, hi) {
			v.v.Type = types.TInt64
		} else {
			b.grow(v, b.rangeType(v, lo, hi))
		}
		stmts := b.loop(func() { b.block(s.Body) })
		if !isBad(lo, hi) {
			b.add(&prog.ForRange{At: at(s.Span()), Var: v.v, Lo: b.convert(lo, v.v.Type), Hi: b.convert(hi, v.v.Type), Body: stmts})
		}
	})
}

// rangeType is the type of a loop's variable: an enum's where an end is of it, unless the
// other one, the last, has 64 bits.
func (b *body) rangeType(v *variable, lo, hi prog.Expr) *types.Type {
	t, other := hi.Type(), lo
	if t.Kind != types.Enum {
		if lo.Type().Kind != types.Enum {
			return mergeInts(lo.Type(), t)
		}
		if t.Size < 8 {
			t, other = lo.Type(), hi
		}
	}
	if from := other.Type(); from.Kind != t.Kind && (from.Signed || t.Signed) && !isFlexible(from) && !isFlexible(t) {
		b.signMismatch(v.v.Name, t, from, other.Span())
	}
	return t
}

// bound is one end of a range; bad if it is no integer.
func (b *body) bound(x prog.Expr, which string) prog.Expr {
	if isBad(x) || isNumber(x.Type()) {
		return x
	}
	b.badRange(which, x.Span())
	return bad(x.Span())
}

func (b *body) forMap(s *syntax.ForMapStmt) {
	if b.nameTaken(s.Var, true) {
		return
	}
	m := b.mapOf(s.Map)
	if s.Map.Key != nil || m.shaped && m.scalar {
		b.notIterable(m, s.Map.Span())
		return
	}
	if m.m.Key == nil || m.m.Value == nil {
		b.undefinedMap(m, s.Map.Span())
		return
	}
	value := m.m.Value
	if value.IsAggregate() {
		if value = readable(value); value == nil {
			b.notReadable(m, s.Map.Span())
			return
		}
	}
	b.scoped(func() {
		v := b.declareVar(s.Var.Name, types.TupleOf(m.m.Key, value), s.Var.Span())
		stmts := b.loop(func() { b.block(s.Body) })
		b.add(&prog.ForMap{At: at(s.Span()), Var: v.v, Map: m.m, Body: stmts})
	})
}

func (b *body) jump(span diag.Span, word string) {
	switch u := b.unrolled; {
	case b.loops == 0:
		b.outsideLoop(span, word)
	case u != nil && u.loops == b.loops:
		if u.jumps[word] == nil {
			u.jumps[word] = b.temp(types.TBool)
		}
		b.add(&prog.SetVar{At: at(span), Var: u.jumps[word], X: integer(types.TBool, 1, span)})
		b.add(&prog.Break{At: at(span)})
	case word == "break":
		b.add(&prog.Break{At: at(span)})
	default:
		b.add(&prog.Continue{At: at(span)})
	}
}

func (b *body) ret(s *syntax.ReturnStmt) {
	if b.fn != nil {
		b.fnReturn(s)
		return
	}
	if b.point.Kind == prog.KindTest && s.Value != nil {
		b.testReturn(s)
		return
	}
	r := &prog.Return{At: at(s.Span())}
	if s.Value != nil {
		x := b.expr(s.Value)
		if isBad(x) {
			return
		}
		if !x.Type().IsInt() {
			b.badReturn(x)
			return
		}
		r.X = b.convert(x, types.TInt64)
	}
	b.add(r)
}

// testReturn is return in a test, which fails unless the value is zero.
func (b *body) testReturn(s *syntax.ReturnStmt) {
	x := b.expr(s.Value)
	if isBad(x) {
		return
	}
	if !isNumber(x.Type()) {
		b.badReturn(x)
		return
	}
	fail := b.collect(func() { b.eval(b.emit(prog.Action{Kind: prog.ActFail}, nil, s.Span()), s.Span()) })
	b.add(&prog.If{At: at(s.Span()), Cond: b.truth(x), Then: fail})
	b.add(&prog.Return{At: at(s.Span())})
}
