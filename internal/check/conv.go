package check

import (
	"math"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// unknown is the type of what is wrong, or not known in this pass. Whoever
// meets it keeps silent and is unknown itself.
var unknown = &types.Type{Kind: types.Void, Name: "unknown"}

// flexible are the types of literals that are not negative: signed, but ready
// to be unsigned where the other operand is. They are told by identity.
var flexible = map[int]*types.Type{
	1: types.Integer(1, true), 2: types.Integer(2, true),
	4: types.Integer(4, true), 8: types.Integer(8, true),
}

// negative are the types of negative literals.
var negative = map[int]*types.Type{
	1: types.Integer(1, true), 2: types.Integer(2, true),
	4: types.Integer(4, true), 8: types.Integer(8, true),
}

// hugeLiteral is the type of literals that only uint64 holds.
var hugeLiteral = types.Integer(8, false)

func isFlexible(t *types.Type) bool { return t == flexible[t.Size] }

func isLiteral(t *types.Type) bool {
	return t == flexible[t.Size] || t == negative[t.Size] || t == hugeLiteral
}

func meta(t *types.Type, at diag.Span) prog.Meta { return prog.Meta{T: t, At: at} }

func at(s diag.Span) prog.At { return prog.At{Pos: s} }

func bad(at diag.Span) prog.Expr { return &prog.Int{Meta: meta(unknown, at)} }

func isBad(xs ...prog.Expr) bool {
	for _, x := range xs {
		if x.Type() == unknown {
			return true
		}
	}
	return false
}

func integer(t *types.Type, v uint64, at diag.Span) *prog.Int {
	return &prog.Int{Meta: meta(t, at), Val: truncate(v, t)}
}

// literal returns a constant of the smallest type that holds it.
func literal(v int64, at diag.Span) *prog.Int {
	size := 8
	for _, n := range []int{1, 2, 4} {
		if top := int64(1) << (8*n - 1); v >= -top && v < top {
			size = n
			break
		}
	}
	t := flexible[size]
	if v < 0 {
		t = negative[size]
	}
	return &prog.Int{Meta: meta(t, at), Val: uint64(v)}
}

func unsignedLiteral(v uint64, at diag.Span) *prog.Int {
	if v <= math.MaxInt64 {
		return literal(int64(v), at)
	}
	return &prog.Int{Meta: meta(hugeLiteral, at), Val: v}
}

func boolean(v bool, at diag.Span) *prog.Int {
	x := &prog.Int{Meta: meta(types.TBool, at)}
	if v {
		x.Val = 1
	}
	return x
}

// text is a string constant; it ends at a NUL, but has the size it is written in.
func text(s string, at diag.Span) *prog.Str {
	val, _, _ := strings.Cut(s, "\x00")
	return &prog.Str{Meta: meta(types.Str(len(s)+1), at), Val: val}
}

// literalTexts are two operands that are both literal strings.
func literalTexts(x, y prog.Expr) (l, r string, ok bool) {
	a, aok := x.(*prog.Str)
	c, cok := y.(*prog.Str)
	if !aok || !cok {
		return "", "", false
	}
	return a.Val, c.Val, true
}

// behind is a literal text without its first characters, as C writes it.
func (b *body) behind(x, y prog.Expr, span diag.Span) (prog.Expr, bool) {
	if _, ok := y.(*prog.Str); ok {
		x, y = y, x
	}
	s, ok := x.(*prog.Str)
	n, known := constant(y)
	if !ok || !known || !y.Type().IsInt() || int64(n) < 0 {
		return nil, false
	}
	if n >= uint64(len(s.Val)) {
		b.warnf(span, "literal string will always be empty")
	}
	return text(s.Val[min(n, uint64(len(s.Val))):], span), true
}

// varying stands for a value that is only known at run time.
func varying(t *types.Type, at diag.Span) prog.Expr {
	return &prog.Builtin{Meta: meta(t, at), ID: prog.BRand}
}

// constant returns the value of a scalar constant.
func constant(x prog.Expr) (uint64, bool) {
	if i, ok := x.(*prog.Int); ok && i.T != unknown && !i.T.Optional {
		return i.Val, true
	}
	return 0, false
}

// truncate makes v what a variable of type t would hold, extended to 64 bits
// by its sign.
func truncate(v uint64, t *types.Type) uint64 {
	if t.Kind == types.Bool {
		if v != 0 {
			return 1
		}
		return 0
	}
	if !t.Scalar() || t.Size >= 8 || t.Size == 0 {
		return v
	}
	shift := 64 - 8*t.Size
	if t.Signed {
		return uint64(int64(v<<shift) >> shift)
	}
	return v << shift >> shift
}

// same is Equal, but tells flexible types from fixed ones.
func same(a, b *types.Type) bool {
	return types.Equal(a, b) && (a.Kind != types.Int || isFlexible(a) == isFlexible(b))
}

// merge returns the type that holds the values of both.
func merge(a, b *types.Type) (*types.Type, bool) {
	switch {
	case a == unknown:
		return b, true
	case b == unknown:
		return a, true
	case a.Kind == types.Enum && b.Kind == types.Enum && a.Name == b.Name:
		return a, true
	case isNumber(a) && isNumber(b):
		return mergeInts(a, b), true
	case a.Kind == types.Probe && b.Kind == types.String:
		return types.Str(max(a.Len, b.Size)), true
	case a.Kind == types.String && b.Kind == types.Probe:
		return merge(b, a)
	case a.Kind != b.Kind:
		return nil, false
	}
	switch a.Kind {
	case types.String, types.Buffer:
		if b.Size > a.Size {
			return b, true
		}
		return a, true
	case types.Pointer:
		return mergePointers(a, b)
	case types.Tuple, types.Record:
		return mergeFields(a, b)
	case types.Sum, types.Min, types.Max, types.Avg, types.Stats:
		if b.Signed {
			return b, true
		}
		return a, true
	case types.TSeries:
		return a, a.Signed == b.Signed && a.Interval == b.Interval && a.Intervals == b.Intervals && a.SeriesFunction == b.SeriesFunction
	case types.Stack:
		return a, a.User == b.User && a.Mode == b.Mode && a.Frames == b.Frames
	}
	return a, types.Equal(a, b)
}

func isNumber(t *types.Type) bool { return t.Kind == types.Int || t.Kind == types.Enum }

func mergeInts(a, b *types.Type) *types.Type {
	size := max(a.Size, b.Size)
	if a.Signed == b.Signed {
		if isFlexible(a) && isFlexible(b) {
			return flexible[size]
		}
		return types.Integer(size, a.Signed)
	}
	switch {
	case isFlexible(a), isFlexible(b):
		return types.Integer(size, false)
	case a.Signed && a.Size > b.Size, b.Signed && b.Size > a.Size:
		return types.Integer(size, true)
	}
	return types.Integer(min(size*2, 8), true)
}

// losesSign tells whether no integer type holds the values of both.
func losesSign(a, b *types.Type) bool {
	if !isNumber(a) || !isNumber(b) || a.Signed == b.Signed || isFlexible(a) || isFlexible(b) {
		return false
	}
	if a.Signed {
		a, b = b, a
	}
	return a.Size == 8
}

func mergePointers(a, b *types.Type) (*types.Type, bool) {
	if types.Equal(a, b) {
		return a, true
	}
	if a.Elem != nil && b.Elem != nil && isNumber(a.Elem) && isNumber(b.Elem) {
		return types.PointerTo(mergeInts(a.Elem, b.Elem), a.Space), true
	}
	if a.Elem != nil && b.Elem != nil && a.Elem.Kind == types.Pointer && b.Elem.Kind == types.Pointer {
		elem, ok := mergePointers(a.Elem, b.Elem)
		return types.PointerTo(elem, a.Space), ok
	}
	return a, a.Elem.String() == b.Elem.String()
}

// mergeFields merges tuples by position and records by name.
func mergeFields(a, b *types.Type) (*types.Type, bool) {
	if len(a.Fields) != len(b.Fields) {
		return nil, false
	}
	fields := make([]types.Field, len(a.Fields))
	for i, f := range a.Fields {
		g := b.Fields[i]
		if a.Kind == types.Record {
			var ok bool
			if g, ok = b.FieldNamed(f.Name); !ok {
				return nil, false
			}
		}
		t, ok := merge(f.Type, g.Type)
		if !ok {
			return nil, false
		}
		fields[i] = types.Field{Name: f.Name, Type: t}
	}
	if a.Kind == types.Record {
		return types.RecordOf(fields), true
	}
	return tupleOf(fields), true
}

func tupleOf(fields []types.Field) *types.Type {
	elems := make([]*types.Type, len(fields))
	for i, f := range fields {
		elems[i] = f.Type
	}
	return types.TupleOf(elems...)
}

// convert makes x a value of t, a type that x's was merged into.
func (b *body) convert(x prog.Expr, t *types.Type) prog.Expr {
	from := x.Type()
	if from == unknown || t == unknown || from == t {
		return x
	}
	if from.Optional && !t.Optional && from.Kind == types.Int {
		x = &prog.Must{Meta: meta(types.TUint64, x.Span()), X: x}
		from = types.TUint64
	}
	switch v := x.(type) {
	case *prog.Int:
		return integer(t, v.Val, v.At)
	case *prog.Str:
		if t.Kind == types.String {
			return &prog.Str{Meta: meta(t, v.At), Val: v.Val}
		}
	}
	if types.Equal(from, t) {
		return x
	}
	if from.Kind == types.Probe && t.Kind == types.String {
		return b.nameText(x, t)
	}
	if from.Kind == t.Kind && (t.Kind == types.Tuple || t.Kind == types.Record) {
		return b.convertFields(x, t)
	}
	return &prog.Cast{Meta: meta(t, x.Span()), X: x}
}

// convertFields converts a tuple or record member by member.
func (b *body) convertFields(x prog.Expr, t *types.Type) prog.Expr {
	from := x.Type()
	var take func(i int) prog.Expr
	var stmts []prog.Stmt
	if c, ok := x.(*prog.Compose); ok {
		take = func(i int) prog.Expr { return c.Parts[i] }
	} else {
		v := b.temp(from)
		stmts = []prog.Stmt{&prog.SetVar{At: at(x.Span()), Var: v, X: x}}
		x = &prog.VarRef{Meta: meta(from, x.Span()), Var: v}
		take = func(i int) prog.Expr { return member(prog.Clone(x), from.Fields[i]) }
	}
	out := &prog.Compose{Meta: meta(t, x.Span())}
	for i, f := range t.Fields {
		if t.Kind == types.Record {
			i = fieldIndex(from, f.Name)
		}
		out.Parts = append(out.Parts, b.convert(take(i), f.Type))
	}
	if stmts == nil {
		return out
	}
	return &prog.Block{Meta: meta(t, x.Span()), Stmts: stmts, X: out}
}

func fieldIndex(t *types.Type, name string) int {
	for i, f := range t.Fields {
		if f.Name == name {
			return i
		}
	}
	panic("BUG: no field " + name)
}

// zero is the value that a variable has before it is set.
func zero(t *types.Type, span diag.Span) prog.Expr {
	switch {
	case t.Kind == types.String:
		return &prog.Str{Meta: meta(t, span)}
	case t.Scalar():
		return &prog.Int{Meta: meta(t, span)}
	}
	return &prog.Compose{Meta: meta(t, span)}
}
