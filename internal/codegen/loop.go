package codegen

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// The body of a loop is a function that the kernel calls for each turn. The
// verifier looks at it once, since nothing that it knows changes from one turn to
// the next: what the body shares with the code around it lies in the scratch
// slot, whose contents it does not follow. Kernels without such calls have to see
// where a loop ends: see counted.

// Results of the function of a loop.
const (
	goOn  = 0
	leave = 1
)

const (
	// maxTurns is how often the kernel calls such a function: BPF_MAX_LOOPS of
	// linux/bpf_verifier.h. All turns of loops in one are as many at most.
	maxTurns = 1 << 23
	// maxNesting is how many functions may be under way: MAX_CALL_FRAMES of
	// linux/bpf_verifier.h, less the program itself.
	maxNesting = 7
)

// loop is where the ways out of a loop's body lead.
type loop struct {
	leave, next *block
	bound       func() // ends the loop where it makes more turns than it may
}

// repeat runs turn with the numbers from zero to turns-1. What turn uses of the
// code around it lies in memory, or in registers where s, a loop, names it.
func (c *comp) repeat(s prog.Stmt, turns opnd, turn func(i opnd, l loop)) {
	if !c.t.Loop {
		c.counted(turns, turn)
		return
	}
	c.outline(s, 2, func(name string, words mem) {
		made := c.call(asm.FnLoop, turns, opnd{kind: funcOpnd, name: name}, c.addr(words), iOpnd(0))
		if turns.is(maxTurns) || !turns.isImm() {
			end := c.block()
			c.unless(asm.JNE, made, iOpnd(maxTurns), end)
			c.count(prog.LossTurns)
			c.start(end)
		}
	}, func(in []opnd, l loop) { turn(in[0], l) })
}

// budget leaves a loop in a loop when the turns of all of them are too many: the
// kernel would go on for hours.
func (c *comp) budget(l loop) {
	at := c.slotMem().at(slotTurns)
	left, more := c.load(at, 8, false), c.block()
	c.unless(asm.JNE, left, iOpnd(0), more)
	c.count(prog.LossTurns)
	c.jump(l.leave)
	c.start(more)
	c.store(at, 8, c.alu(asm.Sub, left, iOpnd(1)))
}

// outline compiles turn, of which s is the loop, as a function with so many
// arguments and has call call it. The last argument leads to words in the stack
// of the caller: the scratch slot, the context, and the registers that s names.
func (c *comp) outline(s prog.Stmt, args int, call func(name string, words mem), turn func(in []opnd, l loop)) {
	if c.nesting == maxNesting {
		c.errs.Errorf(c.span, "loops are nested too deep: the kernel takes %d in one another", maxNesting)
		return
	}
	c.claim()
	mark := c.stack.at
	handed := c.handed(s)
	words := c.stackMem(16 + 8*len(handed))
	c.store(words, 8, rOpnd(c.scratch))
	c.store(words.at(8), 8, c.ctx)
	for i, v := range handed {
		c.store(words.at(16+8*i), 8, rOpnd(c.vars[v].reg))
	}
	if c.nesting == 0 {
		c.store(c.slotMem().at(slotTurns), 8, iOpnd(maxTurns))
	}
	name, returns := c.callback(args, handed, func(in []opnd, l loop) {
		if c.nesting > 1 {
			c.budget(l)
		}
		turn(in, l)
	})
	if returns {
		c.store(c.slotMem().at(slotReturned), 8, iOpnd(0))
	}
	call(name, words)
	c.stack.at = mark
	if !returns {
		return
	}
	left, next := c.block(), c.block()
	c.returns = true
	returned := c.slotMem().at(slotReturned)
	c.branch(asm.JNE, c.load(returned, 8, false), iOpnd(0), left, next)
	c.start(left)
	c.store(returned, 8, iOpnd(0)) // the body may be a function's, and a loop around it go on
	c.jump(c.bodyEnd)
	c.start(next)
}

// handed returns the addresses of map values that s names: in memory the
// verifier would no longer know what they are.
func (c *comp) handed(s prog.Stmt) []*prog.Var {
	if s == nil {
		return nil
	}
	var list []*prog.Var
	seen := map[*prog.Var]bool{}
	m := mentions{block: func() {}}
	m.visit = func(v *prog.Var, _, _ bool) {
		if v.Type.Space == types.SpaceMap && c.vars[v].reg != 0 && !seen[v] {
			list = append(list, v)
		}
		seen[v] = true
	}
	m.stmt(s)
	return list
}

// callback compiles turn as a function and returns its name, and whether it
// leaves the body of the script around the loop. The context and the slot have
// the registers that they have in the program, since places of variables name them.
func (c *comp) callback(args int, handed []*prog.Var, turn func(in []opnd, l loop)) (name string, returns bool) {
	f := newFn(fmt.Sprintf("callback%d", len(c.callbacks)))
	f.caller = c.fn
	c.callbacks = append(c.callbacks, f)
	outer := *c
	c.fn, c.once, c.lookups, c.loops, c.returns = f, map[asm.BuiltinFunc]opnd{}, nil, nil, false
	c.nesting++
	c.named = false // its place is the program's stack
	c.receive(args, handed, turn)
	callbacks, slot, returns, hardest := c.callbacks, c.slot.max, c.returns, c.hardest
	*c = outer
	c.callbacks, c.slot.max, c.hardest = callbacks, slot, hardest
	c.fn.size += f.size
	c.fn.effort += f.effort
	return f.name, returns
}

func (c *comp) receive(args int, handed []*prog.Var, turn func(in []opnd, l loop)) {
	ctx, slot := c.reg(), c.reg()
	if rOpnd(ctx) != c.ctx || slot != c.scratch {
		panic("BUG: the context and the scratch slot are not the first registers")
	}
	var in []opnd
	for n := range args {
		in = append(in, c.arg(int64(n)))
	}
	words := mem{base: in[args-1]}
	c.set(slot, c.load(words, 8, false))
	c.set(ctx, c.load(words.at(8), 8, false))
	for i, v := range handed {
		outer := c.vars[v]
		c.vars[v] = variable{reg: c.load(words.at(16+8*i), 8, false).reg}
		defer func() { c.vars[v] = outer }()
	}
	c.hoist = c.cur
	c.cur = nil
	first, ended, over, next := c.block(), c.block(), c.block(), c.block()
	c.start(first)
	c.bodyEnd, c.exit = ended, over
	c.onFault = func(*block) {
		c.unreadable()
		c.jump(over)
	}
	turn(in, loop{leave: over, next: next, bound: func() {}})
	c.start(next)
	c.emit(ins{op: opExit, a: iOpnd(goOn)})
	c.start(ended)
	c.store(c.slotMem().at(slotReturned), 8, iOpnd(1))
	c.start(over)
	c.emit(ins{op: opExit, a: iOpnd(leave)})
	c.hoist.ins = append(c.hoist.ins, ins{op: opJump, to: first})
}

// turns compiles the body of a loop.
func (c *comp) turns(l loop, body []prog.Stmt) {
	c.loops = append(c.loops, l)
	c.stmts(body)
	c.loops = c.loops[:len(c.loops)-1]
}

func (c *comp) while(s *prog.While) {
	c.repeat(s, iOpnd(maxTurns), func(_ opnd, l loop) {
		body := c.block()
		c.cond(s.Cond, body, l.leave)
		c.start(body)
		l.bound()
		c.turns(l, s.Body)
	})
}

func (c *comp) forRange(s *prog.ForRange) {
	lo, hi := c.operands(s.Lo, s.Hi)
	turns := c.between(lo, hi, s.Var.Type)
	if turns.is(0) {
		return
	}
	first := func() opnd { return lo }
	if !lo.isImm() {
		at := c.scratchMem(8)
		c.store(at, 8, lo)
		first = func() opnd { return c.load(at, 8, false) }
	}
	c.repeat(s, turns, func(i opnd, l loop) {
		l.bound()
		c.loopVar(s.Var)
		c.assign(s.Var, c.alu(asm.Add, first(), i))
		c.writes[s.Var]++
		c.turns(l, s.Body)
	})
}

// loopVar places the variable of a loop where its turns do not share it.
func (c *comp) loopVar(v *prog.Var) {
	if _, ok := c.vars[v]; ok {
		return
	}
	if c.inRegister(v) {
		c.vars[v] = variable{reg: c.reg()}
		return
	}
	c.vars[v] = variable{mem: c.varMem(v)}
}

// between is how many turns lead from lo to hi.
func (c *comp) between(lo, hi opnd, t *types.Type) opnd {
	less := comparisons[prog.Lt].unsigned
	if t.Signed {
		less = comparisons[prog.Lt].signed
	}
	if lo.isImm() && hi.isImm() {
		if !holds(less, lo.imm, hi.imm) {
			return iOpnd(0)
		}
		return iOpnd(int64(min(uint64(hi.imm-lo.imm), maxTurns)))
	}
	n, some, end := c.copy(iOpnd(0)), c.block(), c.block()
	c.branch(less, lo, hi, some, end)
	c.start(some)
	c.set(n.reg, c.atMost(c.alu(asm.Sub, hi, lo), maxTurns))
	c.start(end)
	if !c.t.Loop {
		return n
	}
	return c.forgotten(n)
}

// forgotten returns x with the verifier made to believe that it may be any
// number. Where it knows that a loop has no turns, it does not look at the loop's
// function, and Linux 6.18 then refuses the program.
func (c *comp) forgotten(x opnd) opnd {
	return c.alu(asm.Add, c.load(mem{base: valOpnd(MapZero)}, 8, false), x)
}
