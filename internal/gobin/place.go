package gobin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/types"
)

// Source says where a Signature was taken from.
type Source string

// The sources, best first.
const (
	FromDWARF   Source = "DWARF"
	FromRuntime Source = "runtime types" // reflection's method tables: types without names
	FromABI     Source = "ABI only"      // nothing is known but which registers carry arguments
)

// Signature is what a function takes and gives.
type Signature struct {
	Params  []Param // in source order, a method's receiver first
	Results []Param
	Source  Source
	Lack    error // why its DWARF is not read, if it has any
}

// Param is one parameter or result.
type Param struct {
	Name   string // as in the source; results without a name are ~r0, ~r1, as the Go compiler calls them
	Type   *types.Type
	Place  Place
	Result bool
	Note   string // how the place was found when it was not DWARF's own word
}

// Place is where a value is while a probe runs at the function's entry (for a
// parameter) or at a RET instruction (for a result). SP is the same at both.
type Place struct {
	Pieces []Piece // ascending At; padding belongs to no piece
	Err    string  // why the value cannot be had; empty: it can
}

// PieceKind says where a piece of a value is.
type PieceKind uint8

// The kinds of pieces.
const (
	PieceNone   PieceKind = iota // nowhere: optimised away
	PieceReg                     // the low Size bytes of an integer register
	PieceStack                   // Size bytes at SP + Off
	PieceXMM                     // a floating-point register, out of a probe's reach
	PieceMemory                  // Size bytes at an integer register + Off
)

// Piece is a part of a value that is in one register or in one run of memory.
type Piece struct {
	Kind    PieceKind
	Reg     int    // PieceReg, PieceXMM, PieceMemory: DWARF's number of the register
	RegName string // the kernel's name of it: ax, r8, sp; r0 on arm64
	Off     int64  // PieceStack: from SP as it is before the function's first instruction; PieceMemory: from Reg
	At      int    // offset in the value
	Size    int    // bytes
}

// String names the place for people: "ax", "ax:8 bx:8", "sp+8".
func (p Place) String() string {
	if len(p.Pieces) == 0 {
		if p.Err != "" {
			return "<" + p.Err + ">"
		}
		return "nowhere"
	}
	parts := make([]string, len(p.Pieces))
	for i, c := range p.Pieces {
		switch c.Kind {
		case PieceNone:
			parts[i] = "none"
		case PieceStack:
			parts[i] = fmt.Sprintf("sp%+d", c.Off)
		case PieceMemory:
			parts[i] = fmt.Sprintf("(%s)", c.RegName)
		default:
			parts[i] = c.RegName
		}
		if len(p.Pieces) > 1 {
			parts[i] += fmt.Sprintf(":%d", c.Size)
		}
	}
	return strings.Join(parts, " ")
}

// complete tells whether every piece of the place is somewhere.
func (p Place) complete() bool {
	for _, c := range p.Pieces {
		if c.Kind == PieceNone {
			return false
		}
	}
	return p.Err == "" && len(p.Pieces) > 0
}

// unreachable tells whether the value is in floating-point registers alone.
func (p Place) unreachable() bool {
	for _, c := range p.Pieces {
		if c.Kind != PieceXMM {
			return false
		}
	}
	return len(p.Pieces) > 0
}

// onStack tells whether a part of the value is on the stack.
func (p Place) onStack() bool {
	return slices.ContainsFunc(p.Pieces, func(c Piece) bool { return c.Kind == PieceStack })
}

// sameAs compares what both places know: a piece that one of them does not
// have disagrees with nothing.
func (p Place) sameAs(q Place) bool {
	byAt := map[int]Piece{}
	for _, c := range p.Pieces {
		byAt[c.At] = c
	}
	for _, c := range q.Pieces {
		d, ok := byAt[c.At]
		if !ok || c.Kind == PieceNone || d.Kind == PieceNone {
			continue
		}
		if c != d {
			return false
		}
	}
	return true
}

// leaf is a part of a Go value that travels alone: what the compiler gives one
// register.
type leaf struct {
	at, size int
	float    bool
}

// maxLeaves is more than any calling convention has registers.
const maxLeaves = 64

// leaves takes t apart. It reports false for what has no fixed parts or too
// many: arrays of two and more, and types that are not known.
func leaves(t *types.Type) ([]leaf, bool) { return appendLeaves(nil, t, 0, 0) }

func appendLeaves(ls []leaf, t *types.Type, at, depth int) ([]leaf, bool) {
	words := func(n int) []leaf {
		for i := range n {
			ls = append(ls, leaf{at: at + 8*i, size: 8})
		}
		return ls
	}
	if len(ls) > maxLeaves || depth > maxLeaves {
		return nil, false
	}
	switch t.Kind {
	case types.Bool, types.Int, types.Enum:
		return append(ls, leaf{at: at, size: t.Size}), true
	case types.Float:
		return append(ls, leaf{at: at, size: t.Size, float: true}), true
	case types.Complex:
		h := t.Size / 2
		return append(ls, leaf{at, h, true}, leaf{at + h, h, true}), true
	case types.Pointer, types.GoMap, types.GoChan, types.GoFunc:
		return words(1), true
	case types.GoString, types.GoInterface:
		return words(2), true
	case types.GoSlice:
		return words(3), true
	case types.Array:
		if t.Len == 0 {
			return ls, true
		}
		if t.Len != 1 {
			return nil, false
		}
		return appendLeaves(ls, t.Elem, at, depth+1)
	case types.Struct:
		ok := !t.Union
		for i := 0; ok && i < len(t.Fields); i++ {
			ls, ok = appendLeaves(ls, t.Fields[i].Type, at+t.Fields[i].Offset, depth+1)
		}
		return ls, ok
	}
	return nil, false
}

// joinStack merges the stack pieces of a place that are one run of memory, the
// padding and the gaps between them included, as the two descriptions of a
// value on the stack (whole, or field by field) mean the same.
func joinStack(ps []Piece, size int) []Piece {
	i := slices.IndexFunc(ps, func(c Piece) bool { return c.Kind != PieceNone })
	if i < 0 {
		return ps
	}
	start := ps[i].Off - int64(ps[i].At)
	for _, c := range ps {
		if c.Kind != PieceNone && (c.Kind != PieceStack || c.Off-int64(c.At) != start) {
			return ps
		}
	}
	return []Piece{{Kind: PieceStack, Off: start, Size: size}}
}
