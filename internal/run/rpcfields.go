package run

import (
	"slices"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/rpc"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// callFields are the fields of rpc that the point's probe names, all of them where
// it takes rpc as a whole. What makes a framework follow calls closer than others
// counts for all points of the script: they share what is known of spans.
func (w *world) callFields(p *prog.Point) map[string]bool {
	wanted := map[string]bool{}
	for _, d := range w.file.Decls {
		probe, _ := d.(*syntax.Probe)
		sp := d.Span()
		own := probe == nil || sp.Start <= p.Span.Start && p.Span.End <= sp.End
		for name := range fieldsNamed(d) {
			wanted[name] = wanted[name] || own || !special(name)
		}
		if probe != nil && own && !timed(w.file, probe) {
			wanted[rpc.Untimed] = true
		}
	}
	return wanted
}

// special tells whether a body that names the field sees calls that others do not.
func special(field string) bool {
	return slices.Contains([]string{"heartbeat", "late", "attempts", "transfer"}, field)
}

// fieldsNamed are the fields of rpc that a probe or a macro names.
func fieldsNamed(d syntax.Node) map[string]bool {
	named := map[string]bool{}
	whole := false
	syntax.Walk(d, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.FieldExpr:
			if id, ok := node.X.(*syntax.IdentExpr); ok && id.Name == "rpc" {
				named[node.Name] = true
				return false
			}
		case *syntax.IdentExpr:
			whole = whole || node.Name == "rpc"
		}
		return true
	})
	for _, f := range check.CallFields() {
		if whole && !special(f.Name) && f.Type.Name != types.PayloadName {
			named[f.Name] = true
		}
	}
	return named
}

// timed tells whether a probe does nothing about a call without a duration: all that
// it does is to feed aggregates with numbers that are computed from the duration.
func timed(f *syntax.File, p *syntax.Probe) bool {
	if slices.ContainsFunc(f.Decls, hidesAggregate) {
		return false
	}
	effects := 0
	syntax.Walk(p, func(node syntax.Node) bool {
		switch node.(type) {
		case *syntax.CallExpr, *syntax.IncDecExpr, *syntax.Block:
			effects++
		}
		return true
	})
	for _, s := range p.Body.Stmts {
		if !feeds(s) {
			return false
		}
	}
	return effects == 1+len(p.Body.Stmts)
}

// hidesAggregate tells whether d is a macro that is called where an aggregate of its name
// would be.
func hidesAggregate(d syntax.Decl) bool {
	m, ok := d.(*syntax.Macro)
	return ok && check.IsAggregate(m.Name)
}

// feeds tells whether s does nothing but feed an aggregate with what is computed from
// a call's duration.
func feeds(s syntax.Stmt) bool {
	a, ok := s.(*syntax.AssignStmt)
	if !ok {
		return false
	}
	call, ok := a.Value.(*syntax.CallExpr)
	return ok && len(call.Args) > 0 && check.IsAggregate(call.Name) && ofDuration(call.Args[0])
}

// ofDuration tells whether e is absent where a call's duration is.
func ofDuration(e syntax.Expr) bool {
	switch e := e.(type) {
	case *syntax.FieldExpr:
		id, ok := e.X.(*syntax.IdentExpr)
		return ok && id.Name == "rpc" && e.Name == "duration"
	case *syntax.BinaryExpr:
		return e.Op != syntax.OpLAnd && e.Op != syntax.OpLOr && (ofDuration(e.L) || ofDuration(e.R))
	}
	return false
}
