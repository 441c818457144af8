package codegen

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// traced tells whether programs of this kind run on behalf of any process, so
// that the gate and the process have to be tested.
func traced(k prog.ProbeKind) bool {
	switch k {
	case prog.KindBegin, prog.KindEnd, prog.KindSelf, prog.KindTest, prog.KindBench:
		return false
	}
	return true
}

// processes leaves the program in rpcxray's own process, unless the script wants
// it, and in processes that are not asked for.
func (c *comp) processes() {
	self := !c.p.Config.TraceSelf && !c.u.Anybodys
	if !self && !c.t.FilterPIDs {
		return
	}
	if self {
		c.notSelf()
	}
	if c.t.FilterPIDs {
		mark := c.stack.at
		key := c.stackMem(4)
		c.store(key, 4, c.alu(asm.RSh, c.pidTgid(), iOpnd(32)))
		found := c.call(asm.FnMapLookupElem, mOpnd(MapPIDs), c.addr(key))
		c.unless(asm.JEq, found, iOpnd(0), c.exit)
		c.stack.at = mark
	}
}

// notSelf leaves the program in rpcxray's own process. Where the thread's name is
// at hand, that tells of most processes that they are another; asking for the
// process costs a call.
func (c *comp) notSelf() {
	other, known := c.block(), c.once
	if c.named && c.t.SelfComm != "" && !c.t.FilterPIDs && !c.wanted(prog.BPid, prog.BTid, prog.BTgidTid) {
		maybe := c.block()
		c.branch(asm.JNE, c.load(c.comm, 8, false), c.inReg(iOpnd(commWord(c.t.SelfComm))), other, maybe)
		c.start(maybe)
		c.once = maps.Clone(known)
		defer func() { c.once = known }()
	}
	c.branch(asm.JEq, c.alu(asm.RSh, c.pidTgid(), iOpnd(32)), iOpnd(int64(c.t.SelfTGID)), c.exit, other)
	c.start(other)
}

// commSize is TASK_COMM_LEN of linux/sched.h.
const commSize = 16

// commWord is the first word of a thread's name in memory.
func commWord(comm string) int64 {
	var b [8]byte
	copy(b[:], comm)
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// name takes the thread's name once where a body needs it in any case.
func (c *comp) name() {
	if c.wanted(prog.BComm) {
		c.comm, c.named = c.stackMem(commSize), true
		c.currentComm(c.comm)
	}
}

// wanted tells whether the bodies ask for one of the builtins in any case. A record
// has the process in it.
func (c *comp) wanted(ids ...prog.BuiltinID) bool {
	found := false
	see := func(e prog.Expr) prog.Expr {
		b, ok := e.(*prog.Builtin)
		found = found || ok && slices.Contains(ids, b.ID)
		return e
	}
	for _, b := range c.u.Bodies {
		stmts := b.Stmts
		if c.asked != nil {
			stmts = c.asked.Then
		}
		for _, s := range stmts {
			switch s := s.(type) {
			case *prog.If:
				prog.RewriteExpr(s.Cond, see)
			case *prog.While, *prog.ForRange, *prog.ForMap, *prog.Inline:
			case *prog.Emit:
				found = found || slices.Contains(ids, prog.BPid)
				prog.Rewrite([]prog.Stmt{s}, see)
			default:
				prog.Rewrite([]prog.Stmt{s}, see)
			}
		}
	}
	return found
}

// prologue leaves the program while the gate is closed and in processes that are
// not traced.
func (c *comp) prologue() {
	kind := c.u.Kind
	if !traced(kind) {
		return
	}
	if !c.pinned() { // which runs when rpcxray has closed it
		gate := c.load(mem{base: valOpnd(MapGate)}, 4, false)
		c.unless(asm.JEq, gate, iOpnd(0), c.exit)
	}
	switch kind {
	case prog.KindInterval:
		return
	case prog.KindIter:
		c.iterated()
		return
	}
	c.name()
	c.processes()
	if c.u.Target != nil {
		c.countHit()
	}
}

// countHit adds one to the hits of the function at hand.
func (c *comp) countHit() {
	mark := c.stack.at
	key := c.stackMem(4)
	id := c.alu(asm.And, c.funcID(), iOpnd(HitSlots-1))
	c.store(key, 4, c.alu(asm.RSh, id, iOpnd(hitPageBits)))
	page := c.call(asm.FnMapLookupElem, mOpnd(MapHits), c.addr(key))
	none := c.block()
	c.unless(asm.JEq, page, iOpnd(0), none)
	at := c.alu(asm.LSh, c.alu(asm.And, id, iOpnd(HitPage-1)), iOpnd(3))
	c.addTo(mem{base: c.alu(asm.Add, page, at)}, 8, iOpnd(1))
	c.start(none)
	c.stack.at = mark
}

// ask tests the condition of a tracepoint's only body first if that is cheap: most
// hits end there.
func (c *comp) ask() {
	if c.u.Kind != prog.KindTracepoint && c.u.Kind != prog.KindRawTracepoint || len(c.u.Bodies) != 1 || len(c.u.Bodies[0].Stmts) != 1 {
		return
	}
	s, ok := c.u.Bodies[0].Stmts[0].(*prog.If)
	if !ok || len(s.Else) > 0 || !cheap(s.Cond) {
		return
	}
	c.asked = s
	known, yes := maps.Clone(c.once), c.block()
	c.cond(s.Cond, yes, c.exit)
	c.start(yes)
	c.once = known // not every way to here has made the calls
}

// cheap tells whether e is computed from the context by a few instructions.
func cheap(e prog.Expr) bool {
	switch e := e.(type) {
	case *prog.Int, *prog.CtxArg:
		return true
	case *prog.CtxLoad:
		return e.T.Scalar()
	case *prog.Builtin:
		return e.ID == prog.BPid || e.ID == prog.BTid || e.ID == prog.BCPU
	case *prog.Unary:
		return cheap(e.X)
	case *prog.Cast:
		return e.T.Scalar() && cheap(e.X)
	case *prog.Binary:
		return e.Op != prog.Div && e.Op != prog.Mod && cheap(e.X) && cheap(e.Y)
	}
	return false
}

// alone tells whether no program of p interrupts another on its CPU. Perf's events,
// tracepoints among them, run one program at a time: bpf_prog_active in the
// kernel's trace_call_bpf and bpf_overflow_handler. Begin and end run while the
// gate is closed.
func alone(p *prog.Program) bool {
	for _, probe := range p.Probes {
		for _, point := range probe.Points {
			switch point.Kind {
			case prog.KindTracepoint, prog.KindProfile, prog.KindInterval, prog.KindSoftware, prog.KindHardware, prog.KindBegin, prog.KindEnd:
			default:
				return false
			}
		}
	}
	return len(p.Probes) > 0
}
