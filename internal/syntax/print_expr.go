package syntax

import "strconv"

// bind tells how tightly the outermost operator of x binds.
func bind(x Expr) int {
	switch x := x.(type) {
	case *Block, *IfExpr:
		return bindStmt
	case *CondExpr:
		return bindCond
	case *BinaryExpr:
		return binding[x.Op]
	case *UnaryExpr, *CastExpr, *ComptimeExpr:
		return bindUnary
	case *IncDecExpr:
		if x.Post {
			return bindPostfix
		}
		return bindUnary
	case *FieldExpr, *IndexExpr:
		return bindPostfix
	}
	return bindPrimary
}

// operand writes x, in parentheses if it binds less tightly than level.
func (p *printer) operand(x Expr, level int) {
	if bind(x) < level {
		p.paren(x)
		return
	}
	p.expr(x)
}

func (p *printer) paren(x Expr) {
	p.put("(")
	p.expr(x)
	p.put(")")
}

func (p *printer) list(xs []Expr) {
	for i, x := range xs {
		if i > 0 {
			p.put(", ")
		}
		p.expr(x)
	}
}

func (n *PositionalExpr) text() string {
	if n.N == 0 {
		return "$#"
	}
	return "$" + strconv.Itoa(n.N)
}

func (p *printer) expr(x Expr) {
	switch x := x.(type) {
	case *Block:
		p.block(x)
	case *IntExpr:
		if x.Text != "" {
			p.put(x.Text)
		} else {
			p.put(strconv.FormatUint(x.Value, 10))
		}
	case *BoolExpr:
		p.put(strconv.FormatBool(x.Value))
	case *StringExpr:
		p.put(quote(x.Value))
	case *PositionalExpr:
		p.put(x.text())
	case *IdentExpr:
		p.put(x.Name)
	case *VarExpr:
		p.put("$" + x.Name)
	case *MapExpr:
		p.mapExpr(x)
	case *CallExpr:
		p.put(x.Name + "(")
		p.list(x.Args)
		p.put(")")
	case *SizeofExpr:
		p.put("sizeof")
		p.typeArg(x.Type, x.X)
	case *TypeinfoExpr:
		p.put("typeinfo")
		p.typeArg(x.Type, x.X)
	case *TypeofExpr:
		p.typ(x.Type)
	case *OffsetofExpr:
		p.offsetof(x)
	case *TupleExpr:
		p.tuple(x)
	case *RecordExpr:
		p.record(x)
	default:
		p.operation(x)
	}
}

// operation writes the expressions that have operands.
func (p *printer) operation(x Expr) {
	switch x := x.(type) {
	case *UnaryExpr:
		p.put(string(x.Op))
		p.prefixed(x.X, x.Op == OpSub || x.Op == OpAnd)
	case *IncDecExpr:
		if x.Post {
			p.operand(x.X, bindPrimary)
			p.put(string(x.Op))
		} else {
			p.put(string(x.Op))
			p.operand(x.X, bindUnary)
		}
	case *BinaryExpr:
		level := binding[x.Op]
		p.operand(x.L, level)
		p.put(" " + string(x.Op) + " ")
		p.operand(x.R, level+1)
	case *CondExpr:
		p.cond(x)
	case *FieldExpr:
		p.operand(x.X, bindPostfix)
		p.put("." + x.Name)
		if x.Args != nil {
			p.put("(")
			p.list(x.Args)
			p.put(")")
		}
	case *IndexExpr:
		if m, ok := x.X.(*MapExpr); ok && m.Key == nil {
			p.paren(m) // without them the index is the map's key
		} else {
			p.operand(x.X, bindPostfix)
		}
		p.put("[")
		p.expr(x.Index)
		p.put("]")
	case *CastExpr:
		p.put("(")
		p.typ(x.Type)
		p.put(")")
		p.prefixed(x.X, true)
	case *IfExpr:
		p.ifExpr(x)
	case *ComptimeExpr:
		p.put("comptime ")
		p.operand(x.X, bindUnary)
	}
}

// prefixed writes the operand of a prefix. With guard, another prefix gets
// parentheses: "- -x" must not become "--x", nor "(t)-x" a subtraction.
func (p *printer) prefixed(x Expr, guard bool) {
	inc, incdec := x.(*IncDecExpr)
	_, unary := x.(*UnaryExpr)
	if guard && (unary || incdec && !inc.Post) {
		p.paren(x)
		return
	}
	p.operand(x, bindUnary)
}

func (p *printer) cond(x *CondExpr) {
	p.operand(x.Cond, bindCond+1)
	p.put(" ?")
	if x.Then != nil {
		p.put(" ")
		p.expr(x.Then)
		p.put(" ")
	}
	p.put(": ")
	p.expr(x.Else)
}

func (p *printer) ifExpr(x *IfExpr) {
	p.put("if (")
	p.expr(x.Cond)
	p.body(x.Then)
	p.put(" else ")
	p.expr(x.Else)
}

func (p *printer) mapExpr(m *MapExpr) {
	p.put("@" + m.Name)
	if m.Key == nil {
		return
	}
	p.put("[")
	if t, ok := m.Key.(*TupleExpr); ok && len(t.Elems) > 1 {
		p.list(t.Elems)
	} else {
		p.expr(m.Key)
	}
	p.put("]")
}

func (p *printer) tuple(t *TupleExpr) {
	p.put("(")
	p.list(t.Elems)
	if len(t.Elems) == 1 {
		p.put(",")
	}
	p.put(")")
}

func (p *printer) record(r *RecordExpr) {
	p.put("(")
	for i, f := range r.Fields {
		if i > 0 {
			p.put(", ")
		}
		p.put(f.Name + "=")
		p.expr(f.Value)
	}
	p.put(")")
}

func (p *printer) typeArg(t Type, x Expr) {
	p.put("(")
	p.typeOrExpr(t, x)
	p.put(")")
}

func (p *printer) typeOrExpr(t Type, x Expr) {
	switch x := x.(type) {
	case nil:
		p.typ(t)
	case *IdentExpr, *IndexExpr:
		p.paren(x) // without them it would be a type
	default:
		p.expr(x)
	}
}

func (p *printer) offsetof(o *OffsetofExpr) {
	p.put("offsetof(")
	p.typeOrExpr(o.Type, o.X)
	p.put(", ")
	for i, name := range o.Path {
		if i > 0 {
			p.put(".")
		}
		p.put(name)
	}
	p.put(")")
}

// typ writes a type of the language; C declarations have their own order.
func (p *printer) typ(t Type) {
	switch t := t.(type) {
	case *NamedType:
		p.put(words(t.Tag, t.Name))
	case *PointerType:
		p.typ(t.Elem)
		p.put("*")
	case *ArrayType:
		p.typ(t.Elem)
		p.put("[")
		p.optional(t.Len)
		p.put("]")
	case *TypeofType:
		p.put("typeof")
		p.typeArg(t.Type, t.X)
	}
}

// ExprText is x as source text.
func ExprText(x Expr) string {
	p := &printer{}
	p.expr(x)
	return p.b.String()
}
