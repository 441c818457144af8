package syntax

import (
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// Limits that keep hostile text from exhausting the stack or the memory.
const (
	maxText   = 1 << 20 // bytes
	maxDepth  = 500     // nested constructs
	maxChain  = 5000    // operators in a row, which nest in the tree
	maxErrors = 100     // then the rest of the text is not looked at
)

// parser reads a file with one token of look-ahead, and more only to tell a
// cast from parentheses.
//
// An error does not unwind: it is reported once, and from then on the parser
// sees the end of the file, so every loop ends by itself. The statement or
// declaration that contains the error then drops what it has, and recover
// brings the tokens back and goes on behind it.
type parser struct {
	lex     *lexer
	diags   *diag.List
	buf     []token // tokens read and not yet taken
	prevEnd uint32  // end of the last token taken
	broken  bool    // an error is being left behind
	depth   int
	braces  int  // open braces
	pred    bool // inside a predicate, where "/" before "{" is no division
}

// Parse reads src and reports what is wrong with it to diags. The tree is
// complete only if diags has no errors; what could not be read is left out of
// it. Call File.BindParams before looking at attach points.
func Parse(src *diag.Source, diags *diag.List) *File { return ParseAt(src, 0, diags) }

// ParseAt is Parse for the file whose text begins at start and ends with that of src.
func ParseAt(src *diag.Source, start int, diags *diag.List) *File {
	f := &File{Loc: Loc{diag.Span{Start: uint32(start), End: uint32(min(len(src.Text), start+maxText))}}, Source: src}
	if len(src.Text)-start > maxText {
		diags.Errorf(diag.Span{Start: uint32(start), End: uint32(start)}, "syntax: the program is larger than %d MB", maxText>>20)
		return f
	}
	p := newParser(src.Text, start, diags)
	if strings.HasPrefix(src.Text[start:], "#!") {
		f.Interpreter = strings.TrimRight(p.lex.line(), " \t\r")
	}
	p.file(f)
	f.Comments = p.lex.found
	return f
}

func newParser(text string, pos int, diags *diag.List) *parser {
	return &parser{lex: &lexer{text: text, pos: pos, diags: diags}, diags: diags, prevEnd: uint32(pos)}
}

// peek returns the token i places ahead; the end of the file while broken, and
// after too many errors.
func (p *parser) peek(i int) token {
	if p.broken || len(p.diags.All) >= maxErrors {
		return token{kind: tokEOF, span: diag.Span{Start: p.prevEnd, End: p.prevEnd}}
	}
	for len(p.buf) <= i {
		p.buf = append(p.buf, p.lex.next())
	}
	return p.buf[i]
}

func (p *parser) at(s string) bool { return p.peek(0).is(s) }

func (p *parser) take() token {
	t := p.peek(0)
	if t.kind != tokEOF {
		p.buf = p.buf[1:]
		p.prevEnd = t.span.End
		switch {
		case t.is("{"):
			p.braces++
		case t.is("}"):
			p.braces = max(p.braces-1, 0)
		}
	}
	return t
}

func (p *parser) accept(s string) bool {
	if !p.at(s) {
		return false
	}
	p.take()
	return true
}

// expect takes s or fails. A missing ';' or '}' is shown behind what came
// before if the next token is on another line.
func (p *parser) expect(s string) {
	if p.accept(s) {
		return
	}
	span := p.peek(0).span
	if !p.broken && strings.Contains(p.lex.text[p.prevEnd:span.Start], "\n") {
		span = diag.Span{Start: p.prevEnd, End: p.prevEnd}
	}
	p.fail(span, "syntax: expected '%s'", s)
}

// expectClose takes the bracket that closes the one at open.
func (p *parser) expectClose(s string, open diag.Span) {
	if p.accept(s) {
		return
	}
	d := p.fail(p.peek(0).span, "syntax: expected '%s'", s)
	d.Notes = append(d.Notes, diag.Note{Span: open, Msg: "opened here"})
}

// ident takes a name that is no keyword; what is how messages call it.
func (p *parser) ident(what string) token {
	t := p.peek(0)
	if t.kind != tokIdent || keywords[t.text] {
		p.expected(what)
		return token{}
	}
	return p.take()
}

func (p *parser) kind(k tokenKind, what string) token {
	if p.peek(0).kind != k {
		p.expected(what)
		return token{}
	}
	return p.take()
}

func (p *parser) expected(what string) { p.fail(p.peek(0).span, "syntax: expected %s", what) }

// fail reports an error and makes the parser leave the construct. It keeps
// silent while leaving, where the lexer has spoken already, and at the end of
// a file whose earlier errors explain that something is missing there.
func (p *parser) fail(span diag.Span, format string, args ...any) *diag.Diagnostic {
	silent := p.broken
	if !silent {
		kind := p.peek(0).kind
		silent = kind == tokIllegal || kind == tokEOF && p.diags.HasErrors()
	}
	p.broken = true
	if silent {
		return &diag.Diagnostic{}
	}
	return p.diags.Errorf(span, format, args...)
}

// start returns where the next token begins.
func (p *parser) start() uint32 { return p.peek(0).span.Start }

// loc covers the text from start to the last token taken.
func (p *parser) loc(start uint32) Loc {
	return Loc{diag.Span{Start: start, End: max(start, p.prevEnd)}}
}

// enter guards recursion: it counts one more level and fails at the limit.
// Every call is paired with a leave.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.peek(0).span, "syntax: nested more than %d levels deep", maxDepth)
	}
}

func (p *parser) leave() { p.depth-- }

// chain guards loops that nest the tree without nesting the calls.
func (p *parser) chain(n int) {
	if n > maxChain {
		p.fail(p.peek(0).span, "syntax: more than %d operators in a row", maxChain)
	}
}

// recover goes on behind a broken construct that began at brace depth braces:
// behind the closing brace that brings the depth back, behind a ';' at that
// depth if semi is set, or before the brace that closes the block around it.
func (p *parser) recover(braces int, semi bool) {
	if !p.broken {
		return
	}
	p.broken = false
	for {
		t := p.peek(0)
		if t.kind == tokEOF || t.is("}") && p.braces == braces && braces > 0 {
			return
		}
		p.take()
		switch {
		case p.braces > braces:
		case t.is("}") && !p.at("else"), t.is(";") && semi:
			return
		}
	}
}

// file reads the sections of a script in their order.
func (p *parser) file(f *File) {
	for !p.eof() {
		p.section(f)
	}
}

func (p *parser) section(f *File) {
	switch t := p.peek(0); {
	case t.is(";"):
		p.take()
	case t.is("#"), t.is("struct"), t.is("union"), t.is("enum"):
		if len(f.Decls) > 0 {
			p.diags.Errorf(t.span, "syntax: C definitions must appear before probes and functions")
		}
		if d := p.cdef(); d != nil && !p.broken {
			f.CDefs = append(f.CDefs, d)
		}
		p.recover(0, true)
	case t.is("config") && (p.peek(1).is("=") || p.peek(1).is("{")):
		p.config(f)
		p.recover(0, false)
	case t.is("import"):
		p.early(f, t.span, "imports")
		if imp := p.importDecl(); !p.broken {
			f.Imports = append(f.Imports, imp)
		}
		p.recover(0, true)
	default:
		if d := p.decl(); !p.broken {
			f.Decls = append(f.Decls, d)
		}
		p.recover(0, t.is("let"))
	}
}

// early reports a section that comes after the first probe or function.
func (p *parser) early(f *File, span diag.Span, what string) {
	if len(f.Decls) > 0 {
		p.diags.Errorf(span, "syntax: %s must appear before probes and functions", what)
	}
}

func (p *parser) config(f *File) {
	start := p.start()
	name := p.take()
	p.early(f, name.span, "config")
	p.expect("=")
	open := p.peek(0).span
	p.expect("{")
	c := &ConfigBlock{}
	for !p.at("}") && !p.eof() {
		itemStart := p.start()
		item := &ConfigItem{Name: p.ident("config key").text}
		p.expect("=")
		item.Value = p.configValue()
		item.Loc = p.loc(itemStart)
		c.Items = append(c.Items, item)
		if !p.accept(";") && !p.at("}") {
			p.expect(";")
		}
	}
	p.expectClose("}", open)
	if p.broken {
		return
	}
	c.Loc = p.loc(start)
	if f.Config != nil {
		d := p.diags.Errorf(name.span, "syntax: duplicate config block")
		d.Notes = append(d.Notes, diag.Note{Span: f.Config.Span(), Msg: "the first one is here"})
		return
	}
	f.Config = c
}

func (p *parser) configValue() Expr {
	switch t := p.peek(0); {
	case t.kind == tokInt, t.kind == tokString, t.is("true"), t.is("false"),
		t.kind == tokIdent && !keywords[t.text]:
		return p.literal()
	}
	p.expected("string, int, boolean, or ident")
	return nil
}

func (p *parser) eof() bool { return p.peek(0).kind == tokEOF }

func (p *parser) importDecl() *Import {
	start := p.start()
	p.expect("import")
	path := p.kind(tokString, "string after 'import'")
	p.expect(";")
	return &Import{p.loc(start), path.text}
}

// decl reads a map declaration, macro, function or probe.
func (p *parser) decl() Decl {
	switch t := p.peek(0); {
	case t.is("let"):
		return p.mapDecl()
	case t.is("macro") && p.peek(1).kind != tokEOF:
		return p.macro()
	case t.is("fn") && p.peek(1).kind == tokIdent:
		return p.fn()
	}
	return p.probe()
}

func (p *parser) mapDecl() Decl {
	start := p.start()
	p.take()
	if p.peek(0).kind != tokMap {
		p.fail(p.peek(0).span, "syntax: root-level let statements need to be map declarations, e.g. let @a = hash(2);")
	}
	name := p.kind(tokMap, "map")
	p.expect("=")
	d := &MapDecl{Name: name.text, Kind: p.ident("map type").text}
	open := p.peek(0).span
	p.expect("(")
	if p.at(")") {
		p.expected("positive integer for map declaration max entries")
	}
	d.Size = p.expr()
	p.expectClose(")", open)
	p.accept(";")
	d.Loc = p.loc(start)
	return d
}

func (p *parser) macro() Decl {
	start := p.start()
	p.take()
	m := &Macro{Name: p.ident("macro name").text}
	if open := p.peek(0).span; p.accept("(") {
		for !p.at(")") && !p.eof() {
			m.Params = append(m.Params, p.macroParam())
			if !p.accept(",") {
				break
			}
		}
		p.expectClose(")", open)
	}
	m.Body = p.block()
	m.Loc = p.loc(start)
	return m
}

func (p *parser) macroParam() Expr {
	switch p.peek(0).kind {
	case tokVar, tokMap:
		return p.name()
	}
	t := p.ident("macro parameter: variable, map or name")
	if builtinValue(t.text) {
		p.diags.Errorf(t.span, "syntax: builtin '%s' can't be used as a macro argument", t.text)
	}
	return &IdentExpr{Loc{t.span}, t.text}
}

func (p *parser) fn() Decl {
	start := p.start()
	p.take()
	f := &Func{Name: p.ident("function name").text}
	open := p.peek(0).span
	p.expect("(")
	for !p.at(")") && !p.eof() {
		pstart := p.start()
		v := p.variable("variable")
		p.expect(":")
		f.Params = append(f.Params, &FuncParam{Var: v, Type: p.typ(), Loc: p.loc(pstart)})
		if !p.accept(",") {
			break
		}
	}
	p.expectClose(")", open)
	if p.accept(":") {
		f.Result = p.typ()
	}
	f.Body = p.stmtBlock()
	f.Loc = p.loc(start)
	return f
}

func (p *parser) probe() Decl {
	start := p.start()
	probe := &Probe{}
	for {
		probe.Points = append(probe.Points, p.point())
		if !p.accept(",") || p.at("{") || p.at("/") {
			break
		}
	}
	if p.accept("/") {
		p.pred = true
		probe.Pred = p.expr()
		p.pred = false
		if !p.at("/") {
			p.expected("'/' to close predicate")
		}
		p.expect("/")
	}
	probe.Body = p.stmtBlock()
	probe.Loc = p.loc(start)
	return probe
}

// rewind makes the lexer start over at pos, for what is not made of tokens.
func (p *parser) rewind(pos int) {
	p.lex.rewind(pos)
	p.buf = p.buf[:0]
}

// point takes the raw text of an attach point, starting over at the token
// that was looked at.
func (p *parser) point() *AttachPoint {
	if t := p.peek(0); p.broken || t.kind == tokIllegal || t.kind == tokEOF || t.is("{") || t.is("}") || t.is("/") {
		p.expected("attach point")
		return nil
	}
	p.rewind(int(p.start()))
	errors := len(p.diags.All)
	raw := p.lex.point()
	span := diag.Span{Start: uint32(p.lex.pos - len(raw)), End: uint32(p.lex.pos)}
	p.prevEnd = span.End
	a := newPoint(raw)
	a.Loc = Loc{span}
	if len(p.diags.All) == errors && !a.unbound {
		if err := a.resolve(); err != nil {
			report(p.diags, span, err)
		}
	}
	return a
}
