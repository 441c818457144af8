package prog

// Clone returns a deep copy of e, so that e's value can be used at two places
// of a tree. Variables, maps and types are shared; the statements of a Block
// cannot be copied, since they would run twice: bind its value to a variable.
func Clone(e Expr) Expr {
	switch e := e.(type) {
	case nil:
		return nil
	case *Int:
		return copied(*e)
	case *Str:
		return copied(*e)
	case *VarRef:
		return copied(*e)
	case *Reg:
		return copied(*e)
	case *CtxLoad:
		return copied(*e)
	case *CtxAddr:
		return copied(*e)
	case *CtxArg:
		return copied(*e)
	case *Builtin:
		return copied(*e)
	case *GoParam:
		return copied(*e)
	case *Duration:
		return copied(*e)
	case *GoID:
		return copied(*e)
	case *Call:
		return &Call{e.Meta, e.Fn, cloneAll(e.Args), e.Map}
	case *Unary:
		return &Unary{e.Meta, e.Op, Clone(e.X)}
	case *Binary:
		return &Binary{e.Meta, e.Op, Clone(e.X), Clone(e.Y)}
	case *Cond:
		return &Cond{e.Meta, Clone(e.C), Clone(e.A), Clone(e.B)}
	case *Cast:
		return &Cast{e.Meta, Clone(e.X)}
	case *Must:
		return &Must{e.Meta, Clone(e.X)}
	case *Load:
		c := *e
		c.Ptr = Clone(e.Ptr)
		return &c
	case *Member:
		c := *e
		c.X = Clone(e.X)
		return &c
	case *Elem:
		return &Elem{e.Meta, Clone(e.X), Clone(e.I)}
	case *Compose:
		return &Compose{e.Meta, cloneAll(e.Parts)}
	case *MapGet:
		return &MapGet{e.Meta, e.Map, Clone(e.Key), e.Of}
	case *MapPtr:
		return &MapPtr{e.Meta, e.Map, Clone(e.Key)}
	case *Addr:
		return &Addr{e.Meta, e.Var}
	case *StrN:
		return &StrN{e.Meta, Clone(e.Ptr), Clone(e.Len), e.Checked}
	}
	panic("BUG: expression cannot be copied")
}

func copied[T any, P interface {
	*T
	Expr
}](e T) Expr {
	return P(&e)
}

func cloneAll(es []Expr) []Expr {
	if es == nil {
		return nil
	}
	out := make([]Expr, len(es))
	for i, e := range es {
		out[i] = Clone(e)
	}
	return out
}

// HasBlock tells whether a statement stands anywhere in e.
func HasBlock(e Expr) bool {
	found := false
	RewriteExpr(e, func(x Expr) Expr {
		_, ok := x.(*Block)
		found = found || ok
		return x
	})
	return found
}
