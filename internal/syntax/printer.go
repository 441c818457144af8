package syntax

import (
	"fmt"
	"io"
	"strings"
)

// printer writes canonical text: one statement a line, tabs, full names of
// probe types, and only the parentheses that the tree needs.
type printer struct {
	b      strings.Builder
	indent int
}

// Print writes f as source text that reads back as the same tree. Comments
// are not kept.
func Print(w io.Writer, f *File) error {
	p := &printer{}
	for _, d := range f.CDefs {
		p.cdef(d)
	}
	if f.Config != nil {
		p.gap()
		p.config(f.Config)
	}
	for _, imp := range f.Imports {
		p.line("import %s;", quote(imp.Path))
	}
	for _, d := range f.Decls {
		p.gap()
		p.decl(d)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// gap writes an empty line between sections.
func (p *printer) gap() {
	if p.b.Len() > 0 {
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
		p.line("#include %s", includeText(d))
	case *Define:
		p.line("%s", strings.TrimSpace("#define "+d.Name+" "+d.Text))
	case *Directive:
		p.line("#%s", d.Text)
	case Type:
		p.cbase(d)
		p.put(";\n")
	}
}

// cbase writes what stands left of a declarator.
func (p *printer) cbase(t Type) {
	switch t := t.(type) {
	case *StructType:
		p.put(words(structTag(t), t.Name) + " {\n")
		p.indent++
		for _, f := range t.Fields {
			p.tabs()
			p.field(f)
			p.put(";\n")
		}
		p.indent--
		p.tabs()
		p.put("}" + attributeText(t.Packed, t.Align))
	case *EnumType:
		p.put(words("enum", t.Name) + " {\n")
		p.indent++
		for _, c := range t.Values {
			p.tabs()
			p.put(c.Name)
			if c.Value != nil {
				p.put(" = ")
				p.expr(c.Value)
			}
			p.put(",\n")
		}
		p.indent--
		p.tabs()
		p.put("}")
	default:
		p.typ(t)
	}
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
	p.put("config = {\n")
	p.indent++
	for _, item := range c.Items {
		p.tabs()
		p.put(item.Name + " = ")
		p.expr(item.Value)
		p.put(";\n")
	}
	p.indent--
	p.put("}\n")
}

func (p *printer) decl(d Decl) {
	switch d := d.(type) {
	case *MapDecl:
		p.put("let @" + d.Name + " = " + d.Kind + "(")
		p.expr(d.Size)
		p.put(");\n")
		return
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
	p.put("\n")
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
	for i, a := range probe.Points {
		if i > 0 {
			p.put(",\n")
		}
		p.put(a.String())
	}
	if probe.Pred == nil {
		p.put(" ")
		p.block(probe.Body)
		return
	}
	pred := p.aside(func(q *printer) { q.expr(probe.Pred) })
	if strings.HasPrefix(pred, "*") {
		pred = " " + pred // "/*" opens a comment
	}
	p.put("\n/" + pred + "/\n")
	p.block(probe.Body)
}

func (p *printer) block(b *Block) {
	if len(b.Stmts) == 0 && b.Value == nil {
		p.put("{}")
		return
	}
	p.put("{\n")
	p.indent++
	for _, s := range b.Stmts {
		p.tabs()
		p.stmt(s)
		p.put("\n")
	}
	if b.Value != nil {
		p.tabs()
		p.expr(b.Value)
		p.put("\n")
	}
	p.indent--
	p.tabs()
	p.put("}")
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
