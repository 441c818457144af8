package check

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// expand replaces a macro's call by its body, whose names are its own.
func (b *body) expand(name string, args []syntax.Expr, span diag.Span) prog.Expr {
	m := matching(b.macros[name], args)
	if m == nil {
		b.noOverload(name, args, span)
		return bad(span)
	}
	for _, c := range b.calls {
		if c.macro == m {
			b.recursion(m, span)
			return bad(span)
		}
	}
	if !b.copied(span) {
		return bad(span)
	}
	inner := &scope{vars: map[string]*variable{}, params: map[string]param{}, macro: true}
	for i, p := range m.Params {
		inner.params[paramName(p)] = param{arg: args[i], scope: b.scope, depth: len(b.calls)}
	}
	scope, calls := b.scope, b.calls
	b.scope = inner
	b.calls = append(b.calls[:len(b.calls):len(b.calls)], expansion{macro: m, at: span})
	var x prog.Expr
	stmts := b.collect(func() {
		b.stmts(m.Body.Stmts)
		if m.Body.Value != nil {
			x = b.expr(m.Body.Value)
		}
	})
	b.scope, b.calls = scope, calls
	return sequence(stmts, x, span)
}

// matching picks the macro whose parameters the arguments fit: a variable for
// $v, a map for @m, anything for a name.
func matching(macros []*syntax.Macro, args []syntax.Expr) *syntax.Macro {
	for i := len(macros) - 1; i >= 0; i-- {
		m := macros[i]
		if len(m.Params) != len(args) {
			continue
		}
		fits := true
		for j, p := range m.Params {
			fits = fits && fitsParam(p, args[j])
		}
		if fits {
			return m
		}
	}
	return nil
}

func fitsParam(p, arg syntax.Expr) bool {
	switch p.(type) {
	case *syntax.VarExpr:
		_, ok := arg.(*syntax.VarExpr)
		return ok
	case *syntax.MapExpr:
		m, ok := arg.(*syntax.MapExpr)
		return ok && m.Key == nil
	}
	return true
}

func paramName(p syntax.Expr) string {
	switch p := p.(type) {
	case *syntax.VarExpr:
		return "$" + p.Name
	case *syntax.MapExpr:
		return "@" + p.Name
	case *syntax.IdentExpr:
		return p.Name
	}
	panic("BUG: macro parameter")
}
