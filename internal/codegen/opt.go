package codegen

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

func (f *fn) newSet() regSet { return make(regSet, f.regs/64+1) }

// liveOut returns the registers that are live at the end of each block.
func (f *fn) liveOut() map[*block]regSet {
	out, in := map[*block]regSet{}, map[*block]regSet{}
	for _, b := range f.blocks {
		out[b], in[b] = f.newSet(), f.newSet()
	}
	for changed := true; changed; {
		changed = false
		for n := len(f.blocks) - 1; n >= 0; n-- {
			b := f.blocks[n]
			for _, t := range b.ins[len(b.ins)-1].targets() {
				out[b].merge(in[t])
			}
			live := append(regSet(nil), out[b]...)
			for k := len(b.ins) - 1; k >= 0; k-- {
				live.step(&b.ins[k])
			}
			if in[b].merge(live) {
				changed = true
			}
		}
	}
	return out
}

// dropDead removes instructions whose results are not used, and moves of what
// was computed just before, and tells whether there were any.
func (f *fn) dropDead() bool {
	found := false
	out := f.liveOut()
	for _, b := range f.blocks {
		live := out[b]
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
