package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// userStack is BPF_F_USER_STACK of linux/bpf.h.
const userStack = 1 << 8

// Constants of the hash that names a stack: an odd multiplier with many bits
// (2^64 divided by the golden ratio) mixes each word.
const (
	hashMul   = -0x61c8864680b583eb
	hashShift = 32
)

// stackPush is the stack e.Args[0] with the word e.Args[1] put in as frame 1.
func (c *comp) stackPush(e *prog.Call, dst mem) {
	b, ok := e.Args[0].(*prog.Builtin)
	if !ok {
		c.errs.Errorf(e.At, "a frame can be put into a stack only where the stack is taken")
		return
	}
	c.stackTrace(e.T, b.ID, c.value(e.Args[1]), true, dst)
}

// stackTrace takes the stack, enters it in MapStacks if it is new, and writes
// its id, process (zero for the kernel's, which all share) and number of frames
// at dst. With push, word becomes frame 1
// unless it is that already: then the stack is laid out one word earlier.
//
//	word    0     1       2        3
//	plain         head    frame 0  frame 1 …
//	pushed  head  frame 0 word     frame 1 …
func (c *comp) stackTrace(t *types.Type, id prog.BuiltinID, word opnd, push bool, dst mem) {
	limit := min(max(t.Frames, 0), MaxFrames)
	if limit == 0 {
		limit = MaxFrames
	}
	if word.kind == regOpnd {
		word = c.copy(word)
	}
	buf := c.scratchMem(StackValueSize + 8 + 8*(hashRound-1))
	tgid := iOpnd(0)
	if id != prog.BKstack {
		tgid = c.alu(asm.RSh, c.pidTgid(), iOpnd(32))
	}
	if push {
		c.store(buf.at(24), 8, iOpnd(0)) // a stack of one frame leaves it as it was
	}
	n, start := c.reg(), c.reg()
	if id == prog.BDwarfStack {
		c.set(n, c.unwind(buf.at(16), limit))
	} else {
		c.set(n, c.framePointers(buf.at(16), limit, id == prog.BUstack))
	}
	c.set(start, c.addr(buf.at(8)))
	none := c.block()
	if push {
		c.unless(asm.JEq, rOpnd(n), iOpnd(0), none)
		c.unless(asm.JEq, c.load(buf.at(24), 8, false), word, none)
		c.store(buf.at(8), 8, c.load(buf.at(16), 8, false))
		c.store(buf.at(16), 8, word)
		c.set(start, c.addr(buf))
		c.unless(asm.JGE, rOpnd(n), iOpnd(int64(limit)), none)
		c.emit(ins{op: opALU, alu: asm.Add, dst: n, a: rOpnd(n), b: iOpnd(1)})
	}
	c.start(none)
	value := mem{base: rOpnd(start)}
	c.store(value, 4, rOpnd(n))
	c.store(value.at(4), 4, tgid)
	name := c.hashFrames(value, rOpnd(n), limit)
	c.store(dst, 8, name)
	c.store(dst.at(8), 4, tgid)
	c.store(dst.at(12), 4, c.load(value, 4, false))
	c.keepStack(value, name)
}

// framePointers has the kernel write the addresses of at most limit frames, and
// returns their number.
func (c *comp) framePointers(frames mem, limit int, user bool) opnd {
	flags := iOpnd(0)
	if user {
		flags = iOpnd(userStack)
	}
	n, none := c.copy(c.call(asm.FnGetStack, c.ctx, c.addr(frames), iOpnd(int64(8*limit)), flags)), c.block()
	taken := c.block()
	c.branch(asm.JSGT, n, iOpnd(0), taken, none)
	c.start(none)
	c.set(n.reg, iOpnd(0))
	c.start(taken)
	return c.alu(asm.RSh, n, iOpnd(3))
}

// hashRound is how many frames are mixed at once: before each round a branch asks
// whether it is the last, and the verifier puts off only so many of a program's
// branches.
const hashRound = 4

// hashFrames mixes the number and addresses of the frames, and the zeros that it puts
// behind them, up to the end of a round.
func (c *comp) hashFrames(value mem, n opnd, limit int) opnd {
	h, i := c.reg(), c.reg()
	mul := c.copy(iOpnd(hashMul))
	end := c.bounded(c.copy(n))
	c.set(h, n)
	c.set(i, iOpnd(0))
	c.noSpill[i] = true
	top, body, done := c.block(), c.block(), c.block()
	c.unless(asm.JGT, end, iOpnd(int64(limit)), done) // it never is, which the verifier does not see
	end = c.bounded(c.alu(asm.LSh, end, iOpnd(3)))
	behind := mem{base: c.alu(asm.Add, value.base, end)}.at(StackHead)
	for k := range hashRound - 1 {
		c.store(behind.at(8*k), 8, iOpnd(0))
	}
	c.start(top)
	c.unless(asm.JGE, rOpnd(i), iOpnd(int64(8*limit)), done)
	c.branch(asm.JGE, rOpnd(i), end, done, body)
	c.start(body)
	round := mem{base: c.alu(asm.Add, value.base, rOpnd(i))}.at(StackHead)
	for k := range hashRound {
		x := c.alu(asm.Mul, c.alu(asm.Xor, rOpnd(h), c.load(round.at(8*k), 8, false)), mul)
		c.set(h, c.alu(asm.Xor, x, c.alu(asm.RSh, x, iOpnd(hashShift))))
	}
	c.emit(ins{op: opALU, alu: asm.Add, dst: i, a: rOpnd(i), b: iOpnd(8 * hashRound)})
	c.jump(top)
	c.start(done)
	return rOpnd(h)
}

// keepStack enters a stack under its id unless it is known.
func (c *comp) keepStack(value mem, id opnd) {
	mark := c.stack.at
	key, known := c.stackMem(8), c.block()
	c.store(key, 8, id)
	c.unless(asm.JNE, c.call(asm.FnMapLookupElem, mOpnd(MapStacks), c.addr(key)), iOpnd(0), known)
	err := c.call(asm.FnMapUpdateElem, mOpnd(MapStacks), c.addr(key), c.addr(value), iOpnd(updateAny))
	c.unless(asm.JEq, err, iOpnd(0), known)
	c.count(prog.LossStacks)
	c.start(known)
	c.stack.at = mark
}
