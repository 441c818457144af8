package lower

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// maxNestedText is how many bytes of a string in a slice's element or behind an
// interface go into a record.
const maxNestedText = 256

// expandEmits turns the arguments of every Emit into items: the image of each
// value and, for Go values, what lies behind its pointers, as types.Blobs
// lists it.
func expandEmits(stmts []prog.Stmt, c *context) {
	prog.WalkStmts(stmts, func(s prog.Stmt) {
		e, ok := s.(*prog.Emit)
		if !ok {
			return
		}
		for i, a := range e.Args {
			x := &expander{c: c, arg: i, at: a.Span()}
			e.Action.Args[i] = x.expand(a)
			e.Items = append(e.Items, x.items...)
		}
		e.Args = nil
	})
}

// expander makes the items of one argument.
type expander struct {
	c     *context
	arg   int
	at    diag.Span
	items []prog.Item
}

// expand adds the items of e and returns the type they are decoded with.
func (x *expander) expand(e prog.Expr) *types.Type {
	e = x.keepStrings(e)
	t := e.Type()
	blobs := types.Blobs(t)
	if len(blobs) == 0 {
		x.items = []prog.Item{{Arg: x.arg, X: e}}
		return t
	}
	store, v := bind(t, e)
	image := &prog.Block{Meta: prog.Meta{T: t, At: x.at}, Stmts: []prog.Stmt{store}, X: v}
	x.items = []prog.Item{{Arg: x.arg, X: image}}
	places := make([]value, len(blobs))
	for i, b := range blobs {
		places[i] = x.place(b, v, blobs, places)
		if !x.kept(e, b) {
			x.blob(b, places[i])
		}
	}
	return t
}

// kept adds the item of a string in a parameter of a return probe, a member of a struct
// for one: its bytes as they were at entry.
func (x *expander) kept(e prog.Expr, b types.Blob) bool {
	f := x.c.frame
	if f == nil || b.Kind != types.BlobString || b.Parent >= 0 || len(f.strings) >= maxFrameStrings {
		return false
	}
	p := paramAt(e, b.Off, b.Type)
	if p == nil {
		return false
	}
	s := f.text(p.Word(0), p.Word(1), frameStrlen)
	x.items = append(x.items, prog.Item{Arg: x.arg, Ptr: s.from(x.at), Len: varRef(s.n), Max: frameStrlen - 1})
	return true
}

// paramAt is the part of e at off that is one of a parameter, nil if it is not.
func paramAt(e prog.Expr, off int, t *types.Type) *prog.GoParam {
	switch e := e.(type) {
	case *prog.GoParam:
		if !e.Ret {
			return &prog.GoParam{Meta: prog.Meta{T: t, At: e.At}, Name: e.Name, Place: e.Place.Sub(off, t.Size)}
		}
	case *prog.Compose:
		for i, f := range e.T.Fields {
			if off >= f.Offset && off < f.Offset+f.Type.Size && i < len(e.Parts) {
				return paramAt(e.Parts[i], off-f.Offset, t)
			}
		}
	}
	return nil
}

// keepStrings replaces string parameters of a return probe, also as parts of
// a tuple or record, by their bytes at entry.
func (x *expander) keepStrings(e prog.Expr) prog.Expr {
	if x.c.frame == nil {
		return e
	}
	switch e := e.(type) {
	case *prog.GoParam:
		if !e.Ret && e.T.Kind == types.GoString {
			return &prog.StrN{Meta: prog.Meta{T: types.Str(frameStrlen), At: e.At}, Ptr: e.Word(0), Len: e.Word(1)}
		}
	case *prog.Compose:
		fields := append([]types.Field(nil), e.T.Fields...)
		if e.T.Kind != types.Tuple && e.T.Kind != types.Record {
			return e
		}
		for i, p := range e.Parts {
			e.Parts[i] = x.keepStrings(p)
			fields[i].Type = e.Parts[i].Type()
		}
		if e.T.Kind == types.Record {
			e.T = types.RecordOf(fields)
		} else {
			e.T = types.TupleOfFields(fields)
		}
	}
	return e
}

// value is a Go value somewhere: how to read its parts, and whether it is
// there at all (nil: it is).
type value struct {
	at   func(off int64, t *types.Type) prog.Expr
	live prog.Expr
}

func (v value) word(i int64) prog.Expr { return v.at(8*i, types.TUint64) }

// place finds the value that blob b belongs to, in the argument v or in an
// element of the slice of an earlier blob.
func (x *expander) place(b types.Blob, v prog.Expr, blobs []types.Blob, places []value) value {
	if b.Parent < 0 {
		return value{at: func(off int64, t *types.Type) prog.Expr {
			if v.Type().Scalar() {
				return cast(t, v, x.at) // a map: one word, which has no parts
			}
			return &prog.Member{Meta: prog.Meta{T: t, At: x.at}, X: v, Off: int64(b.Off) + off}
		}}
	}
	slice := places[b.Parent]
	base := int64(b.Slot*blobs[b.Parent].Type.Elem.Size + b.Off)
	exists := compare(prog.Gt, slice.word(1), constant(uint64(b.Slot), x.at))
	if slice.live != nil {
		exists = compare(prog.AndAnd, slice.live, exists)
	}
	return value{live: exists, at: func(off int64, t *types.Type) prog.Expr {
		return x.user(slice.word(0), base+off, t)
	}}
}

func (x *expander) user(ptr prog.Expr, off int64, t *types.Type) prog.Expr {
	p := cast(types.PointerTo(nil, types.SpaceUser), ptr, x.at)
	return &prog.Load{Meta: prog.Meta{T: t, At: x.at}, Ptr: p, Off: off}
}

// blob adds the item of b, which belongs to v.
func (x *expander) blob(b types.Blob, v value) {
	it := prog.Item{Arg: x.arg, Max: b.Max}
	if b.Parent >= 0 || b.Kind == types.BlobText {
		it.Max = min(b.Max, maxNestedText)
	}
	first := v.word(0)
	switch b.Kind {
	case types.BlobString:
		it.Ptr, it.Len = first, v.word(1)
	case types.BlobElems:
		n, size := uint64(types.SliceElems(b.Type)), uint64(b.Type.Elem.Size)
		it.Max = b.Max
		it.Ptr, it.Len = first, binary(prog.Mul, x.atMost(v, 1, n), constant(size, x.at))
	case types.BlobDynType:
		it.Ptr, it.Len = first, constant(0, x.at) // the image has it
		if !b.Type.Empty {
			it.Ptr, it.Len = binary(prog.Add, first, constant(8, x.at)), x.where(ne(first, constant(0, x.at)), constant(8, x.at))
		}
	case types.BlobText:
		it.Ptr, it.Len = x.user(v.word(1), 0, types.TUint64), x.textLen(v)
	case types.BlobHeld:
		it.Ptr, it.Len = v.word(1), x.where(ne(v.word(0), constant(0, x.at)), constant(types.MaxHeld, x.at))
	case types.BlobMapLen:
		size := constant(uint64(x.c.group.Go.MapLenBytes), x.at)
		it.Ptr, it.Len = first, x.where(ne(first, constant(0, x.at)), size)
	}
	if v.live != nil {
		it.Len = x.where(v.live, it.Len)
	}
	x.items = append(x.items, it)
}

// atMost is word i of v, or n where that is less.
func (x *expander) atMost(v value, i int64, n uint64) prog.Expr {
	return &prog.Cond{Meta: prog.Meta{T: types.TUint64, At: x.at},
		C: compare(prog.Lt, v.word(i), constant(n, x.at)), A: v.word(i), B: constant(n, x.at)}
}

// textLen is the length in the string header behind an interface's data word,
// zero where the interface is nil or the header cannot be one.
func (x *expander) textLen(v value) prog.Expr {
	header := func() prog.Expr { return x.user(v.word(1), 8, types.TUint64) }
	fits := compare(prog.Le, header(), constant(types.MaxGoString, x.at))
	sound := compare(prog.AndAnd, ne(v.word(0), constant(0, x.at)), fits)
	return x.where(sound, header())
}

// where is v where cond holds, else zero.
func (x *expander) where(cond, v prog.Expr) prog.Expr {
	return &prog.Cond{Meta: prog.Meta{T: types.TUint64, At: x.at}, C: cond, A: v, B: constant(0, x.at)}
}
