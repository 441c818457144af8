package codegen

import (
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// stmts compiles list. Variables that live in it are placed where they are
// first named and give their place back at the end.
func (c *comp) stmts(list []prog.Stmt) {
	stack, slot := c.stack.at, c.slot.at
	at := homes(list)
	for i, s := range list {
		if c.fn.size > maxSize {
			break // it will not do
		}
		c.declare(s, at[i])
		c.stmt(s)
	}
	c.stack.at, c.slot.at = stack, slot
}

// declare places the variables vars, which s names first.
func (c *comp) declare(s prog.Stmt, vars []*prog.Var) {
	c.span = s.Span()
	for _, v := range vars {
		if _, ok := c.vars[v]; ok {
			continue // lives in an outer list
		}
		if c.unused[v] {
			continue
		}
		if c.inParts(v) {
			c.vars[v] = variable{parts: c.newParts(v.Type)}
			if needsZero(s, v) {
				c.setParts(v, zeroes(v.Type))
			}
			continue
		}
		if c.inRegister(v) {
			r := c.reg()
			c.vars[v] = variable{reg: r}
			if needsZero(s, v) {
				c.set(r, iOpnd(0))
			}
			continue
		}
		m := c.varMem(v)
		c.vars[v] = variable{mem: m}
		if needsZero(s, v) {
			c.zero(m, v.Type.Size)
		}
	}
}

// inRegister tells whether v lives in a register. Where the stack is too small
// to hold what does not fit the registers, variables live in memory, except
// addresses of map values: the verifier would no longer know what they are.
func (c *comp) inRegister(v *prog.Var) bool {
	if v.Type.Space == types.SpaceMap {
		return true
	}
	return v.Type.Scalar() && !c.shared[v] && !c.pointedAt[v] && c.lim.onStack > 0
}

// varMem is where a variable lives in memory: callbacks reach only the scratch
// slot.
func (c *comp) varMem(v *prog.Var) mem {
	if c.shared[v] {
		return c.scratchMem(v.Type.Size)
	}
	return c.temp(v.Type.Size)
}

// assign sets a scalar variable.
func (c *comp) assign(v *prog.Var, x opnd) {
	if at := c.vars[v]; at.reg == 0 {
		c.store(at.mem, v.Type.Size, x)
	} else {
		c.set(at.reg, x)
	}
}

// stmt compiles s. A checked read that fails in it skips the statement and is
// counted.
func (c *comp) stmt(s prog.Stmt) {
	c.span = s.Span()
	stack, slot, outer, before := c.stack.at, c.slot.at, c.onFault, c.claimed
	end, faulted := c.block(), false
	c.onFault = func(*block) {
		faulted = true
		c.unreadable()
		c.jump(end)
	}
	known := c.lookups
	c.one(s)
	if faulted {
		c.claimed = join(before, c.claimed)
		c.lookups = known
	}
	c.start(end)
	c.stack.at, c.slot.at, c.onFault = stack, slot, outer
}

// unreadable counts a read that failed.
func (c *comp) unreadable() {
	if !c.absent {
		c.count(prog.LossUnreadable)
	}
}

func (c *comp) one(s prog.Stmt) {
	switch s := s.(type) {
	case *prog.Eval:
		c.drop(s.X)
	case *prog.SetVar:
		if !c.unused[s.Var] {
			c.setVar(s)
		}
	case *prog.SetMap:
		c.setMap(s)
	case *prog.AddMap:
		c.addMap(s)
	case *prog.Aggregate:
		c.aggregate(s)
	case *prog.Delete:
		c.delete(s.Map, s.Key)
	case *prog.If:
		c.ifElse(s)
	case *prog.While:
		c.afresh(func() { c.while(s) })
	case *prog.ForRange:
		c.afresh(func() { c.forRange(s) })
	case *prog.Break:
		c.jump(c.loops[len(c.loops)-1].leave)
	case *prog.Continue:
		c.jump(c.loops[len(c.loops)-1].next)
	case *prog.Inline:
		c.within(func() { c.inline(s) })
	case *prog.Return:
		c.returns = true
		c.jump(c.bodyEnd)
	case *prog.Emit:
		c.emitRecord(s)
	case *prog.Count:
		c.count(s.Loss)
	case *prog.ForMap:
		c.afresh(func() { c.forMap(s) })
	default:
		c.errs.Errorf(s.Span(), "BUG: no code for this statement")
	}
}

// drop evaluates e for its effects.
func (c *comp) drop(e prog.Expr) {
	switch {
	case e.Type().Kind == types.Void:
		if b, ok := e.(*prog.Block); ok {
			c.blockStmts(b)
			return
		}
		c.value(e)
	case e.Type().Scalar():
		c.value(e)
	default:
		c.place(e)
	}
}

// setVar assigns a variable. A checked read that fails in it reads as zero, so
// that the variable has a value in any case.
func (c *comp) setVar(s *prog.SetVar) {
	c.onFault = func(ok *block) {
		c.unreadable()
		c.jump(ok)
	}
	c.assignVar(s)
}

func (c *comp) assignVar(s *prog.SetVar) {
	defer func() { c.writes[s.Var]++ }()
	v := c.vars[s.Var]
	if s.Var.Type.Scalar() {
		c.assign(s.Var, c.value(s.X))
		return
	}
	if v.parts != nil {
		c.setParts(s.Var, c.partsOf(s.X))
		return
	}
	if overlaps(s.X, s.Var) {
		t := c.temp(s.Var.Type.Size)
		c.fill(s.X, t, s.Var.Type.Size)
		c.copyMem(v.mem, t, s.Var.Type.Size)
		return
	}
	c.fill(s.X, v.mem, s.Var.Type.Size)
}

// overlaps tells whether e reads v in a way that writing v on the fly would
// disturb.
func overlaps(e prog.Expr, v *prog.Var) bool {
	if _, ok := e.(*prog.VarRef); ok {
		return false
	}
	return names(v, &prog.Eval{X: e})
}

// inline compiles the body of a function of the script, which a return leaves from
// anywhere: what it claims may or may not be claimed behind it.
func (c *comp) inline(s *prog.Inline) {
	outer, before, returns := c.bodyEnd, c.claimed, c.returns
	c.bodyEnd = c.block()
	c.stmts(s.Body)
	c.start(c.bodyEnd)
	c.bodyEnd, c.claimed, c.returns = outer, join(before, c.claimed), returns
}

// both compiles the two ways of a branch; scratch space that only one of them
// claimed may be claimed afterwards.
func (c *comp) both(a, b func()) {
	before := c.claimed
	c.within(a)
	first := c.claimed
	c.claimed = before
	c.within(b)
	c.claimed = join(first, c.claimed)
}

func (c *comp) ifElse(s *prog.If) {
	yes, no, end := c.block(), c.block(), c.block()
	c.cond(s.Cond, yes, no)
	c.both(func() {
		c.start(yes)
		c.stmts(s.Then)
		c.jump(end)
	}, func() {
		c.start(no)
		c.stmts(s.Else)
	})
	c.start(end)
}
