package syntax

import (
	"fmt"
	"io"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// printer writes canonical text: one statement a line, tabs, full names of
// probe types, and only the parentheses that the tree needs.
type printer struct {
	b       strings.Builder
	indent  int
	text    string    // that the tree was read from
	pending []Comment // not written yet, in the order of the text
}

// Print writes f as source text that reads back as the same tree, in the one
// form that the tree has. Comments stay above, beside and below what they were
// above, beside and below; those in the middle of a statement go above it. Of
// empty lines one is kept.
func Print(w io.Writer, f *File) error {
	p := &printer{}
	if f.Source != nil {
		p.text = f.Source.Text
	}
	if f.Interpreter != "" {
		p.line("%s", f.Interpreter)
	}
	all := p.sections(f)
	rest := p.share(all, f.Comments)
	for i, s := range all {
		p.section(s, i == 0)
	}
	if len(rest) > 0 && len(all) > 0 {
		p.gap()
	}
	p.pending = rest
	p.below(uint32(len(p.text)), true)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// sections lists the parts of f in the order of the printed text.
func (p *printer) sections(f *File) []*section {
	var all []*section
	add := func(n Node, loose bool, print func()) {
		all = append(all, &section{at: n.Span(), loose: loose, print: func() {
			p.above(n.Span(), inner(n), p.b.Len() == 0)
			print()
		}})
	}
	for _, d := range f.CDefs {
		add(d, false, func() { p.cdef(d) })
	}
	if f.Config != nil {
		add(f.Config, true, func() { p.config(f.Config) })
	}
	for _, imp := range f.Imports {
		add(imp, false, func() { p.put("import " + quote(imp.Path) + ";") })
	}
	for _, d := range f.Decls {
		add(d, true, func() { p.decl(d) })
	}
	return all
}

// section writes one part and all comments that are its own.
func (p *printer) section(s *section, first bool) {
	if s.loose && !first {
		p.gap()
	}
	p.pending = s.comments
	s.print()
	p.beside(s.at.End, uint32(len(p.text)))
	p.put("\n")
	p.below(uint32(len(p.text)), false)
}

// gap writes an empty line between sections.
func (p *printer) gap() {
	if p.b.Len() > 0 && !strings.HasSuffix(p.b.String(), "\n\n") {
		p.b.WriteByte('\n')
	}
}

func (p *printer) put(s string) { p.b.WriteString(s) }

func (p *printer) tabs() { p.put(strings.Repeat("\t", p.indent)) }

func (p *printer) line(format string, args ...any) {
	p.tabs()
	fmt.Fprintf(&p.b, format+"\n", args...)
}

// quote writes a string literal. What is not printable ASCII or UTF-8 becomes
// a hexadecimal escape.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func includeText(n *Include) string {
	if n.System {
		return "<" + n.Path + ">"
	}
	return `"` + n.Path + `"`
}

func (p *printer) cdef(d CDef) {
	switch d := d.(type) {
	case *Include:
		p.put("#include " + includeText(d))
	case *Define:
		p.put(strings.TrimSpace("#define " + d.Name + " " + d.Text))
	case *Directive:
		p.put("#" + d.Text)
	case Type:
		p.cbase(d)
		p.put(";")
	}
}

// cbase writes what stands left of a declarator.
func (p *printer) cbase(t Type) {
	switch t := t.(type) {
	case *StructType:
		p.put(words(structTag(t), t.Name) + " ")
		lines(p, t.At, t.Fields, func(f *CField) {
			p.field(f)
			p.put(";")
		})
		p.put(attributeText(t.Packed, t.Align))
	case *EnumType:
		p.put(words("enum", t.Name) + " ")
		lines(p, t.At, t.Values, func(c *EnumConst) {
			p.put(c.Name)
			if c.Value != nil {
				p.put(" = ")
				p.expr(c.Value)
			}
			p.put(",")
		})
	default:
		p.typ(t)
	}
}

// lines writes nodes in braces, one a line; at is what they and the braces are
// the end of.
func lines[N Node](p *printer, at diag.Span, nodes []N, print func(N)) {
	p.put("{")
	limit := at.End
	if len(nodes) > 0 {
		limit = nodes[0].Span().Start
	}
	p.beside(at.Start, limit)
	p.put("\n")
	p.indent++
	for i, n := range nodes {
		limit := at.End
		if i+1 < len(nodes) {
			limit = nodes[i+1].Span().Start
		}
		p.above(n.Span(), inner(n), i == 0)
		p.tabs()
		print(n)
		p.beside(n.Span().End, limit)
		p.put("\n")
	}
	p.below(at.End, len(nodes) == 0)
	p.indent--
	p.tabs()
	p.put("}")
}

func attributeText(packed bool, align int) string {
	list := layoutWords(packed, align)
	if list == "" {
		return ""
	}
	return " __attribute__((" + list + "))"
}

func (p *printer) field(f *CField) {
	p.declarator(f.Type, f.Name)
	if f.Bits != nil {
		p.put(" : ")
		p.expr(f.Bits)
	}
	p.put(attributeText(f.Packed, f.Align))
}

// declarator writes a C declaration of name; the type is taken apart from the
// outside in.
func (p *printer) declarator(t Type, name string) {
	for {
		switch outer := t.(type) {
		case *PointerType:
			name = "*" + name
			switch outer.Elem.(type) {
			case *ArrayType, *FuncType:
				name = "(" + name + ")"
			}
			t = outer.Elem
			continue
		case *ArrayType:
			name += "[" + p.aside(func(q *printer) { q.optional(outer.Len) }) + "]"
			t = outer.Elem
			continue
		case *FuncType:
			name += "(" + p.aside(func(q *printer) { q.params(outer.Params) }) + ")"
			t = outer.Result
			continue
		}
		break
	}
	p.cbase(t)
	if name != "" {
		p.put(" " + name)
	}
}

// aside returns what f writes.
func (p *printer) aside(f func(*printer)) string {
	q := &printer{indent: p.indent}
	f(q)
	return q.b.String()
}

func (p *printer) optional(x Expr) {
	if x != nil {
		p.expr(x)
	}
}

func (p *printer) params(list []Type) {
	for i, t := range list {
		if i > 0 {
			p.put(", ")
		}
		p.declarator(t, "")
	}
}

func (p *printer) config(c *ConfigBlock) {
	p.put("config = ")
	lines(p, c.At, c.Items, func(item *ConfigItem) {
		p.put(item.Name + " = ")
		p.expr(item.Value)
		p.put(";")
	})
}

func (p *printer) decl(d Decl) {
	switch d := d.(type) {
	case *MapDecl:
		p.put("let @" + d.Name + " = " + d.Kind + "(")
		p.expr(d.Size)
		p.put(");")
	case *Macro:
		p.put("macro " + d.Name)
		if len(d.Params) > 0 {
			p.put("(")
			p.list(d.Params)
			p.put(")")
		}
		p.put(" ")
		p.block(d.Body)
	case *Func:
		p.fn(d)
	case *Probe:
		p.probe(d)
	}
}

func (p *printer) fn(f *Func) {
	p.put("fn " + f.Name + "(")
	for i, param := range f.Params {
		if i > 0 {
			p.put(", ")
		}
		p.expr(param.Var)
		p.put(" : ")
		p.typ(param.Type)
	}
	p.put(") ")
	if f.Result != nil {
		p.put(": ")
		p.typ(f.Result)
		p.put(" ")
	}
	p.block(f.Body)
}

func (p *printer) probe(probe *Probe) {
	head := probe.Body.At.Start
	if probe.Pred != nil {
		head = probe.Pred.Span().Start
	}
	commented := p.points(probe.Points, head)
	if probe.Pred == nil && !commented && !p.hasComments(head) {
		p.put(" ")
		p.block(probe.Body)
		return
	}
	p.put("\n")
	if probe.Pred != nil {
		p.predicate(probe.Pred, probe.Body.At.Start)
	}
	p.below(probe.Body.At.Start, true)
	p.block(probe.Body)
}

// points writes attach points, of which the text ends at limit, and tells
// whether a comment stands behind the last one.
func (p *printer) points(points []*AttachPoint, limit uint32) (commented bool) {
	for i, a := range points {
		if i > 0 {
			p.put("\n")
			p.above(a.At, a.At.End, true)
		}
		p.put(a.String())
		next := limit
		if i+1 < len(points) {
			next = points[i+1].At.Start
			p.put(",")
		}
		commented = p.beside(a.At.End, next)
	}
	return commented
}

func (p *printer) predicate(x Expr, limit uint32) {
	p.above(x.Span(), x.Span().End, true)
	pred := p.aside(func(q *printer) { q.expr(x) })
	if strings.HasPrefix(pred, "*") {
		pred = " " + pred // "/*" opens a comment
	}
	p.put("/" + pred + "/")
	p.beside(x.Span().End, limit)
	p.put("\n")
}

func (p *printer) block(b *Block) {
	if len(b.Stmts) == 0 && b.Value == nil && !p.hasComments(b.At.End) {
		p.put("{}")
		return
	}
	var nodes []Node
	for _, s := range b.Stmts {
		nodes = append(nodes, s)
	}
	if b.Value != nil {
		nodes = append(nodes, b.Value)
	}
	lines(p, b.At, nodes, func(n Node) {
		if n == b.Value {
			p.expr(b.Value)
		} else {
			p.stmt(n.(Stmt))
		}
	})
}

func (p *printer) stmt(s Stmt) {
	switch s := s.(type) {
	case *Block:
		p.block(s)
		return
	case *IfStmt:
		p.ifStmt(s)
		return
	case *ForMapStmt:
		p.put("for (")
		p.expr(s.Var)
		p.put(" : ")
		p.expr(s.Map)
		p.body(s.Body)
		return
	case *ForRangeStmt:
		p.put("for (")
		p.expr(s.Var)
		p.put(" : ")
		p.operand(s.From, bindUnary)
		p.put("..")
		p.operand(s.To, bindUnary)
		p.body(s.Body)
		return
	case *WhileStmt:
		p.put("while (")
		p.expr(s.Cond)
		p.body(s.Body)
		return
	case *UnrollStmt:
		p.put("unroll (")
		p.expr(s.Count)
		p.body(s.Body)
		return
	}
	p.simple(s)
	p.put(";")
}

func (p *printer) body(b *Block) {
	p.put(") ")
	p.block(b)
}

func (p *printer) ifStmt(s *IfStmt) {
	p.put("if (")
	p.expr(s.Cond)
	p.body(s.Then)
	if s.Else != nil {
		p.put(" else ")
		p.stmt(s.Else)
	}
}

// simple writes the statements that end in ';', without it.
func (p *printer) simple(s Stmt) {
	switch s := s.(type) {
	case *Import:
		p.put("import " + quote(s.Path))
	case *ExprStmt:
		p.operand(s.X, bindStmt+1)
	case *LetStmt:
		p.put("let ")
		p.expr(s.Var)
		if s.Type != nil {
			p.put(": ")
			p.typ(s.Type)
		}
		if s.Value != nil {
			p.put(" = ")
			p.expr(s.Value)
		}
	case *AssignStmt:
		p.expr(s.Target)
		p.put(" " + string(s.Op) + "= ")
		p.expr(s.Value)
	case *DiscardStmt:
		p.put("_ = ")
		p.expr(s.X)
	case *BreakStmt:
		p.put("break")
	case *ContinueStmt:
		p.put("continue")
	case *ReturnStmt:
		p.put("return")
		if s.Value != nil {
			p.put(" ")
			p.expr(s.Value)
		}
	}
}
