package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// forgotten returns x with the verifier made to believe that it may be any
// number. What a loop counts from a known number on is another number at each
// turn, so that the verifier follows turn after turn through every branch in the
// loop; of any number it has seen all at the second turn. Kernels without a
// budget for loops have to see where they end.
func (c *comp) forgotten(x opnd) opnd {
	if !c.t.MayGoto {
		return x
	}
	return c.alu(asm.Add, c.load(mem{base: valOpnd(MapZero)}, 8, false), x)
}

// forget does so to the numbers that s, a loop, reads and then changes: these
// have been set before it.
func (c *comp) forget(s prog.Stmt) {
	if !c.t.MayGoto {
		return
	}
	read, done := map[*prog.Var]bool{}, map[*prog.Var]bool{}
	m := mentions{block: func() {}}
	m.visit = func(v *prog.Var, set, _ bool) {
		if _, seen := read[v]; !seen {
			read[v] = !set
		}
		at, known := c.vars[v]
		number := v.Type.Kind == types.Int || v.Type.Kind == types.Bool
		if set && read[v] && known && number && !done[v] && c.inRegister(v) {
			done[v] = true
			c.set(at.reg, c.forgotten(rOpnd(at.reg)))
		}
	}
	m.stmt(s)
}
