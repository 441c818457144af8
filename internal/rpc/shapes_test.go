package rpc

import (
	"slices"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// mapsOf are those that a probe or a macro reads and fills, itself and by what it calls.
type mapsOf struct {
	read   map[string][]string // with the fields that it is read for: those of the probe are none
	filled map[string]bool
	names  map[string]bool // numbers that the script does not define itself
}

// scriptMaps are the maps of the probes in a script, by name.
func scriptMaps(t *testing.T, f *Framework) map[string]mapsOf {
	t.Helper()
	macros := map[string]*syntax.Macro{}
	var probes []*syntax.Probe
	for _, text := range []string{Common, f.Script} {
		diags := diag.NewList(&diag.Source{Name: f.Name, Text: text})
		file := syntax.Parse(diags.Source, diags)
		if err := diags.Err(); err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if m, ok := d.(*syntax.Macro); ok {
				macros[m.Name] = m
			}
		}
		probes = append(probes, file.Probes()...)
	}
	all := map[string]mapsOf{}
	for _, p := range probes {
		m := mapsOf{map[string][]string{}, map[string]bool{}, map[string]bool{}}
		m.add(p, macros, nil)
		all[p.Points[0].Name] = m
	}
	return all
}

func (m mapsOf) add(n syntax.Node, macros map[string]*syntax.Macro, wants []string) {
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.AssignStmt:
			if target, ok := n.Target.(*syntax.MapExpr); ok {
				m.filled[target.Name] = true
				m.add(target.Key, macros, wants)
				m.add(n.Value, macros, wants)
				return false
			}
		case *syntax.IdentExpr:
			m.names[n.Name] = true
		case *syntax.MapExpr:
			m.read[n.Name] = wants
		case *syntax.IfStmt:
			id, ok := n.Cond.(*syntax.IdentExpr)
			has := ok && strings.HasPrefix(id.Name, "has_") // a probe, which fills what is read
			if has || ok && strings.HasPrefix(id.Name, "want_") && wants == nil {
				if !has {
					m.add(n.Then, macros, Groups()[strings.TrimPrefix(id.Name, "want_")])
				}
				if n.Else != nil {
					m.add(n.Else, macros, nil)
				}
				return false
			}
		case *syntax.CallExpr:
			if macro := macros[n.Name]; macro != nil {
				m.add(macro.Body, macros, wants)
			}
			if n.Name == "delete" || n.Name == "has_key" { // they need no value
				for _, arg := range n.Args[1:] {
					m.add(arg, macros, wants)
				}
				return false
			}
		}
		return true
	})
}

// TestShapes tests that what a probe reads from a map is known in every binary that has
// the probe: the linker leaves out functions that are optional.
func TestShapes(t *testing.T) {
	for _, f := range All() {
		of := scriptMaps(t, f)
		for _, p := range f.Probes {
			for name, wants := range of[p.Name].read {
				if of[p.Name].filled[name] || slices.ContainsFunc(f.Probes, func(q Probe) bool { return of[q.Name].filled[name] && q.beside(p, wants) }) {
					continue
				}
				t.Errorf("%s: %s reads @%s, which a probe fills that not all binaries have", f.Name, p.Name, name)
			}
		}
	}
}

// beside tells whether a probe stands in each binary that p stands in, where p is of use
// for fields.
func (q Probe) beside(p Probe, fields []string) bool {
	needed := q.Lost == "" && (q.Any || slices.ContainsFunc(q.Funcs, func(f Func) bool { return !f.Optional }))
	wanted := len(q.Wants) == 0 || len(p.Wants) > 0 && within(p.Wants, q.Wants) || len(fields) > 0 && within(fields, q.Wants)
	return needed && wanted && within(p.Sides, q.Sides)
}

func within[T comparable](inner, outer []T) bool {
	return !slices.ContainsFunc(inner, func(v T) bool { return !slices.Contains(outer, v) })
}

// TestFactsOfSides tests that no probe asks for a fact of a side that it is not on.
func TestFactsOfSides(t *testing.T) {
	tested := 0
	for _, f := range All() {
		of := scriptMaps(t, f)
		for _, fact := range f.Facts {
			for _, p := range f.Probes {
				if fact.Side == "" || !of[p.Name].names[fact.Name] {
					continue
				}
				tested++
				if !slices.Contains(p.Sides, fact.Side) {
					t.Errorf("%s: %s, a probe of the side %v, asks for %s of the side %s", f.Name, p.Name, p.Sides, fact.Name, fact.Side)
				}
			}
		}
	}
	if tested == 0 {
		t.Error("no probe asks for a fact of a side")
	}
}
