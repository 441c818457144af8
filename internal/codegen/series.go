package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// seriesSlot is the place of one interval: three words that all CPUs share.
type seriesSlot struct {
	epoch, value, count mem
}

// series feeds x to the interval of the time now, in the value at p. Who comes
// first in an interval takes over the place of an old one by exchanging the epoch,
// and turns what the old one left there into its own by adding the difference: what
// other CPUs add meanwhile stays.
func (c *comp) series(p, x, now opnd, signed bool, t *types.Type) {
	epoch := c.copy(c.alu(asm.Div, c.inReg(now), iOpnd(t.Interval)))
	x = c.copy(x)
	end, fresh, current := c.block(), c.block(), c.block()
	s := c.seriesSlot(p, epoch, t, end)
	old, value, count := c.load(s.epoch, 8, false), c.load(s.value, 8, false), c.load(s.count, 8, false)
	c.unless(asm.JEq, old, epoch, current)
	if c.t.AtomicFetch {
		c.branch(asm.JEq, c.replace(s.epoch, old, epoch), old, fresh, current)
	} else {
		c.store(s.epoch, 8, epoch)
		c.jump(fresh)
	}
	c.start(fresh)
	c.startInterval(s, x, value, count, signed, t, end)
	c.start(current)
	c.addToInterval(s, x, signed, t, end)
	c.start(end)
}

// seriesSlot finds the place of an interval; the verifier does not follow a
// remainder, so its bound is tested.
func (c *comp) seriesSlot(p, epoch opnd, t *types.Type, none *block) seriesSlot {
	i := c.copy(c.alu(asm.Mod, epoch, iOpnd(int64(t.Intervals))))
	c.noSpill[i.reg] = true
	c.unless(asm.JGE, i, iOpnd(int64(t.Intervals)), none)
	base := c.copy(c.alu(asm.Add, p, c.bounded(c.alu(asm.Mul, i, iOpnd(8*types.SeriesWords)))))
	word := func(off int64) mem {
		at := c.copy(c.alu(asm.Add, base, iOpnd(off)))
		c.noSpill[at.reg] = true
		return mem{base: at}
	}
	return seriesSlot{word(0), word(8), word(16)}
}

// startInterval makes x the first of an interval whose words were value and count.
func (c *comp) startInterval(s seriesSlot, x, value, count opnd, signed bool, t *types.Type, end *block) {
	switch t.SeriesFunction {
	case "sum", "avg":
		c.addTo(s.value, 8, c.alu(asm.Sub, x, value))
		c.addTo(s.count, 8, c.alu(asm.Sub, iOpnd(1), count))
	case "min", "max":
		if c.t.AtomicFetch {
			was := c.copy(c.replace(s.value, value, x))
			c.unless(asm.JEq, was, value, end)
			c.improve(s.value, x, was.reg, betterFor(t.SeriesFunction, signed), end)
			return
		}
		c.store(s.value, 8, x)
	default:
		c.store(s.value, 8, x)
	}
	c.jump(end)
}

// addToInterval adds x to an interval that has begun.
func (c *comp) addToInterval(s seriesSlot, x opnd, signed bool, t *types.Type, end *block) {
	switch t.SeriesFunction {
	case "sum", "avg":
		c.addTo(s.value, 8, x)
		c.addTo(s.count, 8, iOpnd(1))
	case "min", "max":
		old := c.copy(c.load(s.value, 8, false))
		better := betterFor(t.SeriesFunction, signed)
		if c.t.AtomicFetch {
			c.improve(s.value, x, old.reg, better, end)
			return
		}
		c.unless(inverse[better], x, old, end)
		c.store(s.value, 8, x)
	default:
		c.store(s.value, 8, x)
	}
	c.jump(end)
}

// betterFor is the comparison that a new extreme passes.
func betterFor(function string, signed bool) asm.JumpOp {
	cc := comparisons[prog.Lt]
	if function == "max" {
		cc = comparisons[prog.Gt]
	}
	if signed {
		return cc.signed
	}
	return cc.unsigned
}
