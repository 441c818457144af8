package check

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// aggregateOf is an aggregate's type with its size in a map.
func aggregateOf(t types.Type) *types.Type {
	t.Size = 8 * t.AggregateWords()
	return &t
}

// sample is the number that an aggregate is fed with, as 64 bits.
func sample(b *body, c *syntax.CallExpr) (prog.Expr, bool) {
	x := b.value(c.Args[0])
	if isBad(x) {
		return nil, false
	}
	if !x.Type().IsInt() {
		b.wantNumber(c.Name, x)
		return nil, false
	}
	signed := x.Type().Signed
	return b.convert(x, types.Integer(8, signed)), signed
}

func numeric(kind types.Kind) func(*body, *syntax.CallExpr) (*types.Type, prog.Expr) {
	return func(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr) {
		x, signed := sample(b, c)
		if x == nil {
			return nil, nil
		}
		return aggregateOf(types.Type{Kind: kind, Signed: signed}), x
	}
}

func aggCount(*body, *syntax.CallExpr) (*types.Type, prog.Expr) {
	return aggregateOf(types.Type{Kind: types.Count}), nil
}

func aggSum(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr) { return numeric(types.Sum)(b, c) }
func aggAvg(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr) { return numeric(types.Avg)(b, c) }
func aggMin(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr) { return numeric(types.Min)(b, c) }
func aggMax(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr) { return numeric(types.Max)(b, c) }
func aggStats(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr) {
	return numeric(types.Stats)(b, c)
}

// maxHistBits bounds hist()'s second argument, as the language has it.
const maxHistBits = 5

func aggHist(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr) {
	x, _ := sample(b, c)
	bits := int64(0)
	if len(c.Args) > 1 {
		var ok bool
		if bits, ok = b.literalInt("hist", c.Args[1]); !ok {
			return nil, nil
		}
		if bits < 0 || bits > maxHistBits {
			b.histBits(c.Args[1].Span(), bits)
			return nil, nil
		}
	}
	if x == nil {
		return nil, nil
	}
	return aggregateOf(types.Type{Kind: types.Hist, Bits: int(bits)}), b.convert(x, types.TInt64)
}

// maxLHistBuckets bounds lhist(), as the language has it.
const maxLHistBuckets = 1000

func aggLHist(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr) {
	x, _ := sample(b, c)
	var v [3]int64
	for i, arg := range c.Args[1:] {
		var ok bool
		if v[i], ok = b.literalInt("lhist", arg); !ok {
			return nil, nil
		}
	}
	low, high, step := v[0], v[1], v[2]
	if x == nil || !b.lhistRange(c, low, high, step) {
		return nil, nil
	}
	return aggregateOf(types.Type{Kind: types.LHist, Low: low, High: high, Step: step}), b.convert(x, types.TInt64)
}

func (b *body) lhistRange(c *syntax.CallExpr, low, high, step int64) bool {
	switch {
	case step < 1:
		b.errorf(c.At, "lhist() step must be >= 1 (%d provided)", step)
	case low >= high:
		b.errorf(c.At, "lhist() min must be less than max (provided min %d and max %d)", low, high)
	case (high-low)/step > maxLHistBuckets:
		b.errorf(c.At, "lhist() too many buckets, must be <= %d (would need %d)", maxLHistBuckets, (high-low)/step)
	case step > high-low:
		b.errorf(c.At, "lhist() step is too large for the given range (provided step %d for range %d)", step, high-low)
	default:
		return true
	}
	return false
}

// aggregateAsValue is count() and its kin anywhere but behind @m =.
func (b *body) aggregateAsValue(e *syntax.CallExpr) {
	b.errorf(e.At, "%s() must be assigned directly to a map", e.Name).Hint = "write @name = " + e.Name + "(...)"
}

// wholeMap is an argument that has to be a map without a key.
func (b *body) wholeMap(fn string, e syntax.Expr) *mapState {
	m, ok := e.(*syntax.MapExpr)
	if !ok || m.Key != nil {
		b.wantMap(fn, e.Span())
		return nil
	}
	s := b.mapOf(m)
	if s.m.Value == nil {
		b.undefinedMap(s, e.Span())
		return nil
	}
	return s
}

func (b *body) callClear(e *syntax.CallExpr) prog.Expr { return b.mapAction(prog.ActClear, e) }
func (b *body) callZero(e *syntax.CallExpr) prog.Expr  { return b.mapAction(prog.ActZero, e) }

func (b *body) mapAction(kind prog.ActionKind, e *syntax.CallExpr) prog.Expr {
	m := b.wholeMap(e.Name, e.Args[0])
	if m == nil {
		return bad(e.At)
	}
	return b.emit(prog.Action{Kind: kind, Map: m.m}, nil, e.At)
}

// element is a map with a key, given as @m[k], or as @m and k.
func (b *body) mapElement(e *syntax.CallExpr) (*mapState, prog.Expr, bool) {
	m, ok := e.Args[0].(*syntax.MapExpr)
	if !ok || m.Key != nil && len(e.Args) > 1 {
		b.wantMap(e.Name, e.Args[0].Span())
		return nil, nil, false
	}
	if len(e.Args) > 1 {
		m = &syntax.MapExpr{Loc: m.Loc, Name: m.Name, Key: e.Args[1]}
	}
	s := b.mapOf(m)
	key, ok := b.key(s, m)
	if ok && s.m.Value == nil {
		b.undefinedMap(s, m.Span())
		return nil, nil, false
	}
	return s, key, ok
}

func (b *body) callDelete(e *syntax.CallExpr) prog.Expr {
	if m, ok := e.Args[0].(*syntax.MapExpr); ok && m.Key == nil {
		if s := b.mapOf(m); s.shaped && s.scalar != (len(e.Args) == 1) {
			b.wrongDelete(s.scalar, m.Span())
			return bad(e.At)
		}
	}
	m, key, ok := b.mapElement(e)
	if !ok {
		return bad(e.At)
	}
	return b.mapCall(prog.FnDelete, types.TBool, m, key, e.At)
}

// mapCall is a function of a map. One that looks into an aggregate sees the
// kernel's values, so clearing it must not only be remembered in user space.
func (b *body) mapCall(fn prog.FuncID, t *types.Type, m *mapState, key prog.Expr, span diag.Span) prog.Expr {
	if m.m.Value != nil && m.m.Value.IsAggregate() {
		m.m.Deleted = true
	}
	call := &prog.Call{Meta: meta(t, span), Fn: fn, Map: m.m}
	if key != nil {
		call.Args = []prog.Expr{key}
	}
	return call
}

func (b *body) callHasKey(e *syntax.CallExpr) prog.Expr {
	if m, ok := e.Args[0].(*syntax.MapExpr); ok && m.Key == nil {
		if s := b.mapOf(m); s.shaped && s.scalar {
			b.keyedOnly(e.Args[0].Span(), "call to has_key()")
			return bad(e.At)
		}
	}
	m, key, ok := b.mapElement(e)
	if !ok {
		return bad(e.At)
	}
	return b.mapCall(prog.FnHasKey, types.TBool, m, key, e.At)
}

// callFind is find(@m, k, $v): has_key, and on success the assignment.
func (b *body) callFind(e *syntax.CallExpr) prog.Expr {
	target, isVar := e.Args[2].(*syntax.VarExpr)
	if !isVar {
		b.wantSyntax("find", "a variable", e.Args[2].Span())
		return bad(e.At)
	}
	m, key, ok := b.mapElement(&syntax.CallExpr{Loc: e.Loc, Name: e.Name, NameSpan: e.NameSpan, Args: e.Args[:2]})
	if !ok {
		return bad(e.At)
	}
	t := m.m.Value
	if t.IsAggregate() {
		if t = readable(t); t == nil {
			b.notReadable(m, e.At)
			return bad(e.At)
		}
	}
	b.target(target)
	var found prog.Expr
	stmts := b.collect(func() {
		key = b.bind(key)
		found = b.bind(b.mapCall(prog.FnHasKey, types.TBool, m, key, e.At))
		then := b.collect(func() {
			get := &prog.MapGet{Meta: meta(t, e.At), Map: m.m}
			if key != nil {
				get.Key = prog.Clone(key)
			}
			b.storeVar(target, get, e.At)
		})
		b.add(&prog.If{At: at(e.At), Cond: prog.Clone(found), Then: then})
	})
	return sequence(stmts, found, e.At)
}

// callLen is the number of keys, frames or elements.
func (b *body) callLen(e *syntax.CallExpr) prog.Expr {
	if m, ok := e.Args[0].(*syntax.MapExpr); ok && m.Key == nil {
		s := b.wholeMap("len", m)
		if s == nil {
			return bad(e.At)
		}
		if s.shaped && s.scalar && s.m.Value.Kind != types.Stack {
			b.keyedOnly(m.Span(), "call to len()")
			return bad(e.At)
		}
		if !s.scalar {
			return b.mapCall(prog.FnLen, types.TInt64, s, nil, e.At)
		}
	}
	x := b.value(e.Args[0])
	if isBad(x) {
		return bad(e.At)
	}
	x, wrap := b.single(x)
	return wrap(b.lengthOf(x, e))
}

func (b *body) lengthOf(x prog.Expr, e *syntax.CallExpr) prog.Expr {
	switch t := x.Type(); t.Kind {
	case types.Stack:
		return invoke(prog.FnLen, types.TInt64, e.At, x)
	case types.GoString, types.GoSlice:
		return part(x, 8, types.TInt64)
	case types.Array:
		return integer(types.TInt64, uint64(t.Len), e.At)
	case types.GoMap:
		return b.goMapLen(x, e.At)
	}
	b.noLength(x.Type(), e.Args[0].Span())
	return bad(e.At)
}

// goMapLen reads the count at the start of the runtime's map; a nil map has
// none.
func (b *body) goMapLen(x prog.Expr, span diag.Span) prog.Expr {
	size := 8
	if b.group.Go != nil && b.group.Go.MapLenBytes > 0 {
		size = b.group.Go.MapLenBytes
	}
	ptr := b.convert(x, types.PointerTo(nil, types.SpaceUser))
	n := b.convert(b.load(ptr, 0, types.Integer(size, false), span), types.TInt64)
	return &prog.Cond{Meta: meta(types.TInt64, span), C: b.truth(prog.Clone(x)), A: n, B: integer(types.TInt64, 0, span)}
}
