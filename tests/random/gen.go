// Package random makes random scripts of the tracing language and has the
// kernel verify what they are compiled to: no script that passes the checks may
// be refused. Others, of which it is known what they print, are run.
package random

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// kind is what an expression yields.
type kind int

const (
	integer kind = iota
	boolean
	text
	pair  // (int64, string)
	kinds = iota
)

// generator writes one script. Each name has one kind in all of it, so that
// most scripts pass the checks.
type generator struct {
	r      *rand.Rand
	b      strings.Builder
	indent int
	point  point
	vars   [][]variable // of the blocks around here, innermost last
	next   int          // number of the next variable
	loops  int          // around here
	left   int          // statements that may still be written
}

type variable struct {
	name string
	kind kind
}

// point is a kind of attach point with what can be read there.
type point struct {
	text     string
	integers []string
	texts    []string
}

// mapKind is a map that every script may use: its keys and its values.
type mapKind struct {
	name  string
	keys  []kind
	value kind
}

var maps = []mapKind{
	{"@n", nil, integer}, {"@s", nil, text}, {"@p", nil, pair},
	{"@in", []kind{integer}, integer}, {"@sn", []kind{text}, integer}, {"@is", []kind{integer}, text},
	{"@pn", []kind{integer, text}, integer}, {"@tp", []kind{text, integer, boolean}, pair},
}

// aggregates are maps by the function that feeds them.
var aggregates = []string{"count", "sum", "avg", "min", "max", "stats", "hist", "lhist"}

// Script returns the script of a seed, with probes on the functions of the Go
// program at path.
func Script(seed uint64, path string) string {
	g := &generator{r: rand.New(rand.NewPCG(seed, 0))}
	g.left = 3 + g.r.IntN(25)
	for range 1 + g.r.IntN(3) {
		g.probe(path)
	}
	return g.functions() + g.definitions() + g.b.String()
}

// definitions is a probe that gives the maps of the script their kinds.
func (g *generator) definitions() string {
	values := map[kind]string{integer: "(int64)1", text: `"a"`, boolean: "true", pair: `((int64)1, "a")`}
	var b strings.Builder
	for _, m := range maps {
		if !strings.Contains(g.b.String(), m.name) {
			continue
		}
		var keys []string
		for _, k := range m.keys {
			keys = append(keys, values[k])
		}
		key := ""
		if keys != nil {
			key = "[" + strings.Join(keys, ", ") + "]"
		}
		fmt.Fprintf(&b, "\t%s%s = %s;\n", m.name, key, values[m.value])
	}
	if b.Len() == 0 {
		return ""
	}
	return "begin {\n" + b.String() + "}\n"
}

// functions are the macro and the function that the script calls.
func (g *generator) functions() string {
	text := ""
	if strings.Contains(g.b.String(), "twice(") {
		text += "macro twice(x) { let $n = (int64)0; for ($k : 0..2) { $n += (int64)x; } $n }\n"
	}
	if strings.Contains(g.b.String(), "largest(") {
		text += "fn largest($a : int64, $b : int64) : int64 {\n" +
			"\tfor ($i : 0..3) { if ($a > $b + $i) { return $a; } while ($b > 100) { if ($a < 0) { return $b; } $b /= 2; } }\n\treturn $b;\n}\n"
	}
	return text
}

// fresh makes a name.
func (g *generator) fresh(start string) string {
	g.next++
	return fmt.Sprintf("%s%d", start, g.next)
}

func (g *generator) one(choices ...string) string { return choices[g.r.IntN(len(choices))] }

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *generator) line(format string, args ...any) {
	g.b.WriteString(strings.Repeat("\t", g.indent))
	fmt.Fprintf(&g.b, format+"\n", args...)
}

func points(path string) []point {
	entry := point{integers: []string{"arg0", "arg1", "sarg0", "goid", `reg("sp")`}, texts: []string{"func", "probe", "ustack", "ustack(3)"}}
	mul := entry
	mul.text = "uprobe:" + path + `:main.(*Arith).Mul`
	mul.integers = append([]string{"args.args.A", "args.args.B"}, entry.integers...)
	mulRet := point{text: "uretprobe:" + path + `:main.(*Arith).Mul`,
		integers: []string{"args.args.A", "retval", "duration", "goid", "arg1"}, texts: []string{"func"}}
	say := entry
	say.text = "uprobe:" + path + ":main.say"
	say.texts = append([]string{"args.text"}, entry.texts...)
	sayRet := point{text: "uretprobe:" + path + ":main.say", integers: []string{"ret.0", "duration"}, texts: []string{"args.text"}}
	return []point{
		{text: "begin"}, {text: "begin"}, {text: "end"}, {text: "interval:s:1"}, {text: "profile:hz:99", texts: []string{"kstack", "ustack"}},
		mul, mulRet, say, sayRet,
		{text: "tracepoint:sched:sched_switch", integers: []string{"args.prev_pid", "args.next_prio", "args.prev_state"},
			texts: []string{"args.prev_comm", "args.next_comm", "kstack", "probe"}},
		{text: "tracepoint:syscalls:sys_enter_openat", integers: []string{"args.flags", "args.mode", "(uint64)args.filename"},
			texts: []string{"str(args.filename)", "str(args.filename, 20)"}},
		{text: "tracepoint:syscalls:sys_exit_read", integers: []string{"args.ret"}},
		{text: "rawtracepoint:sched_switch", integers: []string{"args.prev.pid", "args.next.tgid", "args.prev.mm.map_count", "arg0"},
			texts: []string{"args.next.comm", "args.prev.parent.comm"}},
	}
}

func (g *generator) probe(path string) {
	all := points(path)
	g.point = all[g.r.IntN(len(all))]
	g.vars, g.loops = [][]variable{nil}, 0
	g.line("%s", g.point.text)
	if g.chance(30) {
		g.line("/ %s /", g.expr(boolean, 2))
	}
	g.line("{")
	g.indent++
	g.statements(8)
	g.indent--
	g.line("}")
}

// block writes the braces and statements of an inner block.
func (g *generator) block(head string, most int) {
	g.line("%s {", head)
	g.indent++
	g.vars = append(g.vars, nil)
	g.statements(most)
	g.vars = g.vars[:len(g.vars)-1]
	g.indent--
	g.line("}")
}

func (g *generator) statements(most int) {
	for range 1 + g.r.IntN(most) {
		if g.left--; g.left < 0 {
			return
		}
		g.statement()
	}
}

// mostNested is how deep loops are nested: functions and searches in them have some
// of their own.
const mostNested = 3

func (g *generator) statement() {
	switch n := g.r.IntN(22); {
	case n < 4:
		g.assign()
	case n < 7:
		g.set()
	case n < 10:
		g.aggregate()
	case n < 13:
		g.printf()
	case n < 15:
		g.block("if ("+g.expr(boolean, 2)+")", 4)
		if g.chance(40) {
			g.block("else", 3)
		}
	case n < 17 && g.loops < mostNested:
		g.loop()
	case n == 17:
		g.line("%s;", g.effect())
	case n == 18 && g.loops > 0:
		g.line("if (%s) { %s }", g.expr(boolean, 1), g.one("break", "continue"))
	case n == 19:
		g.line("if (%s) { return; }", g.expr(boolean, 2))
	case n == 20:
		g.line("print(%s);", g.expr(g.kind(), 2))
	default:
		g.line("%s;", g.increment())
	}
}

func (g *generator) kind() kind { return kind(g.r.IntN(kinds)) }

// assign makes a variable or gives another value to one.
func (g *generator) assign() {
	if v, ok := g.variable(-1); ok && v.settable() && g.chance(40) {
		if v.kind == integer && g.chance(50) {
			g.line("%s %s= %s;", v.name, g.one("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"), g.expr(integer, 3))
			return
		}
		g.line("%s = %s;", v.name, g.expr(v.kind, 3))
		return
	}
	v := variable{g.fresh("$v"), g.kind()}
	value := g.expr(v.kind, 3)
	if v.kind == integer { // the widest type, so that other values fit
		value = "(int64)(" + value + ")"
	}
	g.line("%s%s = %s;", g.one("", "let "), v.name, value)
	inner := len(g.vars) - 1
	g.vars[inner] = append(g.vars[inner], v)
}

// settable tells whether v has a place of its own.
func (v variable) settable() bool { return !strings.Contains(v.name, ".") }

// variable returns one that can be seen from here, of a kind unless that is
// negative.
func (g *generator) variable(k kind) (variable, bool) {
	var seen []variable
	for _, block := range g.vars {
		for _, v := range block {
			if k < 0 || v.kind == k {
				seen = append(seen, v)
			}
		}
	}
	if len(seen) == 0 {
		return variable{}, false
	}
	return seen[g.r.IntN(len(seen))], true
}

// element writes a map with random keys.
func (g *generator) element(m mapKind) string {
	var keys []string
	for _, k := range m.keys {
		key := g.expr(k, 2)
		if k == integer {
			key = "(int64)(" + key + ")"
		}
		keys = append(keys, key)
	}
	if keys == nil {
		return m.name
	}
	return m.name + "[" + strings.Join(keys, ", ") + "]"
}

func (g *generator) set() {
	m := maps[g.r.IntN(len(maps))]
	value := g.expr(m.value, 3)
	if m.value == integer {
		value = "(int64)(" + value + ")"
	}
	g.line("%s = %s;", g.element(m), value)
}

func (g *generator) aggregate() {
	fn := g.one(aggregates...)
	key := ""
	if g.chance(60) {
		key = "k[" + g.expr(text, 2) + "]"
		if g.chance(50) {
			key = "i[(int64)(" + g.expr(integer, 2) + "), " + g.expr(boolean, 1) + "]"
		}
	}
	arg := g.expr(integer, 3)
	switch fn {
	case "count":
		arg = ""
	case "hist":
		arg += ", " + fmt.Sprint(len(key)%2)
		arg = strings.TrimSuffix(arg, ", 0")
	case "lhist":
		arg += ", 0, 1000, 10"
	}
	name := fn
	if fn == "hist" {
		name += fmt.Sprint(len(key) % 2)
	}
	g.line("@%s%s = %s(%s);", name, key, fn, arg)
}

func (g *generator) printf() {
	var format []string
	var args []string
	for range g.r.IntN(5) {
		k := kind(g.r.IntN(int(pair)))
		verb := g.one("%d", "%u", "%x", "%5d", "%-8lld", "%c", "%lx")
		switch k {
		case text:
			verb = g.one("%s", "%10s", "%-5s", "%s")
		case boolean:
			verb = "%d"
		}
		format, args = append(format, verb), append(args, g.expr(k, 3))
	}
	g.line("printf(%s);", strings.Join(append([]string{`"` + strings.Join(format, " ") + `\n"`}, args...), ", "))
}

func (g *generator) loop() {
	g.loops++
	defer func() { g.loops-- }()
	i := variable{g.fresh("$i"), integer}
	switch g.r.IntN(7) {
	case 0:
		g.turns(i, fmt.Sprintf("for (%s : 0..%d)", i.name, 1+g.r.IntN(50)))
	case 1:
		g.turns(i, fmt.Sprintf("for (%s : (%s)..(%s))", i.name, g.expr(integer, 1), g.expr(integer, 1)))
	case 2:
		m := mapNamed(g.one("@in", "@sn", "@is", "@pn"))
		g.turns(variable{i.name + ".1", m.value}, fmt.Sprintf("for (%s : %s)", i.name, m.name))
	case 3:
		g.line("%s = (int64)0;", i.name)
		g.turns(i, fmt.Sprintf("while (%s++ < %d)", i.name, 1+g.r.IntN(20)))
	case 4:
		g.block(fmt.Sprintf("unroll (%d)", 1+g.r.IntN(4)), 2)
	case 5:
		g.line("%s = (int64)(%s);", i.name, g.expr(integer, 2))
		g.turns(i, fmt.Sprintf("while (%s && %s-- != 0)", g.expr(boolean, 3), i.name))
	case 6:
		g.block(fmt.Sprintf("unroll (%d)", 1+g.r.IntN(100)), 1)
	}
}

// turns writes the block of a loop, in which v can be read.
func (g *generator) turns(v variable, head string) {
	g.vars = append(g.vars, []variable{v})
	g.block(head, 4)
	g.vars = g.vars[:len(g.vars)-1]
}

func mapNamed(name string) mapKind {
	for _, m := range maps {
		if m.name == name {
			return m
		}
	}
	panic("BUG: no map " + name)
}

func (g *generator) effect() string {
	m := maps[3+g.r.IntN(len(maps)-3)]
	return g.one(
		"delete("+g.element(m)+")",
		"clear("+m.name+")", "zero("+m.name+")", "print("+m.name+")", "print("+m.name+", 5)",
		`time("%H:%M:%S\n")`, "exit()", "exit(3)",
		fmt.Sprintf("errorf(%q, %s)", "bad %d", g.expr(integer, 2)),
		fmt.Sprintf("print((%s, %s))", g.expr(integer, 2), g.expr(text, 2)),
		fmt.Sprintf("print(strftime(%q, nsecs))", "%H:%M:%S"),
		`assert(`+g.expr(boolean, 2)+`, "no")`,
	)
}

func (g *generator) increment() string {
	target := g.element(mapKind{"@in", []kind{integer}, integer})
	if v, ok := g.variable(integer); ok && v.settable() && g.chance(60) {
		target = v.name
	}
	return g.one(target+"++", target+"--", "++"+target, "--"+target)
}
