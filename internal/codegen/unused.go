package codegen

import "github.com/rpcxray/rpcxray/internal/prog"

// unused returns the variables whose values nothing needs: what they are set to has
// no effect, and they are read, if at all, where others of them are set. A script of
// a framework names many values of which a body asks for few.
func unused(bodies []*prog.Body) map[*prog.Var]bool {
	all := count(func(m *mentions) {
		for _, b := range bodies {
			m.stmts(b.Stmts)
		}
	})
	vars, kept := map[*prog.Var]bool{}, map[*prog.Var]bool{}
	for _, b := range bodies {
		prog.WalkStmts(b.Stmts, func(s prog.Stmt) {
			switch s := s.(type) {
			case *prog.SetVar:
				vars[s.Var] = true
				kept[s.Var] = kept[s.Var] || !all.idle(s.X)
			case *prog.ForRange:
				kept[s.Var] = true
			case *prog.ForMap:
				kept[s.Var] = true
			}
		})
	}
	for v := range kept {
		if kept[v] {
			delete(vars, v)
		}
	}
	for dropRead(vars, bodies) {
	}
	return vars
}

// dropRead takes from vars those that are read outside of what sets one of them, and
// tells whether there were any.
func dropRead(vars map[*prog.Var]bool, bodies []*prog.Body) bool {
	before := len(vars)
	read := map[*prog.Var]bool{}
	m := mentions{block: func() {}, skip: vars}
	m.visit = func(v *prog.Var, set, _ bool) { read[v] = read[v] || !set }
	for _, b := range bodies {
		m.stmts(b.Stmts)
	}
	for v := range read {
		if read[v] {
			delete(vars, v)
		}
	}
	return len(vars) < before
}

// census is how often variables are named.
type census map[*prog.Var]int

func count(walk func(*mentions)) census {
	n := census{}
	walk(&mentions{block: func() {}, visit: func(v *prog.Var, _, _ bool) { n[v]++ }})
	return n
}

// idleCalls are functions that have no effect.
var idleCalls = map[prog.FuncID]bool{prog.FnStr: true, prog.FnNtop: true, prog.FnHasKey: true, prog.FnBswap: true, prog.FnStrlen: true}

// idle tells whether evaluating e has no effect but its value. all counts the
// variables of the program: those that only a block of e names are its own.
func (all census) idle(e prog.Expr) bool {
	idle := true
	prog.RewriteExpr(e, func(e prog.Expr) prog.Expr {
		switch e := e.(type) {
		case *prog.Call:
			idle = idle && idleCalls[e.Fn]
		case *prog.Must, *prog.Elem:
			idle = false
		case *prog.Binary:
			idle = idle && e.Op != prog.Div && e.Op != prog.Mod
		case *prog.Builtin:
			idle = idle && e.ID != prog.BKstack && e.ID != prog.BUstack
		case *prog.Load:
			idle = idle && !e.Checked
		case *prog.StrN:
			idle = idle && !e.Checked
		case *prog.Block:
			own := count(func(m *mentions) { m.expr(e) })
			idle = idle && all.idleStmts(e.Stmts, own)
		}
		return e
	})
	return idle
}

// idleStmts tells whether list does nothing but set variables that are named no
// more often than own counts. What it evaluates is looked at by idle.
func (all census) idleStmts(list []prog.Stmt, own census) bool {
	for _, s := range list {
		switch s := s.(type) {
		case *prog.SetVar:
			if own[s.Var] != all[s.Var] {
				return false
			}
		case *prog.If:
			if !all.idleStmts(s.Then, own) || !all.idleStmts(s.Else, own) {
				return false
			}
		case *prog.While:
			if !all.idleStmts(s.Body, own) {
				return false
			}
		case *prog.Eval, *prog.Break, *prog.Continue:
		default:
			return false
		}
	}
	return true
}
