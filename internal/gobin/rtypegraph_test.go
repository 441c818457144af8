package gobin

import (
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/types"
)

// TestTypeLoops builds types that lead back to themselves.
func TestTypeLoops(t *testing.T) {
	var g *typeGraph
	defs := map[uint64]func(depth int) (types.Type, int, error){
		1: func(int) (types.Type, int, error) { // type P *P
			return types.Type{Kind: types.Pointer, Size: 8, Elem: g.pointed(1)}, 1, nil
		},
		2: func(depth int) (types.Type, int, error) { // type S struct { S }
			in, err := g.byValue(2, depth+1)
			return types.Type{Kind: types.Struct, Fields: []types.Field{{Type: in}}}, 1, err
		},
		3: func(int) (types.Type, int, error) { // type N struct { *N }
			p := &types.Type{Kind: types.Pointer, Size: 8, Elem: g.pointed(3)}
			return types.Type{Kind: types.Struct, Size: 8, Name: "N", Fields: []types.Field{{Name: "p", Type: p}}}, 2, nil
		},
		4: func(depth int) (types.Type, int, error) { // type A [1]*A
			p, err := g.byValue(5, depth+1)
			return types.Type{Kind: types.Array, Size: 8, Len: 1, Elem: p}, 2, err
		},
		5: func(int) (types.Type, int, error) {
			return types.Type{Kind: types.Pointer, Size: 8, Elem: g.pointed(4)}, 1, nil
		},
		6: func(int) (types.Type, int, error) {
			return types.Type{Kind: types.Struct, Name: "heavy"}, maxWeight + 1, nil
		},
		7: func(int) (types.Type, int, error) {
			return types.Type{Kind: types.Struct, Name: strings.Repeat("n", maxBytes)}, 1, nil
		},
	}
	g = newTypeGraph(func(key uint64, depth int) (types.Type, int, error) { return defs[key](depth) })
	for key, want := range map[uint64]string{1: "void *", 4: "void *[1]"} {
		ty, err := g.at(key)
		if err != nil || ty.String() != want {
			t.Errorf("type %d: %v, %v, want %s", key, ty, err, want)
		}
	}
	if n, err := g.at(3); err != nil || n.Fields[0].Type.Elem != n {
		t.Errorf("a list's node: %+v, %v", n, err)
	}
	for _, key := range []uint64{2, 6, 7} {
		if ty, err := g.at(key); err == nil || ty.Kind != types.Void {
			t.Errorf("type %d: %v without an error", key, ty)
		}
	}
}
