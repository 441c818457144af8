package check

import (
	"strconv"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// space is the address space of pointers that say nothing about it.
func (b *body) space() types.Space {
	if (onUser | onRPC).has(b.point.Kind) {
		return types.SpaceUser
	}
	return types.SpaceKernel
}

// spaceOf is where values of t lead to, as kptr() or uptr() say, else the probe.
func (b *body) spaceOf(t *types.Type) types.Space {
	if t.Space != types.SpaceUnknown {
		return t.Space
	}
	return b.space()
}

// resolve completes a struct that is only named.
func (b *body) resolve(t *types.Type) *types.Type {
	if t == nil || t.Kind != types.Struct || len(t.Fields) > 0 {
		return t
	}
	if own := b.ctypes[t.String()]; own != nil {
		return own
	}
	full, ok := b.resolved[t]
	if !ok {
		full = b.world.Resolve(t, b.group)
		b.resolved[t] = full
	}
	return full
}

// load reads a value of type t behind a pointer. What cannot be read of a Go
// program's memory is told as unreadable.
func (b *body) load(ptr prog.Expr, off int64, t *types.Type, span diag.Span) *prog.Load {
	checked := b.group.Go != nil && ptr.Type().Space == types.SpaceUser && b.owner == "" // frameworks' scripts test what they read
	return &prog.Load{Meta: meta(t, span), Ptr: ptr, Off: off, Checked: checked}
}

// part is the value of type t at off in the memory value x.
func part(x prog.Expr, off int64, t *types.Type) prog.Expr {
	m := meta(t, x.Span())
	switch x := x.(type) {
	case *prog.GoParam:
		return &prog.GoParam{Meta: m, Name: x.Name, Place: x.Place.Sub(int(off), t.Size), Ret: x.Ret}
	case *prog.Load:
		return &prog.Load{Meta: m, Ptr: prog.Clone(x.Ptr), Off: x.Off + off, Checked: x.Checked}
	case *prog.Member:
		return &prog.Member{Meta: m, X: prog.Clone(x.X), Off: x.Off + off}
	}
	return &prog.Member{Meta: m, X: prog.Clone(x), Off: off}
}

// member is the field f of the memory value x.
func member(x prog.Expr, f types.Field) prog.Expr {
	if f.BitSize == 0 {
		return part(x, int64(f.Offset), f.Type)
	}
	if _, ok := x.(*prog.GoParam); ok {
		return &prog.Member{Meta: meta(f.Type, x.Span()), X: x, Off: int64(f.Offset), BitOff: f.BitOff, BitSize: f.BitSize}
	}
	p := part(x, int64(f.Offset), f.Type)
	switch p := p.(type) {
	case *prog.Load:
		p.BitOff, p.BitSize = f.BitOff, f.BitSize
	case *prog.Member:
		p.BitOff, p.BitSize = f.BitOff, f.BitSize
	}
	return p
}

// field is x.name; pointers are followed.
func (b *body) field(e *syntax.FieldExpr) prog.Expr {
	if id, ok := e.X.(*syntax.IdentExpr); ok && !b.shadowed(id.Name) {
		switch id.Name {
		case "args":
			return b.argNamed(e)
		case "ret":
			return b.resultNamed(e)
		case "rpc":
			return b.rpcNamed(e)
		}
	}
	if e.Args != nil {
		b.notCallable(e)
		return bad(e.At)
	}
	x, wrap := b.single(b.expr(e.X))
	if isBad(x) {
		return bad(e.At)
	}
	return wrap(b.fieldOf(x, e))
}

// shadowed tells whether name is the script's own.
func (b *body) shadowed(name string) bool {
	_, param := b.param(name)
	return param || b.defines[name] != nil || b.macros[name] != nil
}

// single makes x fit for being used twice. The function it returns puts the
// statements that this takes before the result.
func (b *body) single(x prog.Expr) (prog.Expr, func(prog.Expr) prog.Expr) {
	if !prog.HasBlock(x) {
		return x, func(y prog.Expr) prog.Expr { return y }
	}
	stmts := b.collect(func() { x = b.bind(x) })
	return x, func(y prog.Expr) prog.Expr { return sequence(stmts, y, y.Span()) }
}

func (b *body) fieldOf(x prog.Expr, e *syntax.FieldExpr) prog.Expr {
	t := x.Type()
	if t.Kind == types.Pointer {
		s := b.resolve(t.Elem)
		if s == nil || s.Kind != types.Struct {
			b.noFields(e, t)
			return bad(e.At)
		}
		return b.structField(b.load(x, 0, s, e.At), s, e)
	}
	switch t.Kind {
	case types.Struct, types.Record:
		return b.structField(x, b.resolve(t), e)
	case types.Tuple:
		return b.tupleField(x, e)
	}
	b.noFields(e, t)
	return bad(e.At)
}

func (b *body) structField(x prog.Expr, s *types.Type, e *syntax.FieldExpr) prog.Expr {
	if f, ok := s.FieldNamed(e.Name); ok {
		if c := constantPart(x, f.Name); c != nil {
			return c
		}
		return b.fieldValue(member(x, f), e.At)
	}
	for _, f := range s.Fields { // promoted through an embedded pointer
		if f.Embedded && f.Type.Kind == types.Pointer {
			in := b.resolve(f.Type.Elem)
			if in == nil || in.Kind != types.Struct {
				continue
			}
			if _, ok := in.FieldNamed(e.Name); ok {
				return b.structField(b.load(member(x, f), 0, in, e.At), in, e)
			}
		}
	}
	b.noSuchField(e, s)
	return bad(e.At)
}

// constantPart is the member called name of a record whose members are all
// constants, nil of any other.
func constantPart(x prog.Expr, name string) prog.Expr {
	c, ok := x.(*prog.Compose)
	if !ok || c.T.Kind != types.Record || len(c.Parts) == 0 {
		return nil
	}
	for _, p := range c.Parts {
		switch p.(type) {
		case *prog.Int, *prog.Str:
		default:
			return nil
		}
	}
	return c.Parts[fieldIndex(c.T, name)]
}

// fieldValue is a field as the language sees it: arrays of char are strings,
// structs are complete.
func (b *body) fieldValue(x prog.Expr, span diag.Span) prog.Expr {
	t := x.Type()
	if full := b.resolve(t); full != t {
		x = part(x, 0, full)
		t = full
	}
	if t.Kind == types.Pointer {
		return b.placePointer(x)
	}
	if t.IsText() {
		return textValue(x, span)
	}
	return x
}

// placePointer says where the pointer x, just read, leads to: what lies in user
// memory points there, also where the type is one of the kernel's.
func (b *body) placePointer(x prog.Expr) prog.Expr {
	t, space := x.Type(), b.space()
	if load, ok := x.(*prog.Load); ok {
		space = load.Ptr.Type().Space
	}
	if t.Space == space || t.Space != types.SpaceUnknown && space != types.SpaceUser {
		return x
	}
	return part(x, 0, types.PointerTo(t.Elem, space))
}

// textValue reads an array of char as a string of the same capacity.
func textValue(x prog.Expr, span diag.Span) prog.Expr {
	t := types.Str(x.Type().Size)
	load, ok := x.(*prog.Load)
	if !ok {
		return part(x, 0, t)
	}
	return &prog.Call{Meta: meta(t, span), Fn: prog.FnStr, Args: []prog.Expr{offset(load.Ptr, load.Off), integer(types.TUint64, uint64(t.Size), span)}}
}

// offset is a pointer some bytes further.
func offset(ptr prog.Expr, off int64) prog.Expr {
	if off == 0 {
		return ptr
	}
	return &prog.Binary{Meta: meta(ptr.Type(), ptr.Span()), Op: prog.Add, X: ptr, Y: integer(types.TInt64, uint64(off), ptr.Span())}
}

func (b *body) tupleField(x prog.Expr, e *syntax.FieldExpr) prog.Expr {
	i, err := strconv.Atoi(e.Name)
	if err != nil || i >= len(x.Type().Fields) {
		b.noSuchElement(e, x.Type())
		return bad(e.At)
	}
	return member(x, x.Type().Fields[i])
}

// deref is *p.
func (b *body) deref(p prog.Expr, span diag.Span) prog.Expr {
	t := b.resolve(p.Type().Elem)
	if t == nil || t.Kind == types.Void {
		b.derefVoid(span)
		return bad(span)
	}
	p, wrap := b.single(p)
	return wrap(b.fieldValue(b.load(p, 0, t, span), span))
}

// index is x[i].
func (b *body) index(e *syntax.IndexExpr) prog.Expr {
	x, i := b.expr(e.X), b.expr(e.Index)
	if isBad(x, i) {
		return bad(e.At)
	}
	if !i.Type().IsInt() {
		if x.Type().Kind == types.Tuple {
			b.outOfBounds(e, i, len(x.Type().Fields), x.Type())
			return bad(e.At)
		}
		b.badIndex(e, i.Type())
		return bad(e.At)
	}
	if x.Type().Kind == types.Probe {
		x = b.asString(x)
	}
	x, wrap := b.single(x)
	return wrap(b.element(x, i, e))
}

func (b *body) element(x, i prog.Expr, e *syntax.IndexExpr) prog.Expr {
	t := x.Type()
	switch t.Kind {
	case types.Tuple:
		n, ok := constant(i)
		if !ok || n >= uint64(len(t.Fields)) {
			b.outOfBounds(e, i, len(t.Fields), t)
			return bad(e.At)
		}
		return member(x, t.Fields[n])
	case types.Array:
		return b.arrayElement(x, i, e)
	case types.Pointer:
		elem := b.resolve(t.Elem)
		if elem == nil {
			b.derefVoid(e.At)
			return bad(e.At)
		}
		return b.fieldValue(b.load(b.movePointer(x, i, e.At), 0, elem, e.At), e.At)
	case types.String:
		if n, ok := constant(i); ok && n >= uint64(t.Size) {
			b.outOfBounds(e, i, t.Size, t)
			return bad(e.At)
		}
		return &prog.Elem{Meta: meta(types.TInt8, e.At), X: x, I: b.convert(i, types.TUint64)}
	case types.GoSlice, types.GoString:
		elem := types.TUint8
		if t.Kind == types.GoSlice {
			elem = b.resolve(t.Elem)
		}
		ptr := part(x, 0, types.PointerTo(elem, types.SpaceUser))
		return b.bounded(ptr, part(x, 8, types.TUint64), i, elem, e.At)
	}
	b.notIndexable(e, t)
	return bad(e.At)
}

func (b *body) arrayElement(x, i prog.Expr, e *syntax.IndexExpr) prog.Expr {
	t := x.Type()
	if n, ok := constant(i); ok {
		if n >= uint64(t.Len) && t.Len > 0 {
			b.outOfBounds(e, i, t.Len, t)
			return bad(e.At)
		}
		return b.fieldValue(part(x, int64(n)*int64(t.Elem.Size), t.Elem), e.At)
	}
	if load, ok := x.(*prog.Load); ok {
		ptr := b.convert(offset(load.Ptr, load.Off), types.PointerTo(t.Elem, load.Ptr.Type().Space))
		return b.bounded(ptr, integer(types.TUint64, uint64(t.Len), e.At), i, t.Elem, e.At)
	}
	return &prog.Elem{Meta: meta(t.Elem, e.At), X: x, I: b.convert(i, types.TUint64)}
}

// bounded reads element i of n at ptr. Behind the end it reads address zero,
// which fails as any unreadable memory does.
func (b *body) bounded(ptr, n, i prog.Expr, elem *types.Type, span diag.Span) prog.Expr {
	i, wrap := b.single(i)
	in := &prog.Binary{Meta: meta(types.TBool, span), Op: prog.Lt, X: b.convert(prog.Clone(i), types.TUint64), Y: n}
	if l, ok := constant(i); ok {
		in.X = integer(types.TUint64, l, span)
	}
	address := &prog.Cond{Meta: meta(ptr.Type(), span), C: in, A: b.movePointer(ptr, i, span), B: integer(ptr.Type(), 0, span)}
	return wrap(b.load(address, 0, elem, span))
}

// storable is x as a variable or map can hold it: strings of Go are read, at
// most limit bytes with the NUL.
func (b *body) storable(x prog.Expr, limit int) prog.Expr {
	t := x.Type()
	switch {
	case t.Kind == types.GoString:
		x, wrap := b.single(x)
		ptr := part(x, 0, types.PointerTo(types.TUint8, types.SpaceUser))
		return wrap(&prog.StrN{Meta: meta(types.Str(min(limit, b.prog.Config.MaxStrlen)), x.Span()), Ptr: ptr, Len: part(x, 8, types.TUint64), Checked: true})
	case t.Kind == types.String && t.Optional && t.Size > limit: // a text of a call
		return b.convert(x, types.Str(limit))
	case t.Kind == types.Tuple || t.Kind == types.Record:
		c, ok := x.(*prog.Compose)
		if !ok || len(c.Parts) == 0 {
			return x
		}
		out := &prog.Compose{Meta: c.Meta}
		fields := append([]types.Field(nil), t.Fields...)
		for i, p := range c.Parts {
			out.Parts = append(out.Parts, b.storable(p, limit))
			fields[i].Type = out.Parts[i].Type()
		}
		out.T = tupleOf(fields)
		if t.Kind == types.Record {
			out.T = types.RecordOf(fields)
		}
		return out
	}
	return x
}

// str makes x a String where one is needed; nil if it is none.
func (b *body) asString(x prog.Expr) prog.Expr {
	switch t := x.Type(); {
	case t.Kind == types.String:
		return x
	case t.Kind == types.GoString:
		return b.storable(x, b.prog.Config.MaxStrlen)
	case t.IsText():
		return textValue(x, x.Span())
	case t.Kind == types.Probe:
		return b.nameText(x, types.Str(t.Len))
	}
	return nil
}
