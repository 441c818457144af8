package codegen

import "github.com/rpcxray/rpcxray/internal/prog"

// homes returns the variables that live in list itself, not inside one of its
// statements, by the index of the first statement that names them.
func homes(list []prog.Stmt) map[int][]*prog.Var {
	first, inner := map[*prog.Var]int{}, map[*prog.Var]bool{}
	var order []*prog.Var
	for i, s := range list {
		inside := insiders(s)
		m := mentions{block: func() {}}
		m.visit = func(v *prog.Var, _, _ bool) {
			at, seen := first[v]
			if !seen {
				first[v], at = i, i
				order = append(order, v)
				inner[v] = inside(v)
			}
			if at != i {
				inner[v] = false
			}
		}
		m.stmt(s)
	}
	at := map[int][]*prog.Var{}
	for _, v := range order {
		if !inner[v] {
			at[first[v]] = append(at[first[v]], v)
		}
	}
	return at
}

// insiders tells of a variable that only s names whether it lives inside s: in
// one branch of an if, or in a body that gives it a value before it is read.
func insiders(s prog.Stmt) func(*prog.Var) bool {
	switch s := s.(type) {
	case *prog.If:
		return func(v *prog.Var) bool {
			return !names(v, &prog.Eval{X: s.Cond}) && names(v, s.Then...) != names(v, s.Else...)
		}
	case *prog.While:
		return func(v *prog.Var) bool { return !names(v, &prog.Eval{X: s.Cond}) && settles(v, s.Body) }
	case *prog.ForRange:
		return func(v *prog.Var) bool {
			return v == s.Var || !names(v, &prog.Eval{X: s.Lo}, &prog.Eval{X: s.Hi}) && settles(v, s.Body)
		}
	case *prog.ForMap:
		return func(v *prog.Var) bool { return v == s.Var || settles(v, s.Body) }
	case *prog.Inline:
		return func(v *prog.Var) bool { return settles(v, s.Body) }
	}
	return func(*prog.Var) bool { return false }
}

// settles tells whether v, which the body of a loop names, lives inside it.
func settles(v *prog.Var, body []prog.Stmt) bool {
	for i, vars := range homes(body) {
		for _, w := range vars {
			if w == v {
				return !needsZero(body[i], v)
			}
		}
	}
	return true
}

// sharedVars returns the variables that a loop and what is around it name. The bodies of
// loops are functions, or else the verifier looks at each turn, and would at all the
// ways to each if it followed a variable from one to the next.
func sharedVars(bodies []*prog.Body) map[*prog.Var]bool {
	d := dwellings{}
	shared := map[*prog.Var]bool{}
	for _, b := range bodies {
		d.list(b.Stmts, nil)
		m := mentions{block: func() {}}
		m.visit = func(v *prog.Var, _, _ bool) {
			if m.loop != d[v] {
				shared[v] = true
			}
		}
		m.stmts(b.Stmts)
	}
	return shared
}

// dwellings knows in which loop variables live.
type dwellings map[*prog.Var]prog.Stmt

func (d dwellings) list(list []prog.Stmt, loop prog.Stmt) {
	for _, vars := range homes(list) {
		for _, v := range vars {
			d.add(v, loop)
		}
	}
	for _, s := range list {
		switch s := s.(type) {
		case *prog.If:
			d.list(s.Then, loop)
			d.list(s.Else, loop)
		case *prog.Inline:
			d.list(s.Body, loop)
		case *prog.While:
			d.list(s.Body, s)
		case *prog.ForRange:
			d.add(s.Var, s)
			d.list(s.Body, s)
		case *prog.ForMap:
			d.add(s.Var, s)
			d.list(s.Body, s)
		}
	}
}

// add notes v unless it lives further out.
func (d dwellings) add(v *prog.Var, loop prog.Stmt) {
	if _, ok := d[v]; !ok {
		d[v] = loop
	}
}

// pointedAt returns the variables whose addresses are taken.
func pointedAt(bodies []*prog.Body) map[*prog.Var]bool {
	vars := map[*prog.Var]bool{}
	for _, b := range bodies {
		prog.Rewrite(b.Stmts, func(e prog.Expr) prog.Expr {
			if a, ok := e.(*prog.Addr); ok {
				vars[a.Var] = true
			}
			return e
		})
	}
	return vars
}
