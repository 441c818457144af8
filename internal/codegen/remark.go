package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// remark counts what goes wrong at a place of the script, for its author to be
// told. Of places beyond the map's room nothing is told.
func (c *comp) remark(kind prog.RemarkKind, span diag.Span) {
	mark := c.stack.at
	key, one := c.stackMem(16), c.stackMem(8)
	c.store(key, 4, iOpnd(int64(kind)))
	c.store(key.at(4), 4, iOpnd(int64(span.Start)))
	c.store(key.at(8), 4, iOpnd(int64(span.End)))
	c.store(key.at(12), 4, iOpnd(0))
	p := c.call(asm.FnMapLookupElem, mOpnd(MapRemarks), c.addr(key))
	first, end := c.block(), c.block()
	c.unless(asm.JEq, p, iOpnd(0), first)
	c.emit(ins{op: opAdd, a: p, b: iOpnd(1), size: 8})
	c.jump(end)
	c.start(first)
	c.store(one, 8, iOpnd(1))
	c.call(asm.FnMapUpdateElem, mOpnd(MapRemarks), c.addr(key), c.addr(one), iOpnd(0))
	c.start(end)
	c.stack.at = mark
}

// failed notes, if the user asked for it, that a helper returned an error: err is
// not zero, or negative where the result may be more.
func (c *comp) failed(kind prog.RemarkKind, op asm.JumpOp, err opnd) {
	if !c.t.HelperWarnings {
		return
	}
	bad, end := c.block(), c.block()
	c.branch(op, err, iOpnd(0), bad, end)
	c.start(bad)
	c.remark(kind, c.span)
	c.start(end)
}
