package random

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// shape is the type of a value: a number, a text, a tuple, a record or an array.
type shape struct {
	annotation string            // of a variable; tuples and records have none
	cast       string            // to a number that is not of 64 bits
	cut        func(int64) int64 // what the cast does
	zero       any               // int64, string or parts
	parts      []*shape
	names      []string // of a record's parts
	array      bool     // of four shorts
}

// parts is the value of a tuple, a record or an array.
type parts struct {
	shape *shape
	all   []any
}

var (
	number = &shape{annotation: " : int64", zero: int64(0)}
	word   = &shape{annotation: " : string[16]", zero: ""}
	byte8  = &shape{annotation: " : uint8", cast: "uint8", zero: int64(0), cut: func(n int64) int64 { return int64(uint8(n)) }}
	short  = &shape{annotation: " : int16", cast: "int16", zero: int64(0), cut: func(n int64) int64 { return int64(int16(n)) }}

	named   = made(nil, number, word)
	pairOf  = made(nil, number, number)
	nested  = made(nil, word, pairOf)
	deep    = made(nil, named, number, word)
	gaps    = made(nil, byte8, number, short)
	record  = made([]string{"a", "b", "c"}, byte8, word, short)
	cells   = arrayOf(short, short, short, short)
	spread  = made(nil, byte8, cells, word)
	shapes  = []*shape{number, word, byte8, short, named, pairOf, nested, deep, gaps, record, cells, spread}
	words   = []string{"a", "bc", "text", "longer text", "fifteen letters"}
	numbers = []int64{0, 1, 2, -3, 7, 100, -70000, 5000000000, 1<<62 + 5}
)

func made(names []string, of ...*shape) *shape {
	s := &shape{parts: of, names: names}
	zero := parts{shape: s}
	for _, p := range of {
		zero.all = append(zero.all, p.zero)
	}
	s.zero = zero
	return s
}

func arrayOf(of ...*shape) *shape {
	s := made(nil, of...)
	s.annotation, s.array = " : int16[4]", true
	return s
}

// shown is a value as it is printed.
func shown(v any) string {
	p, ok := v.(parts)
	if !ok {
		return fmt.Sprint(v)
	}
	var texts []string
	for i, x := range p.all {
		text := shown(x)
		if p.shape.names != nil {
			text = "." + p.shape.names[i] + " = " + text
		}
		texts = append(texts, text)
	}
	if p.shape.names != nil {
		return "{ " + strings.Join(texts, ", ") + " }"
	}
	if p.shape.array {
		return "[" + strings.Join(texts, ",") + "]"
	}
	return "(" + strings.Join(texts, ", ") + ")"
}

// compose is a tuple or a record as a script writes it.
func (s *shape) compose(texts []string) string {
	for i, name := range s.names {
		texts[i] = name + " = " + texts[i]
	}
	return "(" + strings.Join(texts, ", ") + ")"
}

// table is a map that every program has; one without a key has one element.
type table struct {
	name       string
	key, value *shape
}

var (
	toNumber = []*table{{"@nn", number, number}, {"@wn", word, number}}
	toPairs  = &table{"@nt", number, nested}
	tables   = append([]*table{
		{"@n", nil, number}, {"@t", nil, deep}, toPairs, {"@tw", named, word}, {"@tt", deep, pairOf},
		{"@gr", gaps, record}, {"@rg", record, gaps}, {"@b", byte8, short}, {"@cw", cells, word}, {"@sc", spread, cells}, {"@ns", number, spread},
	}, toNumber...)
)

// world is what a program has changed.
type world struct {
	slots  map[int]any
	tables map[*table]map[string]any
	out    []string

	aggregates map[string][]int64 // by name and key
	gathered   [3][]int64         // in the histograms and the statistics
}

func newWorld() *world {
	w := &world{slots: map[int]any{}, tables: map[*table]map[string]any{}, aggregates: map[string][]int64{}}
	for _, t := range tables {
		w.tables[t] = map[string]any{}
	}
	return w
}

func (w *world) read(t *table, key string) any {
	if v, ok := w.tables[t][key]; ok {
		return v
	}
	return t.value.zero
}

// way is how a statement is left.
type way int

const (
	onward way = iota
	broken
	continued
	returned
)

// term is an expression, and what it is in a world.
type term struct {
	text string
	in   func(*world) any
}

func (t term) number(w *world) int64 { return t.in(w).(int64) }

// step is a statement, and what it does to a world.
type step struct {
	text string
	do   func(*world) way
}

// slot is a variable of the program.
type slot struct {
	name  string
	shape *shape
	id    int
}

// teller writes a program of which it knows what it prints.
type teller struct {
	r      *rand.Rand
	scopes [][]slot
	fixed  map[int]bool // variables that loops count with
	free   []string     // names of variables whose scope has ended
	slots  int
	prints int
	loops  int // around here that break and continue may leave
	nested int // repetitions around here
	pure   int // terms around here that may change nothing
	left   int // statements that may still be written
}

// Told returns the script of a seed, with n probes that run one after the other, and the
// lines that it prints.
func Told(seed uint64, n int) (script string, lines []string) {
	r, w := rand.New(rand.NewPCG(seed, 1)), newWorld()
	var b strings.Builder
	b.WriteString(definitions)
	for i := range n {
		t := &teller{r: r, left: 6 + r.IntN(16), prints: 1000 * i, fixed: map[int]bool{}, scopes: [][]slot{nil}}
		body := t.steps(3)
		for _, s := range shapes {
			body = append(body, t.print(s))
		}
		runAll(body, w)
		b.WriteString("begin {\n" + texts(body) + "}\n")
	}
	return b.String(), append(w.out, w.ending()...)
}

// definitions are the macros and the function that terms call, and a probe that gives the
// maps their types.
var definitions = layout() + "macro bump($x, y) { $x += y; $x * 2 }\nmacro both(x) { x + x }\n" +
	"fn least($a : int64, $b : int64) : int64 { for ($i : 0..2) { if ($a > $b + $i) { return $b; } } return $a; }\n" +
	"begin {\n" + emptied() + "}\n"

func emptied() string {
	var b strings.Builder
	for _, t := range tables {
		element, key := t.name, t.name
		if t.key != nil {
			element, key = t.name+"["+literal(t.key)+"]", t.name+", "+literal(t.key)
		}
		fmt.Fprintf(&b, "%s = %s; delete(%s);\n", element, literal(t.value), key)
	}
	for _, a := range aggregated {
		fmt.Fprintf(&b, "%s[(int64)0] = %s; delete(%s, (int64)0);\n", a.name, strings.Replace(a.call, "%s", literal(number), 1), a.name)
	}
	return b.String()
}

// literal is any value of a shape.
func literal(s *shape) string {
	switch {
	case s == number:
		return "(int64)1"
	case s == word:
		return `(string[16])"a"`
	case s.cast != "":
		return "(" + s.cast + ")1"
	case s.array:
		return "(int16[4])(int64)1"
	}
	var texts []string
	for _, p := range s.parts {
		texts = append(texts, literal(p))
	}
	return s.compose(texts)
}

func runAll(steps []step, w *world) way {
	for _, s := range steps {
		if how := s.do(w); how != onward {
			return how
		}
	}
	return onward
}

func (t *teller) chance(percent int) bool { return t.r.IntN(100) < percent }

func (t *teller) any(s []*shape) *shape { return s[t.r.IntN(len(s))] }

// variables are those of a shape that can be seen.
func (t *teller) variables(s *shape, written bool) []slot {
	var all []slot
	for _, scope := range t.scopes {
		for _, v := range scope {
			if v.shape == s && !(written && t.fixed[v.id]) {
				all = append(all, v)
			}
		}
	}
	return all
}

func (t *teller) variable(s *shape, written bool) (slot, bool) {
	all := t.variables(s, written)
	if len(all) == 0 {
		return slot{}, false
	}
	return all[t.r.IntN(len(all))], true
}

func (t *teller) declare(s *shape) slot {
	t.slots++
	v := slot{fmt.Sprintf("$v%d", t.slots), s, t.slots}
	if n := len(t.free); n > 0 && t.chance(50) {
		v.name, t.free = t.free[n-1], t.free[:n-1]
	}
	last := len(t.scopes) - 1
	t.scopes[last] = append(t.scopes[last], v)
	return v
}

// scope begins one; what it returns ends it.
func (t *teller) scope() (end func()) {
	n := len(t.scopes)
	t.scopes = append(t.scopes, nil)
	return func() {
		for _, v := range t.scopes[n] {
			t.free = append(t.free, v.name)
		}
		t.scopes = t.scopes[:n]
	}
}

// block writes statements with variables of their own.
func (t *teller) block(depth int) []step {
	defer t.scope()()
	return t.steps(depth)
}

func (t *teller) steps(depth int) []step {
	var all []step
	for range 1 + t.r.IntN(6) {
		all = append(all, t.step(depth))
	}
	return all
}

func texts(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.text)
	}
	return b.String()
}
