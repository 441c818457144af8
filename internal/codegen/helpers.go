package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// strConcat writes one string behind another, as much as there is room for. Both
// are in memory, whose length the helper finds while it copies.
func (c *comp) strConcat(e *prog.Call, dst mem) {
	a, b := e.Args[0], e.Args[1]
	m, tail := c.place(a), c.place(b)
	whole, size := dst, a.Type().Size+b.Type().Size-1
	if size > e.T.Size {
		whole = c.temp(size)
	}
	c.zero(whole, max(size, e.T.Size))
	n := c.readStr(whole, iOpnd(int64(a.Type().Size)), c.addr(m), false)
	end := c.atMost(c.alu(asm.Sub, n, iOpnd(1)), a.Type().Size-1)
	if end.kind == regOpnd {
		c.noSpill[end.reg] = true
	}
	to := c.alu(asm.Add, c.inReg(c.addr(whole)), end)
	c.call(asm.FnProbeReadKernelStr, to, iOpnd(int64(b.Type().Size)), c.addr(tail))
	if size > e.T.Size {
		c.zero(dst, e.T.Size)
		c.readStr(dst, iOpnd(int64(e.T.Size)), c.addr(whole), false)
	}
}

// debugf writes a line to the kernel's trace pipe. Strings go by address.
func (c *comp) debugf(e *prog.Call) opnd {
	format := e.Args[0].(*prog.Str)
	size := format.Type().Size
	text := c.temp(size)
	args := []opnd{{}, iOpnd(int64(size))}
	for _, x := range e.Args[1:] {
		if x.Type().Scalar() {
			args = append(args, c.value(x))
		} else {
			args = append(args, c.addr(c.place(x)))
		}
	}
	c.fill(format, text, size)
	args[0] = c.addr(text)
	return c.call(asm.FnTracePrintk, args...)
}

// writeUser copies bytes of constant length to a process's memory.
func (c *comp) writeUser(e *prog.Call) opnd {
	dst := c.value(e.Args[0])
	src := c.place(e.Args[1])
	n := e.Args[2].(*prog.Int)
	return c.call(asm.FnProbeWriteUser, dst, c.addr(src), iOpnd(int64(n.Val)))
}
