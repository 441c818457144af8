package syntax

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// child is a part of a node and, where its place does not tell, its role.
type child struct {
	role string
	node Node
}

// Walk calls f for n and all nodes below it in source order, parents first.
// Where f returns false the nodes below are left out.
func Walk(n Node, f func(Node) bool) {
	if !f(n) {
		return
	}
	for _, c := range children(n) {
		Walk(c.node, f)
	}
}

// Unplace takes from all nodes of a tree where they stand in a text.
func Unplace(n Node) {
	Walk(n, func(n Node) bool {
		if l, ok := n.(interface{ unplace() }); ok {
			l.unplace()
		}
		return true
	})
}

// Dump writes the tree of f, one node a line, indented by depth.
func Dump(w io.Writer, f *File) {
	dump(w, child{"", f}, 0)
}

func dump(w io.Writer, c child, depth int) {
	role := c.role
	if role != "" {
		role += ": "
	}
	name := strings.TrimPrefix(reflect.TypeOf(c.node).String(), "*syntax.")
	if d := describe(c.node); d != "" {
		name += " " + d
	}
	fmt.Fprintf(w, "%s%s%s\n", strings.Repeat("  ", depth), role, name)
	for _, c := range children(c.node) {
		dump(w, c, depth+1)
	}
}

// describe tells what a node says by itself, without its children.
func describe(n Node) string {
	switch n := n.(type) {
	case *ConfigItem:
		return n.Name
	case *Import:
		return quote(n.Path)
	case *Include:
		return includeText(n)
	case *Define:
		return n.Name + " " + quote(n.Text)
	case *Directive:
		return quote(n.Text)
	case *Typedef:
		return n.Name
	case *StructType:
		return words(structTag(n), n.Name, layoutWords(n.Packed, n.Align))
	case *CField:
		return words(n.Name, layoutWords(n.Packed, n.Align))
	case *EnumType:
		return n.Name
	case *EnumConst:
		return n.Name
	case *NamedType:
		return words(n.Tag, n.Name)
	case *AttachPoint:
		return n.describe()
	case *Macro:
		return n.Name
	case *Func:
		return n.Name
	case *MapDecl:
		return "@" + n.Name + " " + n.Kind
	case *AssignStmt:
		return string(n.Op) + "="
	}
	return describeExpr(n)
}

func describeExpr(n Node) string {
	switch n := n.(type) {
	case *IntExpr:
		return fmt.Sprint(n.Value)
	case *BoolExpr:
		return fmt.Sprint(n.Value)
	case *StringExpr:
		return quote(n.Value)
	case *PositionalExpr:
		return n.text()
	case *IdentExpr:
		return n.Name
	case *VarExpr:
		return "$" + n.Name
	case *MapExpr:
		return "@" + n.Name
	case *CallExpr:
		return n.Name
	case *UnaryExpr:
		return string(n.Op)
	case *IncDecExpr:
		if n.Post {
			return "x" + string(n.Op)
		}
		return string(n.Op) + "x"
	case *BinaryExpr:
		return string(n.Op)
	case *FieldExpr:
		return n.Name
	case *OffsetofExpr:
		return strings.Join(n.Path, ".")
	case *RecordField:
		return n.Name
	}
	return ""
}

// words joins what is not empty.
func words(all ...string) string {
	return strings.Join(strings.Fields(strings.Join(all, " ")), " ")
}

func structTag(s *StructType) string {
	if s.Union {
		return "union"
	}
	return "struct"
}

func layoutWords(packed bool, align int) string {
	var list []string
	if packed {
		list = append(list, "packed")
	}
	if align > 0 {
		list = append(list, fmt.Sprintf("aligned(%d)", align))
	}
	return strings.Join(list, ", ")
}

func (a *AttachPoint) describe() string {
	var b strings.Builder
	b.WriteString(a.Kind)
	add := func(name, format string, value any, given bool) {
		if given {
			fmt.Fprintf(&b, " %s="+format, name, value)
		}
	}
	add("name", "%s", a.Name, a.Name != "")
	if _, known := providerOf(a.Kind); a.unbound || !known {
		add("raw", "%q", a.Raw, a.unbound)
		add("parts", "%s", a.Parts, !a.unbound)
		return strings.TrimSpace(b.String())
	}
	for _, f := range []struct {
		name string
		part Part
	}{{"target", a.Target}, {"namespace", a.Namespace}, {"func", a.Func}} {
		add(f.name, "%q", f.part.Text, f.part.Text != "")
		add(f.name+"_glob", "%t", true, f.part.Glob())
	}
	add("lang", "%s", a.Lang, a.Lang != "")
	add("offset", "%d", a.Offset, a.HasOffset)
	add("address", "0x%x", a.Address, a.HasAddress)
	add("file", "%q", a.File, a.File != "")
	add("line", "%d", a.Line, a.Line != 0)
	add("col", "%d", a.Col, a.Col != 0)
	add("prog_id", "%d", a.ProgID, a.ProgID != 0)
	add("unit", "%s", a.Unit, a.Unit != "")
	add("count", "%d", a.Count, a.Count != 0)
	add("mode", "%s", a.Mode, a.Mode != "")
	return strings.TrimSpace(b.String())
}
