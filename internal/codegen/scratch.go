package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// A scratch slot is a value of the map MapScratch: a few words, and room for
// values. A program claims one of
// the slots of its CPU by an atomic exchange, since another program may have
// been interrupted on this CPU at any point, and gives it back on every way
// out.
const (
	slotsPerCPU  = 4
	slotBusy     = 0
	slotLen      = 4  // u32: a length, kept in memory so that the verifier forgets how it came about
	slotPos      = 8  // u64: bytes of the record under construction that are written
	slotTurns    = 16 // u64: turns that loops in loops have left
	slotReturned = 24 // u64: not zero: a loop ended the body around it
	scratchHead  = 32
	scratchRound = 4096
)

// ScratchSize returns the size of a scratch slot in bytes. Units are compiled
// after the maps exist, so it is chosen from the script's settings alone.
func ScratchSize(p *prog.Program) int {
	n := 24<<10 + 8*max(p.Config.MaxStrlen, 1024)
	return (n + scratchRound - 1) / scratchRound * scratchRound
}

// claim says whether the program holds a scratch slot at this point.
type claim uint8

const (
	claimNo claim = iota
	claimMaybe
	claimYes
)

func join(a, b claim) claim {
	if a == b {
		return a
	}
	return claimMaybe
}

func (c *comp) slotMem() mem { return mem{base: rOpnd(c.scratch)} }

// scratchMem returns size bytes of the scratch slot.
func (c *comp) scratchMem(size int) mem {
	c.claim()
	return c.slotMem().at(scratchHead + c.slot.take(size))
}

// claim makes sure that the program holds a slot. Without one it ends, and the
// loss is counted.
func (c *comp) claim() {
	if c.claimed == claimYes {
		return
	}
	c.claims = true
	have := c.block()
	if c.claimed == claimMaybe {
		c.unless(asm.JNE, rOpnd(c.scratch), iOpnd(0), have)
	}
	cpu := c.pureCall(asm.FnGetSmpProcessorId)
	first := c.alu(asm.Mul, cpu, iOpnd(slotsPerCPU))
	mark := c.stack.at
	key, none := c.stackMem(4), c.block()
	for i := range int64(slotsPerCPU) {
		c.store(key, 4, c.alu(asm.Add, first, iOpnd(i)))
		p := c.call(asm.FnMapLookupElem, mOpnd(MapScratch), c.addr(key))
		c.unless(asm.JEq, p, iOpnd(0), none)
		got, busy := c.block(), c.block()
		c.branch(asm.JEq, c.exchange(mem{base: p}.at(slotBusy)), iOpnd(0), got, busy)
		c.start(got)
		c.set(c.scratch, p)
		c.jump(have)
		c.start(busy)
	}
	c.start(none)
	c.stack.at = mark
	c.count(prog.LossScratch)
	c.jump(c.exit)
	c.start(have)
	c.claimed = claimYes
}

// exchange sets the word at m to one and returns what it was. Kernels without
// an atomic exchange run no program inside another on the same CPU.
func (c *comp) exchange(m mem) opnd {
	if !c.t.AtomicFetch {
		old := c.load(m, 4, false)
		c.store(m, 4, iOpnd(1))
		return old
	}
	dst := c.reg()
	c.emit(ins{op: opXchg, dst: dst, a: m.base, off: m.off, size: 4, b: iOpnd(1)})
	return rOpnd(dst)
}

// release gives the slot back, at the program's only exit.
func (c *comp) release() {
	if !c.claims {
		return
	}
	end := c.block()
	c.unless(asm.JEq, rOpnd(c.scratch), iOpnd(0), end)
	c.store(c.slotMem().at(slotBusy), 4, iOpnd(0))
	c.start(end)
}

// count adds one to a loss counter.
func (c *comp) count(l prog.Loss) {
	mark := c.stack.at
	key := c.stackMem(4)
	c.store(key, 4, iOpnd(int64(l)))
	p := c.call(asm.FnMapLookupElem, mOpnd(MapLosses), c.addr(key))
	end := c.block()
	c.unless(asm.JEq, p, iOpnd(0), end)
	c.emit(ins{op: opAdd, a: p, b: iOpnd(1), size: 8})
	c.start(end)
	c.stack.at = mark
}
