package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Flags of bpf_map_update_elem.
const (
	updateAny     = 0
	updateNoExist = 1
)

// key writes a map's key to memory and returns its address; a scalar map's is
// the index zero.
func (c *comp) key(m *prog.Map, e prog.Expr) opnd {
	if m.Key == nil {
		k := c.stackMem(4)
		c.store(k, 4, iOpnd(0))
		return c.addr(k)
	}
	if e.Type().Scalar() || e.Type().Size < m.Key.Size {
		k := c.temp(m.Key.Size)
		c.fill(e, k, m.Key.Size)
		return c.addr(k)
	}
	return c.addr(c.composed(e, m.Key.Size))
}

// composed is the place of a value, in memory, that is made for a map. In the stack
// strings that are read from a process are cheaper, see read.
func (c *comp) composed(e prog.Expr, size int) mem {
	switch e.(type) {
	case *prog.Compose, *prog.StrN, *prog.Call:
		if size <= c.lim.composed {
			m := c.stackMem(size)
			c.fill(e, m, size)
			return m
		}
	}
	return c.place(e)
}

// madeMem returns room for a map's value that is made up.
func (c *comp) madeMem(size int) mem {
	if size <= c.lim.composed {
		return c.stackMem(size)
	}
	return c.temp(size)
}

// find looks a key up and returns the value's address or zero.
func (c *comp) find(m *prog.Map, key opnd) opnd {
	return c.call(asm.FnMapLookupElem, mOpnd(MapName(m)), key)
}

// direct tells whether the value of m has a fixed address.
func direct(m *prog.Map) bool { return m.Key == nil && !perCPU(m) }

func (c *comp) lookup(m *prog.Map, key prog.Expr) opnd {
	if direct(m) {
		return c.copy(c.addr(inScalar(m)))
	}
	return c.reuse(m, key, func() opnd { return c.find(m, c.key(m, key)) })
}

// full counts a key that found no room.
func (c *comp) full(m *prog.Map) {
	if m.Hidden {
		c.count(prog.LossFrames)
		return
	}
	c.count(prog.LossMapFull)
	c.remark(prog.RemarkMapFull, c.span)
}

func (c *comp) setMap(s *prog.SetMap) {
	m := s.Map
	if direct(m) {
		if hasBlock(s.X) || !s.X.Type().Scalar() {
			t := c.temp(m.Value.Size)
			c.fill(s.X, t, m.Value.Size)
			c.copyMem(inScalar(m), t, m.Value.Size)
		} else {
			c.store(inScalar(m), m.Value.Size, c.value(s.X))
		}
		c.store(inScalar(m).at(setWord(m)), 8, iOpnd(1))
		return
	}
	key := c.key(m, s.Key)
	v := c.madeMem(valueSize(m))
	c.fill(s.X, v, m.Value.Size)
	if m.Key == nil {
		c.zero(v.at(m.Value.Size), setWord(m)-m.Value.Size)
		c.store(v.at(setWord(m)), 8, iOpnd(1))
	}
	c.changes(m)
	err := c.call(asm.FnMapUpdateElem, mOpnd(MapName(m)), key, c.addr(v), iOpnd(updateAny))
	end := c.block()
	c.unless(asm.JEq, err, iOpnd(0), end)
	c.full(m)
	c.start(end)
}

// addMap adds to a map's integer.
func (c *comp) addMap(s *prog.AddMap) {
	m, n := s.Map, s.Map.Value.Size
	if direct(m) {
		c.addTo(inScalar(m), n, c.value(s.X))
		c.store(inScalar(m).at(setWord(m)), 8, iOpnd(1))
		return
	}
	key := c.key(m, s.Key)
	x := c.value(s.X)
	found, end, again := c.block(), c.block(), c.block()
	p := c.reg()
	c.set(p, c.reuse(m, s.Key, func() opnd { return c.find(m, key) }))
	c.changes(m)
	c.unless(asm.JNE, rOpnd(p), iOpnd(0), found)
	v := c.stackMem(8)
	c.store(v, 8, x)
	err := c.call(asm.FnMapUpdateElem, mOpnd(MapName(m)), key, c.addr(v), iOpnd(updateNoExist))
	c.branch(asm.JEq, err, iOpnd(0), end, again)
	c.start(again)
	c.set(p, c.find(m, key))
	c.unless(asm.JNE, rOpnd(p), iOpnd(0), found)
	c.full(m)
	c.jump(end)
	c.start(found)
	c.addTo(mem{base: rOpnd(p)}, n, x)
	if m.Key == nil {
		c.store(mem{base: rOpnd(p)}.at(setWord(m)), 8, iOpnd(1))
	}
	c.start(end)
}

// addTo adds x to the integer at m; there is no atomic addition below 32 bits.
func (c *comp) addTo(m mem, size int, x opnd) {
	if size < 4 {
		c.store(m, size, c.alu(asm.Add, c.load(m, size, false), x))
		return
	}
	m = c.near(m)
	c.emit(ins{op: opAdd, a: m.base, off: m.off, size: size, b: x})
}

// addOwn adds x to a word of this CPU, atomically where the program may be
// interrupted by another.
func (c *comp) addOwn(m mem, x opnd) {
	if c.alone {
		c.store(m, 8, c.alu(asm.Add, c.load(m, 8, false), x))
		return
	}
	c.addTo(m, 8, x)
}

// aggregate feeds a value to an aggregate, of which each CPU has its own.
func (c *comp) aggregate(s *prog.Aggregate) {
	t := s.Map.Value
	if t.AggregateWords() == 0 {
		c.errs.Errorf(s.Pos, "BUG: no code for this aggregate")
		return
	}
	key := c.key(s.Map, s.Key)
	x := iOpnd(1)
	if s.X != nil {
		x = c.value(s.X)
	}
	c.changes(s.Map)
	p, end := c.slotOf(s.Map, key)
	m := mem{base: p}
	switch t.Kind {
	case types.Count:
		c.addOwn(m, iOpnd(1))
	case types.Sum:
		c.addOwn(m, x)
	case types.Avg, types.Stats:
		c.addOwn(m, x)
		c.addOwn(m.at(8), iOpnd(1))
	case types.Min, types.Max:
		c.extreme(m, t.Kind, x, t.Signed)
	case types.Hist:
		c.bucket(p, c.histIndex(x, t.Bits), t)
	case types.LHist:
		c.bucket(p, c.linearIndex(x, t), t)
	case types.TSeries:
		c.series(p, x, c.value(s.When), s.X.Type().Signed, t)
	}
	if s.Map.Key == nil {
		c.store(m.at(setWord(s.Map)), 8, iOpnd(1))
	}
	c.start(end)
}

// slotOf finds the aggregate under key, inserting one of zeroes if there is
// none. Where there is no room, it is counted and the program goes to end.
func (c *comp) slotOf(m *prog.Map, key opnd) (opnd, *block) {
	end, found := c.block(), c.block()
	p := c.reg()
	c.set(p, c.find(m, key))
	if m.Key == nil {
		c.unless(asm.JEq, rOpnd(p), iOpnd(0), end)
		return rOpnd(p), end
	}
	c.unless(asm.JNE, rOpnd(p), iOpnd(0), found)
	c.call(asm.FnMapUpdateElem, mOpnd(MapName(m)), key, valOpnd(MapZero), iOpnd(updateNoExist))
	c.set(p, c.find(m, key))
	c.unless(asm.JNE, rOpnd(p), iOpnd(0), found)
	c.full(m)
	c.jump(end)
	c.start(found)
	return rOpnd(p), end
}

// extremeTries bounds how often the smallest or largest value is compared and
// exchanged anew because another program changed it in between.
const extremeTries = 4

// extreme keeps the least or greatest value in the first word; the second says
// that there is one.
func (c *comp) extreme(m mem, k types.Kind, x opnd, signed bool) {
	cc := comparisons[prog.Lt]
	if k == types.Max {
		cc = comparisons[prog.Gt]
	}
	better := cc.unsigned
	if signed {
		better = cc.signed
	}
	m, x = mem{base: c.copy(c.addr(m))}, c.copy(x)
	c.noSpill[m.base.reg], c.noSpill[x.reg] = true, true
	store, done := c.block(), c.block()
	if !c.t.AtomicFetch {
		c.unless(asm.JEq, c.load(m.at(8), 8, false), iOpnd(0), store)
		c.branch(better, x, c.load(m, 8, false), store, done)
		c.start(store)
		c.store(m, 8, x)
		c.store(m.at(8), 8, iOpnd(1))
		c.start(done)
		return
	}
	c.exchangeExtreme(m, x, better, done)
	c.start(done)
}

// exchangeExtreme puts x in the first word if it is better than what is there.
// The first value of all takes the place of zero; where another program was
// faster, its value is compared like any other.
func (c *comp) exchangeExtreme(m mem, x opnd, better asm.JumpOp, done *block) {
	old, isSet, compare := c.reg(), c.block(), c.block()
	c.unless(asm.JNE, c.load(m.at(8), 8, false), iOpnd(0), isSet)
	c.set(old, c.replace(m, iOpnd(0), x))
	c.store(m.at(8), 8, iOpnd(1))
	c.branch(asm.JEq, rOpnd(old), iOpnd(0), done, compare)
	c.start(isSet)
	c.set(old, c.load(m, 8, false))
	c.start(compare)
	c.improve(m, x, old, better, done)
}

// improve puts x in the word at m while it is better than what is there; old is
// what was there last.
func (c *comp) improve(m mem, x opnd, old vreg, better asm.JumpOp, done *block) {
	for range extremeTries {
		c.unless(inverse[better], x, rOpnd(old), done)
		was := c.replace(m, rOpnd(old), x)
		c.unless(asm.JEq, was, rOpnd(old), done)
		c.set(old, was)
	}
	c.jump(done)
}

// replace puts x in the word at m, whose offset is zero, if it is still from, and
// returns what was there.
func (c *comp) replace(m mem, from, x opnd) opnd {
	was := c.reg()
	c.emit(ins{op: opCas, dst: was, a: m.base, size: 8, b: x, args: []opnd{from}})
	return rOpnd(was)
}

// bucket adds one to bucket i of a histogram.
func (c *comp) bucket(p, i opnd, t *types.Type) {
	i = c.copy(i)
	c.noSpill[i.reg] = true
	end := c.block()
	c.unless(asm.JGE, i, iOpnd(int64(t.AggregateWords())), end)
	at := c.alu(asm.Add, p, c.bounded(c.alu(asm.LSh, i, iOpnd(3))))
	c.addOwn(mem{base: at}, iOpnd(1))
	c.start(end)
}

// bounded marks a value whose bounds the verifier has to know.
func (c *comp) bounded(v opnd) opnd {
	if v.kind == regOpnd {
		c.noSpill[v.reg] = true
	}
	return v
}

// histIndex computes types.HistIndex.
func (c *comp) histIndex(x opnd, k int) opnd {
	i, end, large := c.reg(), c.block(), c.block()
	x = c.inReg(x)
	c.set(i, iOpnd(0))
	c.unless(asm.JSLT, x, iOpnd(0), end)
	c.set(i, c.alu(asm.Add, x, iOpnd(1)))
	c.branch(asm.JGE, x, iOpnd(1<<k), large, end)
	c.start(large)
	top := c.log2(x)
	octave := c.alu(asm.Sub, top, iOpnd(int64(k)))
	fine := c.alu(asm.And, c.alu(asm.RSh, x, octave), iOpnd(1<<k-1))
	at := c.alu(asm.Add, c.alu(asm.LSh, octave, iOpnd(int64(k))), fine)
	c.set(i, c.alu(asm.Add, at, iOpnd(1+1<<k)))
	c.start(end)
	return rOpnd(i)
}

// log2 returns the position of the highest bit of x, which is not zero, without
// a branch: each step asks whether the upper half of what remains is empty.
func (c *comp) log2(x opnd) opnd {
	n := c.reg()
	c.set(n, iOpnd(0))
	rest := c.copy(x)
	for _, half := range []int64{32, 16, 8, 4, 2, 1} {
		// rest >> half is not negative: its negative is, if anything is there
		high := c.alu(asm.RSh, rest, iOpnd(half))
		any := c.alu(asm.RSh, c.alu(asm.Sub, iOpnd(0), high), iOpnd(63))
		shift := c.alu(asm.Mul, any, iOpnd(half))
		rest = c.alu(asm.RSh, rest, shift)
		c.set(n, c.alu(asm.Add, rOpnd(n), shift))
	}
	return rOpnd(n)
}

// linearIndex is 0 below the histogram's low end, the last bucket from its high
// end on, and counts steps between.
func (c *comp) linearIndex(x opnd, t *types.Type) opnd {
	i, end := c.reg(), c.block()
	x = c.inReg(x)
	c.set(i, iOpnd(0))
	c.unless(asm.JSLT, x, iOpnd(t.Low), end)
	c.set(i, iOpnd(int64(t.AggregateWords()-1)))
	c.unless(asm.JSGE, x, iOpnd(t.High), end)
	steps := c.alu(asm.Div, c.alu(asm.Sub, x, iOpnd(t.Low)), iOpnd(t.Step))
	c.set(i, c.alu(asm.Add, steps, iOpnd(1)))
	c.start(end)
	return rOpnd(i)
}

// mapGet reads a scalar map value.
func (c *comp) mapGet(e *prog.MapGet) opnd {
	m := e.Map
	if m.Value.IsAggregate() {
		return c.sumOverCPUs(e)
	}
	if direct(m) {
		return c.load(inScalar(m), e.T.Size, e.T.Signed)
	}
	v, end := c.reg(), c.block()
	p := c.lookup(m, e.Key)
	c.failed(prog.RemarkLookup, asm.JEq, p)
	c.set(v, iOpnd(0))
	c.unless(asm.JEq, p, iOpnd(0), end)
	c.set(v, c.load(mem{base: p}, e.T.Size, e.T.Signed))
	c.start(end)
	return rOpnd(v)
}

// mapGetMem reads a memory value; where the key is missing it is zero.
func (c *comp) mapGetMem(e *prog.MapGet, dst mem) {
	if direct(e.Map) {
		c.copyMem(dst, inScalar(e.Map), e.T.Size)
		return
	}
	p := c.lookup(e.Map, e.Key)
	c.failed(prog.RemarkLookup, asm.JEq, p)
	missing, end := c.block(), c.block()
	c.unless(asm.JEq, p, iOpnd(0), missing)
	c.copyMem(dst, mem{base: p}, e.T.Size)
	c.jump(end)
	c.start(missing)
	c.zero(dst, e.T.Size)
	c.start(end)
}

// delete removes a key and returns zero if it was there. A scalar map goes back
// to zero.
func (c *comp) delete(m *prog.Map, key prog.Expr) opnd {
	if m.Key != nil {
		defer c.changes(m)
		return c.call(asm.FnMapDeleteElem, mOpnd(MapName(m)), c.key(m, key))
	}
	if direct(m) {
		was := c.load(inScalar(m).at(setWord(m)), 8, false)
		c.zero(inScalar(m), valueSize(m))
		return c.alu(asm.Xor, was, iOpnd(1))
	}
	if !c.t.PercpuRead {
		c.errs.Errorf(c.span, "this kernel cannot clear the values of other CPUs in a program: Linux 5.19 can")
		return iOpnd(0)
	}
	c.eachCPU(m, c.inReg(c.key(m, nil)), func(p mem, _ *block) { c.zero(p, valueSize(m)) })
	return iOpnd(0)
}
