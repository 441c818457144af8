package codegen

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Stacks of code without frame pointers are followed by tables that user space makes
// of the files that processes run code from.

// How many ranges of code a process may have, rows a file, and files there may be.
const (
	rangeBits       = 12
	rowBits         = 23
	MaxUnwindRanges = 1 << rangeBits
	MaxUnwindRows   = 1 << rowBits
	MaxUnwindTables = 4096
	maxUnwound      = 1024 // processes
)

// flagInnerMap is BPF_F_INNER_MAP of linux/bpf.h: the maps in a map may differ in
// length.
const flagInnerMap = 1 << 12

// unwindMaps returns the specs of the maps of tables: the rows of a file by its
// number, and the ranges of a process by its id.
func unwindMaps() map[string]*ebpf.MapSpec {
	return map[string]*ebpf.MapSpec{
		MapUnwindTables: {Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: MaxUnwindTables, InnerMap: UnwindRows(1)},
		MapUnwindRanges: {Type: ebpf.HashOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: maxUnwound, InnerMap: UnwindRanges(1)},
	}
}

// UnwindRows is the spec of the map of n types.UnwindRow.
func UnwindRows(n int) *ebpf.MapSpec { return sortedMap("unwind_rows", types.UnwindRowSize, n) }

// UnwindRanges is the spec of the map of n types.UnwindRange.
func UnwindRanges(n int) *ebpf.MapSpec { return sortedMap("unwind_range", types.UnwindRangeSize, n) }

func sortedMap(name string, size uint32, n int) *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: name, Type: ebpf.Array, KeySize: 4, ValueSize: size, MaxEntries: uint32(n), Flags: flagInnerMap}
}

// The state of an unwinder. The first words are those that a types.UnwindBase counts
// from.
const (
	unwindPC    = 0
	unwindSP    = 8 * int(types.UnwindSP)
	unwindBP    = 8 * int(types.UnwindFP)
	unwindFrame = 8 * int(types.UnwindFrame)
	unwindBack  = 32 // how far before PC the code at hand is: a return address lies behind its call
	unwindCount = 40 // frames so far
	unwindFound = 48 // index that a search has come to
	unwindLink  = 56 // link register, where the processor has one
	unwindSize  = 64
)

// unwindRegs are the registers that an unwinder begins with, by their names.
type unwindRegs struct{ bp, sp, pc, link string }

var unwindRegsOf = map[string]unwindRegs{
	"amd64": {bp: "bp", sp: "sp", pc: "ip"},
	"arm64": {bp: "r29", sp: "sp", pc: "pc", link: "r30"},
}

// signBits are the upper ones of addresses of code that may sign them on arm64.
const signBits = 16

// unwind writes the addresses of at most limit frames and returns their number. A
// process without tables has the stack of its frame pointers.
func (c *comp) unwind(frames mem, limit int) opnd {
	if !c.t.Loop || !c.t.UserRegs {
		c.errs.Errorf(c.span, "this kernel's programs cannot follow a stack: bpf_loop or bpf_task_pt_regs is missing")
		return iOpnd(0)
	}
	state := c.scratchMem(unwindSize)
	c.userRegisters(state)
	n, plain, tables, end := c.reg(), c.block(), c.block(), c.block()
	c.branch(asm.JEq, c.ranges(), iOpnd(0), plain, tables)
	c.start(plain)
	c.set(n, c.framePointers(frames, limit, true))
	c.jump(end)
	c.start(tables)
	c.repeat(nil, iOpnd(int64(limit)), func(i opnd, l loop) {
		c.unless(asm.JGE, c.bounded(i), iOpnd(int64(limit)), l.leave)
		c.unwindFrame(state, frames, i, l)
	})
	c.set(n, c.load(state.at(unwindCount), 8, false))
	c.start(end)
	return rOpnd(n)
}

// userRegisters reads what the thread's registers were in user code.
func (c *comp) userRegisters(state mem) {
	names, places := unwindRegsOf[c.t.Arch], regOffsets[c.t.Arch]
	first, size := places[names.bp], places[names.sp]+16
	regs := c.scratchMem(size)
	from := c.call(asm.FnTaskPtRegs, c.call(asm.FnGetCurrentTaskBtf))
	c.call(asm.FnProbeReadKernel, c.addr(regs), iOpnd(int64(size-first)), c.alu(asm.Add, from, iOpnd(int64(first))))
	register := func(name string) opnd { return c.load(regs.at(places[name]-first), 8, false) }
	c.store(state.at(unwindPC), 8, register(names.pc))
	c.store(state.at(unwindSP), 8, register(names.sp))
	c.store(state.at(unwindBP), 8, register(names.bp))
	if names.link != "" {
		c.store(state.at(unwindLink), 8, register(names.link))
	}
	c.store(state.at(unwindBack), 8, iOpnd(0))
	c.store(state.at(unwindCount), 8, iOpnd(0))
}

// ranges is the table of the process's code, zero if there is none.
func (c *comp) ranges() opnd {
	mark := c.stack.at
	key := c.stackMem(4)
	c.store(key, 4, c.alu(asm.RSh, c.pidTgid(), iOpnd(32)))
	found := c.call(asm.FnMapLookupElem, mOpnd(MapUnwindRanges), c.addr(key))
	c.stack.at = mark
	return found
}

// unwindFrame enters frame i and goes on to its caller.
func (c *comp) unwindFrame(state, frames mem, i opnd, l loop) {
	pc := c.load(state.at(unwindPC), 8, false)
	c.store(mem{base: c.alu(asm.Add, c.inReg(c.addr(frames)), c.bounded(c.alu(asm.LSh, i, iOpnd(3))))}, 8, pc)
	c.store(state.at(unwindCount), 8, c.alu(asm.Add, i, iOpnd(1)))
	at := c.alu(asm.Sub, pc, c.load(state.at(unwindBack), 8, false))

	lost, nowhere := c.block(), c.block()
	row := c.unwindRow(state, at, nowhere)
	c.callerFrame(state, row, at, l, lost)
	c.jump(l.next)

	c.start(nowhere) // what was taken for a return address is none, unless it is where the thread is
	c.unless(asm.JEq, c.load(state.at(unwindBack), 8, false), iOpnd(0), lost)
	c.store(state.at(unwindCount), 8, c.alu(asm.Sub, c.load(state.at(unwindCount), 8, false), iOpnd(1)))
	c.start(lost)
	c.count(prog.LossUnwind)
	c.jump(l.leave)
}

// unwindRow finds the row for the code at an address of the process.
func (c *comp) unwindRow(state mem, at opnd, nowhere *block) mem {
	ranges := c.ranges()
	c.unless(asm.JEq, ranges, iOpnd(0), nowhere)
	r := c.search(ranges, rangeBits, at, state.at(unwindFound), nowhere)
	c.unless(asm.JGE, at, c.load(r.at(types.UnwindRangeEnd), 8, false), nowhere)
	pc := c.alu(asm.Sub, at, c.load(r.at(types.UnwindRangeBias), 8, false))
	mark := c.stack.at
	key := c.stackMem(4)
	c.store(key, 4, c.load(r.at(types.UnwindRangeTable), 8, false))
	rows := c.call(asm.FnMapLookupElem, mOpnd(MapUnwindTables), c.addr(key))
	c.stack.at = mark
	c.unless(asm.JEq, rows, iOpnd(0), nowhere)
	return c.search(rows, rowBits, pc, state.at(unwindFound), nowhere)
}

// search finds the last element of a sorted map that begins with a word of at most
// key. The index is kept in memory, where the verifier does not follow it: all ways
// through a step are one to it.
func (c *comp) search(sorted opnd, bits int, key opnd, index mem, none *block) mem {
	mark := c.stack.at
	at := c.stackMem(4)
	defer func() { c.stack.at = mark }()
	element := func(skip int64, missing *block) opnd {
		c.store(at, 4, c.alu(asm.Add, c.load(index, 8, false), iOpnd(skip)))
		p := c.call(asm.FnMapLookupElem, sorted, c.addr(at))
		c.unless(asm.JEq, p, iOpnd(0), missing)
		c.unless(asm.JGT, c.load(mem{base: p}, 8, false), key, missing)
		return p
	}
	c.store(index, 8, iOpnd(0))
	for step := int64(1) << (bits - 1); step > 0; step >>= 1 {
		next := c.block()
		element(step, next)
		c.store(index, 8, c.alu(asm.Add, c.load(index, 8, false), iOpnd(step)))
		c.start(next)
	}
	return mem{base: element(0, none)}
}

// callerFrame applies a row: the registers become those of the caller.
func (c *comp) callerFrame(state, row mem, at opnd, l loop, lost *block) {
	base := c.load(row.at(types.UnwindCFA), 1, false)
	c.unless(asm.JEq, base, iOpnd(int64(types.UnwindNone)), lost)
	ra := c.load(row.at(types.UnwindRA), 1, false)
	c.unless(asm.JEq, ra, iOpnd(int64(types.UnwindNone)), l.leave)

	frame := c.copy(c.ruled(state, row, types.UnwindCFA, types.UnwindCFAOff))
	behind, word, plt, known := c.load(row.at(types.UnwindCFABehind), 1, false), c.block(), c.block(), c.block()
	c.unless(asm.JGE, base, iOpnd(int64(types.UnwindPLT)), plt)
	c.branch(asm.JGE, base, iOpnd(int64(types.UnwindWord)), word, known)
	c.start(plt)
	c.unless(asm.JLT, c.alu(asm.And, at, iOpnd(15)), behind, known)
	c.set(frame.reg, c.alu(asm.Add, frame, iOpnd(8)))
	c.jump(known)
	c.start(word)
	c.set(frame.reg, c.alu(asm.Add, c.userWord(frame, lost), behind))
	c.start(known)
	c.store(state.at(unwindFrame), 8, frame)

	same := c.block()
	bp := c.copy(c.load(state.at(unwindBP), 8, false))
	c.unless(asm.JEq, c.load(row.at(types.UnwindBP), 1, false), iOpnd(int64(types.UnwindNone)), same)
	c.set(bp.reg, c.userWord(c.ruled(state, row, types.UnwindBP, types.UnwindBPOff), lost))
	c.start(same)
	pc := c.returnAddress(state, row, ra, lost)
	c.unless(asm.JEq, pc, iOpnd(0), l.leave)
	c.store(state.at(unwindPC), 8, pc)
	c.store(state.at(unwindSP), 8, frame)
	c.store(state.at(unwindBP), 8, bp)
	c.store(state.at(unwindBack), 8, iOpnd(1))
	c.unless(asm.JNE, ra, iOpnd(int64(types.UnwindSP)), l.next)
	c.store(state.at(unwindBack), 8, iOpnd(0))
}

// returnAddress is where the code at hand was called from, or what a signal has
// interrupted.
func (c *comp) returnAddress(state, row mem, ra opnd, lost *block) opnd {
	if unwindRegsOf[c.t.Arch].link == "" {
		return c.userWord(c.ruled(state, row, types.UnwindRA, types.UnwindRAOff), lost)
	}
	pc, linked, word, known := c.reg(), c.block(), c.block(), c.block()
	c.branch(asm.JEq, ra, iOpnd(int64(types.UnwindLink)), linked, word)
	c.start(linked) // only where nothing was called since: elsewhere the register has been used again
	c.unless(asm.JNE, c.load(state.at(unwindBack), 8, false), iOpnd(0), lost)
	c.set(pc, c.load(state.at(unwindLink), 8, false))
	c.jump(known)
	c.start(word)
	at := c.copy(c.ruled(state, row, types.UnwindRA, types.UnwindRAOff))
	c.set(pc, c.userWord(at, lost))
	c.unless(asm.JNE, ra, iOpnd(int64(types.UnwindSP)), known)
	c.store(state.at(unwindLink), 8, c.userWord(c.alu(asm.Sub, at, iOpnd(types.UnwindLinkBelow)), lost))
	c.start(known)
	return c.alu(asm.RSh, c.alu(asm.LSh, rOpnd(pc), iOpnd(signBits)), iOpnd(signBits))
}

// ruled is the address that a rule of row names: an offset from one of the state's
// words.
func (c *comp) ruled(state, row mem, base, off int) opnd {
	i := c.bounded(c.alu(asm.LSh, c.alu(asm.And, c.load(row.at(base), 1, false), iOpnd(3)), iOpnd(3)))
	from := c.load(mem{base: c.alu(asm.Add, c.inReg(c.addr(state)), i)}, 8, false)
	return c.alu(asm.Add, from, c.load(row.at(off), 4, true))
}

// userWord reads a word of the stack, which is in memory.
func (c *comp) userWord(at opnd, lost *block) opnd {
	mark := c.stack.at
	word := c.stackMem(8)
	c.unless(asm.JNE, c.call(asm.FnProbeReadUser, c.addr(word), iOpnd(8), at), iOpnd(0), lost)
	v := c.load(word, 8, false)
	c.stack.at = mark
	return v
}
