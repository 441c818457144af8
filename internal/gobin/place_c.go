package gobin

import (
	"debug/dwarf"
	"slices"

	"github.com/rpcxray/rpcxray/internal/types"
)

// placeNative fills in where a compiled function's parameters and result are.
func (d *debugInfo) placeNative(s *subprogram, sig *Signature, said []Place, c call) error {
	rust := s.unit.lang == langRust || s.unit.lang == langRustProvisional
	value := func(t *types.Type, off dwarf.Offset) cValue {
		large := rust && t.Size > 16 && t.Kind != types.Float
		return cValue{t, large || d.passedByReference(off)}
	}
	var params []cValue
	for i := range sig.Params {
		params = append(params, value(sig.Params[i].Type, s.params[i].typ))
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
	for i := range sig.Params {
		p := &sig.Params[i]
		said[i].Pieces = joinStack(said[i].Pieces, p.Type.Size)
		switch {
		case !c.atEntry:
			p.settleInside(said[i])
		case said[i].complete() && !ownFrame(said[i]):
			p.Place = place(said[i].Pieces)
		default:
			p.Place, p.Note = computed[i], byConvention
		}
	}
	return nil
}

// ownFrame tells whether p is in the function's own frame, where nothing is
// stored yet when the function is entered.
func ownFrame(p Place) bool {
	return slices.ContainsFunc(p.Pieces, func(x Piece) bool { return x.Kind == PieceStack && x.Off <= 0 })
}

// passedByReference tells whether the type at off is a class whose values C++
// passes by address.
func (d *debugInfo) passedByReference(off dwarf.Offset) bool {
	const attrCallingConvention, byReference = dwarf.Attr(0x36), 4 // DWARF 5
	for range maxOrigins {
		r := d.data.Reader()
		r.Seek(off)
		e, err := r.Next()
		if err != nil || e == nil {
			return false
		}
		switch e.Tag {
		case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType:
			off, _ = e.Val(dwarf.AttrType).(dwarf.Offset)
		default:
			v, _ := e.Val(attrCallingConvention).(int64)
			return v == byReference
		}
	}
	return false
}
