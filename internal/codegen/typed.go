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

// PacketHead is what stands before a packet's bytes in MapPackets: the action's
// id, the time as ns since boot, how many bytes are left out and how many there
// are, eight bytes each; perf pads what follows.
const PacketHead = 32

// maxPacket is how much of a packet is sent; perf's records have at most 64 KiB.
const maxPacket = 65000

// Values of linux/bpf.h and errno.h.
const (
	currentCPU = 0xffffffff // BPF_F_CURRENT_CPU
	invalid    = -22        // -EINVAL
)

// skbOutput sends the first bytes of a packet, wherever the kernel keeps them.
func (c *comp) skbOutput(e *prog.Call) opnd {
	result, none := c.reg(), c.block()
	head := c.stackMem(PacketHead)
	n := c.copy(c.atMost(c.value(e.Args[1]), maxPacket))
	c.store(head.at(24), 8, n)
	c.store(head.at(16), 8, c.value(e.Args[2]))
	c.store(head, 8, c.value(e.Args[3]))
	c.store(head.at(8), 8, c.call(asm.FnKtimeGetBootNs))
	flags := c.alu(asm.Or, c.alu(asm.LSh, n, iOpnd(32)), c.inReg(iOpnd(currentCPU)))
	c.set(result, iOpnd(invalid))
	skb := c.typed(e.Args[0], none)
	c.set(result, c.call(asm.FnSkbOutput, skb, mOpnd(MapPackets), flags, c.addr(head), iOpnd(PacketHead)))
	c.start(none)
	return rOpnd(result)
}

// keepsType tells whether the verifier may know e as a pointer of a type, which it
// does not let be stored in pieces.
func (c *comp) keepsType(e prog.Expr) bool {
	if _, ok := e.(*prog.CtxAddr); ok {
		return true
	}
	switch c.u.Kind {
	case prog.KindRawTracepoint, prog.KindFentry, prog.KindFexit, prog.KindIter:
		_, arg := e.(*prog.CtxArg)
		return arg || e.Type().Kind == types.Pointer
	}
	return false
}

// number is the value of a pointer as a plain number, which arithmetic may change.
func (c *comp) number(v opnd) opnd {
	mark := c.stack.at
	word := c.stackMem(8)
	c.storeWhole(word, v)
	n := c.load(word, 8, false)
	c.stack.at = mark
	return n
}

// storeWhole stores such a pointer at a place that is not aligned.
func (c *comp) storeWhole(dst mem, v opnd) {
	mark := c.stack.at
	word := c.stackMem(8)
	c.store(word, 8, v)
	c.call(asm.FnProbeReadKernel, c.addr(dst), iOpnd(8), c.addr(word))
	c.stack.at = mark
}
