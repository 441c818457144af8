package syntax

import "github.com/rpcxray/rpcxray/internal/diag"

// Typedef is `typedef Type Name;`, which only headers have.
type Typedef struct {
	Loc
	Name string
	Type Type
}

func (*Typedef) cdefNode() {}

// ParseHeader reads the C header whose text begins at start and ends with that of
// src: preprocessor lines, structs, unions, enums and typedefs. What else stands
// there, and definitions in words that only compilers know, are passed over.
func ParseHeader(src *diag.Source, start int) *File {
	f := &File{Loc: Loc{diag.Span{Start: uint32(start), End: uint32(len(src.Text))}}, Source: src}
	if len(src.Text)-start > maxText {
		return f
	}
	p := newParser(src.Text, start, diag.NewList(src))
	for !p.eof() {
		defs := p.headerPart()
		if p.broken {
			p.skipDeclaration()
			continue
		}
		f.CDefs = append(f.CDefs, defs...)
	}
	return f
}

// headerPart reads one part of a header and breaks where it is none that counts.
func (p *parser) headerPart() []CDef {
	p.diags.All = nil
	switch t := p.peek(0); {
	case t.is("#"):
		return []CDef{p.directive()}
	case t.is(";"):
		p.take()
		return nil
	case t.is("typedef"):
		return p.typedef()
	case isTag(t):
		if d := p.cdef(); d != nil {
			return []CDef{d}
		}
		return nil
	}
	p.broken = true
	return nil
}

// typedef reads a definition of names for a type; one that has members is defined
// by its own name, too.
func (p *parser) typedef() []CDef {
	start := p.start()
	p.take()
	base := p.cbase()
	var defs []CDef
	if d, ok := base.(CDef); ok {
		if s, ok := d.(*StructType); ok {
			p.attributes(&s.Packed, &s.Align)
		}
		if namedDef(d) {
			defs = append(defs, d)
		}
	}
	for !p.eof() {
		name, wrap := p.declarator()
		defs = append(defs, &Typedef{Name: name, Type: wrap(base), Loc: p.loc(start)})
		if !p.accept(",") {
			break
		}
	}
	p.expect(";")
	return defs
}

// namedDef tells whether d defines something by a name of its own: a struct by its
// tag, an enum also by its constants.
func namedDef(d CDef) bool {
	s, ok := d.(*StructType)
	return !ok || s.Name != ""
}

// skipDeclaration goes behind the next semicolon or body outside of braces, or to
// the next line of the preprocessor.
func (p *parser) skipDeclaration() {
	p.broken, p.diags.All = false, nil
	depth := 0
	for first := true; !p.eof(); first = false {
		t := p.peek(0)
		if t.is("#") && depth == 0 && !first {
			return
		}
		p.take()
		p.diags.All = nil
		switch {
		case t.is("{"):
			depth++
		case t.is("}"):
			if depth = max(depth-1, 0); depth == 0 {
				p.accept(";")
				return
			}
		case t.is(";") && depth == 0:
			return
		}
	}
}
