package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// A variable that is a tuple of a few scalars lives in registers, one for each part:
// parts that nothing asks for cost nothing, and what is in no memory needs no slot.

// maxParts bounds the parts: there are few registers.
const maxParts = 8

// inParts tells whether v lives in registers by its parts.
func (c *comp) inParts(v *prog.Var) bool {
	t := v.Type
	if t.Kind != types.Tuple || len(t.Fields) > maxParts || c.shared[v] || c.pointedAt[v] || c.lim.onStack == 0 {
		return false
	}
	for _, f := range t.Fields {
		if !f.Type.Scalar() {
			return false
		}
	}
	return len(t.Fields) > 0
}

func (c *comp) newParts(t *types.Type) []vreg {
	parts := make([]vreg, len(t.Fields))
	for i := range parts {
		parts[i] = c.reg()
	}
	return parts
}

func (c *comp) setParts(v *prog.Var, values []opnd) {
	for i, r := range c.vars[v].parts {
		c.set(r, values[i])
	}
}

func zeroes(t *types.Type) []opnd {
	list := make([]opnd, len(t.Fields))
	for i := range list {
		list[i] = iOpnd(0)
	}
	return list
}

// partsOf returns the parts of a tuple of scalars, each in a register of its own or
// constant.
func (c *comp) partsOf(e prog.Expr) []opnd {
	t := e.Type()
	switch e := e.(type) {
	case *prog.Compose:
		list := zeroes(t)
		for i, p := range e.Parts {
			list[i] = c.own(c.as(c.value(p), p.Type(), t.Fields[i].Type))
		}
		return list
	case *prog.VarRef:
		if parts := c.vars[e.Var].parts; parts != nil {
			list := make([]opnd, len(parts))
			for i, r := range parts {
				list[i] = c.copy(rOpnd(r))
			}
			return list
		}
	case *prog.Block:
		c.blockStmts(e)
		return c.partsOf(e.X)
	case *prog.Cond:
		return c.chooseParts(e)
	case *prog.MapGet:
		if !direct(e.Map) {
			return c.mapParts(e)
		}
	}
	return c.loadParts(c.place(e), t)
}

// as returns x, a scalar of type from, as memory of type to would give it back.
func (c *comp) as(x opnd, from, to *types.Type) opnd {
	switch {
	case from.Size < to.Size:
		return c.ext(x, from.Size, false)
	case from.Signed != to.Signed:
		return c.ext(x, to.Size, to.Signed)
	}
	return x
}

// own returns x in a register that nothing else sets.
func (c *comp) own(x opnd) opnd {
	if x.isImm() {
		return x
	}
	return c.copy(x)
}

func (c *comp) loadParts(m mem, t *types.Type) []opnd {
	list := make([]opnd, len(t.Fields))
	for i, f := range t.Fields {
		list[i] = c.load(m.at(f.Offset), f.Type.Size, f.Type.Signed)
	}
	return list
}

// eitherParts returns the parts that one of two ways to end computes, each of which
// begins in its block.
func (c *comp) eitherParts(t *types.Type, yes, no *block, a, b func() []opnd) []opnd {
	parts, end := c.newParts(t), c.block()
	way := func(from *block, values func() []opnd) {
		c.start(from)
		for i, x := range values() {
			c.set(parts[i], x)
		}
		c.jump(end)
	}
	c.both(func() { way(yes, a) }, func() { way(no, b) })
	c.start(end)
	list := make([]opnd, len(parts))
	for i, r := range parts {
		list[i] = rOpnd(r)
	}
	return list
}

func (c *comp) chooseParts(e *prog.Cond) []opnd {
	yes, no := c.block(), c.block()
	c.cond(e.C, yes, no)
	return c.eitherParts(e.T, yes, no, func() []opnd { return c.partsOf(e.A) }, func() []opnd { return c.partsOf(e.B) })
}

// mapParts reads a value of a map; where the key is missing its parts are zero.
func (c *comp) mapParts(e *prog.MapGet) []opnd {
	p := c.lookup(e.Map, e.Key)
	c.failed(prog.RemarkLookup, asm.JEq, p)
	there, missing := c.block(), c.block()
	c.branch(asm.JNE, p, iOpnd(0), there, missing)
	return c.eitherParts(e.T, there, missing, func() []opnd { return c.loadParts(mem{base: p}, e.T) }, func() []opnd { return zeroes(e.T) })
}

// fillVar writes a variable at dst.
func (c *comp) fillVar(v *prog.Var, dst mem) {
	parts := c.vars[v].parts
	if parts == nil {
		c.copyMem(dst, c.vars[v].mem, v.Type.Size)
		return
	}
	end := 0
	for i, f := range v.Type.Fields {
		c.zero(dst.at(end), f.Offset-end)
		c.store(dst.at(f.Offset), f.Type.Size, rOpnd(parts[i]))
		end = f.Offset + f.Type.Size
	}
	c.zero(dst.at(end), v.Type.Size-end)
}

// part returns a part of a tuple that a variable has in registers, or that e itself
// is composed of.
func (c *comp) part(e *prog.Member) (opnd, bool) {
	if e.BitSize != 0 {
		return opnd{}, false
	}
	x := e.X
	for {
		cast, ok := x.(*prog.Cast)
		if !ok || cast.X.Type().Scalar() || cast.X.Type().Size != cast.T.Size {
			break
		}
		x = cast.X
	}
	ref, ok := x.(*prog.VarRef)
	if !ok || c.vars[ref.Var].parts == nil {
		return opnd{}, false
	}
	for i, f := range ref.Var.Type.Fields {
		if f.Offset == int(e.Off) && f.Type.Size == e.T.Size {
			return c.as(rOpnd(c.vars[ref.Var].parts[i]), f.Type, e.T), true
		}
	}
	return opnd{}, false
}
