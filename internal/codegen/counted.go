package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// Without bpf_loop a loop is one of the program's own, and the verifier looks at each
// of its turns. It gives up after a million instructions, and where it has put off 8,192
// branches: BPF_COMPLEXITY_LIMIT_INSNS and BPF_COMPLEXITY_LIMIT_JMP_SEQ of
// kernel/bpf/verifier.c. A loop whose turns nobody knows ends before that.

const (
	// branchEffort is how many instructions a branch counts for: as many branches
	// are too many as instructions of this number of times that.
	branchEffort = 1_000_000 / 8192
	// maxEffort is what a loop with an unknown number of turns may cost: an eighth of what
	// there is, since the rest of the program and the ways that do not meet again cost, too,
	// and some verifiers look more often than others.
	maxEffort = 1_000_000 / 8
	// loopShare is the part of it that a loop in such a loop gets.
	loopShare = 16
)

// effort is what the verifier has to do for a loop.
type effort struct {
	insns int // that it looks at
	span  diag.Span
}

// counted is repeat in the program itself.
func (c *comp) counted(turns opnd, turn func(i opnd, l loop)) {
	i := c.copy(iOpnd(0))
	c.noSpill[i.reg] = true
	top, body, next, end := c.block(), c.block(), c.block(), c.block()
	if c.claimed == claimNo {
		c.claimed = claimMaybe
	}
	l, most := loop{leave: end, next: next, bound: func() {}}, &ins{}
	open := !turns.isImm() || turns.is(maxTurns)
	if open {
		l.bound = func() { most = c.bound(i, end) }
	}
	c.start(top)
	at, before, span := c.claimed, c.effort, c.span
	c.branch(asm.JLT, i, turns, body, end)
	if turns.isImm() {
		before = c.effort // the verifier knows where this leads
	}
	c.start(body)
	turn(i, l)
	c.start(next)
	c.emit(ins{op: opALU, alu: asm.Add, dst: i.reg, a: i, b: iOpnd(1)})
	c.jump(top)
	if open {
		turns = iOpnd(int64(max(1, maxEffort/(c.effort-before))))
		for range c.loops {
			turns.imm = max(1, turns.imm/loopShare)
		}
		most.b = turns
	}
	c.effort = before + (c.effort-before)*int(turns.imm)
	if c.effort-before > c.hardest.insns {
		c.hardest = effort{c.effort - before, span}
	}
	c.start(end)
	c.claimed = at
}

// bound leaves the loop before its turn i if that is one too many. How many are is known
// when there is a whole turn: the comparison with that number is returned.
func (c *comp) bound(i opnd, leave *block) *ins {
	within, over, before := c.block(), c.block(), c.effort
	c.branch(asm.JLT, i, iOpnd(maxTurns), within, over)
	compare := &c.cur.ins[len(c.cur.ins)-1]
	c.start(over)
	c.count(prog.LossBounded)
	c.jump(leave)
	c.effort = before // the verifier knows where this leads
	c.start(within)
	return compare
}
