package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Flags of the ring buffer's helpers.
const (
	ringNoWakeup    = 1
	ringForceWakeup = 2
	ringAvailData   = 0
)

// record is an event record under construction. Up to its first string the
// position is known while compiling; from then on it stands in the scratch
// slot, where the verifier forgets how each length came about: otherwise it
// would follow every combination of lengths.
type record struct {
	c       *comp
	m       mem
	max     int  // size of the largest record of this shape
	off     int  // bytes written since the position was stored
	dynamic bool // the position is stored
	drop    *block
}

// image returns the largest image of a value of type t, and whether every
// image has that size.
func image(t *types.Type) (size int, fixed bool) {
	switch t.Kind {
	case types.String:
		return 4 + t.Size + 1, false
	case types.Tuple, types.Record:
		fixed = true
		for i := range t.Fields {
			n, f := image(t.Fields[i].Type)
			size, fixed = size+n, fixed && f
		}
		return size, fixed
	}
	return t.Size, true
}

// recordSize is the size of the largest record of items, and whether all are
// that large.
func recordSize(items []prog.Item) (size int, fixed bool) {
	size, fixed = types.HeaderSize, true
	for _, it := range items {
		n, f := 4+it.Max, false
		if it.X != nil {
			n, f = image(it.X.Type())
		}
		size, fixed = size+n, fixed && f
	}
	return size, fixed
}

// scratchSpare is left in the slot for the temporaries of a large record.
const scratchSpare = 4096

// cutBlobs lowers the limits of the largest blobs until the record fits room.
// User space sees from a blob's count that it was cut.
func cutBlobs(items []prog.Item, room int) []prog.Item {
	for limit := types.MaxSliceBytes; limit >= 64; limit /= 2 {
		if size, _ := recordSize(items); size <= room {
			break
		}
		cut := append([]prog.Item(nil), items...)
		for i := range cut {
			cut[i].Max = min(cut[i].Max, limit)
		}
		items = cut
	}
	return items
}

// emitRecord sends the record of an action.
func (c *comp) emitRecord(s *prog.Emit) {
	if s.Action.Kind == prog.ActSeqPrintf {
		c.seqPrintf(s)
		return
	}
	items := cutBlobs(s.Items, ScratchSize(c.p)-scratchHead-scratchSpare-c.slot.at)
	size, fixed := recordSize(items)
	r := &record{c: c, max: size, off: types.HeaderSize, drop: c.block()}
	if fixed && size <= c.lim.record {
		r.m = c.stackMem(size)
	} else {
		r.m = c.scratchMem(size)
	}
	c.store(r.m, 4, iOpnd(int64(s.Action.ID)))
	c.store(r.m.at(4), 4, c.alu(asm.RSh, c.pidTgid(), iOpnd(32)))
	c.store(r.m.at(8), 8, iOpnd(0))
	known := c.lookups
	for _, it := range items {
		r.item(it)
	}
	r.output(fixed)
	c.start(r.drop)
	if s.Action.Kind == prog.ActExit {
		code := c.load(r.m.at(types.HeaderSize), 4, false)
		c.store(mem{base: valOpnd(MapExit)}, 8, c.alu(asm.Or, code, c.inReg(iOpnd(ExitCalled))))
		c.store(mem{base: valOpnd(MapGate)}, 4, iOpnd(0))
	}
	if !fixed { // a record of known size is never dropped half-way
		c.lookups = known
	}
}

// item adds it. Temporaries that its value needs are free again behind it.
func (r *record) item(it prog.Item) {
	c := r.c
	stack, slot, outer := c.stack.at, c.slot.at, c.onFault
	bit := int64(1) << min(it.Arg, 63)
	c.onFault = func(ok *block) {
		c.store(r.m.at(8), 8, c.alu(asm.Or, c.load(r.m.at(8), 8, false), iOpnd(bit)))
		c.jump(ok)
	}
	if it.X != nil {
		c.span = it.X.Span()
		r.value(it.X)
	} else {
		c.span = it.Ptr.Span()
		r.blob(it)
	}
	c.stack.at, c.slot.at, c.onFault = stack, slot, outer
}

// next returns where the next n bytes go.
func (r *record) next(n int) mem {
	c := r.c
	if !r.dynamic {
		return r.m.at(r.off)
	}
	pos := c.bounded(c.load(c.slotMem().at(slotPos), 8, false))
	c.unless(asm.JGT, pos, iOpnd(int64(r.max-r.off-n)), r.drop)
	base := c.inReg(c.addr(r.m))
	return mem{base: c.alu(asm.Add, base, pos)}.at(r.off)
}

// advance moves the position behind head bytes and the bytes that the word
// slotLen tells, at most limit.
func (r *record) advance(head, limit int) {
	c := r.c
	n := c.load(c.slotMem().at(slotLen), 4, false)
	c.unless(asm.JGT, n, iOpnd(int64(limit)), r.drop)
	end := c.alu(asm.Add, n, iOpnd(int64(r.off+head)))
	if r.dynamic {
		end = c.alu(asm.Add, end, c.load(c.slotMem().at(slotPos), 8, false))
	}
	c.store(c.slotMem().at(slotPos), 8, end)
	r.dynamic, r.off = true, 0
}

// value adds the image of e.
func (r *record) value(e prog.Expr) {
	c, t := r.c, e.Type()
	switch {
	case t.Scalar():
		v := c.value(e)
		dst := r.next(t.Size)
		if dst.onStack() && dst.chunk(0, 8) < 8 && c.keepsType(e) {
			c.storeWhole(dst, v)
		} else {
			c.store(dst, t.Size, v)
		}
		r.off += t.Size
		return
	case t.Kind == types.String:
		r.str(e)
		return
	}
	switch x := e.(type) {
	case *prog.Block:
		c.blockStmts(x)
		r.value(x.X)
		return
	case *prog.Compose:
		if t.Kind == types.Tuple || t.Kind == types.Record {
			for _, p := range x.Parts {
				r.value(p)
			}
			return
		}
	}
	if t.Kind == types.Tuple || t.Kind == types.Record {
		r.inMemory(c.place(e), t)
		return
	}
	c.fill(e, r.next(t.Size), t.Size)
	r.off += t.Size
}

// inMemory adds the image of a value that lies at m.
func (r *record) inMemory(m mem, t *types.Type) {
	switch t.Kind {
	case types.Tuple, types.Record:
		for i := range t.Fields {
			r.inMemory(m.at(t.Fields[i].Offset), t.Fields[i].Type)
		}
	case types.String:
		r.strInMemory(m, t.Size)
	default:
		r.c.copyMem(r.next(t.Size), m, t.Size)
		r.off += t.Size
	}
}

// str adds a string by its length.
func (r *record) str(e prog.Expr) {
	c := r.c
	switch x := e.(type) {
	case *prog.Str:
		s := x.Val[:min(len(x.Val), max(x.T.Size-1, 0))]
		m := r.next(4 + len(s))
		c.store(m, 4, iOpnd(int64(len(s))))
		c.bytes(m.at(4), s)
		r.off += 4 + len(s)
	case *prog.StrN:
		r.strN(x)
	case *prog.Block:
		c.blockStmts(x)
		r.str(x.X)
	case *prog.Cast:
		if x.X.Type().Kind == types.String && x.X.Type().Size <= x.T.Size {
			r.str(x.X)
			return
		}
		r.strInMemory(c.place(e), x.T.Size)
	case *prog.Call:
		if x.Fn == prog.FnStr {
			r.strRead(x)
			return
		}
		r.strInMemory(c.place(e), x.T.Size)
	default:
		r.strInMemory(c.place(e), e.Type().Size)
	}
}

// strInMemory adds the string at m.
func (r *record) strInMemory(m mem, size int) {
	c := r.c
	dst := r.next(4 + size)
	n := c.alu(asm.Sub, c.readStr(dst.at(4), iOpnd(int64(size)), c.addr(m), false), iOpnd(1))
	c.store(dst, 4, n)
	c.store(c.slotMem().at(slotLen), 4, n)
	if size >= c.p.Config.MaxStrlen {
		last, end := c.load(m.at(size-1), 1, false), c.block()
		c.unless(asm.JEq, last, iOpnd(0), end)
		c.store(dst.at(4+size-1), 1, last)
		c.store(dst, 4, iOpnd(int64(types.StrTruncated|size)))
		c.store(c.slotMem().at(slotLen), 4, iOpnd(int64(size)))
		c.start(end)
	}
	r.advance(4, size)
}

// strRead adds the string that str() reads. One byte more than the capacity is
// asked for, so that a string that does not fit is told from one that just
// does.
func (r *record) strRead(e *prog.Call) {
	c, size := r.c, e.T.Size
	ptr, want, user := c.strArgs(e, size+1)
	dst := r.next(4 + size + 1)
	n := c.readStr(dst.at(4), c.atMost(want, size+1), ptr, user)
	bad, long, none, end := c.block(), c.block(), c.block(), c.block()
	if !user {
		bad = none // of the kernel's memory an empty string is read
	}
	tell := func(word, n opnd) {
		c.store(dst, 4, word)
		c.store(c.slotMem().at(slotLen), 4, n)
	}
	c.unless(asm.JSLT, n, iOpnd(0), bad)
	c.unless(asm.JSGT, n, iOpnd(int64(size)), long)
	if !want.isImm() || want.is(0) {
		c.unless(asm.JEq, n, iOpnd(0), none)
	}
	n = c.alu(asm.Sub, n, iOpnd(1))
	tell(n, n)
	c.jump(end)
	c.start(none)
	tell(iOpnd(0), iOpnd(0))
	c.jump(end)
	c.start(long)
	tell(iOpnd(int64(types.StrTruncated|size)), iOpnd(int64(size)))
	c.jump(end)
	if user {
		c.start(bad)
		tell(iOpnd(types.StrUnreadable), iOpnd(0))
	}
	c.start(end)
	r.advance(4, size)
}

// strN adds a string of a known length.
func (r *record) strN(e *prog.StrN) {
	c, room := r.c, int64(e.T.Size-1)
	ptr, want := c.operands(e.Ptr, e.Len)
	dst := r.next(4 + e.T.Size)
	n := c.bounded(c.copy(want))
	long, read := c.block(), c.block()
	c.unless(asm.JGT, n, iOpnd(room), long)
	c.store(dst, 4, n)
	c.jump(read)
	c.start(long)
	c.set(n.reg, iOpnd(room))
	c.store(dst, 4, iOpnd(types.StrTruncated|room))
	c.start(read)
	r.bytes(dst, n, ptr, e.Ptr.Type(), int(room), e.Checked)
}

// blob adds the count and bytes of memory behind a pointer.
func (r *record) blob(it prog.Item) {
	c := r.c
	ptr, want := c.operands(it.Ptr, it.Len)
	dst := r.next(4 + it.Max)
	n := c.atMost(want, it.Max)
	c.store(dst, 4, n)
	r.bytes(dst, n, ptr, it.Ptr.Type(), it.Max, false)
}

// bytes adds n bytes at ptr behind the word at dst; where they cannot be read,
// the word says so.
func (r *record) bytes(dst mem, n, ptr opnd, t *types.Type, limit int, checked bool) {
	c := r.c
	c.store(c.slotMem().at(slotLen), 4, n)
	err := c.read(dst.at(4), n, limit, ptr, c.user(t))
	bad, end := c.block(), c.block()
	c.branch(asm.JNE, err, iOpnd(0), bad, end)
	c.start(bad)
	c.store(dst, 4, iOpnd(types.StrUnreadable))
	c.store(c.slotMem().at(slotLen), 4, iOpnd(0))
	if checked {
		c.onFault(end)
	}
	c.start(end)
	r.advance(4, limit)
}

// output hands the record to the ring buffer. User space looks by itself a few
// dozen times a second and is woken only when it has said that it sleeps, or a
// quarter of the ring is full.
func (r *record) output(fixed bool) {
	c := r.c
	flags, quiet, loud := c.reg(), c.block(), c.block()
	c.unless(asm.JNE, c.load(mem{base: valOpnd(MapAsleep)}, 4, false), iOpnd(0), loud)
	avail := c.call(asm.FnRingbufQuery, mOpnd(MapEvents), iOpnd(ringAvailData))
	c.unless(asm.JGT, avail, iOpnd(int64(eventBytes(c.p)/4)), loud)
	c.set(flags, iOpnd(ringNoWakeup))
	c.jump(quiet)
	c.start(loud)
	c.set(flags, iOpnd(ringForceWakeup))
	c.start(quiet)
	size := iOpnd(int64(r.off))
	if r.dynamic {
		pos := c.bounded(c.load(c.slotMem().at(slotPos), 8, false))
		c.unless(asm.JGT, pos, iOpnd(int64(r.max-r.off)), r.drop)
		size = c.bounded(c.alu(asm.Add, pos, iOpnd(int64(r.off))))
	}
	err := c.call(asm.FnRingbufOutput, mOpnd(MapEvents), c.addr(r.m), size, rOpnd(flags))
	c.unless(asm.JEq, err, iOpnd(0), r.drop)
	c.count(prog.LossEvents)
}
