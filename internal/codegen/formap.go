package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// forMap has the kernel call the body for each pair: with the map, the key, the
// value and what the body is handed.
func (c *comp) forMap(s *prog.ForMap) {
	if !c.t.ForEach {
		c.errs.Errorf(s.Pos, "this kernel has no loops over maps: Linux 5.13 has")
		return
	}
	c.outline(s, 4, func(name string, words mem) {
		c.call(asm.FnForEachMapElem, mOpnd(MapName(s.Map)), opnd{kind: funcOpnd, name: name}, c.addr(words), iOpnd(0))
	}, func(in []opnd, l loop) {
		c.mayNotSleep = true
		c.loopVar(s.Var)
		c.pair(s, in[1], in[2])
		c.turns(l, s.Body)
	})
}

// pair sets the loop's variable.
func (c *comp) pair(s *prog.ForMap, key, value opnd) {
	v := c.vars[s.Var].mem
	fields := s.Var.Type.Fields
	k, x := fields[0], fields[1]
	c.copyMem(v.at(k.Offset), mem{base: key}, k.Type.Size)
	if s.Map.Value.IsAggregate() {
		c.store(v.at(x.Offset), x.Type.Size, c.overCPUs(s.Map, key, s.Map.Value.Kind, x.Type))
		return
	}
	c.copyMem(v.at(x.Offset), mem{base: value}, x.Type.Size)
}

// mapLength counts a map's keys: the helper returns how often it called.
func (c *comp) mapLength(e *prog.Call) opnd {
	if e.Map.Key == nil || !c.t.ForEach {
		c.errs.Errorf(e.At, "this kernel cannot count the keys of a map: Linux 5.13 can")
		return iOpnd(0)
	}
	name, _ := c.callback(1, nil, func([]opnd, loop) {})
	n := c.call(asm.FnForEachMapElem, mOpnd(MapName(e.Map)), opnd{kind: funcOpnd, name: name}, iOpnd(0), iOpnd(0))
	return c.ext(n, e.T.Size, e.T.Signed)
}
