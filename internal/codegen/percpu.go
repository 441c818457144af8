package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// sumOverCPUs reads an aggregate inside a program: the sum, count, average,
// least or greatest value of what the CPUs have.
func (c *comp) sumOverCPUs(e *prog.MapGet) opnd {
	of := e.Map.Value.Kind
	if of == types.Stats {
		of = e.Of
	}
	return c.overCPUs(e.Map, c.inReg(c.key(e.Map, e.Key)), of, e.T)
}

// overCPUs combines what the CPUs have under the key at an address; of a stats map
// its count, sum or average.
func (c *comp) overCPUs(m *prog.Map, key opnd, of types.Kind, result *types.Type) opnd {
	switch {
	case !c.t.PercpuRead:
		c.errs.Errorf(c.span, "this kernel cannot read the values of other CPUs in a program: Linux 5.19 can; printed they are complete")
		return iOpnd(0)
	case of != types.Count && of != types.Sum && of != types.Avg && of != types.Min && of != types.Max:
		c.errs.Errorf(c.span, "BUG: no code to read this aggregate")
		return iOpnd(0)
	}
	first, second := c.reg(), c.reg()
	c.set(first, iOpnd(0))
	c.set(second, iOpnd(0))
	c.eachCPU(m, key, func(p mem, next *block) { c.combine(m.Value.Kind, p, first, second, result.Signed, next) })
	switch {
	case of == types.Count && m.Value.Kind == types.Stats:
		return rOpnd(second)
	case of != types.Avg:
		return rOpnd(first)
	}
	v, end := c.reg(), c.block()
	c.set(v, iOpnd(0))
	c.unless(asm.JEq, rOpnd(second), iOpnd(0), end)
	c.set(v, c.quotient(asm.Div, rOpnd(first), rOpnd(second), true))
	c.start(end)
	return rOpnd(v)
}

// eachCPU runs code for every CPU's value under a key; next is where the turn
// ends.
func (c *comp) eachCPU(m *prog.Map, key opnd, do func(p mem, next *block)) {
	cpu := c.reg()
	c.set(cpu, iOpnd(0))
	top, body, next, done := c.block(), c.block(), c.block(), c.block()
	c.start(top)
	c.branch(asm.JLT, rOpnd(cpu), iOpnd(int64(c.t.CPUs)), body, done)
	c.start(body)
	p := c.call(asm.FnMapLookupPercpuElem, mOpnd(MapName(m)), key, rOpnd(cpu))
	c.unless(asm.JEq, p, iOpnd(0), done)
	do(mem{base: p}, next)
	c.start(next)
	c.emit(ins{op: opALU, alu: asm.Add, dst: cpu, a: rOpnd(cpu), b: iOpnd(1)})
	c.jump(top)
	c.start(done)
}

// combine adds one CPU's words at m to first and second.
func (c *comp) combine(k types.Kind, m mem, first, second vreg, signed bool, next *block) {
	add := func(r vreg, off int) {
		c.emit(ins{op: opALU, alu: asm.Add, dst: r, a: rOpnd(r), b: c.load(m.at(off), 8, false)})
	}
	switch k {
	case types.Avg, types.Stats:
		add(second, 8)
		add(first, 0)
	case types.Count, types.Sum:
		add(first, 0)
	default:
		op := prog.Lt
		if k == types.Max {
			op = prog.Gt
		}
		better := comparisons[op].unsigned
		if signed {
			better = comparisons[op].signed
		}
		take := c.block()
		c.unless(asm.JEq, c.load(m.at(8), 8, false), iOpnd(0), next)
		x := c.load(m, 8, false)
		c.unless(asm.JEq, rOpnd(second), iOpnd(0), take)
		c.branch(better, x, rOpnd(first), take, next)
		c.start(take)
		c.set(first, x)
		c.set(second, iOpnd(1))
	}
}
