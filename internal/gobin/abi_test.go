package gobin

import (
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/types"
)

func structOf(ts ...*types.Type) *types.Type {
	s := types.TupleOf(ts...)
	s.Kind = types.Struct
	return s
}

var (
	tFloat   = &types.Type{Kind: types.Float, Size: 8}
	tFloat32 = &types.Type{Kind: types.Float, Size: 4}
	tComplex = &types.Type{Kind: types.Complex, Size: 8}
	tString  = &types.Type{Kind: types.GoString, Size: 16}
	tSlice   = &types.Type{Kind: types.GoSlice, Size: 24, Elem: types.TInt8}
	tAny     = &types.Type{Kind: types.GoInterface, Size: 16, Empty: true}
)

func places(ps []Place) string {
	parts := make([]string, len(ps))
	for i, p := range ps {
		parts[i] = p.String()
	}
	return strings.Join(parts, "; ")
}

func TestAssignGo(t *testing.T) {
	i := types.TInt64
	many := []*types.Type{i, i, i, i, i, i, i, i}
	for _, c := range []struct {
		name            string
		arch            Arch
		stack           bool
		params, results []*types.Type
		hidden          int
		wantP, wantR    string
	}{
		{name: "words", params: []*types.Type{i, types.TInt8, tString, tSlice}, wantP: "ax; bx; cx:8 di:8; si:8 r8:8 r9:8"},
		{name: "whole to the stack", params: append(many, tString, i), results: []*types.Type{tAny},
			wantP: "ax; bx; cx; di; si; r8; r9; r10; sp+8; r11", wantR: "ax:8 bx:8"},
		{name: "array of two", params: []*types.Type{types.ArrayOf(i, 2), types.ArrayOf(tString, 1), types.ArrayOf(i, 0)}, results: []*types.Type{types.ArrayOf(types.TInt8, 3)},
			wantP: "sp+8; ax:8 bx:8; nowhere", wantR: "sp+24"},
		{name: "floats", params: []*types.Type{tFloat, i, tComplex, structOf(types.TInt8, tFloat32)}, wantP: "xmm0; ax; xmm1:4 xmm2:4; bx:1 xmm3:4"},
		{name: "dictionary", params: []*types.Type{i, i}, hidden: 2, wantP: "ax; cx"},
		{name: "dictionary first", params: []*types.Type{i}, hidden: 1, wantP: "bx"},
		{name: "stack only", stack: true, params: []*types.Type{types.TInt8, i, types.TInt16}, results: []*types.Type{types.TInt8, tComplex},
			wantP: "sp+8; sp+16; sp+24", wantR: "sp+32; sp+36"},
		{name: "arm64", arch: ARM64, params: append(many, append(many, i, tFloat)...), results: []*types.Type{i},
			wantP: "r0; r1; r2; r3; r4; r5; r6; r7; r8; r9; r10; r11; r12; r13; r14; r15; sp+8; v0", wantR: "r0"},
		{name: "unknown", params: []*types.Type{i, types.TVoid, i},
			wantP: "ax; <its type, or that of a parameter before it, is not known>; <its type, or that of a parameter before it, is not known>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.arch == "" {
				c.arch = AMD64
			}
			g := assignGo(goRules(c.arch, !c.stack), c.params, c.results, c.hidden-1)
			if got := places(g.params); got != c.wantP {
				t.Errorf("parameters: %s, want %s", got, c.wantP)
			}
			if got := places(g.results); got != c.wantR {
				t.Errorf("results: %s, want %s", got, c.wantR)
			}
		})
	}
}

func TestSpillsFollowResults(t *testing.T) {
	i := types.TInt64
	g := assignGo(goRules(AMD64, true), []*types.Type{i, types.ArrayOf(i, 2), types.TInt8, types.TInt16}, []*types.Type{types.ArrayOf(i, 3)}, 0)
	// The array takes sp+8, the result sp+24; the dictionary is spilled first.
	want := []int64{56, -1, 64, 66}
	for n, off := range g.spills {
		if off != want[n] {
			t.Errorf("parameter %d is spilled to %d, want %d", n, off, want[n])
		}
	}
}

func TestAssignC(t *testing.T) {
	i, d := types.TInt32, tFloat
	big := structOf(types.TInt64, types.TInt64, types.TInt64)
	for _, c := range []struct {
		name   string
		arch   Arch
		params []cValue
		result *cValue
		wantP  string
		wantR  string
	}{
		{name: "integers", params: []cValue{{t: i}, {t: i}, {t: i}, {t: i}, {t: i}, {t: i}, {t: i}, {t: types.TInt8}}, result: &cValue{t: i},
			wantP: "di; si; dx; cx; r8; r9; sp+8; sp+16", wantR: "ax"},
		{name: "structs", params: []cValue{{t: structOf(d, i)}, {t: big}, {t: structOf(tFloat32, tFloat32, tFloat32)}, {t: i}}, result: &cValue{t: structOf(i, d)},
			wantP: "xmm0:8 di:8; sp+8; xmm1:8 xmm2:4; si", wantR: "ax:8 xmm0:8"},
		{name: "hidden result", params: []cValue{{t: i}}, result: &cValue{t: big}, wantP: "si", wantR: "(ax)"},
		{name: "indirect", params: []cValue{{t: structOf(i), indirect: true}, {t: i}}, wantP: "(di); si", wantR: "nowhere"},
		{name: "arm64", arch: ARM64, params: []cValue{{t: big}, {t: structOf(d, d, d)}, {t: i}, {t: structOf(d, i)}}, result: &cValue{t: big},
			wantP: "(r0); v0:8 v1:8 v2:8; r1; r2:8 r3:8", wantR: "<returned in memory>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.arch == "" {
				c.arch = AMD64
			}
			ps, r := assignC(c.arch, c.params, c.result)
			if got := places(ps); got != c.wantP {
				t.Errorf("parameters: %s, want %s", got, c.wantP)
			}
			if got := r.String(); got != c.wantR {
				t.Errorf("result: %s, want %s", got, c.wantR)
			}
		})
	}
}

func TestDictionary(t *testing.T) {
	for name, want := range map[string]int{
		"main.Generic[go.shape.int,go.shape.struct { A []int32; B string }]": 0,
		"main.(*Pair[go.shape.string,go.shape.int]).Set":                     1,
		"main.Pair[go.shape.[]uint8].Value":                                  1,
		"main.Generic[go.shape.int].func1":                                   -1,
		"main.(*Pair[go.shape.int]).Set.func1":                               -1,
		"main.Generic[go.shape.int].deferwrap2":                              -1,
		"main.(*Pair[go.shape.int]).All-range1":                              -1,
		"main.(*Pair[string,int]).Set":                                       -1,
		"type:.eq.main.Pair[go.shape.int]":                                   -1,
		"type..eq.main.Pair[go.shape.int_0]":                                 -1,
		"main.main":                                                          -1,
		"main.Broken[go.shape.int":                                           0,
	} {
		if got := dictionary(name); got != want {
			t.Errorf("%s: dictionary at %d, want %d", name, got, want)
		}
	}
}
