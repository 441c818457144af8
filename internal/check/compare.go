package check

import (
	"cmp"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

func isComparison(op prog.Op) bool { return op >= prog.Eq && op <= prog.Ge }

// compare builds a comparison.
func (b *body) compare(op syntax.Op, o prog.Op, x, y prog.Expr, span diag.Span) prog.Expr {
	if v := b.compareNames(o, x, y, span); v != nil {
		return v
	}
	x, y = b.comparable(x), b.comparable(y)
	if isBad(x, y) {
		return bad(span)
	}
	xt, yt := x.Type(), y.Type()
	if xt.Kind == types.Probe != (yt.Kind == types.Probe) {
		if l, r := b.asString(x), b.asString(y); l != nil && r != nil {
			x, y, xt, yt = l, r, l.Type(), r.Type()
		}
	}
	equality := o == prog.Eq || o == prog.Ne
	word := func(t *types.Type) bool { return t.IsInt() || t.Kind == types.Pointer }
	switch {
	case word(xt) && word(yt):
		return b.compareInts(o, x, y, span)
	case xt.Kind == types.String && yt.Kind == types.String:
		if l, r, ok := literalTexts(x, y); ok {
			return boolean(ordered(o, strings.Compare(l, r)), span)
		}
		if equality {
			return b.compareStrings(o, x, y, span)
		}
	case equality && xt.Kind == yt.Kind:
		if t, ok := merge(xt, yt); ok && comparableKind(t) {
			return &prog.Binary{Meta: meta(types.TBool, span), Op: o, X: b.convert(x, t), Y: b.convert(y, t)}
		}
		if _, ok := x.(*prog.Compose); ok && xt.Kind == types.Tuple {
			if _, ok := y.(*prog.Compose); ok { // as written, they are not the same
				return boolean(o == prog.Ne, span)
			}
		}
	}
	b.badOperands(op, xt, yt, span)
	return bad(span)
}

func comparableKind(t *types.Type) bool {
	switch t.Kind {
	case types.Void, types.Float, types.Complex, types.GoSlice, types.GoInterface, types.Timestamp:
		return false
	}
	return !t.IsAggregate()
}

// comparable reads what is behind a Go string, and takes the word of an
// interface, slice, map, channel or function that tells whether it is nil.
func (b *body) comparable(x prog.Expr) prog.Expr {
	switch x.Type().Kind {
	case types.GoString, types.Tuple, types.Record:
		return b.storable(x, b.prog.Config.MaxStrlen)
	case types.GoInterface, types.GoSlice:
		x, wrap := b.single(x)
		return wrap(part(x, 0, types.TUint64))
	case types.GoMap, types.GoChan, types.GoFunc:
		return &prog.Cast{Meta: meta(types.TUint64, x.Span()), X: x}
	case types.Array:
		if x.Type().IsText() {
			return b.storable(x, b.prog.Config.MaxStrlen)
		}
	}
	return x
}

func (b *body) compareInts(o prog.Op, x, y prog.Expr, span diag.Span) prog.Expr {
	xt, yt := x.Type(), y.Type()
	signed := resultSigned(xt, yt) && xt.Kind != types.Pointer && yt.Kind != types.Pointer
	if l, ok := x.(*prog.Int); ok && isLiteral(xt) && isLiteral(yt) {
		if r, ok := y.(*prog.Int); ok && farApart(l, r) {
			b.literalRange(span)
			return bad(span)
		}
	}
	b.mixedSigns(x, y)
	if xt.Kind == types.Pointer && yt.Kind == types.Pointer && !alike(xt.Elem, yt.Elem) {
		b.distinctPointers(x, y, span)
	}
	t := types.Integer(8, signed)
	l, r := b.widen(x, t), b.widen(y, t)
	if v, ok := foldCompare(o, l, r); ok {
		return boolean(v, span)
	}
	return &prog.Binary{Meta: meta(types.TBool, span), Op: o, X: l, Y: r}
}

// alike tells whether pointers to a and b may be compared without a word.
func alike(a, b *types.Type) bool { return a.String() == b.String() }

func (b *body) compareStrings(o prog.Op, x, y prog.Expr, span diag.Span) prog.Expr {
	l, lok := x.(*prog.Str)
	r, rok := y.(*prog.Str)
	if lok {
		y = shorten(y, len(l.Val)+2)
	}
	if rok {
		x = shorten(x, len(r.Val)+2)
	}
	return &prog.Binary{Meta: meta(types.TBool, span), Op: o, X: x, Y: y}
}

// shorten reads at most size bytes of a string, the NUL included, where no
// more are looked at: to tell it from a literal, one more than that has.
func shorten(x prog.Expr, size int) prog.Expr {
	if x.Type().Size <= size {
		return x
	}
	switch x := x.(type) {
	case *prog.StrN:
		return &prog.StrN{Meta: meta(types.Str(size), x.At), Ptr: x.Ptr, Len: x.Len, Checked: x.Checked}
	case *prog.Call:
		if _, ok := constant(x.Args[len(x.Args)-1]); ok && x.Fn == prog.FnStr {
			n := integer(types.TUint64, uint64(size), x.At)
			return &prog.Call{Meta: meta(types.Str(size), x.At), Fn: x.Fn, Args: []prog.Expr{x.Args[0], n}}
		}
	}
	return x
}

// compareNames compares func, probe or a label with a name by the numbers they stand
// for; nil if it is something else that is compared.
func (b *body) compareNames(o prog.Op, x, y prog.Expr, span diag.Span) prog.Expr {
	if _, ok := x.(*prog.Str); ok {
		x, y = y, x
	}
	name, ok := y.(*prog.Str)
	kind := x.Type().Kind
	if !ok || o != prog.Eq && o != prog.Ne || !named(kind) {
		return nil
	}
	if _, own := x.(*prog.Builtin); kind == types.Probe && !own {
		return nil // it may be another probe's
	}
	if b.quiet {
		return varying(types.TBool, span)
	}
	x, wrap := b.single(x)
	var any prog.Expr
	for _, id := range b.namesOf(x.Type(), name.Val) {
		hit := prog.Expr(&prog.Binary{Meta: meta(types.TBool, span), Op: prog.Eq,
			X: &prog.Cast{Meta: meta(types.TUint64, span), X: prog.Clone(x)}, Y: integer(types.TUint64, id, span)})
		if any != nil {
			hit = &prog.Binary{Meta: meta(types.TBool, span), Op: prog.OrOr, X: any, Y: hit}
		}
		any = hit
	}
	if any == nil {
		return boolean(o == prog.Ne, span)
	}
	if o == prog.Ne {
		return wrap(&prog.Unary{Meta: meta(types.TBool, span), Op: prog.Not, X: any})
	}
	return wrap(any)
}

// named tells whether values of the kind are numbers that print as names.
func named(k types.Kind) bool {
	return k == types.Func || k == types.Probe || k == types.Label || k == types.KSym
}

// namesOf lists the values that func, probe or a label of type t has where it
// reads as name.
func (b *body) namesOf(t *types.Type, name string) []uint64 {
	kind := t.Kind
	if kind == types.Label {
		var ids []uint64
		for n := range uint64(maxLabel) {
			if b.world.LabelText(t.Name, n) == name {
				ids = append(ids, n)
			}
		}
		return ids
	}
	if kind == types.KSym {
		if addr, ok := b.world.KernelSymbol(name); ok {
			return []uint64{addr}
		}
		return nil
	}
	point := uint64(b.point.Named) << 32
	if kind == types.Probe && len(b.group.Funcs) == 0 {
		if PointName(b.point, "", "") == name {
			return []uint64{point}
		}
		return nil
	}
	var ids []uint64
	for _, f := range b.group.Funcs {
		switch {
		case kind == types.Func && f.Name == name:
			ids = append(ids, uint64(f.ID))
		case kind == types.Probe && PointName(b.point, targetPath(b.group), f.Name) == name:
			ids = append(ids, point|uint64(f.ID))
		}
	}
	return ids
}

func foldCompare(op prog.Op, x, y prog.Expr) (bool, bool) {
	l, lok := constant(x)
	r, rok := constant(y)
	if !lok || !rok {
		return false, false
	}
	if x.Type().Signed {
		return ordered(op, cmp.Compare(int64(l), int64(r))), true
	}
	return ordered(op, cmp.Compare(l, r)), true
}

// ordered is what a comparison says of two values whose order is below, at or
// above zero.
func ordered(op prog.Op, order int) bool {
	switch op {
	case prog.Eq:
		return order == 0
	case prog.Ne:
		return order != 0
	case prog.Lt:
		return order < 0
	case prog.Le:
		return order <= 0
	case prog.Gt:
		return order > 0
	}
	return order >= 0
}
