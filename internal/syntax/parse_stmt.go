package syntax

import "github.com/rpcxray/rpcxray/internal/diag"

// block reads `{ .. }`. A last expression without ';' becomes its Value, also
// where nobody wants one; stmtBlock is for those places.
func (p *parser) block() *Block {
	p.enter()
	defer p.leave()
	defer p.unpred()()
	b := &Block{}
	start, open := p.start(), p.peek(0).span
	p.expect("{")
	for b.Value == nil && !p.at("}") && !p.eof() {
		if p.accept(";") {
			continue
		}
		braces := p.braces
		stmt, value := p.stmt()
		switch {
		case p.broken:
			p.recover(braces, true)
		case value != nil:
			b.Value = value
		default:
			b.Stmts = append(b.Stmts, stmt)
		}
	}
	p.expectClose("}", open)
	b.Loc = p.loc(start)
	return b
}

// stmtBlock reads a block whose value nobody uses.
func (p *parser) stmtBlock() *Block { return demote(p.block()) }

// unpred suspends the rule that "/" before "{" ends a predicate, inside
// brackets; the returned function brings it back.
func (p *parser) unpred() func() {
	old := p.pred
	p.pred = false
	return func() { p.pred = old }
}

// demote turns a block with a value into one without.
func demote(b *Block) *Block {
	if b.Value != nil {
		b.Stmts = append(b.Stmts, asStmt(b.Value))
		b.Value = nil
	}
	return b
}

// asStmt makes a statement of an expression that ends a block.
func asStmt(x Expr) Stmt {
	switch x := x.(type) {
	case *Block:
		return demote(x)
	case *IfExpr:
		s := &IfStmt{Loc: x.Loc, Cond: x.Cond, Then: demote(x.Then)}
		if x.Else != nil {
			s.Else = asStmt(x.Else)
		}
		return s
	}
	return &ExprStmt{Loc{x.Span()}, x}
}

// hasValue tells whether every way through x ends in an expression.
func hasValue(x Expr) bool {
	switch x := x.(type) {
	case nil:
		return false
	case *Block:
		return x.Value != nil
	case *IfExpr:
		return x.Then.Value != nil && hasValue(x.Else)
	}
	return true
}

// stmt reads one statement, or the expression that ends the block and is its
// value.
func (p *parser) stmt() (Stmt, Expr) {
	start := p.start()
	switch t := p.peek(0); {
	case t.is("{"):
		return p.last(p.block())
	case t.is("if"):
		return p.last(p.ifExpr())
	case t.is("let"):
		return p.let(), nil
	case t.is("for"):
		return p.forStmt(), nil
	case t.is("while"):
		p.take()
		s := &WhileStmt{Cond: p.head(), Body: p.stmtBlock()}
		s.Loc = p.loc(start)
		return s, nil
	case t.is("unroll"):
		p.take()
		s := &UnrollStmt{Count: p.head(), Body: p.stmtBlock()}
		s.Loc = p.loc(start)
		return s, nil
	case t.is("break"):
		p.take()
		p.endStmt()
		return &BreakStmt{Loc{t.span}}, nil
	case t.is("continue"):
		p.take()
		p.endStmt()
		return &ContinueStmt{Loc{t.span}}, nil
	case t.is("return"):
		return p.returnStmt(), nil
	case t.is("import"):
		return p.importDecl(), nil
	}
	return p.simpleStmt()
}

// last makes x, a block or an if that begins a statement, the value of the
// block around it where it ends that block and has one.
func (p *parser) last(x Expr) (Stmt, Expr) {
	if p.at("}") && hasValue(x) {
		return nil, x
	}
	return asStmt(x), nil
}

// endStmt takes the ';' of a statement, which the last one may lack.
func (p *parser) endStmt() {
	if !p.at("}") {
		p.expect(";")
	}
}

func (p *parser) let() Stmt {
	start := p.start()
	p.take()
	if p.peek(0).kind == tokMap {
		p.fail(p.peek(0).span, "syntax: maps are declared outside of probes and functions")
		return nil
	}
	s := &LetStmt{Var: p.variable("variable after 'let'")}
	if p.accept(":") {
		s.Type = p.typ()
	}
	if p.accept("=") {
		s.Value = p.expr()
	}
	s.Loc = p.loc(start)
	p.endStmt()
	return s
}

func (p *parser) returnStmt() Stmt {
	start := p.start()
	p.take()
	s := &ReturnStmt{}
	if !p.at(";") && !p.at("}") {
		s.Value = p.expr()
	}
	s.Loc = p.loc(start)
	p.endStmt()
	return s
}

func (p *parser) ifExpr() Expr {
	p.enter()
	defer p.leave()
	start := p.start()
	p.take()
	x := &IfExpr{Cond: p.head(), Then: p.block()}
	if p.accept("else") {
		if p.at("if") {
			x.Else = p.ifExpr()
		} else {
			x.Else = p.block()
		}
	}
	x.Loc = p.loc(start)
	return x
}

// head reads what stands between a keyword and a block, with or without
// parentheses.
func (p *parser) head() Expr {
	if p.at("{") {
		p.expected("expression")
	}
	return p.expr()
}

// forStmt reads both loops over maps and over ranges.
func (p *parser) forStmt() Stmt {
	start := p.start()
	p.take()
	open := p.peek(0).span
	paren := p.accept("(")
	v := p.variable("variable in for loop")
	p.expect(":")
	over := p.unary()
	var to Expr
	if p.accept("..") {
		to = p.unary()
	}
	if paren {
		p.expectClose(")", open)
	}
	m, _ := over.(*MapExpr)
	if to == nil && (m == nil || m.Key != nil) {
		m = &MapExpr{Loc: Loc{over.Span()}}
	}
	if to == nil && m != over && !p.broken {
		p.diags.Errorf(over.Span(), "syntax: expected map or range in for loop").Hint = "for ($kv : @map) { .. } or for ($i : 0..10) { .. }"
	}
	body := p.stmtBlock()
	if to != nil {
		return &ForRangeStmt{p.loc(start), v, over, to, body}
	}
	return &ForMapStmt{p.loc(start), v, m, body}
}

// assignOps maps the compound assignments to their operators.
var assignOps = map[string]Op{
	"=": "", "+=": OpAdd, "-=": OpSub, "*=": OpMul, "/=": OpDiv, "%=": OpMod,
	"&=": OpAnd, "|=": OpOr, "^=": OpXor, "<<=": OpShl, ">>=": OpShr,
}

// simpleStmt reads an assignment or an expression.
func (p *parser) simpleStmt() (Stmt, Expr) {
	start := p.start()
	x := p.expr()
	t := p.peek(0)
	op, assigns := assignOps[t.text]
	if t.kind != tokPunct || !assigns {
		if p.at("}") {
			return nil, x
		}
		s := &ExprStmt{p.loc(start), x}
		p.endStmt()
		return s, nil
	}
	target := p.loc(start).At
	p.take()
	value := p.expr()
	loc := p.loc(start)
	p.endStmt()
	if id, ok := x.(*IdentExpr); ok && id.Name == "_" && op == "" {
		return &DiscardStmt{loc, value}, nil
	}
	p.wantName(x, target, "assign to")
	return &AssignStmt{loc, x, op, value}, nil
}

// wantName reports a target that is neither a variable nor a map.
func (p *parser) wantName(x Expr, span diag.Span, what string) {
	if p.broken {
		return
	}
	switch x.(type) {
	case *VarExpr, *MapExpr:
		return
	case *FieldExpr, *IndexExpr:
		if what == "assign to" {
			p.diags.Errorf(x.Span(), "syntax: Tuples and records are immutable once created. Consider creating a new value and assigning it instead.")
			return
		}
	}
	if what == "take the address of" {
		p.diags.Errorf(span, "syntax: address-of operator (&) can only be used on a map or variable")
		return
	}
	if what == "count up or down" {
		p.diags.Errorf(span, "syntax: increment/decrement requires a variable or map")
		return
	}
	p.diags.Errorf(span, "syntax: can only %s a variable or a map", what)
}
