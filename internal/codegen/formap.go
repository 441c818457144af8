package codegen

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// A loop over a map is a function that the kernel calls for each pair. It finds
// the program's scratch slot and context in two words of the caller's stack;
// variables that it shares with the code around it live in the slot.

// Results of a callback.
const (
	goOn  = 0
	leave = 1
)

// How a callback ended, at slotLen.
const (
	endedLoop = 0
	endedBody = 1
)

// sharedVars returns the variables that loops over maps name.
func sharedVars(bodies []*prog.Body) map[*prog.Var]bool {
	vars := map[*prog.Var]bool{}
	m := mentions{block: func() {}}
	m.visit = func(v *prog.Var, _, _ bool) { vars[v] = true }
	for _, b := range bodies {
		prog.WalkStmts(b.Stmts, func(s prog.Stmt) {
			if f, ok := s.(*prog.ForMap); ok {
				m.stmt(f)
			}
		})
	}
	return vars
}

func (c *comp) forMap(s *prog.ForMap) {
	if !c.t.ForEach {
		c.errs.Errorf(s.Pos, "this kernel has no loops over maps")
		return
	}
	c.claim()
	mark := c.stack.at
	words := c.stackMem(16)
	c.store(words, 8, rOpnd(c.scratch))
	c.store(words.at(8), 8, c.ctx)
	c.store(c.slotMem().at(slotLen), 4, iOpnd(endedLoop))
	name := c.callback(func() { c.pairBody(s) })
	c.call(asm.FnForEachMapElem, mOpnd(MapName(s.Map)), opnd{kind: funcOpnd, name: name}, c.addr(words), iOpnd(0))
	c.stack.at = mark
	next := c.block()
	c.branch(asm.JEq, c.load(c.slotMem().at(slotLen), 4, false), iOpnd(endedBody), c.bodyEnd, next)
	c.start(next)
}

// callback compiles build as a function of its own and returns its name.
func (c *comp) callback(build func()) string {
	f := newFn(fmt.Sprintf("callback%d", len(c.callbacks)))
	c.callbacks = append(c.callbacks, f)
	outer := *c
	c.fn, c.once, c.lookups, c.loops = f, map[asm.BuiltinFunc]opnd{}, nil, nil
	build()
	callbacks, slot := c.callbacks, c.slot.max
	*c = outer
	c.callbacks, c.slot.max = callbacks, slot
	return f.name
}

// pairBody is the callback of a loop: map, key, value and the caller's words
// are its arguments. The context and the slot have the registers that they have
// in the program, since places of variables name them.
func (c *comp) pairBody(s *prog.ForMap) {
	ctx, slot := c.reg(), c.reg()
	key, value, words := c.arg(1), c.arg(2), c.arg(3)
	c.set(slot, c.load(mem{base: words}, 8, false))
	c.set(ctx, c.load(mem{base: words}.at(8), 8, false))
	if rOpnd(ctx) != c.ctx || slot != c.scratch {
		panic("BUG: the context and the scratch slot are not the first registers")
	}
	c.hoist = c.cur
	c.cur = nil
	first, ended, over, next := c.block(), c.block(), c.block(), c.block()
	c.start(first)
	c.span = s.Pos
	c.pair(s, key, value)
	c.loops, c.bodyEnd, c.exit = []loop{{over, next}}, ended, over
	c.stmts(s.Body)
	c.start(next)
	c.store(c.slotMem().at(slotLen), 4, iOpnd(endedLoop)) // a record may have been made there
	c.emit(ins{op: opExit, a: iOpnd(goOn)})
	c.start(ended)
	c.store(c.slotMem().at(slotLen), 4, iOpnd(endedBody))
	c.emit(ins{op: opExit, a: iOpnd(leave)})
	c.start(over)
	c.store(c.slotMem().at(slotLen), 4, iOpnd(endedLoop))
	c.emit(ins{op: opExit, a: iOpnd(leave)})
	c.hoist.ins = append(c.hoist.ins, ins{op: opJump, to: first, span: diag.Span{}})
}

// pair sets the loop's variable.
func (c *comp) pair(s *prog.ForMap, key, value opnd) {
	v := c.vars[s.Var].mem
	fields := s.Var.Type.Fields
	k, x := fields[0], fields[1]
	c.copyMem(v.at(k.Offset), mem{base: key}, k.Type.Size)
	if s.Map.Value.IsAggregate() {
		c.store(v.at(x.Offset), x.Type.Size, c.overCPUs(s.Map, key, x.Type))
		return
	}
	c.copyMem(v.at(x.Offset), mem{base: value}, x.Type.Size)
}

// mapLength counts a map's keys: the helper returns how often it called.
func (c *comp) mapLength(e *prog.Call) opnd {
	if e.Map.Key == nil || !c.t.ForEach {
		c.errs.Errorf(e.At, "the keys of this map cannot be counted")
		return iOpnd(0)
	}
	name := c.callback(func() { c.emit(ins{op: opExit, a: iOpnd(goOn)}) })
	n := c.call(asm.FnForEachMapElem, mOpnd(MapName(e.Map)), opnd{kind: funcOpnd, name: name}, iOpnd(0), iOpnd(0))
	return c.ext(n, e.T.Size, e.T.Signed)
}
