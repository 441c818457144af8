package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// path writes the name of the file that a struct path stands for; an empty one
// where there is none. The helper leaves rubbish behind the name, so it writes
// elsewhere.
func (c *comp) path(e *prog.Call, dst mem) {
	n := e.T.Size
	c.zero(dst, n)
	none := c.block()
	var at opnd
	switch x := e.Args[0].(type) {
	case *prog.Load:
		if x.T.Kind == types.Pointer {
			at = c.typed(x, none)
		} else {
			at = c.alu(asm.Add, c.typed(x.Ptr, none), iOpnd(x.Off))
		}
	default:
		at = c.typed(x, none)
	}
	at = c.copy(at)
	full := c.scratchMem(n)
	got := c.call(asm.FnDPath, at, c.addr(full), iOpnd(int64(n)))
	c.unless(asm.JSLE, got, iOpnd(0), none)
	c.readStr(dst, iOpnd(int64(n)), c.addr(full), false)
	c.start(none)
}

// typed is a pointer that the verifier knows the type of, as helpers demand of
// what they follow: from the context on it is read by plain instructions. Where
// there is none the code goes on at none.
func (c *comp) typed(e prog.Expr, none *block) opnd {
	var v opnd
	switch e := e.(type) {
	case *prog.Cast:
		return c.typed(e.X, none)
	case *prog.Builtin:
		if e.ID == prog.BCtx {
			return c.ctx
		}
		v = c.value(e)
	case *prog.Load:
		v = c.load(mem{base: c.typed(e.Ptr, none)}.at(int(e.Off)), 8, false)
	default:
		v = c.value(e)
	}
	v = c.inReg(v)
	c.unless(asm.JEq, v, iOpnd(0), none)
	return v
}
