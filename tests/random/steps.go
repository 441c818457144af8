package random

import (
	"fmt"
)

// operators that change a number in place.
var changes = map[string]func(a, b int64) int64{
	"+": func(a, b int64) int64 { return a + b }, "-": func(a, b int64) int64 { return a - b }, "*": func(a, b int64) int64 { return a * b },
	"&": func(a, b int64) int64 { return a & b }, "|": func(a, b int64) int64 { return a | b }, "^": func(a, b int64) int64 { return a ^ b },
}

var changeNames = []string{"+", "-", "*", "&", "|", "^"}

// place is a variable or an element of a map.
type place struct {
	term
	set func(*world, any)
}

func (t *teller) change() (string, func(a, b int64) int64) {
	name := changeNames[t.r.IntN(len(changeNames))]
	return name, changes[name]
}

// place is something of a shape that can be assigned to, if there is any.
func (t *teller) place(s *shape, depth int) (place, bool) {
	if v, ok := t.variable(s, true); ok && t.chance(60) {
		return place{term{v.name, func(w *world) any { return w.slots[v.id] }}, func(w *world, x any) { w.slots[v.id] = x }}, true
	}
	return t.element(s, depth)
}

// element is an element of a map. Its key is computed once for each use.
func (t *teller) element(s *shape, depth int) (place, bool) {
	var fit []*table
	for _, m := range tables {
		if m.value == s {
			fit = append(fit, m)
		}
	}
	if len(fit) == 0 {
		return place{}, false
	}
	m := fit[t.r.IntN(len(fit))]
	text, key := m.name, func(*world) string { return "" }
	if m.key != nil {
		k := t.plain(m.key, depth)
		text, key = m.name+"["+k.text+"]", func(w *world) string { return shown(k.in(w)) }
	}
	return place{
		term{text, func(w *world) any { return w.read(m, key(w)) }},
		func(w *world, x any) { w.tables[m][key(w)] = x },
	}, true
}

func (t *teller) step(depth int) step {
	t.left--
	if t.left < 0 {
		return t.print(t.any(shapes))
	}
	switch t.r.IntN(20) {
	case 0, 1, 2:
		return t.declaration(depth)
	case 3, 4, 5, 6:
		return t.assignment(depth)
	case 7:
		return t.changing(depth)
	case 8, 9:
		return t.branch(depth)
	case 10, 11:
		return t.loop(depth)
	case 12:
		return t.forgetting(depth)
	case 13:
		return t.leaving(depth)
	case 14:
		return t.over()
	case 15, 16, 17, 18:
		return t.gather(depth - 1)
	}
	return t.print(t.any(shapes))
}

func (t *teller) print(s *shape) step {
	t.prints++
	n, x := t.prints, t.term(s, 2)
	return step{fmt.Sprintf("print((%d, %s));\n", n, x.text), func(w *world) way {
		w.out = append(w.out, "("+shown(int64(n))+", "+shown(x.in(w))+")")
		return onward
	}}
}

func (t *teller) declaration(depth int) step {
	s := t.any(shapes)
	x := t.term(s, depth)
	v := t.declare(s)
	return step{fmt.Sprintf("let %s%s = %s;\n", v.name, s.annotation, x.text), func(w *world) way {
		w.slots[v.id] = x.in(w)
		return onward
	}}
}

func (t *teller) assignment(depth int) step {
	s := t.any(shapes)
	p, ok := t.place(s, depth-1)
	if !ok {
		return t.declaration(depth)
	}
	x := t.term(s, depth)
	return step{fmt.Sprintf("%s = %s;\n", p.text, x.text), func(w *world) way {
		p.set(w, x.in(w))
		return onward
	}}
}

func (t *teller) changing(depth int) step {
	p, _ := t.place(number, depth-1)
	if t.chance(40) {
		return step{p.text + "++;\n", func(w *world) way {
			p.set(w, p.number(w)+1)
			return onward
		}}
	}
	x := t.plain(number, depth)
	name, f := t.change()
	return step{fmt.Sprintf("%s %s= %s;\n", p.text, name, x.text), func(w *world) way {
		p.set(w, f(p.number(w), x.number(w)))
		return onward
	}}
}

func (t *teller) branch(depth int) step {
	cond := t.question(depth)
	yes, no := t.block(depth-1), t.block(depth-1)
	text := fmt.Sprintf("if (%s) {\n%s}", cond.text, texts(yes))
	if t.chance(50) {
		no = nil
	} else {
		text += fmt.Sprintf(" else {\n%s}", texts(no))
	}
	return step{text + "\n", func(w *world) way {
		if cond.in(w).(bool) {
			return runAll(yes, w)
		}
		return runAll(no, w)
	}}
}

func (t *teller) loop(depth int) step {
	times := int64(t.r.IntN(5))
	if t.nested == 2 {
		return t.branch(depth)
	}
	t.nested++
	defer func() { t.nested-- }()
	if t.chance(30) {
		return t.unrolled(depth, 1+times%2)
	}
	t.loops++
	defer func() { t.loops-- }()
	if t.chance(50) {
		return t.whiled(depth, times)
	}
	defer t.scope()()
	v := t.declare(number)
	t.fixed[v.id] = true
	body := t.block(depth - 1)
	return step{fmt.Sprintf("for (%s : 0..%d) {\n%s}\n", v.name, times, texts(body)), func(w *world) way {
		for i := range times {
			w.slots[v.id] = i
			if how := runAll(body, w); how == broken {
				break
			} else if how == returned {
				return returned
			}
		}
		return onward
	}}
}

// unrolled is repeated, but no loop that break and continue leave.
func (t *teller) unrolled(depth int, times int64) step {
	loops := t.loops
	t.loops = 0
	defer func() { t.loops = loops }()
	body := t.block(depth - 1)
	return step{fmt.Sprintf("unroll (%d) {\n%s}\n", times, texts(body)), func(w *world) way {
		for range times {
			if how := runAll(body, w); how != onward {
				return how
			}
		}
		return onward
	}}
}

func (t *teller) whiled(depth int, times int64) step {
	v := t.declare(number)
	t.fixed[v.id] = true
	body := t.block(depth - 1)
	return step{fmt.Sprintf("let %s : int64 = 0;\nwhile (%s < %d) {\n%s++;\n%s}\n", v.name, v.name, times, v.name, texts(body)), func(w *world) way {
		w.slots[v.id] = int64(0)
		for i := range times {
			w.slots[v.id] = i + 1
			if how := runAll(body, w); how == broken {
				break
			} else if how == returned {
				return returned
			}
		}
		return onward
	}}
}

// leaving leaves a loop or the program.
func (t *teller) leaving(depth int) step {
	cond := t.question(depth)
	text, how := "return", returned
	if t.loops > 0 {
		text, how = "break", broken
		if t.chance(50) {
			text, how = "continue", continued
		}
	} else if !t.chance(20) {
		return t.print(t.any(shapes))
	}
	return step{fmt.Sprintf("if (%s) { %s; }\n", cond.text, text), func(w *world) way {
		if cond.in(w).(bool) {
			return how
		}
		return onward
	}}
}

func (t *teller) forgetting(depth int) step {
	m := tables[t.r.IntN(len(tables))]
	if m.key == nil {
		return step{"delete(" + m.name + ");\n", func(w *world) way {
			delete(w.tables[m], "")
			return onward
		}}
	}
	k := t.plain(m.key, depth-1)
	return step{fmt.Sprintf("delete(%s, %s);\n", m.name, k.text), func(w *world) way {
		delete(w.tables[m], shown(k.in(w)))
		return onward
	}}
}

// over adds up what a map has: its order does not matter.
func (t *teller) over() step {
	v, ok := t.variable(number, true)
	if !ok {
		return t.print(t.any(shapes))
	}
	m, part, value := toNumber[t.r.IntN(2)], "1", func(x any) int64 { return x.(int64) }
	if t.chance(50) {
		m, part, value = toPairs, "1.1.0", func(x any) int64 { return x.(parts).all[1].(parts).all[0].(int64) }
	}
	return step{fmt.Sprintf("for ($kv : %s) { %s += $kv.%s; }\n", m.name, v.name, part), func(w *world) way {
		for _, x := range w.tables[m] {
			w.slots[v.id] = w.slots[v.id].(int64) + value(x)
		}
		return onward
	}}
}
