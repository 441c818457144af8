package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// pinned tells whether the unit is an iterator that runs when its file is read.
func (c *comp) pinned() bool { return c.u.Kind == prog.KindIter && c.u.Point.Target != "" }

// iterated leaves the program at the call that ends an iteration, which has no
// object. Unless the iterator is pinned it writes a byte for each object: so the
// kernel stops after as many of them as user space asked for bytes, and events can be
// read in between.
func (c *comp) iterated() {
	for _, a := range c.u.Bodies[0].Group.Args {
		if a.N > 0 && a.Type.Kind == types.Pointer {
			c.unless(asm.JEq, c.load(mem{base: c.ctx}.at(8*a.N), 8, false), iOpnd(0), c.exit)
		}
	}
	if c.pinned() {
		return
	}
	mark := c.stack.at
	byte := c.stackMem(1)
	c.store(byte, 1, iOpnd('.'))
	c.call(asm.FnSeqWrite, c.seqFile(), c.addr(byte), iOpnd(1))
	c.stack.at = mark
}

// seqFile is the file that the iterator writes to: the first member of struct
// bpf_iter_meta, which is the first of the context.
func (c *comp) seqFile() opnd {
	meta := c.load(mem{base: c.ctx}, 8, false)
	return c.load(mem{base: meta}, 8, false)
}

// seqPrintf has the kernel format a line into the iterator's file.
func (c *comp) seqPrintf(s *prog.Emit) {
	stack, slot := c.stack.at, c.slot.at
	values, n := iOpnd(0), 8*len(s.Items)
	if n > 0 {
		data := c.stackMem(n)
		for i, it := range s.Items {
			if it.X.Type().Scalar() {
				c.store(data.at(8*i), 8, c.value(it.X))
			} else {
				c.store(data.at(8*i), 8, c.addr(c.place(it.X)))
			}
		}
		values = c.addr(data)
	}
	size := len(s.Action.Format) + 1
	format := c.temp(size)
	c.bytes(format, s.Action.Format+"\x00")
	c.call(asm.FnSeqPrintf, c.seqFile(), c.addr(format), iOpnd(int64(size)), values, iOpnd(int64(n)))
	c.stack.at, c.slot.at = stack, slot
}
