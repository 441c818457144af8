package syntax

import (
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// binding is how tightly the binary operators bind, from the loosest.
var binding = map[Op]int{
	OpLOr: 2, OpLAnd: 3, OpOr: 4, OpXor: 5, OpAnd: 6,
	OpEq: 7, OpNe: 7,
	OpLt: 8, OpGt: 8, OpLe: 8, OpGe: 8,
	OpShl: 9, OpShr: 9,
	OpAdd: 10, OpSub: 10,
	OpMul: 11, OpDiv: 11, OpMod: 11,
}

// What binds looser and tighter than the binary operators.
const (
	bindStmt    = 0 // blocks and ifs
	bindCond    = 1
	bindUnary   = 12
	bindPostfix = 13
	bindPrimary = 14
)

// expr reads an expression of any kind.
func (p *parser) expr() Expr {
	p.enter()
	defer p.leave()
	start := p.start()
	cond := p.binary(bindCond + 1)
	if !p.accept("?") {
		return cond
	}
	x := &CondExpr{Cond: cond}
	if !p.at(":") {
		x.Then = p.expr()
	}
	p.expect(":")
	x.Else = p.expr()
	x.Loc = p.loc(start)
	return x
}

// binary reads operators that bind at least as tightly as level.
func (p *parser) binary(level int) Expr {
	start := p.start()
	x := p.unary()
	for n := 0; ; n++ {
		t := p.peek(0)
		op := Op(t.text)
		b, ok := binding[op]
		if t.kind != tokPunct || !ok || b < level || p.endsPred(t) {
			return x
		}
		p.chain(n)
		p.take()
		y := p.binary(b + 1)
		x = &BinaryExpr{p.loc(start), op, t.span, x, y}
	}
}

// endsPred tells whether the slash t closes the predicate being read.
func (p *parser) endsPred(t token) bool {
	return p.pred && t.is("/") && p.peek(1).is("{")
}

func (p *parser) unary() Expr {
	p.enter()
	defer p.leave()
	start, t := p.start(), p.peek(0)
	switch {
	case t.is("comptime"):
		p.take()
		x := p.unary()
		return &ComptimeExpr{p.loc(start), x}
	case t.is("-"), t.is("!"), t.is("~"), t.is("*"), t.is("&"):
		p.take()
		x := p.unary()
		if t.is("&") {
			p.wantName(x, x.Span(), "take the address of")
		}
		return &UnaryExpr{p.loc(start), Op(t.text), x}
	case t.is("++"), t.is("--"):
		p.take()
		x := p.unary()
		p.wantName(x, x.Span(), "count up or down")
		return &IncDecExpr{p.loc(start), Op(t.text), false, x}
	case p.castAhead():
		p.take()
		typ := p.typ()
		p.expect(")")
		x := p.unary()
		return &CastExpr{p.loc(start), typ, x}
	}
	return p.postfix()
}

func (p *parser) postfix() Expr {
	start := p.start()
	x := p.primary()
	for n := 0; ; n++ {
		t := p.peek(0)
		switch {
		case t.is("."), t.is("->"):
			p.take()
			name := p.member()
			args := p.fieldArgs()
			x = &FieldExpr{p.loc(start), x, name.text, name.span, args}
		case t.is("["):
			p.take()
			index := p.index(t.span)
			x = &IndexExpr{p.loc(start), x, index}
		case t.is("++"), t.is("--"):
			p.take()
			p.wantName(x, x.Span(), "count up or down")
			x = &IncDecExpr{p.loc(start), Op(t.text), true, x}
		default:
			return x
		}
		p.chain(n)
	}
}

// fieldArgs reads the arguments behind a member's name, nil where there are no
// parentheses.
func (p *parser) fieldArgs() []Expr {
	open := p.peek(0).span
	if !p.at("(") {
		return nil
	}
	defer p.unpred()()
	p.take()
	args := append([]Expr{}, p.args()...)
	p.expectClose(")", open)
	return args
}

// member reads what follows a dot: any word, or the number of a tuple's member.
func (p *parser) member() token {
	t := p.peek(0)
	number := t.kind == tokInt && strings.Trim(t.text, "0123456789") == ""
	if t.kind != tokIdent && !number {
		p.expected("member name")
		return token{}
	}
	return p.take()
}

// index reads the rest of `[x]`.
func (p *parser) index(open diag.Span) Expr {
	defer p.unpred()()
	x := p.expr()
	p.expectClose("]", open)
	return x
}

func (p *parser) primary() Expr {
	start, t := p.start(), p.peek(0)
	switch t.kind {
	case tokInt, tokString:
		return p.literal()
	case tokVar, tokMap:
		return p.name()
	case tokParam:
		return p.param()
	case tokIdent:
		return p.word()
	}
	switch {
	case t.is("("):
		return p.paren()
	case t.is("{"):
		b := p.block()
		p.wantValue(b)
		return b
	}
	p.expected("expression")
	return &IdentExpr{p.loc(start), ""}
}

// wantValue reports a block or an if that is used but has no value.
func (p *parser) wantValue(x Expr) {
	if p.broken || hasValue(x) {
		return
	}
	if _, ok := x.(*Block); ok {
		p.diags.Errorf(x.Span(), "syntax: a block used as a value must end in an expression").Hint = "leave out the ';' behind the last expression"
		return
	}
	p.diags.Errorf(x.Span(), "syntax: an if used as a value needs an else, and every branch must end in an expression").Hint = "leave out the ';' behind the last expression of each branch"
}

// literal reads a number, string, boolean or, for config values, a name.
func (p *parser) literal() Expr {
	t := p.take()
	loc := Loc{t.span}
	switch {
	case t.kind == tokString:
		return &StringExpr{loc, t.text}
	case t.is("true"), t.is("false"):
		return &BoolExpr{loc, t.text == "true"}
	case t.kind == tokIdent:
		return &IdentExpr{loc, t.text}
	}
	v, err := ParseInt(t.text)
	if err != nil {
		p.diags.Errorf(t.span, "syntax: %s", err)
	}
	return &IntExpr{loc, v, t.text}
}

// name reads a variable or a map with its keys.
func (p *parser) name() Expr {
	t := p.take()
	if t.kind == tokVar {
		return &VarExpr{Loc{t.span}, t.text}
	}
	m := &MapExpr{Loc: Loc{t.span}, Name: t.text}
	open := p.peek(0).span
	if !p.at("[") {
		return m
	}
	defer p.unpred()()
	p.take()
	start := p.start()
	m.Key = p.expr()
	if p.at(",") {
		keys := []Expr{m.Key}
		for p.accept(",") {
			keys = append(keys, p.expr())
		}
		m.Key = &TupleExpr{p.loc(start), keys}
	}
	p.expectClose("]", open)
	m.Loc = p.loc(t.span.Start)
	return m
}

func (p *parser) variable(what string) *VarExpr {
	t := p.kind(tokVar, what)
	return &VarExpr{Loc{t.span}, t.text}
}

func (p *parser) param() Expr {
	t := p.take()
	loc := Loc{t.span}
	if t.text == "#" {
		return &PositionalExpr{loc, 0}
	}
	n, err := strconv.ParseInt(t.text, 10, 32)
	if err != nil || n == 0 {
		p.diags.Errorf(t.span, "syntax: param $%s is out of integer range [1, %d]", t.text, 1<<31-1)
	}
	return &PositionalExpr{loc, int(n)}
}

// word reads an expression that begins with an identifier or a keyword.
func (p *parser) word() Expr {
	start, t := p.start(), p.peek(0)
	switch t.text {
	case "true", "false":
		return p.literal()
	case "sizeof":
		typ, x := p.typeArg()
		return &SizeofExpr{p.loc(start), typ, x}
	case "typeinfo":
		typ, x := p.typeArg()
		return &TypeinfoExpr{p.loc(start), typ, x}
	case "offsetof":
		return p.offsetof()
	case "if":
		x := p.ifExpr()
		p.wantValue(x)
		return x
	}
	if keywords[t.text] {
		p.expected("expression")
		return &IdentExpr{p.loc(start), ""}
	}
	p.take()
	open := p.peek(0).span
	if !p.at("(") {
		return &IdentExpr{Loc{t.span}, t.text}
	}
	defer p.unpred()()
	p.take()
	c := &CallExpr{Name: t.text, NameSpan: t.span, Args: p.args()}
	p.expectClose(")", open)
	c.Loc = p.loc(start)
	return c
}

// args reads the arguments of a call; a trailing comma is allowed. Only here
// `typeof(..)` stands for a value.
func (p *parser) args() []Expr {
	var xs []Expr
	for !p.at(")") && !p.eof() {
		if start := p.start(); p.at("typeof") {
			xs = append(xs, &TypeofExpr{Type: p.typeof(), Loc: p.loc(start)})
		} else {
			xs = append(xs, p.expr())
		}
		if !p.accept(",") {
			break
		}
	}
	return xs
}

// paren reads `(x)`, a tuple or a record.
func (p *parser) paren() Expr {
	defer p.unpred()()
	start, open := p.start(), p.peek(0).span
	if p.peek(1).kind == tokIdent && p.peek(2).is("=") {
		return p.record()
	}
	p.take()
	var elems []Expr
	comma := false
	for !p.at(")") && !p.eof() {
		elems = append(elems, p.expr())
		if comma = p.accept(","); !comma {
			break
		}
	}
	p.expectClose(")", open)
	if len(elems) == 1 && !comma {
		return elems[0]
	}
	return &TupleExpr{p.loc(start), elems}
}

func (p *parser) record() Expr {
	start, open := p.start(), p.take().span
	r := &RecordExpr{}
	seen := map[string]bool{}
	for !p.at(")") && !p.eof() {
		fstart := p.start()
		f := &RecordField{Name: p.kind(tokIdent, "member name").text}
		p.expect("=")
		f.Value = p.expr()
		f.Loc = p.loc(fstart)
		if !p.broken && seen[f.Name] {
			p.diags.Errorf(f.Span(), "syntax: Named argument list already contains name: %s", f.Name)
		}
		seen[f.Name] = true
		r.Fields = append(r.Fields, f)
		if !p.accept(",") {
			break
		}
	}
	p.expectClose(")", open)
	r.Loc = p.loc(start)
	return r
}
