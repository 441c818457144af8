package codegen

import (
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// known is a look-up whose result may be used again: nothing has changed the
// map's keys since, and every way to this point has made it.
type known struct {
	m       *prog.Map
	key     string
	version int
	value   opnd
}

// reuse returns the result of an earlier look-up of the same key, or makes a new
// one with find. A sleepable program may be off the CPU for long between two
// uses, while the value goes to another key: there each look-up is made.
func (c *comp) reuse(m *prog.Map, key prog.Expr, find func() opnd) opnd {
	name, ok := c.keyName(key)
	if !ok || c.sleepable() {
		return find()
	}
	for _, k := range c.lookups {
		if k.m == m && k.key == name && k.version == c.changed[m] {
			return k.value
		}
	}
	v := find()
	c.lookups = append(c.lookups, known{m, name, c.changed[m], v})
	return v
}

// changes notes that keys of m come or go.
func (c *comp) changes(m *prog.Map) { c.changed[m]++ }

// within compiles code that not every way runs through: what it looked up is
// not known behind it.
func (c *comp) within(f func()) {
	before := c.lookups
	f()
	c.lookups = before
}

// afresh compiles code that may run again after what follows it in the text.
func (c *comp) afresh(f func()) {
	before := c.lookups
	c.lookups = nil
	f()
	c.lookups = before
}

// keyName names the value of a key if it is the same wherever the name is, in
// one run of the program.
func (c *comp) keyName(e prog.Expr) (string, bool) {
	switch e := e.(type) {
	case nil:
		return "", true
	case *prog.Int:
		return fmt.Sprintf("%d:%d", e.T.Size, e.Val), true
	case *prog.VarRef:
		return fmt.Sprintf("%p.%d", e.Var, c.writes[e.Var]), true
	case *prog.Reg:
		return "reg " + e.Name, true
	case *prog.Cast:
		x, ok := c.keyName(e.X)
		return fmt.Sprintf("(%d%v%s)", e.T.Size, e.T.Signed, x), ok
	case *prog.Builtin:
		switch e.ID {
		case prog.BPid, prog.BTid, prog.BTgidTid, prog.BUid, prog.BGid, prog.BFunc, prog.BProbe, prog.BCookie, prog.BFuncIP:
			return fmt.Sprintf("builtin %d", e.ID), true
		}
	case *prog.Compose:
		var names []string
		for _, p := range e.Parts {
			n, ok := c.keyName(p)
			if !ok {
				return "", false
			}
			names = append(names, n)
		}
		return "{" + strings.Join(names, ",") + "}", true
	}
	return "", false
}
