package random

import (
	"fmt"
	"strings"
)

// fields are the members of the script's struct of bit fields: where they lie in the 64
// bits that it is laid over.
var fields = []struct {
	name, decl string
	at, bits   uint
	signed     bool
}{
	{"low", "int low : 5;", 0, 5, true}, {"mid", "unsigned int mid : 11;", 5, 11, false}, {"", "int : 3;", 16, 3, true},
	{"high", "int high : 13;", 19, 13, true}, {"rest", "unsigned long long rest : 20;", 32, 20, false}, {"last", "signed char last;", 56, 8, true},
}

// layout is the definition of the struct.
func layout() string {
	text := "struct bits {"
	for _, f := range fields {
		text += " " + f.decl
	}
	return text + " };\n"
}

// cast is a width that numbers are cut to.
type cast struct {
	name string
	cut  func(int64) int64
	size int64
}

var casts = []cast{
	{"int8", func(n int64) int64 { return int64(int8(n)) }, 1}, {"uint8", func(n int64) int64 { return int64(uint8(n)) }, 1},
	{"int16", func(n int64) int64 { return int64(int16(n)) }, 2}, {"uint16", func(n int64) int64 { return int64(uint16(n)) }, 2},
	{"int32", func(n int64) int64 { return int64(int32(n)) }, 4}, {"uint32", func(n int64) int64 { return int64(uint32(n)) }, 4},
	{"int64", func(n int64) int64 { return n }, 8},
}

func (t *teller) cast() cast { return casts[t.r.IntN(len(casts))] }

// mixed is a number that comes out of an array, a struct, a text, an aggregate, or of
// numbers of several widths.
func (t *teller) mixed(depth int) term {
	switch t.r.IntN(7) {
	case 0:
		return t.indexed(depth)
	case 1:
		if t.pure == 0 {
			return t.member(depth)
		}
	case 2:
		return t.letter(depth)
	case 3:
		return t.read(depth)
	case 4:
		return t.divided(depth)
	case 5:
		return t.shifted(depth)
	}
	return t.widened(depth)
}

// indexed is an element of a number that is cast to an array.
func (t *teller) indexed(depth int) term {
	x, c, n := t.term(number, depth), t.cast(), t.plain(number, depth)
	last := 8/c.size - 1
	return term{fmt.Sprintf("(int64)((%s[%d])(%s))[(uint64)(%s) & %d]", c.name, last+1, x.text, n.text, last), func(w *world) any {
		v := x.number(w)
		return c.cut(v >> (8 * c.size * (n.number(w) & last)))
	}}
}

// member is a bit field of a number that is laid under the struct.
func (t *teller) member(depth int) term {
	defer t.scope()()
	x, f := t.term(number, depth), fields[t.r.IntN(len(fields))]
	if f.name == "" {
		f = fields[0]
	}
	v := t.declare(number)
	t.fixed[v.id] = true
	text := fmt.Sprintf("{ let %s : int64 = %s; let %sp = (struct bits *)&%s; (int64)%sp->%s }", v.name, x.text, v.name, v.name, v.name, f.name)
	return term{text, func(w *world) any {
		n := x.number(w) << (64 - f.at - f.bits)
		if f.signed {
			return n >> (64 - f.bits)
		}
		return int64(uint64(n) >> (64 - f.bits))
	}}
}

// letter is a byte of a text: what is behind its end is 0.
func (t *teller) letter(depth int) term {
	x, i := t.term(word, depth), t.r.IntN(16)
	return term{fmt.Sprintf("(int64)(%s)[%d]", x.text, i), func(w *world) any {
		if s := x.in(w).(string); i < len(s) {
			return int64(s[i])
		}
		return int64(0)
	}}
}

// divided is a quotient or a remainder, with and without signs.
func (t *teller) divided(depth int) term {
	a, b := t.term(number, depth), t.term(number, depth)
	signed, whole := t.chance(50), t.chance(50)
	op, of := "/", "(int64)((uint64)(%s) %s ((uint64)(%s) | 1))"
	if !whole {
		op = "%"
	}
	if signed {
		of = "((%s) %s ((%s) | 1))"
	}
	return term{fmt.Sprintf(of, a.text, op, b.text), func(w *world) any {
		x, y := a.number(w), b.number(w)|1
		switch {
		case signed && whole:
			return x / y
		case signed:
			return x % y
		case whole:
			return int64(uint64(x) / uint64(y))
		}
		return int64(uint64(x) % uint64(y))
	}}
}

// shifted is a number whose bits are moved: those that come in are 0, as in bpftrace also
// at the left of a negative number.
func (t *teller) shifted(depth int) term {
	a, b := t.term(number, depth), t.plain(number, depth)
	by := func(w *world) uint64 { return uint64(b.number(w)) & 63 }
	if t.chance(50) {
		return term{fmt.Sprintf("((%s) << ((%s) & 63))", a.text, b.text), func(w *world) any { return a.number(w) << by(w) }}
	}
	return term{fmt.Sprintf("((%s) >> ((%s) & 63))", a.text, b.text), func(w *world) any { return int64(uint64(a.number(w)) >> by(w)) }}
}

// widened computes with numbers of two widths, in 64 bits.
func (t *teller) widened(depth int) term {
	a, b := t.pair(depth)
	name, f := t.change()
	return term{fmt.Sprintf("(int64)(%s %s %s)", a.text, name, b.text), func(w *world) any { return f(a.number(w), b.number(w)) }}
}

func (t *teller) pair(depth int) (a, b term) {
	cut := func(x term, c cast) term {
		return term{fmt.Sprintf("(%s)(%s)", c.name, x.text), func(w *world) any { return c.cut(x.number(w)) }}
	}
	return cut(t.term(number, depth), t.cast()), cut(t.term(number, depth), t.cast())
}

// unequal compares numbers of two widths, numbers without signs, or texts.
func (t *teller) unequal(depth int) term {
	switch t.r.IntN(4) {
	case 0:
		a, b := t.pair(depth)
		return term{fmt.Sprintf("(%s < %s)", a.text, b.text), func(w *world) any { return a.number(w) < b.number(w) }}
	case 1:
		a, b := t.term(number, depth), t.term(number, depth)
		return term{fmt.Sprintf("((uint64)(%s) < (uint64)(%s))", a.text, b.text), func(w *world) any { return uint64(a.number(w)) < uint64(b.number(w)) }}
	case 2:
		a, b := t.term(word, depth), t.term(word, depth)
		return term{fmt.Sprintf("strcontains(%s, %s)", a.text, b.text), func(w *world) any {
			x := a.in(w).(string)
			return strings.Contains(x, b.in(w).(string))
		}}
	}
	a, b, n := t.term(word, depth), t.term(word, depth), 1+t.r.IntN(15)
	start := func(s string) string { return s[:min(n, len(s))] }
	return term{fmt.Sprintf("(strncmp(%s, %s, %d) == 0)", a.text, b.text, n), func(w *world) any {
		x := a.in(w).(string)
		return start(x) == start(b.in(w).(string))
	}}
}
