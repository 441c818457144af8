package random

import (
	"fmt"
)

// term writes an expression of a shape, at most depth levels deep.
func (t *teller) term(s *shape, depth int) term {
	if depth > 0 {
		switch t.r.IntN(10) {
		case 0, 1:
			return t.choice(s, depth-1)
		case 2:
			if t.pure == 0 {
				return t.inBlock(s, depth-1)
			}
		}
	}
	return t.value(s, depth)
}

// plain is a term that changes nothing.
func (t *teller) plain(s *shape, depth int) term {
	t.pure++
	defer func() { t.pure-- }()
	return t.term(s, depth)
}

func (t *teller) value(s *shape, depth int) term {
	if depth <= 0 {
		return t.leaf(s)
	}
	if t.chance(20) {
		if p, ok := t.element(s, depth-1); ok {
			return p.term
		}
	}
	if x, ok := t.part(s, depth-1); ok && t.chance(30) {
		return x
	}
	switch {
	case s == number:
		return t.sum(depth - 1)
	case s == word:
		return t.joined(depth - 1)
	case s.cast != "":
		return t.narrow(s, t.term(number, depth-1))
	}
	return t.tuple(s, depth-1)
}

func (t *teller) leaf(s *shape) term {
	if v, ok := t.variable(s, false); ok && t.chance(80) {
		return term{v.name, func(w *world) any { return w.slots[v.id] }}
	}
	switch {
	case s == number:
		n := numbers[t.r.IntN(len(numbers))]
		return term{fmt.Sprintf("(int64)%d", n), func(*world) any { return n }}
	case s.cast != "":
		return t.narrow(s, t.leaf(number))
	case s == word:
		text := words[t.r.IntN(len(words))]
		return term{fmt.Sprintf("(string[16])%q", text), func(*world) any { return text }}
	}
	return t.tuple(s, 0)
}

// narrow is a number cut to the shape's width.
func (t *teller) narrow(s *shape, x term) term {
	return term{fmt.Sprintf("(%s)(%s)", s.cast, x.text), func(w *world) any { return s.cut(x.number(w)) }}
}

// joined is a text of two, or the beginning of one, as a variable can hold it.
func (t *teller) joined(depth int) term {
	switch t.r.IntN(4) {
	case 0:
		a, b := t.term(word, depth), t.term(word, depth)
		return term{fmt.Sprintf("(string[16])str(str_concat(%s, %s), 16)", a.text, b.text), func(w *world) any {
			s := a.in(w).(string)
			s += b.in(w).(string)
			return s[:min(len(s), 15)]
		}}
	case 1:
		a, n := t.term(word, depth), 1+t.r.IntN(16)
		return term{fmt.Sprintf("(string[16])str(%s, %d)", a.text, n), func(w *world) any {
			s := a.in(w).(string)
			return s[:min(len(s), n-1)]
		}}
	}
	return t.leaf(word)
}

// array is a number that is cut into shorts.
func (t *teller) array(s *shape, depth int) term {
	x := t.term(number, depth)
	return term{fmt.Sprintf("(int16[4])(%s)", x.text), func(w *world) any {
		n, v := x.number(w), parts{shape: s}
		for i := range 4 {
			v.all = append(v.all, int64(int16(n>>(16*i))))
		}
		return v
	}}
}

// tuple is a tuple, a record or an array.
func (t *teller) tuple(s *shape, depth int) term {
	if s.array {
		return t.array(s, depth)
	}
	var all []term
	var texts []string
	for _, p := range s.parts {
		x := t.term(p, depth)
		all, texts = append(all, x), append(texts, x.text)
	}
	return term{s.compose(texts), func(w *world) any {
		v := parts{shape: s}
		for _, p := range all {
			v.all = append(v.all, p.in(w))
		}
		return v
	}}
}

// part is a part of a tuple or a record that is of the shape.
func (t *teller) part(s *shape, depth int) (term, bool) {
	for range 4 {
		whole := t.any(shapes)
		for i, p := range whole.parts {
			if p == s {
				x, format := t.term(whole, depth), fmt.Sprintf("(%%s).%d", i)
				switch {
				case whole.names != nil:
					format = "(%s)." + whole.names[i]
				case whole.array:
					format = fmt.Sprintf("(%%s)[%d]", i)
				}
				return term{fmt.Sprintf(format, x.text), func(w *world) any { return x.in(w).(parts).all[i] }}, true
			}
		}
	}
	return term{}, false
}

func (t *teller) choice(s *shape, depth int) term {
	cond, a, b := t.question(depth), t.term(s, depth), t.term(s, depth)
	format := "(%s ? %s : %s)"
	if t.chance(40) {
		format = "(if (%s) { %s } else { %s })"
	}
	return term{fmt.Sprintf(format, cond.text, a.text, b.text), func(w *world) any {
		if cond.in(w).(bool) {
			return a.in(w)
		}
		return b.in(w)
	}}
}

// inBlock is a block with statements and a value.
func (t *teller) inBlock(s *shape, depth int) term {
	defer t.scope()()
	var all []step
	for range 1 + t.r.IntN(3) {
		if t.chance(40) {
			all = append(all, t.declaration(depth))
		} else if t.chance(30) {
			all = append(all, t.changing(depth))
		} else {
			all = append(all, t.assignment(depth))
		}
	}
	x := t.term(s, depth)
	return term{"{\n" + texts(all) + x.text + " }", func(w *world) any {
		runAll(all, w)
		return x.in(w)
	}}
}

func (t *teller) sum(depth int) term {
	switch t.r.IntN(18) {
	case 8, 9, 10, 11, 12, 13:
		return t.mixed(depth)
	case 0:
		q := t.question(depth)
		return term{"(int64)(" + q.text + ")", func(w *world) any {
			if q.in(w).(bool) {
				return int64(1)
			}
			return int64(0)
		}}
	case 1:
		x := t.term(word, depth)
		return term{"(int64)strlen(" + x.text + ")", func(w *world) any { return int64(len(x.in(w).(string))) }}
	case 2:
		m := t.keyed()
		return term{"(int64)len(" + m.name + ")", func(w *world) any { return int64(len(w.tables[m])) }}
	case 3:
		if v, ok := t.variable(number, true); ok && t.pure == 0 {
			return t.counted(v)
		}
	case 4:
		if v, ok := t.variable(number, true); ok && t.pure == 0 {
			x := t.plain(number, depth)
			return term{fmt.Sprintf("bump(%s, %s)", v.name, x.text), func(w *world) any {
				n := w.slots[v.id].(int64) + x.number(w)
				w.slots[v.id] = n
				return n * 2
			}}
		}
	case 5:
		x := t.term(number, depth)
		return term{"both(" + x.text + ")", func(w *world) any { return x.number(w) + x.number(w) }}
	case 6:
		x := t.term([]*shape{byte8, short}[t.r.IntN(2)], depth)
		return term{"(int64)(" + x.text + ")", x.in}
	case 7:
		a, b := t.term(number, depth), t.term(number, depth)
		return term{fmt.Sprintf("least(%s, %s)", a.text, b.text), func(w *world) any { return leastOf(a.number(w), b.number(w)) }}
	}
	a, b := t.term(number, depth), t.term(number, depth)
	name, f := t.change()
	return term{fmt.Sprintf("(%s %s %s)", a.text, name, b.text), func(w *world) any { return f(a.number(w), b.number(w)) }}
}

// leastOf is the script's function least.
func leastOf(a, b int64) int64 {
	if a > b || a > b+1 {
		return b
	}
	return a
}

// counted is a variable that is changed where it is read.
func (t *teller) counted(v slot) term {
	form, by, before := t.r.IntN(4), int64(1), false
	text := [...]string{v.name + "++", v.name + "--", "++" + v.name, "--" + v.name}[form]
	if form%2 == 1 {
		by = -1
	}
	before = form < 2
	return term{"(" + text + ")", func(w *world) any {
		old := w.slots[v.id].(int64)
		w.slots[v.id] = old + by
		if before {
			return old
		}
		return old + by
	}}
}

// keyed is a map with keys.
func (t *teller) keyed() *table { return tables[2+t.r.IntN(len(tables)-2)] }

func (t *teller) question(depth int) term {
	if depth > 0 {
		switch t.r.IntN(8) {
		case 6, 7:
			return t.unequal(depth - 1)
		case 0:
			a, b := t.question(depth-1), t.question(depth-1)
			return term{"(" + a.text + " && " + b.text + ")", func(w *world) any { return a.in(w).(bool) && b.in(w).(bool) }}
		case 1:
			a, b := t.question(depth-1), t.question(depth-1)
			return term{"(" + a.text + " || " + b.text + ")", func(w *world) any { return a.in(w).(bool) || b.in(w).(bool) }}
		case 2:
			m := t.keyed()
			k := t.term(m.key, depth-1)
			return term{fmt.Sprintf("has_key(%s, %s)", m.name, k.text), func(w *world) any {
				_, ok := w.tables[m][shown(k.in(w))]
				return ok
			}}
		}
	}
	if t.chance(40) {
		s := t.any(shapes)
		a, b := t.term(s, depth-1), t.term(s, depth-1)
		return term{fmt.Sprintf("(%s == %s)", a.text, b.text), func(w *world) any { return shown(a.in(w)) == shown(b.in(w)) }}
	}
	a, b := t.term(number, depth-1), t.term(number, depth-1)
	return term{fmt.Sprintf("(%s < %s)", a.text, b.text), func(w *world) any { return a.number(w) < b.number(w) }}
}
