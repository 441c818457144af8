package check

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// fnCall is a call of one of the script's functions, whose body is being built in
// its place.
type fnCall struct {
	fn     *syntax.Func
	result *variable // nil: it has none
	left   *prog.Var // set where the whole probe ends in it, made on first use
}

// callFn is f(args): f's body with its own variables, which a return leaves.
func (b *body) callFn(f *syntax.Func, e *syntax.CallExpr) prog.Expr {
	if len(e.Args) != len(f.Params) {
		b.fnArguments(f, e)
		return bad(e.At)
	}
	for _, c := range b.calls {
		if c.fn == f {
			b.fnRecursion(f, e.At)
			return bad(e.At)
		}
	}
	args := b.values(e.Args)
	if isBad(args...) || !b.copied(e.At) {
		return bad(e.At)
	}
	caller, calls, outer, loops, unrolled := b.scope, b.calls, b.fn, b.loops, b.unrolled
	call := &fnCall{fn: f}
	b.scope, b.fn, b.loops, b.unrolled = &scope{vars: map[string]*variable{}}, call, 0, nil
	b.calls = append(calls[:len(calls):len(calls)], expansion{fn: f, at: e.At})
	stmts := b.collect(func() { b.fnBody(call, args, e) })
	b.scope, b.calls, b.fn, b.loops, b.unrolled = caller, calls, outer, loops, unrolled
	if call.left != nil {
		left := &prog.VarRef{Meta: meta(types.TBool, e.At), Var: call.left}
		stmts = append(stmts, &prog.If{At: at(e.At), Cond: left, Then: b.leaveProbe(e.At)})
	}
	if call.result == nil {
		return sequence(stmts, nil, e.At)
	}
	if call.result.v.Type == unknown {
		return bad(e.At)
	}
	return sequence(stmts, &prog.VarRef{Meta: meta(call.result.v.Type, e.At), Var: call.result.v}, e.At)
}

// fnBody adds the parameters, and the body as one statement that a return ends.
func (b *body) fnBody(call *fnCall, args []prog.Expr, e *syntax.CallExpr) {
	f := call.fn
	for i, p := range f.Params {
		v := b.declareVar(p.Var.Name, b.typOrUnknown(p.Type), p.Var.At)
		b.setVar(v, args[i], e.Args[i].Span())
	}
	if f.Result != nil {
		if t := b.typOrUnknown(f.Result); t.Kind != types.Void || t == unknown {
			call.result = &variable{v: b.temp(t), fixed: true, span: f.Result.Span()}
			call.result.v.Name = f.Name + "()"
		}
	}
	if call.result != nil && call.result.v.Type != unknown {
		b.add(&prog.SetVar{At: at(e.At), Var: call.result.v, X: zero(call.result.v.Type, e.At)})
		if !hasReturn(f) {
			b.noReturn(f)
		}
	}
	stmts := b.collect(func() { b.stmts(f.Body.Stmts) })
	if call.left != nil {
		b.add(&prog.SetVar{At: at(e.At), Var: call.left, X: boolean(false, e.At)})
	}
	b.add(&prog.Inline{At: at(e.At), Body: stmts})
}

// typOrUnknown resolves a type as written, unknown after an error.
func (b *body) typOrUnknown(t syntax.Type) *types.Type {
	if typ := b.typ(t); typ != nil {
		return typ
	}
	return unknown
}

func hasReturn(f *syntax.Func) bool {
	found := false
	syntax.Walk(f.Body, func(n syntax.Node) bool {
		_, ok := n.(*syntax.ReturnStmt)
		found = found || ok
		return true
	})
	return found
}

// fnReturn is return in a function of the script.
func (b *body) fnReturn(s *syntax.ReturnStmt) {
	result := b.fn.result
	switch {
	case s.Value == nil && result != nil:
		b.returnWithout(b.fn.fn, s)
		return
	case s.Value != nil && result == nil:
		b.returnOf(b.fn.fn, s)
		return
	case s.Value != nil:
		x := b.value(s.Value)
		if isBad(x) {
			return
		}
		b.setVar(result, x, s.Span())
	}
	b.add(&prog.Return{At: at(s.Span())})
}

// leaveProbe are the statements that end the body of a probe, also from within a
// function of the script.
func (b *body) leaveProbe(span diag.Span) []prog.Stmt {
	end := &prog.Return{At: at(span)}
	if b.fn == nil {
		return []prog.Stmt{end}
	}
	if b.fn.left == nil {
		b.fn.left = b.temp(types.TBool)
	}
	return []prog.Stmt{&prog.SetVar{At: at(span), Var: b.fn.left, X: boolean(true, span)}, end}
}
