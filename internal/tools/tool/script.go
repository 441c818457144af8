package tool

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// traced is the name of the attach point that stands for the functions to
// trace.
const traced = "traced"

// defaultKeys is how many keys a map takes unless the script says otherwise.
const defaultKeys = 4096

// Script returns the plan's script: the template with the plan's attach points
// and constants put into its tree, as text. With a pid other than 0 the
// predicates test for it, so that the text means the same without --pid.
func (p *Plan) Script(name string, pid int) *diag.Source {
	var file *syntax.File
	var last syntax.Decl // of the traced probes
	variants := p.Traced
	if len(variants) == 0 {
		variants = []Variant{{}}
	}
	for _, v := range variants {
		f, probes := p.variant(name, v, pid)
		if file == nil {
			file = f
		} else {
			file.Decls = slices.Insert(file.Decls, slices.Index(file.Decls, last)+1, probes...)
		}
		if len(probes) > 0 {
			last = probes[len(probes)-1]
		}
	}
	p.link(name, file)
	if p.Keys > defaultKeys {
		setConfig(file, "max_map_keys", uint64(p.Keys))
	}
	var text strings.Builder
	if err := syntax.Print(&text, file); err != nil {
		panic("BUG: a strings.Builder refuses text: " + err.Error())
	}
	return &diag.Source{Name: name, Text: text.String()}
}

// variant is the script for one variant, and its traced probes: of those a
// template has there is at least one, for no constant makes all of them dead.
func (p *Plan) variant(name string, v Variant, pid int) (file *syntax.File, probes []syntax.Decl) {
	// Comments and blank lines are printed by place: the library stands before.
	template := strings.Repeat("\n", len(p.Library)) + p.Template
	if len(p.Count) > 0 {
		file = counted(name, template, p.Count)
	} else {
		file = parse(name, template)
	}
	all := nodes(file)
	f := &fold{consts: []Consts{v.Consts, p.Consts}}
	var decls []syntax.Decl
	for _, d := range file.Decls {
		pr, ok := d.(*syntax.Probe)
		omit(d, p.Omit)
		if !ok {
			f.node(d)
			decls = append(decls, d)
			continue
		}
		isTraced := pr.Points[0].Name == traced
		if !p.attach(pr, v.Points) {
			continue
		}
		if isTraced && pid != 0 {
			limit(pr, pid)
		}
		omit(pr, v.Omit)
		if !f.probe(pr) {
			continue
		}
		decls = append(decls, pr)
		if isTraced {
			probes = append(probes, pr)
		}
	}
	file.Decls = decls
	file.Comments = about(file.Comments, all, nodes(file))
	return file, probes
}

// probe folds a probe; false if its predicate is.
func (f *fold) probe(pr *syntax.Probe) bool {
	f.node(pr)
	yes, known := truth(pr.Pred)
	if known && yes {
		pr.Pred = nil
	}
	return yes || !known
}

// parse reads a template; it is part of the program, so it has no errors.
func parse(name, template string) *syntax.File {
	src := &diag.Source{Name: name, Text: template}
	diags := diag.NewList(src)
	file := syntax.Parse(src, diags)
	if err := diags.Err(); err != nil {
		panic(fmt.Sprintf("BUG: script of %s: %v", name, err))
	}
	return file
}

// attach gives a probe the points that its named one stands for; false if there
// are none.
func (p *Plan) attach(pr *syntax.Probe, functions []*syntax.AttachPoint) bool {
	switch name := pr.Points[0].Name; name {
	case "":
	case traced:
		pr.Points = functions
	default:
		pr.Points = p.Points[name]
	}
	return len(pr.Points) > 0
}

// limit makes a probe one of a process only.
func limit(pr *syntax.Probe, pid int) {
	points := slices.Clone(pr.Points)
	for i, a := range points {
		if (strings.HasPrefix(a.Kind, "u") || a.Kind == "rpc") && a.Target.Text == "" {
			b := *a
			b.Target = syntax.Part{Text: fmt.Sprintf("/proc/%d/exe", pid), Quoted: true}
			points[i] = &b
		}
	}
	pr.Points = points
	is := &syntax.BinaryExpr{Op: syntax.OpEq, L: &syntax.IdentExpr{Name: "pid"}, R: Int(uint64(pid))}
	if pr.Pred == nil {
		pr.Pred = is
		return
	}
	pr.Pred = &syntax.BinaryExpr{Op: syntax.OpLAnd, L: is, R: pr.Pred}
}

// omit removes members of records.
func omit(n syntax.Node, names []string) {
	syntax.Walk(n, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.RecordExpr); ok {
			r.Fields = slices.DeleteFunc(r.Fields, func(f *syntax.RecordField) bool { return slices.Contains(names, f.Name) })
		}
		return true
	})
}

func setConfig(file *syntax.File, name string, value uint64) {
	if file.Config == nil {
		file.Config = &syntax.ConfigBlock{}
	}
	file.Config.Items = append(file.Config.Items, &syntax.ConfigItem{Name: name, Value: Int(value)})
}
