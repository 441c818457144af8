package gobin

import (
	"testing"

	"github.com/rpcxray/rpcxray/internal/types"
)

// TestPlaceGo settles what DWARF says against the calling convention, for each
// way in which the Go compiler's DWARF is known to be incomplete or wrong.
func TestPlaceGo(t *testing.T) {
	reg := func(n, at int) Piece { return regPiece(AMD64, n, at, 8) }
	stack := func(off int64, at, size int) Piece { return Piece{Kind: PieceStack, Off: off, At: at, Size: size} }
	none := Piece{Size: 8}
	const ax, dx, cx, bx, si, di, r8 = 0, 1, 2, 3, 4, 5, 8
	i := types.TInt64
	for _, c := range []struct {
		name   string
		params []*types.Type
		said   [][]Piece
		asABI0 bool
		want   string
		notes  string // one letter a parameter: d for DWARF's word, c for the convention's
	}{
		{"agree", []*types.Type{i, tString}, [][]Piece{{reg(ax, 0)}, {reg(bx, 0), reg(cx, 8)}}, false, "ax; bx:8 cx:8", "dd"},
		{"nothing said", []*types.Type{i, i}, [][]Piece{nil, {reg(bx, 0)}}, false, "ax; bx", "cd"},
		{"half said", []*types.Type{tString}, [][]Piece{{none, reg(bx, 8)}}, false, "ax:8 bx:8", "c"},
		{"padding left out", []*types.Type{structOf(types.TInt8, types.TInt16)},
			[][]Piece{{regPiece(AMD64, ax, 0, 1), regPiece(AMD64, bx, 1, 2)}}, false, "ax:1 bx:2", "d"},
		{"pieces twice", []*types.Type{tAny}, [][]Piece{{reg(ax, 0), reg(ax, 8), reg(bx, 16), reg(bx, 24)}}, false, "ax:8 bx:8", "d"},
		{"stack field by field", []*types.Type{types.ArrayOf(i, 2)}, [][]Piece{{stack(8, 0, 8), stack(16, 8, 8)}}, false, "sp+8", "d"},
		{"stack with a gap", []*types.Type{types.ArrayOf(i, 2)}, [][]Piece{{stack(8, 0, 8), {At: 8, Size: 8}}}, false, "sp+8", "d"},
		{"spill slot", []*types.Type{i, i}, [][]Piece{{reg(ax, 0)}, {stack(16, 0, 8)}}, false, "ax; bx", "dc"},
		{"place of another", []*types.Type{i, i, i}, [][]Piece{{reg(ax, 0)}, {reg(bx, 0)}, {reg(bx, 0)}}, false, "ax; bx; cx", "ddc"},
		{"part elsewhere", []*types.Type{tSlice, i}, [][]Piece{{reg(ax, 0), reg(di, 8), reg(cx, 16)}, {reg(di, 0)}}, false, "ax:8 bx:8 cx:8; di", "cd"},
		{"part on the stack", []*types.Type{tString}, [][]Piece{{reg(ax, 0), stack(-16, 8, 8)}}, false, "ax:8 bx:8", "c"},
		{"receiver left out", []*types.Type{i, i}, [][]Piece{{reg(bx, 0)}, {reg(cx, 0)}}, false, "bx; cx", "dd"},
		{"unnamed left out", []*types.Type{i, i}, [][]Piece{{reg(ax, 0)}, {reg(si, 0)}}, false, "ax; si", "dd"},
		{"unnamed left out, one unknown", []*types.Type{i, i, i}, [][]Piece{{reg(ax, 0)}, nil, {reg(r8, 0)}}, false,
			"ax; <" + unnamedLeftOut + ">; r8", "ddd"},
		{"not assembly after all", []*types.Type{i, i}, [][]Piece{{reg(ax, 0)}, {reg(bx, 0)}}, true, "ax; bx", "dd"},
		{"doubt", []*types.Type{i, i}, [][]Piece{{reg(dx, 0)}, {reg(bx, 0)}}, false,
			"<in doubt: DWARF says dx, the calling convention ax>; bx", "dd"},
		{"of no size", []*types.Type{types.ArrayOf(i, 0), i}, [][]Piece{{stack(8, 0, 0)}, {reg(ax, 0)}}, false, "nowhere; ax", "dd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sig := &Signature{}
			var said []saidPlace
			for n, ty := range c.params {
				sig.Params = append(sig.Params, Param{Type: ty})
				said = append(said, saidPlace{Place: Place{Pieces: c.said[n]}})
			}
			sig.placeGo("main.f", said, -1, call{
				rules: goRules(AMD64, !c.asABI0), other: goRules(AMD64, c.asABI0), atEntry: true,
			})
			var got []Place
			notes := ""
			for _, p := range sig.Params {
				got = append(got, p.Place)
				notes += map[bool]string{true: "c", false: "d"}[p.Note == byConvention]
			}
			if places(got) != c.want || notes != c.notes {
				t.Errorf("%s (%s), want %s (%s)", places(got), notes, c.want, c.notes)
			}
		})
	}
}

func TestPlaceText(t *testing.T) {
	for want, p := range map[string]Place{
		"nowhere":      {},
		"<in xmm0>":    {Err: "in xmm0"},
		"ax":           {Pieces: []Piece{regPiece(AMD64, 0, 0, 8)}},
		"v3:8 sp+16:4": {Pieces: []Piece{regPiece(ARM64, 67, 0, 8), {Kind: PieceStack, Off: 16, At: 8, Size: 4}}},
		"none:8 r30:8": {Pieces: []Piece{{Size: 8}, regPiece(ARM64, 30, 8, 8)}},
		"sp-8":         {Pieces: []Piece{{Kind: PieceStack, Off: -8, Size: 8}}},
	} {
		if got := p.String(); got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
}
