package syntax

import (
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// attributes are what the program's own layout rules know of C's.
type attributes struct {
	packed bool
	align  int
}

// cdef reads a preprocessor line or a definition. It returns nil for a
// declaration without members, which says nothing here.
func (p *parser) cdef() CDef {
	if p.at("#") {
		return p.directive()
	}
	start := p.start()
	var d CDef
	switch t := p.cbase().(type) {
	case *StructType:
		p.attributes(&t.Packed, &t.Align)
		t.Loc = p.loc(start)
		d = t
	case *EnumType:
		p.attributes(new(bool), new(int))
		t.Loc = p.loc(start)
		d = t
	case *NamedType:
		p.expect(";")
	}
	p.accept(";")
	return d
}

// directive takes a whole line, starting over at the '#'.
func (p *parser) directive() CDef {
	start := p.start()
	p.rewind(int(start) + 1)
	raw := p.lex.line()
	text := strings.TrimSpace(raw)
	p.prevEnd = uint32(p.lex.pos)
	loc := p.loc(start)
	word, rest := cutWord(text)
	switch arg := strings.TrimSpace(rest); word {
	case "include":
		if inc := include(arg); inc != nil {
			loc.At.End = p.lex.commentBehind(int(start)+1, includeText(inc))
			inc.Loc = loc
			return inc
		}
		p.diags.Errorf(loc.At, `syntax: expected <file> or "file" behind #include`)
	case "define":
		name, body := cutWord(arg)
		if name == "" {
			p.diags.Errorf(loc.At, "syntax: expected a name behind #define")
		} else if !strings.HasPrefix(body, "(") {
			body = strings.TrimSpace(body)
			at := int(start) + 1 + strings.LastIndex(raw, body)
			return &Define{loc, name, body, p.constant(at, at+len(body))}
		}
	case "":
		if strings.HasPrefix(text, "!") {
			p.diags.Errorf(loc.At, "syntax: '#!' is only allowed in the first line")
		}
	}
	return &Directive{loc, text}
}

func cutWord(s string) (word, rest string) {
	n := 0
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	return s[:n], s[n:]
}

func include(arg string) *Include {
	closing := map[byte]string{'<': ">", '"': `"`}
	if arg == "" || closing[arg[0]] == "" {
		return nil
	}
	path, _, ok := strings.Cut(arg[1:], closing[arg[0]])
	if !ok || path == "" {
		return nil
	}
	return &Include{Path: path, System: arg[0] == '<'}
}

// constant reads the text [start, end) as an expression, if it is one.
func (p *parser) constant(start, end int) Expr {
	src := &diag.Source{Name: "#define", Text: p.lex.text[:end]}
	sub := newParser(src.Text, start, diag.NewList(src))
	x := sub.expr()
	if sub.broken || !sub.eof() || sub.diags.HasErrors() {
		return nil
	}
	return x
}

// attributes reads any number of `__attribute__((..))`.
func (p *parser) attributes(packed *bool, align *int) {
	for p.accept("__attribute__") {
		open := p.peek(0).span
		p.expect("(")
		p.expect("(")
		for depth := 0; !p.eof() && !(depth == 0 && p.at(")")); {
			switch t := p.take(); {
			case t.is("("):
				depth++
			case t.is(")"):
				depth--
			case t.is("packed"), t.is("__packed__"):
				*packed = true
			case t.is("aligned"), t.is("__aligned__"):
				*align = p.alignment()
			}
		}
		p.expectClose(")", open)
		p.expectClose(")", open)
	}
}

// alignment reads `(n)`; without it, C means the largest of the target.
func (p *parser) alignment() int {
	if !p.accept("(") {
		return 16
	}
	t := p.kind(tokInt, "alignment")
	n, err := ParseInt(t.text)
	if !p.broken && (err != nil || n == 0 || n&(n-1) != 0 || n > 4096) {
		p.diags.Errorf(t.span, "syntax: alignment must be a power of 2, at most 4096: %s", t.text)
	}
	p.expect(")")
	return int(n)
}

// cbase reads what stands before a declarator: a type name, or a struct, union
// or enum with its members.
func (p *parser) cbase() Type {
	p.enter()
	defer p.leave()
	start := p.start()
	for isQualifier(p.peek(0)) {
		p.take()
	}
	tag := p.peek(0)
	if !isTag(tag) {
		return p.typeName()
	}
	p.take()
	var attr attributes
	p.attributes(&attr.packed, &attr.align)
	name := ""
	if !p.at("{") {
		name = p.ident("name").text
	}
	open := p.peek(0).span
	if !p.accept("{") {
		return &NamedType{p.loc(start), tag.text, name}
	}
	var t Type
	if tag.is("enum") {
		t = p.enum(name, start)
	} else {
		t = &StructType{Union: tag.is("union"), Name: name, Fields: p.fields(),
			Packed: attr.packed, Align: attr.align, Loc: p.loc(start)}
	}
	p.expectClose("}", open)
	return t
}

func (p *parser) enum(name string, start uint32) *EnumType {
	e := &EnumType{Name: name}
	for !p.at("}") && !p.eof() {
		cstart := p.start()
		c := &EnumConst{Name: p.ident("enum constant").text}
		if p.accept("=") {
			c.Value = p.expr()
		}
		c.Loc = p.loc(cstart)
		e.Values = append(e.Values, c)
		if !p.accept(",") {
			break
		}
	}
	e.Loc = p.loc(start)
	return e
}

func (p *parser) fields() []*CField {
	var all []*CField
	for !p.at("}") && !p.eof() {
		all = append(all, p.field()...)
	}
	return all
}

// field reads one line of members, which share their base type. An inline
// struct is shared by the members declared with it.
func (p *parser) field() []*CField {
	start := p.start()
	base := p.cbase()
	var attr attributes
	p.attributes(&attr.packed, &attr.align)
	if s, ok := base.(*StructType); ok {
		s.Packed, s.Align = s.Packed || attr.packed, max(s.Align, attr.align)
		attr = attributes{}
		s.Loc = p.loc(start)
	}
	var list []*CField
	for !p.eof() {
		f := &CField{Type: base, Packed: attr.packed, Align: attr.align}
		if !p.at(";") && !p.at(":") {
			name, wrap := p.declarator()
			f.Name, f.Type = name, wrap(base)
		}
		if p.accept(":") {
			f.Bits = p.expr()
		}
		p.attributes(&f.Packed, &f.Align)
		f.Loc = p.loc(start)
		if _, named := f.Type.(*NamedType); named && f.Name == "" && f.Bits == nil {
			p.expected("member name")
		}
		list = append(list, f)
		if !p.accept(",") {
			break
		}
	}
	if !p.at("}") { // behind the last one C compilers do without
		p.expect(";")
	}
	return list
}

// declarator reads `*name[n]`, `(*name)(params)` and the like. C writes types
// around the name from the inside out, so what comes back for the type is a
// function that builds it on the base type.
func (p *parser) declarator() (string, func(Type) Type) {
	p.enter()
	defer p.leave()
	start := p.start()
	for isQualifier(p.peek(0)) {
		p.take()
	}
	if p.accept("*") {
		name, inner := p.declarator()
		loc := p.loc(start)
		return name, func(t Type) Type { return inner(&PointerType{loc, t}) }
	}
	name := ""
	inner := func(t Type) Type { return t }
	if open := p.peek(0).span; p.accept("(") {
		name, inner = p.declarator()
		p.expectClose(")", open)
	} else if !p.at("[") && !p.at(",") && !p.at(")") {
		name = p.kind(tokIdent, "member name").text // keywords of the language are names in C
	}
	suffix := p.suffixes(start)
	return name, func(t Type) Type { return inner(suffix(t)) }
}

// suffixes reads array lengths and parameter lists behind a declared name.
func (p *parser) suffixes(start uint32) func(Type) Type {
	p.enter()
	defer p.leave()
	open := p.peek(0).span
	switch {
	case p.accept("["):
		var length Expr
		if !p.at("]") {
			length = p.expr()
		}
		p.expectClose("]", open)
		loc, rest := p.loc(start), p.suffixes(start)
		return func(t Type) Type { return &ArrayType{loc, rest(t), length} }
	case p.accept("("):
		params := p.params()
		p.expectClose(")", open)
		loc := p.loc(start)
		return func(t Type) Type { return &FuncType{loc, t, params} }
	}
	return func(t Type) Type { return t }
}

// params reads the parameter types of a C function; their names are dropped.
func (p *parser) params() []Type {
	var all []Type
	for !p.at(")") && !p.eof() {
		base := p.cbase()
		_, wrap := p.declarator()
		t := wrap(base)
		if _, function := t.(*FuncType); function {
			t = &PointerType{Loc{t.Span()}, t} // as C has it for parameters
		}
		all = append(all, t)
		if !p.accept(",") {
			break
		}
	}
	return all
}
