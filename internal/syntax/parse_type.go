package syntax

import "strings"

// basicTypes are the words that name a type whatever the program defines; with
// them `(name) -x` is a cast and no subtraction.
var basicTypes = map[string]bool{
	"bool": true, "void": true, "string": true, "buffer": true, "inet": true,
	"int8": true, "int16": true, "int32": true, "int64": true,
	"uint8": true, "uint16": true, "uint32": true, "uint64": true,
	"u8": true, "u16": true, "u32": true, "u64": true,
	"s8": true, "s16": true, "s32": true, "s64": true,
}

// cWords are the words C makes its arithmetic types of.
var cWords = map[string]bool{
	"char": true, "short": true, "int": true, "long": true, "signed": true, "unsigned": true, "double": true,
}

func knownType(name string) bool {
	return basicTypes[name] || cWords[name] || strings.HasSuffix(name, "_t")
}

// builtinValue tells whether the parser itself knows name as a value.
func builtinValue(name string) bool {
	switch name {
	case "args", "ctx", "kstack", "nsecs", "pid", "tid", "ustack":
		return true
	}
	n, ok := strings.CutPrefix(strings.TrimPrefix(name, "s"), "arg")
	if ok && n != "" && strings.Trim(n, "0123456789") == "" {
		return true
	}
	return strings.HasPrefix(name, "__builtin_")
}

func isQualifier(t token) bool { return t.is("const") || t.is("volatile") }

func isTag(t token) bool { return t.is("struct") || t.is("union") || t.is("enum") }

// typ reads a type with its postfixes.
func (p *parser) typ() Type {
	p.enter()
	defer p.leave()
	start := p.start()
	t := p.typeName()
	for n := 0; ; n++ {
		p.chain(n)
		open := p.peek(0).span
		switch {
		case p.accept("*"):
			t = &PointerType{p.loc(start), t}
		case p.accept("["):
			a := &ArrayType{Elem: t}
			if !p.at("]") {
				a.Len = p.expr()
			}
			p.expectClose("]", open)
			a.Loc = p.loc(start)
			t = a
		default:
			return t
		}
	}
}

func (p *parser) typeName() Type {
	start := p.start()
	for isQualifier(p.peek(0)) {
		p.take()
	}
	switch t := p.peek(0); {
	case t.is("typeof"):
		return p.typeof()
	case isTag(t):
		p.take()
		return &NamedType{Tag: t.text, Name: p.ident("type name").text, Loc: p.loc(start)}
	}
	name := p.ident("type").text
	if cWords[name] {
		const most = 4 // unsigned long long int
		for n := 1; n < most && cWords[p.peek(0).text] && p.peek(0).kind == tokIdent; n++ {
			name += " " + p.take().text
		}
	}
	return &NamedType{Name: name, Loc: p.loc(start)}
}

func (p *parser) typeof() *TypeofType {
	start := p.start()
	typ, x := p.typeArg()
	return &TypeofType{p.loc(start), typ, x}
}

// typeArg reads `word(T)` or `word(e)`.
func (p *parser) typeArg() (Type, Expr) {
	p.take()
	open := p.peek(0).span
	p.expect("(")
	typ, x := p.typeOrExpr()
	p.expectClose(")", open)
	return typ, x
}

// typeOrExpr takes what looks like a whole type as one, else an expression.
func (p *parser) typeOrExpr() (Type, Expr) {
	defer p.unpred()()
	t := p.peek(0)
	end, _ := p.typeAhead(0)
	if isTag(t) || t.is("typeof") || end > 0 && (p.peek(end).is(")") || p.peek(end).is(",")) {
		return p.typ(), nil
	}
	return nil, p.expr()
}

func (p *parser) offsetof() Expr {
	start := p.start()
	p.take()
	open := p.peek(0).span
	p.expect("(")
	o := &OffsetofExpr{}
	o.Type, o.X = p.typeOrExpr()
	p.expect(",")
	o.Path = append(o.Path, p.kind(tokIdent, "member name").text)
	for p.accept(".") {
		o.Path = append(o.Path, p.kind(tokIdent, "member name").text)
	}
	p.expectClose(")", open)
	o.Loc = p.loc(start)
	return o
}

// typeAhead looks whether a type that begins with a plain name stands i tokens
// ahead. It returns the place behind it, or 0, and whether a '*' shows that it
// cannot be an expression.
func (p *parser) typeAhead(i int) (end int, pointer bool) {
	for isQualifier(p.peek(i)) && i < maxChain {
		i++
	}
	t := p.peek(i)
	if t.kind != tokIdent || keywords[t.text] || builtinValue(t.text) {
		return 0, false
	}
	for i++; cWords[t.text] && p.peek(i).kind == tokIdent && cWords[p.peek(i).text]; {
		i++
	}
	for i < maxChain {
		switch next := p.peek(i + 1); {
		case p.peek(i).is("*"):
			i++
			pointer = true
		case p.peek(i).is("[") && next.is("]"):
			i += 2
			pointer = true
		case p.peek(i).is("[") && (next.kind == tokInt || next.kind == tokIdent) && p.peek(i+2).is("]"):
			i += 3
		default:
			return i, pointer
		}
	}
	return 0, false
}

// castAhead tells whether the parenthesis ahead holds a type. `(name)` is a
// cast if an operand follows; where what follows may also be a binary operator
// only the names that are always types make a cast.
func (p *parser) castAhead() bool {
	if !p.at("(") {
		return false
	}
	t := p.peek(1)
	if isTag(t) || t.is("typeof") {
		return true
	}
	end, pointer := p.typeAhead(1)
	if end == 0 || !p.peek(end).is(")") {
		return false
	}
	next := p.peek(end + 1)
	switch next.kind {
	case tokInt, tokString, tokVar, tokMap, tokParam:
		return true
	case tokIdent:
		return !keywords[next.text] || next.is("sizeof") || next.is("offsetof") ||
			next.is("typeinfo") || next.is("true") || next.is("false") || next.is("comptime")
	case tokPunct:
		switch next.text {
		case "(", "!", "~":
			return true
		case "-", "*", "&", "++", "--":
			return pointer || knownType(p.peek(end-1).text)
		}
	}
	return false
}
