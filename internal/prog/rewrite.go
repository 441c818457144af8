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

func (r rewriter) all(es []Expr) {
	for i := range es {
		es[i] = r.expr(es[i])
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
		e.X = r.expr(e.X)
	case *Binary:
		e.X, e.Y = r.expr(e.X), r.expr(e.Y)
	case *Cond:
		e.C, e.A, e.B = r.expr(e.C), r.expr(e.A), r.expr(e.B)
	case *Cast:
		e.X = r.expr(e.X)
	case *Must:
		e.X = r.expr(e.X)
	case *Load:
		e.Ptr = r.expr(e.Ptr)
	case *Member:
		e.X = r.expr(e.X)
	case *Elem:
		e.X, e.I = r.expr(e.X), r.expr(e.I)
	case *Compose:
		r.all(e.Parts)
	case *MapGet:
		e.Key = r.expr(e.Key)
	case *MapPtr:
		e.Key = r.expr(e.Key)
	case *StrN:
		e.Ptr, e.Len = r.expr(e.Ptr), r.expr(e.Len)
	case *Block:
		r.stmts(e.Stmts)
		e.X = r.expr(e.X)
	}
	return r.f(e)
}

func (r rewriter) stmt(s Stmt) {
	r.visit(s)
	switch s := s.(type) {
	case *Eval:
		s.X = r.expr(s.X)
	case *SetVar:
		s.X = r.expr(s.X)
	case *SetMap:
		s.Key, s.X = r.expr(s.Key), r.expr(s.X)
	case *AddMap:
		s.Key, s.X = r.expr(s.Key), r.expr(s.X)
	case *Aggregate:
		s.Key, s.X, s.When = r.expr(s.Key), r.expr(s.X), r.expr(s.When)
	case *Delete:
		s.Key = r.expr(s.Key)
	case *If:
		s.Cond = r.expr(s.Cond)
		r.stmts(s.Then)
		r.stmts(s.Else)
	case *While:
		s.Cond = r.expr(s.Cond)
		r.stmts(s.Body)
	case *ForRange:
		s.Lo, s.Hi = r.expr(s.Lo), r.expr(s.Hi)
		r.stmts(s.Body)
	case *ForMap:
		r.stmts(s.Body)
	case *Inline:
		r.stmts(s.Body)
	case *Return:
		s.X = r.expr(s.X)
	case *Emit:
		r.all(s.Args)
		for i := range s.Items {
			it := &s.Items[i]
			it.X, it.Ptr, it.Len = r.expr(it.X), r.expr(it.Ptr), r.expr(it.Len)
		}
	}
}
