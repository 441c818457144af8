package codegen

import "github.com/rpcxray/rpcxray/internal/prog"

// mentions visits the variables of statements in the order of evaluation.
// maybe tells that the place is not reached in every run.
type mentions struct {
	visit func(v *prog.Var, set, maybe bool)
	block func() // called at every block expression
	maybe int
	skip  map[*prog.Var]bool // what these are set to is passed over
	loop  prog.Stmt          // the innermost one around
}

func (m *mentions) stmts(list []prog.Stmt) {
	for _, s := range list {
		m.stmt(s)
	}
}

func (m *mentions) sometimes(f func()) {
	m.maybe++
	f()
	m.maybe--
}

// turns visits what the turns of a loop mention.
func (m *mentions) turns(s prog.Stmt, f func()) {
	outer := m.loop
	m.loop = s
	m.sometimes(f)
	m.loop = outer
}

func (m *mentions) stmt(s prog.Stmt) {
	switch s := s.(type) {
	case *prog.Eval:
		m.expr(s.X)
	case *prog.SetVar:
		if m.skip[s.Var] {
			return
		}
		m.expr(s.X)
		m.visit(s.Var, true, m.maybe > 0)
	case *prog.SetMap:
		m.exprs(s.Key, s.X)
	case *prog.AddMap:
		m.exprs(s.Key, s.X)
	case *prog.Aggregate:
		m.exprs(s.Key, s.X, s.When)
	case *prog.Delete:
		m.expr(s.Key)
	case *prog.If:
		m.expr(s.Cond)
		m.sometimes(func() { m.stmts(s.Then); m.stmts(s.Else) })
	case *prog.While:
		m.turns(s, func() { m.expr(s.Cond); m.stmts(s.Body) })
	case *prog.ForRange:
		m.exprs(s.Lo, s.Hi)
		m.turns(s, func() { m.visit(s.Var, true, true); m.stmts(s.Body) })
	case *prog.ForMap:
		m.turns(s, func() { m.visit(s.Var, true, true); m.stmts(s.Body) })
	case *prog.Inline:
		m.sometimes(func() { m.stmts(s.Body) })
	case *prog.Return:
		m.expr(s.X)
	case *prog.Emit:
		for _, it := range s.Items {
			m.exprs(it.X, it.Ptr, it.Len)
		}
	}
}

func (m *mentions) exprs(list ...prog.Expr) {
	for _, e := range list {
		m.expr(e)
	}
}

func (m *mentions) expr(e prog.Expr) {
	switch e := e.(type) {
	case *prog.VarRef:
		m.visit(e.Var, false, m.maybe > 0)
	case *prog.Call:
		m.exprs(e.Args...)
	case *prog.Unary:
		m.expr(e.X)
	case *prog.Binary:
		m.expr(e.X)
		if e.Op == prog.AndAnd || e.Op == prog.OrOr {
			m.sometimes(func() { m.expr(e.Y) })
		} else {
			m.expr(e.Y)
		}
	case *prog.Cond:
		m.expr(e.C)
		m.sometimes(func() { m.exprs(e.A, e.B) })
	case *prog.Cast:
		m.expr(e.X)
	case *prog.Must:
		m.expr(e.X)
	case *prog.Load:
		m.expr(e.Ptr)
	case *prog.Member:
		m.expr(e.X)
	case *prog.Elem:
		m.exprs(e.X, e.I)
	case *prog.Compose:
		m.exprs(e.Parts...)
	case *prog.MapGet:
		m.expr(e.Key)
	case *prog.MapPtr:
		m.expr(e.Key)
	case *prog.Addr:
		m.visit(e.Var, false, m.maybe > 0)
	case *prog.StrN:
		m.exprs(e.Ptr, e.Len)
	case *prog.Block:
		m.block()
		m.stmts(e.Stmts)
		m.expr(e.X)
	}
}

// hasBlock tells whether evaluating e may change a variable.
func hasBlock(e prog.Expr) bool {
	found := false
	m := mentions{visit: func(*prog.Var, bool, bool) {}, block: func() { found = true }}
	m.expr(e)
	return found
}

func names(v *prog.Var, list ...prog.Stmt) bool {
	found := false
	m := mentions{visit: func(w *prog.Var, _, _ bool) { found = found || v == w }, block: func() {}}
	m.stmts(list)
	return found
}

// needsZero tells whether v may be read in s, the first statement that names
// it, or after it, without having been set.
func needsZero(s prog.Stmt, v *prog.Var) bool {
	first, zero := true, false
	m := mentions{block: func() {}}
	m.visit = func(w *prog.Var, set, maybe bool) {
		if w == v && first {
			first = false
			zero = !set || maybe
		}
	}
	m.stmt(s)
	return zero
}
