package tool

import (
	"cmp"
	"slices"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// link puts the plan's library before the script: its probes, and of its macros
// and types those that something uses.
func (p *Plan) link(name string, file *syntax.File) {
	if p.Library == "" {
		return
	}
	lib := parse(name, p.Library)
	all := append(nodes(lib), nodes(file)...)
	f := &fold{consts: []Consts{p.Consts}}
	lib.Decls = slices.DeleteFunc(lib.Decls, func(d syntax.Decl) bool {
		pr, ok := d.(*syntax.Probe)
		omit(d, p.Omit)
		if !ok {
			f.node(d)
		}
		return ok && !f.probe(pr)
	})
	lib.Decls = append(lib.Decls, file.Decls...)
	lib.CDefs = append(lib.CDefs, file.CDefs...)
	u := uses{file: lib, names: map[string]bool{}, seen: map[syntax.Node]bool{}}
	for _, pr := range lib.Probes() {
		u.add(pr)
	}
	file.Decls = slices.DeleteFunc(lib.Decls, func(d syntax.Decl) bool {
		m, ok := d.(*syntax.Macro)
		return ok && !u.seen[m]
	})
	file.CDefs = slices.DeleteFunc(lib.CDefs, func(d syntax.CDef) bool { return !u.seen[d] })
	if comments := slices.Concat(lib.Comments, file.Comments); len(lib.Comments) > 0 && len(file.Comments) > 0 {
		comments[0].Text = file.Comments[0].Text // both are about the whole file
		comments = slices.Delete(comments, len(lib.Comments), len(lib.Comments)+1)
		file.Comments = about(comments, all, nodes(file))
	}
	file.Source = &diag.Source{Name: name, Text: p.Library + file.Source.Text[len(p.Library):]}
}

// nodes are the parts of a file.
func nodes(f *syntax.File) []syntax.Node {
	var list []syntax.Node
	if f.Config != nil {
		list = append(list, f.Config)
	}
	for _, d := range f.CDefs {
		list = append(list, d)
	}
	for _, d := range f.Decls {
		list = append(list, d)
	}
	return list
}

// about are the comments before and in those parts that are kept, and the first of
// all: it is about the whole file.
func about(comments []syntax.Comment, all, kept []syntax.Node) []syntax.Comment {
	slices.SortFunc(all, func(a, b syntax.Node) int { return cmp.Compare(a.Span().Start, b.Span().Start) })
	var list []syntax.Comment
	end := uint32(0)
	for _, n := range all {
		for i, c := range comments {
			if i == 0 && end == 0 {
				list = append(list, c)
			} else if c.At.Start >= end && c.At.Start < n.Span().End && slices.Contains(kept, n) {
				list = append(list, c)
			}
		}
		end = n.Span().End
	}
	return list
}

// uses finds what a script's probes use, directly or not.
type uses struct {
	file  *syntax.File
	names map[string]bool
	seen  map[syntax.Node]bool
}

// add marks what n uses.
func (u *uses) add(n syntax.Node) {
	if u.seen[n] {
		return
	}
	u.seen[n] = true
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr:
			u.name(n.Name)
		case *syntax.IdentExpr:
			u.name(n.Name)
		case *syntax.NamedType:
			u.name(n.Name)
		}
		return true
	})
}

// name marks the macros and types that a name may mean.
func (u *uses) name(name string) {
	if u.names[name] {
		return
	}
	u.names[name] = true
	for _, d := range u.file.Decls {
		if m, ok := d.(*syntax.Macro); ok && m.Name == name {
			u.add(m)
		}
	}
	for _, d := range u.file.CDefs {
		if defines(d, name) {
			u.add(d)
		}
	}
}

func defines(d syntax.CDef, name string) bool {
	switch d := d.(type) {
	case *syntax.StructType:
		return d.Name == name
	case *syntax.EnumType:
		return d.Name == name || slices.ContainsFunc(d.Values, func(c *syntax.EnumConst) bool { return c.Name == name })
	case *syntax.Define:
		return d.Name == name
	}
	return true
}
