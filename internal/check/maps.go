package check

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// keyStrlen bounds the strings of Go that become map keys, in bytes with the
// NUL: a key is compared and copied whole at every access.
const keyStrlen = 128

// mapOf finds the map that e names, through macro parameters.
func (b *body) mapOf(e *syntax.MapExpr) *mapState {
	name := e.Name
	if p, ok := b.param("@" + name); ok {
		arg := p.arg.(*syntax.MapExpr)
		var m *mapState
		b.within(p, func() { m = b.mapOf(arg) })
		return m
	}
	if b.inMacro() && b.owner == "" {
		b.foreignMap(e.Span(), name)
	}
	m := b.mapNamed(name, e.Span())
	m.m.Hidden = b.owner != ""
	return m
}

// shapeOf notes whether e uses m with a key; false if that does not agree
// with an earlier use.
func (b *body) shapeOf(m *mapState, e *syntax.MapExpr) bool {
	scalar := e.Key == nil
	if !m.shaped {
		m.shaped, m.scalar, m.shape = true, scalar, e.Span()
		return true
	}
	if m.scalar != scalar {
		b.mixedShape(m, e.Span(), scalar)
		return false
	}
	return true
}

// key checks e's key and makes m's key type hold it. It returns nil for a
// scalar map and false after an error.
func (b *body) key(m *mapState, e *syntax.MapExpr) (prog.Expr, bool) {
	if !b.shapeOf(m, e) {
		return nil, false
	}
	if e.Key == nil {
		return nil, true
	}
	x := b.keyValue(e.Key)
	if isBad(x) {
		return nil, false
	}
	m.m.KeyN = 1
	if x.Type().Kind == types.Tuple {
		m.m.KeyN = max(len(x.Type().Fields), 1)
	}
	return b.fitKey(m, x)
}

// keyValue is e as a key: strings of Go are read, members of opaque kinds are
// refused.
func (b *body) keyValue(e syntax.Expr) prog.Expr {
	x := b.storable(b.expr(e), keyStrlen)
	if isBad(x) {
		return x
	}
	t := x.Type()
	if unfit(t) != nil {
		b.badKey(e.Span(), t)
		return bad(e.Span())
	}
	return x
}

// unfit returns the part of t that a map cannot keep, nil if there is none:
// what leads to memory that is gone when the map is printed.
func unfit(t *types.Type) *types.Type {
	switch t.Kind {
	case types.Void, types.Float, types.Complex, types.GoString, types.GoSlice, types.GoInterface:
		return t
	case types.Tuple, types.Record, types.Struct:
		if t.Name == types.PayloadName {
			return t
		}
		for _, f := range t.Fields {
			if bad := unfit(f.Type); bad != nil {
				return bad
			}
		}
	}
	return nil
}

func (b *body) fitKey(m *mapState, x prog.Expr) (prog.Expr, bool) {
	old := m.m.Key
	if old == nil {
		old = unknown
	}
	merged, ok := merge(plainKey(old, x.Type()), plainKey(x.Type(), old))
	if !ok {
		b.keyMismatch(m, x)
		return nil, false
	}
	if !same(merged, old) {
		if m.frozen {
			b.frozenKey(m, x, merged)
			return nil, false
		}
		m.m.Key = merged
		b.changed = true
	}
	return b.convert(x, m.m.Key), true
}

// plainKey is t as a key beside keys of type other: an address is a number where the
// others are numbers, as arguments are whose types are not known.
func plainKey(t, other *types.Type) *types.Type {
	switch {
	case t.Kind == types.Pointer && other.Kind == types.Int && other.Size == 8:
		return types.TUint64
	case t.Kind == types.Tuple && other.Kind == types.Tuple && len(t.Fields) == len(other.Fields):
		elems := make([]*types.Type, len(t.Fields))
		for i, f := range t.Fields {
			elems[i] = plainKey(f.Type, other.Fields[i].Type)
		}
		return types.TupleOf(elems...)
	}
	return t
}

// fitValue makes m's value type hold t; false after an error.
func (b *body) fitValue(m *mapState, t *types.Type, span diag.Span) bool {
	old := m.m.Value
	if old == nil {
		old = unknown
	}
	if old.IsAggregate() != t.IsAggregate() && old != unknown {
		b.valueMismatch(m, t, span)
		return false
	}
	merged, ok := merge(old, t)
	if !ok {
		b.valueMismatch(m, t, span)
		return false
	}
	if m.m.PerCPU && !t.IsAggregate() {
		b.perCPUValue(m, t, span)
		return false
	}
	if losesSign(old, t) {
		b.signMismatch(m.m.Name, old, t, span)
	}
	if !same(merged, old) {
		if m.frozen {
			b.frozenValue(m, t, span)
			return false
		}
		m.m.Value = merged
		b.changed = true
	}
	return true
}

// mapGet reads a map's value.
func (b *body) mapGet(e *syntax.MapExpr) prog.Expr {
	if b.quiet {
		return varying(types.TUint64, e.Span())
	}
	m := b.mapOf(e)
	key, ok := b.key(m, e)
	if !ok {
		return bad(e.Span())
	}
	if m.m.Value == nil {
		b.readUnset(m)
		return bad(e.Span())
	}
	t := m.m.Value
	if t.IsAggregate() {
		if t = readable(t); t == nil {
			b.notReadable(m, e.Span())
			return bad(e.Span())
		}
		m.m.Deleted = true // what the program reads has to be really cleared
	}
	return &prog.MapGet{Meta: meta(t, e.Span()), Map: m.m, Key: key}
}

// statsOf is the value of a map of stats() as a record.
func (b *body) statsOf(m *mapState, e *syntax.MapExpr) prog.Expr {
	key, ok := b.key(m, e)
	if !ok {
		return bad(e.Span())
	}
	m.m.Deleted = true // what the program reads has to be really cleared
	number := types.Integer(8, m.m.Value.Signed)
	out := &prog.Compose{Meta: meta(types.RecordOf([]types.Field{
		{Name: "count", Type: types.TUint64}, {Name: "average", Type: number}, {Name: "total", Type: number},
	}), e.Span())}
	stmts := b.collect(func() {
		key = b.bind(key)
		for i, of := range []types.Kind{types.Count, types.Avg, types.Sum} {
			get := &prog.MapGet{Meta: meta(out.T.Fields[i].Type, e.Span()), Map: m.m, Of: of}
			if key != nil {
				get.Key = prog.Clone(key)
			}
			out.Parts = append(out.Parts, get)
		}
	})
	return sequence(stmts, out, e.Span())
}

// readUnset notes that m is read, though nothing so far tells its type. Code
// that never runs may, else it is a number: see assume.
func (b *body) readUnset(m *mapState) {
	if !b.keepDead {
		b.keepDead, b.changed = true, true
	}
	b.unset = append(b.unset, m)
}

// assume makes the maps that are read, but never set, maps of numbers; false
// if there are none.
func (c *checker) assume() bool {
	for _, m := range c.unset {
		m.m.Value = types.TInt64
		c.neverSet(m)
	}
	return len(c.unset) > 0
}

// readable returns the integer that an aggregate reads as, nil if it is none.
func readable(t *types.Type) *types.Type {
	switch t.Kind {
	case types.Count:
		return types.TUint64
	case types.Sum, types.Min, types.Max, types.Avg:
		return types.Integer(8, t.Signed)
	}
	return nil
}

// assignMap is @m[k] = value.
func (b *body) assignMap(e *syntax.MapExpr, value syntax.Expr, span diag.Span) {
	m := b.mapOf(e)
	if call, ok := value.(*syntax.CallExpr); ok {
		if fn := b.functions[call.Name]; fn != nil && fn.aggregate != nil && b.macros[call.Name] == nil {
			b.aggregate(m, e, call, fn, span)
			return
		}
	}
	if other, ok := value.(*syntax.MapExpr); ok {
		if from := b.mapOf(other).m; from.Value != nil && readable(from.Value) != nil {
			b.copiedAggregate(m, e, from, span)
			return
		}
	}
	x := b.storable(b.expr(value), b.prog.Config.MaxStrlen)
	var key prog.Expr
	ok := false
	before := b.collect(func() { key, ok = b.key(m, e) })
	if !ok || isBad(x) {
		return
	}
	keyed, valued := append(before, &prog.Eval{X: key}), []prog.Stmt{&prog.Eval{X: x}}
	if disturbs(valued, keyed) || disturbs(keyed, valued) {
		x = b.keep(x) // the value is computed first
	}
	for _, s := range before {
		b.add(s)
	}
	if part := unfit(x.Type()); part != nil {
		b.badValue(x.Type(), part, span)
		return
	}
	if !b.fitValue(m, x.Type(), span) {
		return
	}
	b.add(&prog.SetMap{At: at(span), Map: m.m, Key: key, X: b.convert(x, m.m.Value)})
}

// disturbs tells whether first changes a variable or a map that then reads.
func disturbs(first, then []prog.Stmt) bool {
	vars, maps, found := map[*prog.Var]bool{}, false, false
	prog.WalkStmts(first, func(s prog.Stmt) {
		switch s := s.(type) {
		case *prog.SetVar:
			vars[s.Var] = true
		case *prog.SetMap, *prog.AddMap, *prog.Aggregate, *prog.Delete:
			maps = true
		}
	})
	if len(vars) == 0 && !maps {
		return false
	}
	prog.Rewrite(then, func(e prog.Expr) prog.Expr {
		switch e := e.(type) {
		case *prog.VarRef:
			found = found || vars[e.Var]
		case *prog.MapGet, *prog.MapPtr:
			found = found || maps
		case *prog.Call:
			found = found || maps && e.Map != nil
		}
		return e
	})
	return found
}

func (b *body) aggregate(m *mapState, e *syntax.MapExpr, call *syntax.CallExpr, fn *Function, span diag.Span) {
	key, ok := b.key(m, e)
	if !b.arity(fn, call) {
		return
	}
	t, x := fn.aggregate(b, call)
	if !ok || t == nil || key != nil && !b.seriesFits(t, span) || !b.fitValue(m, t, span) {
		return
	}
	agg := &prog.Aggregate{At: at(span), Map: m.m, Key: key, X: x}
	if t.Kind == types.TSeries {
		agg.When = b.seriesTime(span)
	}
	b.add(agg)
}

// addMap is @m[k] += x for integers whose result nobody reads.
func (b *body) addMap(e *syntax.MapExpr, x prog.Expr, span diag.Span) {
	m := b.mapOf(e)
	key, ok := b.key(m, e)
	if !ok || isBad(x) {
		return
	}
	if m.m.Value != nil && m.m.Value.Kind == types.Pointer {
		b.stepPointer(m, key, x, span)
		return
	}
	if !b.fitValue(m, b.sumType(m, x.Type()), span) {
		return
	}
	b.add(&prog.AddMap{At: at(span), Map: m.m, Key: key, X: b.convert(x, m.m.Value)})
}

// sumType is the type of a map's value after something of type t was added.
func (b *body) sumType(m *mapState, t *types.Type) *types.Type {
	signed := t.Signed && !isFlexible(t)
	if old := m.m.Value; old != nil && isNumber(old) {
		signed = signed || old.Signed && !isFlexible(old)
	}
	return types.Integer(8, signed)
}

// stepPointer is @m[k] += n where the value is a pointer.
func (b *body) stepPointer(m *mapState, key, n prog.Expr, span diag.Span) {
	key = b.bind(key)
	old := &prog.MapGet{Meta: meta(m.m.Value, span), Map: m.m, Key: prog.Clone(key)}
	b.add(&prog.SetMap{At: at(span), Map: m.m, Key: key, X: b.movePointer(old, n, span)})
}

// bind keeps x's value in a variable so that it can be used more than once;
// what costs nothing to evaluate again is left as it is.
func (b *body) bind(x prog.Expr) prog.Expr {
	switch x.(type) {
	case nil, *prog.Int, *prog.Str, *prog.VarRef:
		return x
	}
	return b.keep(x)
}

// keep is bind also where x is a variable that may change.
func (b *body) keep(x prog.Expr) prog.Expr {
	if isBad(x) {
		return x
	}
	v := b.temp(x.Type())
	b.add(&prog.SetVar{At: at(x.Span()), Var: v, X: x})
	return &prog.VarRef{Meta: meta(x.Type(), x.Span()), Var: v}
}

// mapValue reads a map that the same expression sets.
func (b *body) mapValue(m *syntax.MapExpr) prog.Expr {
	if s := b.mapOf(m); s.m.Value == nil {
		return bad(m.Span())
	}
	return b.mapGet(m)
}
