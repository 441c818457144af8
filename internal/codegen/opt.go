package codegen

import "math/bits"

// optimize removes what nothing reaches and what has no effect.
func (f *fn) optimize() {
	f.dropUnreached()
	for f.dropDead() {
	}
	f.mergeChains()
}

// dropUnreached removes blocks without a way from the first one.
func (f *fn) dropUnreached() {
	reached := map[*block]bool{}
	work := []*block{f.blocks[0]}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		if reached[b] {
			continue
		}
		reached[b] = true
		work = append(work, b.ins[len(b.ins)-1].targets()...)
	}
	kept := f.blocks[:0]
	for _, b := range f.blocks {
		if reached[b] {
			kept = append(kept, b)
		}
	}
	f.blocks = kept
}

// mergeChains joins a block to the one before it where that is the only way
// in, and lets jumps skip blocks that only jump on.
func (f *fn) mergeChains() {
	for _, b := range f.blocks {
		last := &b.ins[len(b.ins)-1]
		last.to, last.els = thread(last.to), thread(last.els)
	}
	f.dropUnreached()
	in := map[*block]int{}
	for _, b := range f.blocks {
		for _, t := range b.ins[len(b.ins)-1].targets() {
			in[t]++
		}
	}
	kept := f.blocks[:1]
	for _, b := range f.blocks[1:] {
		prev := kept[len(kept)-1]
		last := &prev.ins[len(prev.ins)-1]
		if last.op == opJump && last.to == b && in[b] == 1 {
			prev.ins = append(prev.ins[:len(prev.ins)-1], b.ins...)
			continue
		}
		kept = append(kept, b)
	}
	f.blocks = kept
	for i, b := range f.blocks {
		b.id = i
	}
}

func thread(b *block) *block {
	for n := 0; b != nil && len(b.ins) == 1 && b.ins[0].op == opJump && n < 100; n++ {
		b = b.ins[0].to
	}
	return b
}

// regSet is a set of virtual registers.
type regSet []uint64

func (s regSet) has(r vreg) bool { return s[r/64]>>(r%64)&1 != 0 }
func (s regSet) add(r vreg)      { s[r/64] |= 1 << (r % 64) }
func (s regSet) drop(r vreg)     { s[r/64] &^= 1 << (r % 64) }

// merge adds t to s and tells whether s grew.
func (s regSet) merge(t regSet) bool {
	grew := false
	for i := range s {
		if t[i]&^s[i] != 0 {
			s[i] |= t[i]
			grew = true
		}
	}
	return grew
}

// step moves the set of live registers from behind i to before it.
func (s regSet) step(i *ins) {
	if i.dst != 0 {
		s.drop(i.dst)
	}
	i.uses(func(o *opnd) {
		if o.kind == regOpnd {
			s.add(o.reg)
		}
	})
}

// each calls yield with the members in their order.
func (s regSet) each(yield func(vreg)) {
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			yield(vreg(64*i + bits.TrailingZeros64(word)))
		}
	}
}

// newSets makes n empty sets of f's registers.
func (f *fn) newSets(n int) []regSet {
	size := f.regs/64 + 1
	words := make([]uint64, n*size)
	sets := make([]regSet, n)
	for i := range sets {
		sets[i] = words[i*size : (i+1)*size]
	}
	return sets
}

// liveOut returns the registers that are live at the end of each block, in the order of
// the blocks.
func (f *fn) liveOut() []regSet {
	n := len(f.blocks)
	sets := f.newSets(4*n + 1)
	read, written, out, in, live := sets[:n], sets[n:2*n], sets[2*n:3*n], sets[3*n:4*n], sets[4*n]
	for i, b := range f.blocks {
		b.id = i
		for k := len(b.ins) - 1; k >= 0; k-- {
			if dst := b.ins[k].dst; dst != 0 {
				written[i].add(dst)
			}
			read[i].step(&b.ins[k])
		}
	}
	for changed := true; changed; {
		changed = false
		for i := n - 1; i >= 0; i-- {
			b := f.blocks[i]
			for _, t := range b.ins[len(b.ins)-1].targets() {
				out[i].merge(in[t.id])
			}
			for w := range live {
				live[w] = read[i][w] | out[i][w]&^written[i][w]
			}
			changed = in[i].merge(live) || changed
		}
	}
	return out
}

// dropDead removes instructions whose results are not used, and moves of what
// was computed just before, and tells whether there were any.
func (f *fn) dropDead() bool {
	found := false
	out := f.liveOut()
	for n, b := range f.blocks {
		live := out[n]
		for k := len(b.ins) - 1; k >= 0; k-- {
			i := &b.ins[k]
			if i.removable() && !live.has(i.dst) {
				b.ins = append(b.ins[:k], b.ins[k+1:]...)
				found = true
				continue
			}
			if k > 0 && i.op == opMov && i.a.kind == regOpnd && b.ins[k-1].dst == i.a.reg && !live.has(i.a.reg) {
				b.ins[k-1].dst = i.dst
				b.ins = append(b.ins[:k], b.ins[k+1:]...)
				found = true
				continue
			}
			if i.op == opCall && i.dst != 0 && !live.has(i.dst) {
				i.dst = 0
			}
			live.step(i)
		}
	}
	return found
}
