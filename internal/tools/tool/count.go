package tool

import (
	"slices"

	"github.com/rpcxray/rpcxray/internal/syntax"
)

// CountMap is the map of a plan that counts rows.
const CountMap = "@rows"

// counted is a script that prints rows as one that counts them by some of their
// members, and prints the counts at the end.
func counted(name, template string, by []string) *syntax.File {
	file := parse(name, template+"\nEND\n{\n\tprint("+CountMap+");\n}\n")
	rows := &syntax.MapExpr{Name: CountMap[1:]}
	count := func(s syntax.Stmt) syntax.Stmt {
		r := printed(s)
		if r == nil {
			return s
		}
		var key []syntax.Expr
		for _, member := range by {
			i := slices.IndexFunc(r.Fields, func(f *syntax.RecordField) bool { return f.Name == member })
			if i < 0 {
				return s // no row
			}
			key = append(key, r.Fields[i].Value)
		}
		file.Comments = slices.DeleteFunc(file.Comments, func(c syntax.Comment) bool {
			return c.At.Start > s.Span().Start && c.At.End < s.Span().End
		})
		at := &syntax.MapExpr{Name: rows.Name, Key: key[0]}
		if len(key) > 1 {
			at.Key = &syntax.TupleExpr{Elems: key}
		}
		return &syntax.AssignStmt{Target: at, Value: &syntax.CallExpr{Name: "count"}}
	}
	var passes []string // macros that count
	for _, d := range file.Decls {
		m, isMacro := d.(*syntax.Macro)
		if statements(d, count) && isMacro {
			// A macro sees the maps that it is given.
			m.Params = append(m.Params, rows)
			passes = append(passes, m.Name)
		}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.CallExpr); ok && slices.Contains(passes, c.Name) {
			c.Args = append(c.Args, rows)
		}
		return true
	})
	return file
}

// printed is the record that a statement prints, nil if it is no such statement.
func printed(s syntax.Stmt) *syntax.RecordExpr {
	e, ok := s.(*syntax.ExprStmt)
	if !ok {
		return nil
	}
	c, ok := e.X.(*syntax.CallExpr)
	if !ok || c.Name != "print" {
		return nil
	}
	r, _ := c.Args[0].(*syntax.RecordExpr)
	return r
}

// statements changes all statements below n, and tells whether it changed one.
func statements(n syntax.Node, change func(syntax.Stmt) syntax.Stmt) (changed bool) {
	syntax.Walk(n, func(n syntax.Node) bool {
		b, ok := n.(*syntax.Block)
		if !ok {
			return true
		}
		for i, s := range b.Stmts {
			b.Stmts[i] = change(s)
			changed = changed || b.Stmts[i] != s
		}
		return true
	})
	return changed
}
