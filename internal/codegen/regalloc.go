package codegen

import (
	"math"
	"sort"

	"github.com/cilium/ebpf/asm"
)

// Registers and their use. R0 takes results and, with R5, carries what lies in
// the stack; R1 to R4 hold values that no call lies between, R6 to R9 any. The
// fifth argument of a helper is a constant.
const (
	tempA = asm.R0
	tempB = asm.R5
)

var (
	callerSaved = []asm.Register{asm.R1, asm.R2, asm.R3, asm.R4}
	calleeSaved = []asm.Register{asm.R6, asm.R7, asm.R8, asm.R9}
)

// place is where a virtual register lives: a register, or the stack slot at
// off.
type place struct {
	spilled bool
	reg     asm.Register
	off     int16
}

// interval is the run of instructions over which a virtual register lives.
// Instruction n reads at 2n and writes at 2n+1.
type interval struct {
	v          vreg
	start, end int
	crosses    bool // a call lies inside
	uses       int
	arg        asm.Register // where the caller put it; R0: nowhere
	atOnce     bool         // a call's result that only the branch behind it tests
	hints      []vreg
	regHints   []asm.Register
}

// weight is what it costs to keep the value in the stack.
func (i *interval) weight(noSpill map[vreg]bool) float64 {
	if noSpill[i.v] {
		return math.Inf(1)
	}
	return float64(i.uses) / float64(i.end-i.start+2)
}

// intervals computes where each virtual register of f lives.
func (f *fn) intervals() []*interval {
	all := make([]*interval, f.regs+1)
	touch := func(v vreg, at int) *interval {
		if all[v] == nil {
			all[v] = &interval{v: v, start: at, end: at}
		}
		i := all[v]
		i.start, i.end = min(i.start, at), max(i.end, at)
		return i
	}
	out := f.liveOut()
	var calls []int
	var tested []*interval
	n := 0
	for at, b := range f.blocks {
		first := 2 * n
		for k := range b.ins {
			i := &b.ins[k]
			if i.op == opCall {
				calls = append(calls, 2*n)
			}
			i.uses(func(o *opnd) {
				if o.kind == regOpnd {
					touch(o.reg, 2*n).uses++
				}
			})
			if i.dst != 0 {
				touch(i.dst, 2*n+1).uses++
			}
			f.hint(i, touch, n)
			if i.op == opArg {
				all[i.dst].arg = asm.R1 + asm.Register(i.off)
			}
			if i.op == opBranch && k > 0 && b.ins[k-1].op == opCall && i.a.isReg(b.ins[k-1].dst) && i.b.fits32() {
				tested = append(tested, all[i.a.reg])
			}
			n++
		}
		live := out[at]
		live.each(func(v vreg) { touch(v, 2*n) })
		for k := len(b.ins) - 1; k >= 0; k-- {
			live.step(&b.ins[k])
		}
		live.each(func(v vreg) { touch(v, first) })
	}
	for _, i := range tested {
		i.atOnce = i.end == i.start+1
	}
	return sortIntervals(all, calls)
}

func (f *fn) hint(i *ins, touch func(vreg, int) *interval, n int) {
	switch i.op {
	case opMov, opALU, opExt, opSwap:
		if i.a.kind == regOpnd {
			d := touch(i.dst, 2*n+1)
			d.hints = append(d.hints, i.a.reg)
			a := touch(i.a.reg, 2*n)
			a.hints = append(a.hints, i.dst)
		}
	case opCall:
		for k, a := range i.args {
			if a.kind == regOpnd {
				iv := touch(a.reg, 2*n)
				iv.regHints = append(iv.regHints, callerSaved[k])
			}
		}
	}
}

func sortIntervals(all []*interval, calls []int) []*interval {
	var list []*interval
	for _, i := range all {
		if i == nil {
			continue
		}
		k := sort.SearchInts(calls, i.start)
		i.crosses = k < len(calls) && calls[k] < i.end
		list = append(list, i)
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].start < list[b].start })
	return list
}

// allocation is where every virtual register lives and how deep the stack is.
type allocation struct {
	places map[vreg]place
	depth  int // bytes of stack, spills included
}

// allocate assigns registers by linear scan. Where they do not suffice, the
// value that costs least lives in the stack.
func (f *fn) allocate() *allocation {
	s := &scan{fn: f, places: map[vreg]place{}}
	for _, i := range f.intervals() {
		s.expire(i.start)
		if i.atOnce {
			s.places[i.v] = place{reg: tempA}
			continue
		}
		if r, ok := s.pick(i); ok {
			s.take(i, r)
			continue
		}
		s.spillOne(i)
	}
	return &allocation{places: s.places, depth: s.assignSlots()}
}

type scan struct {
	fn      *fn
	active  []*interval
	spilled []*interval
	places  map[vreg]place
}

func (s *scan) expire(at int) {
	kept := s.active[:0]
	for _, i := range s.active {
		if i.end >= at {
			kept = append(kept, i)
		}
	}
	s.active = kept
}

func allowed(i *interval) []asm.Register {
	switch {
	case i.crosses:
		return calleeSaved
	case i.arg != 0: // no other argument's register: it may not have been read
		return append([]asm.Register{i.arg}, calleeSaved...)
	}
	return append(append([]asm.Register(nil), callerSaved...), calleeSaved...)
}

func (s *scan) busy(r asm.Register) bool {
	for _, i := range s.active {
		if s.places[i.v].reg == r {
			return true
		}
	}
	return false
}

// pick finds a free register for i, one that saves a move if it can.
func (s *scan) pick(i *interval) (asm.Register, bool) {
	var free []asm.Register
	for _, r := range allowed(i) {
		if !s.busy(r) {
			free = append(free, r)
		}
	}
	if len(free) == 0 {
		return 0, false
	}
	wanted := append([]asm.Register(nil), i.regHints...)
	for _, v := range i.hints {
		if p, ok := s.places[v]; ok && !p.spilled {
			wanted = append(wanted, p.reg)
		}
	}
	for _, w := range wanted {
		for _, r := range free {
			if r == w {
				return r, true
			}
		}
	}
	return free[0], true
}

func (s *scan) take(i *interval, r asm.Register) {
	s.places[i.v] = place{reg: r}
	s.active = append(s.active, i)
}

// spillOne puts the cheapest of i and those whose register i could have into
// the stack.
func (s *scan) spillOne(i *interval) {
	victim := i
	for _, a := range s.active {
		if i.crosses && s.places[a.v].reg < asm.R6 {
			continue
		}
		if a.weight(s.fn.noSpill) < victim.weight(s.fn.noSpill) {
			victim = a
		}
	}
	if s.fn.noSpill[victim.v] {
		panic("BUG: more values at once that must stay in registers than there are")
	}
	s.spilled = append(s.spilled, victim)
	if victim == i {
		s.places[i.v] = place{spilled: true}
		return
	}
	r := s.places[victim.v].reg
	s.places[victim.v] = place{spilled: true}
	for k, a := range s.active {
		if a == victim {
			s.active = append(s.active[:k], s.active[k+1:]...)
			break
		}
	}
	s.take(i, r)
}

// assignSlots gives the spilled values their stack slots; values that do not
// live at the same time share one. It returns the depth of the stack.
func (s *scan) assignSlots() int {
	sort.SliceStable(s.spilled, func(a, b int) bool { return s.spilled[a].start < s.spilled[b].start })
	var ends []int
	for _, i := range s.spilled {
		k := 0
		for k < len(ends) && ends[k] >= i.start {
			k++
		}
		if k == len(ends) {
			ends = append(ends, 0)
		}
		ends[k] = i.end
		s.places[i.v] = place{spilled: true, off: int16(-s.fn.stack.max - 8*(k+1))}
	}
	return s.fn.stack.max + 8*len(ends)
}
