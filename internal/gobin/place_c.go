package gobin

import (
	"debug/dwarf"
	"errors"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/types"
)

// placeNative fills in where a compiled function's parameters and result are.
// said is what DWARF says of each parameter, or why that is of no use.
func (d *debugInfo) placeNative(s *subprogram, sig *Signature, said []saidPlace, c call) error {
	rust := s.unit.lang == langRust || s.unit.lang == langRustProvisional
	value := func(t *types.Type, off dwarf.Offset) cValue {
		large := rust && t.Size > 16 && t.Kind != types.Float
		return cValue{t, large || d.passedByReference(off)}
	}
	var params []cValue
	for i := range sig.Params {
		v := value(sig.Params[i].Type, s.params[i].typ)
		v.indirect = v.indirect || v.t.Kind == types.Struct && errors.Is(said[i].err, errIndirect)
		params = append(params, v)
	}
	var result *cValue
	if s.result != 0 {
		t, err := d.types.typeAt(s.result)
		if err != nil {
			return err
		}
		v := value(t, s.result)
		result = &v
	}
	computed, r := assignC(d.arch, params, result)
	if result != nil {
		sig.Results = []Param{{Name: "~r0", Type: result.t, Place: r, Result: true}}
	}
	c.reshaped = c.reshaped || c.atEntry && otherwise(said, params, computed)
	for i := range sig.Params {
		p := &sig.Params[i]
		at := Place{Pieces: joinStack(said[i].Pieces, p.Type.Size)}
		switch {
		case !c.atEntry:
			p.settleInside(at)
		case params[i].indirect && !c.reshaped:
			p.Place = computed[i]
		case at.complete() && !ownFrame(at):
			p.Place = place(at.Pieces)
		case c.reshaped:
			p.Place = Place{Err: "optimised away: the compiler changed how the function is called"}
		default:
			p.Place, p.Note = computed[i], byConvention
		}
	}
	return nil
}

// otherwise tells whether DWARF has a parameter elsewhere than the calling
// convention, or nowhere because its value is known: LLVM drops parameters of
// functions that only the same file calls and keeps their names.
func otherwise(said []saidPlace, params []cValue, computed []Place) bool {
	for i, s := range said {
		if errors.Is(s.err, errComputed) {
			return true
		}
		at := Place{Pieces: joinStack(s.Pieces, params[i].t.Size)}
		if params[i].indirect || len(at.Pieces) == 0 || ownFrame(at) || len(computed[i].Pieces) == 0 {
			continue
		}
		for _, c := range at.Pieces {
			differs := func(o Piece) bool { return o.At == c.At && (o.Kind != c.Kind || o.Reg != c.Reg || o.Off != c.Off) }
			if c.Kind != PieceNone && slices.ContainsFunc(computed[i].Pieces, differs) {
				return true
			}
		}
	}
	return false
}

// ownFrame tells whether p is in the function's own frame, where nothing is
// stored yet when the function is entered.
func ownFrame(p Place) bool {
	return slices.ContainsFunc(p.Pieces, func(x Piece) bool { return x.Kind == PieceStack && x.Off <= 0 })
}

// passedByReference tells whether the type at off is a class whose values C++
// passes by address: clang says so, with GCC a destructor tells it.
func (d *debugInfo) passedByReference(off dwarf.Offset) bool {
	const attrCallingConvention, byReference = dwarf.Attr(0x36), 4 // DWARF 5
	for range maxOrigins {
		r, e, err := d.types.entry(off)
		if err != nil {
			return false
		}
		switch e.Tag {
		case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType:
			off, _ = d.types.refs.to(e.Val(dwarf.AttrType))
		default:
			v, _ := e.Val(attrCallingConvention).(int64)
			destructor := false
			_ = children(r, e, func(c *dwarf.Entry) error {
				destructor = destructor || c.Tag == dwarf.TagSubprogram && strings.HasPrefix(name(c), "~")
				return nil
			})
			return v == byReference || destructor
		}
	}
	return false
}
