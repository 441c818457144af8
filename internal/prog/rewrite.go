package prog

// Rewrite replaces every expression below stmts by f of it, innermost first.
// Expressions that stand in Items are rewritten, too.
func Rewrite(stmts []Stmt, f func(Expr) Expr) {
	rewriter{f: f, visit: func(Stmt) {}}.stmts(stmts)
}

// RewriteExpr replaces the expressions below e, then e itself, by f of them.
func RewriteExpr(e Expr, f func(Expr) Expr) Expr { return rewriter{f: f, visit: func(Stmt) {}}.expr(e) }

// WalkStmts calls f for every statement, outer ones first, those of block
// expressions included.
func WalkStmts(stmts []Stmt, f func(Stmt)) {
	rewriter{f: func(e Expr) Expr { return e }, visit: f}.stmts(stmts)
}

// rewriter calls visit for statements on the way down and f for expressions on
// the way up.
type rewriter struct {
	f     func(Expr) Expr
	visit func(Stmt)
}

// at replaces an expression. Where it stays, nothing is written: units that share
// bodies are compiled at the same time, and only look.
func (r rewriter) at(p *Expr) {
	if e := r.expr(*p); e != *p {
		*p = e
	}
}

func (r rewriter) all(es []Expr) {
	for i := range es {
		r.at(&es[i])
	}
}

func (r rewriter) stmts(ss []Stmt) {
	for _, s := range ss {
		r.stmt(s)
	}
}

func (r rewriter) expr(e Expr) Expr {
	switch e := e.(type) {
	case nil:
		return nil
	case *Call:
		r.all(e.Args)
	case *Unary:
		r.at(&e.X)
	case *Binary:
		r.at(&e.X)
		r.at(&e.Y)
	case *Cond:
		r.at(&e.C)
		r.at(&e.A)
		r.at(&e.B)
	case *Cast:
		r.at(&e.X)
	case *Must:
		r.at(&e.X)
	case *Load:
		r.at(&e.Ptr)
	case *Member:
		r.at(&e.X)
	case *Elem:
		r.at(&e.X)
		r.at(&e.I)
	case *Compose:
		r.all(e.Parts)
	case *MapGet:
		r.at(&e.Key)
	case *MapPtr:
		r.at(&e.Key)
	case *StrN:
		r.at(&e.Ptr)
		r.at(&e.Len)
	case *Block:
		r.stmts(e.Stmts)
		r.at(&e.X)
	}
	return r.f(e)
}

func (r rewriter) stmt(s Stmt) {
	r.visit(s)
	switch s := s.(type) {
	case *Eval:
		r.at(&s.X)
	case *SetVar:
		r.at(&s.X)
	case *SetMap:
		r.at(&s.Key)
		r.at(&s.X)
	case *AddMap:
		r.at(&s.Key)
		r.at(&s.X)
	case *Aggregate:
		r.at(&s.Key)
		r.at(&s.X)
		r.at(&s.When)
	case *Delete:
		r.at(&s.Key)
	case *If:
		r.at(&s.Cond)
		r.stmts(s.Then)
		r.stmts(s.Else)
	case *While:
		r.at(&s.Cond)
		r.stmts(s.Body)
	case *ForRange:
		r.at(&s.Lo)
		r.at(&s.Hi)
		r.stmts(s.Body)
	case *ForMap:
		r.stmts(s.Body)
	case *Inline:
		r.stmts(s.Body)
	case *Return:
		r.at(&s.X)
	case *Emit:
		r.all(s.Args)
		for i := range s.Items {
			it := &s.Items[i]
			r.at(&it.X)
			r.at(&it.Ptr)
			r.at(&it.Len)
		}
	}
}
