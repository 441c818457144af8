package random

import (
	"fmt"
	"strings"
)

// expr writes an expression of a kind, at most depth levels deep.
func (g *generator) expr(k kind, depth int) string {
	if depth <= 0 || g.chance(20) {
		return g.leaf(k)
	}
	if g.chance(10) {
		return g.choice(k, depth-1)
	}
	switch k {
	case integer:
		return g.arithmetic(depth - 1)
	case boolean:
		return g.question(depth - 1)
	case text:
		return g.textOf(depth - 1)
	}
	return "(" + "(int64)(" + g.expr(integer, depth-1) + "), " + g.expr(text, depth-1) + ")"
}

// choice writes what selects one of two values.
func (g *generator) choice(k kind, depth int) string {
	cond, a, b := g.expr(boolean, depth), g.expr(k, depth), g.expr(k, depth)
	if k == integer {
		a, b = "(int64)("+a+")", "(int64)("+b+")"
	}
	if g.chance(30) {
		return fmt.Sprintf("(if (%s) { %s } else { %s })", cond, a, b)
	}
	return fmt.Sprintf("(%s ? %s : %s)", cond, a, b)
}

// leaf writes a value without operands.
func (g *generator) leaf(k kind) string {
	if v, ok := g.variable(k); ok && g.chance(50) {
		return v.name
	}
	if g.chance(20) {
		for _, m := range maps {
			if m.value == k && m.keys == nil && k != boolean {
				return m.name
			}
		}
	}
	switch k {
	case integer:
		if len(g.point.integers) > 0 && g.chance(40) {
			return g.one(g.point.integers...)
		}
		return g.one("0", "1", "2", "7", "-1", "255", "65536", "1000000007", "0x7fffffff", "0xffffffff", "9223372036854775807",
			"pid", "tid", "uid", "gid", "cpu", "nsecs", "elapsed", "rand", "ncpus", "cgroup", "jiffies", "numaid", "1ms")
	case boolean:
		return g.one("true", "false", "pid == 1", "cpu == 0")
	case text:
		if len(g.point.texts) > 0 && g.chance(40) {
			if s := g.one(g.point.texts...); !strings.Contains(s, "stack") && s != "func" && s != "probe" {
				return s
			}
		}
		return g.one(`""`, `"a"`, `"some text"`, `"a text that is longer than most of the others are"`, "comm")
	}
	return `((int64)1, "one")`
}

func (g *generator) arithmetic(depth int) string {
	a := func() string { return g.expr(integer, depth) }
	switch g.r.IntN(24) {
	case 0, 1, 2, 3, 4, 5:
		return fmt.Sprintf("(%s %s %s)", a(), g.one("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"), a())
	case 6, 7:
		return fmt.Sprintf("(%s)(%s)", g.one("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"), a())
	case 8:
		return g.one("-", "~") + "(" + a() + ")"
	case 9:
		return "strlen(" + g.expr(text, depth) + ")"
	case 10:
		m := maps[3+g.r.IntN(len(maps)-3)]
		if m.value == integer {
			return g.element(m)
		}
		return "len(" + m.name + ")"
	case 11:
		return "bswap((" + g.one("uint16", "uint32", "uint64") + ")(" + a() + "))"
	case 12:
		return g.expr(pair, depth) + ".0"
	case 13:
		return fmt.Sprintf("strncmp(%s, %s, %d)", g.expr(text, depth), g.expr(text, depth), 1+g.r.IntN(16))
	case 14:
		return "{ let $q = " + a() + "; $q + 1 }"
	case 15:
		return "strstr(" + g.expr(text, depth) + ", " + g.expr(text, depth) + ")"
	case 16:
		return fmt.Sprintf("memcmp(%s, %s, %d)", g.expr(text, depth), g.expr(text, depth), 1+g.r.IntN(16))
	case 17:
		return g.tally(a)
	case 18:
		return "twice(" + a() + ")"
	case 19:
		return "largest((int64)(" + a() + "), (int64)(" + a() + "))"
	case 20:
		return g.one("len(kstack)", "len(ustack(3))", "ppid", "leader_tid", "ppid()", "nsecs(monotonic)", "cgroupid(\"/sys/fs/cgroup\")")
	case 21:
		return "((int64)(" + a() + "), (" + a() + ", true)).1.0"
	case 22:
		return "(one=" + a() + ", two=(int64)(" + a() + ")).two"
	}
	return "(int64)(" + g.expr(boolean, depth) + ")"
}

// tally writes a loop that is a value.
func (g *generator) tally(a func() string) string {
	t, i := g.fresh("$t"), g.fresh("$i")
	return fmt.Sprintf("{ let %s = (int64)0; for (%s : 0..%d) { if (%s %% 3 == 1) { continue } %s += (int64)(%s) + %s; } %s }",
		t, i, 1+g.r.IntN(30), i, t, a(), i, t)
}

func (g *generator) question(depth int) string {
	switch g.r.IntN(10) {
	case 0, 1, 2:
		return fmt.Sprintf("(%s %s %s)", g.expr(integer, depth), g.one("==", "!=", "<", ">", "<=", ">="), g.expr(integer, depth))
	case 3, 4:
		return fmt.Sprintf("(%s %s %s)", g.expr(boolean, depth), g.one("&&", "||"), g.expr(boolean, depth))
	case 5:
		return "!(" + g.expr(boolean, depth) + ")"
	case 6:
		return fmt.Sprintf("(%s %s %s)", g.expr(text, depth), g.one("==", "!="), g.expr(text, depth))
	case 7:
		m := maps[3+g.r.IntN(len(maps)-3)]
		e := g.element(m)
		return "has_key(" + m.name + ", " + keysOf(m, e) + ")"
	}
	return fmt.Sprintf("strcontains(%s, %s)", g.expr(text, depth), g.expr(text, depth))
}

// keysOf returns the keys in an element, as has_key takes them.
func keysOf(m mapKind, element string) string {
	keys := strings.TrimSuffix(strings.TrimPrefix(element, m.name+"["), "]")
	if len(m.keys) > 1 {
		return "(" + keys + ")"
	}
	return keys
}

func (g *generator) textOf(depth int) string {
	switch g.r.IntN(8) {
	case 4:
		return g.one("pcomm", "leader_comm", "signal_name(9)", `ntop(0x0100007f)`, "probetype", "username", "cgroup_path(cgroup)")
	case 0:
		return "str_concat(" + g.expr(text, depth) + ", " + g.expr(text, depth) + ")"
	case 1:
		return g.element(mapNamed("@is"))
	case 2:
		return g.expr(pair, depth) + ".1"
	case 3:
		return "str((uint64)(" + g.expr(integer, depth) + "), " + fmt.Sprint(1+g.r.IntN(64)) + ")"
	}
	return g.leaf(text)
}
