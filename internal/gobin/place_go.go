package gobin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/types"
)

// byConvention is the note of a place that DWARF did not name.
const byConvention = "place by the calling convention"

// placeGo fills in where a Go function's parameters and results are. says is
// what DWARF says of each parameter, nil if nothing, dict the index of the dictionary that
// DWARF lists, or -1.
func (sig *Signature) placeGo(name string, says []saidPlace, dict int, c call) {
	params, results := typesOf(sig.Params), typesOf(sig.Results)
	said := make([]Place, len(params))
	for i := range says {
		said[i].Pieces = joinStack(spread(says[i].Pieces, params[i]), params[i].Size)
	}
	if dict < 0 {
		dict = dictionary(name)
	}
	g := assignGo(c.rules, params, results, dict)
	if !agree(said, g) {
		// Go 1.21 leaves the receiver of a wrapper out of DWARF; and what looks
		// like assembly may be compiled, as cgo's _Cfunc_CString is.
		for _, h := range []goPlaces{
			assignGo(c.rules, params, results, 0),
			assignGo(c.other, params, results, dict),
		} {
			if agree(said, h) {
				g = h
				break
			}
		}
	}
	taken := confirmed(said, g)
	left := leftOut(said, g, c.rules, taken)
	for i := range sig.Results {
		sig.Results[i].Place = g.results[i]
		if left && sig.Results[i].Place.onStack() {
			sig.Results[i].Place = Place{Err: unnamedLeftOut}
		}
	}
	for i := range sig.Params {
		switch {
		case !c.atEntry:
			sig.Params[i].settleInside(said[i])
		case left && said[i].complete():
			sig.Params[i].Place = place(said[i].Pieces)
		case left:
			sig.Params[i].Place = Place{Err: unnamedLeftOut}
		default:
			sig.Params[i].settleGo(said[i], g, i, taken)
		}
	}
}

const unnamedLeftOut = "in doubt: DWARF leaves out parameters without a name"

// leftOut tells whether DWARF has a parameter further on than the calling
// convention implies: Go 1.21 does not list parameters that have no name.
func leftOut(said []Place, g goPlaces, rules callRules, taken map[where]bool) bool {
	for i, p := range said {
		q := g.params[i]
		if p.sameAs(q) || !p.complete() || !q.complete() || p.isSpill(g.spills[i]) || p.contradicts(taken, q) {
			continue
		}
		a, b := p.Pieces[0], q.Pieces[0]
		regs := append(slices.Clone(rules.ints), rules.floats...)
		if a.Kind == b.Kind && (a.Off > b.Off || slices.Index(regs, a.Reg) > slices.Index(regs, b.Reg)) {
			return true
		}
	}
	return false
}

func typesOf(ps []Param) []*types.Type {
	ts := make([]*types.Type, len(ps))
	for i := range ps {
		ts[i] = ps[i].Type
	}
	return ts
}

// agree tells whether DWARF and the calling convention have each parameter in
// the same place, as far as DWARF goes.
func agree(said []Place, g goPlaces) bool {
	for i, p := range said {
		if !p.sameAs(g.params[i]) && !p.isSpill(g.spills[i]) {
			return false
		}
	}
	return true
}

// settleGo decides where parameter i is at the entry: DWARF says it, and the
// calling convention implies it.
func (p *Param) settleGo(said Place, g goPlaces, i int, taken map[where]bool) {
	computed := g.params[i]
	same := said.sameAs(computed)
	switch {
	case p.Type.Size == 0:
		p.Place = Place{}
	case same && said.complete():
		p.Place = place(said.Pieces)
	case same || said.isSpill(g.spills[i]) || said.contradicts(taken, computed):
		p.Place, p.Note = computed, byConvention
	default:
		p.Place = Place{Err: fmt.Sprintf("in doubt: DWARF says %v, the calling convention %v", said, computed)}
	}
}

// settleInside decides where the parameter is further inside the function,
// where only DWARF knows.
func (p *Param) settleInside(said Place) {
	switch {
	case !said.complete():
		p.Place = Place{Err: "optimised away here"}
	case said.onStack():
		p.Place = Place{Err: "on the stack, where it is found at the function's entry only"}
	default:
		p.Place = place(said.Pieces)
	}
}

// isSpill tells whether p is the place where a parameter that comes in
// registers may be saved. The Go compiler names it for parameters it never
// uses.
func (p Place) isSpill(off int64) bool {
	return off >= 0 && len(p.Pieces) == 1 && p.Pieces[0].Kind == PieceStack && p.Pieces[0].Off == off
}

// where is the register or stack slot of a piece.
type where struct {
	kind PieceKind
	reg  int
	off  int64
}

// confirmed lists the registers and slots that DWARF and the calling
// convention agree on.
func confirmed(said []Place, g goPlaces) map[where]bool {
	m := map[where]bool{}
	for i, p := range said {
		for _, c := range p.Pieces {
			if c.Kind != PieceNone && slices.Contains(g.params[i].Pieces, c) {
				m[where{c.Kind, c.Reg, c.Off}] = true
			}
		}
	}
	return m
}

// contradicts tells whether p, which is not q, differs from it only by naming
// places that are taken, or the stack for a part of what is in registers. The
// Go compiler does so when a branch assigns one parameter, or a part of it, to
// another; it cannot be true at the entry.
func (p Place) contradicts(taken map[where]bool, q Place) bool {
	mixed := slices.ContainsFunc(p.Pieces, func(c Piece) bool {
		return c.Kind != PieceStack && slices.Contains(q.Pieces, c)
	})
	for _, c := range p.Pieces {
		excused := c.Kind == PieceNone || taken[where{c.Kind, c.Reg, c.Off}] || c.Kind == PieceStack && mixed
		if !excused && !slices.Contains(q.Pieces, c) {
			return false
		}
	}
	return true
}

// spread gives DWARF's pieces of a Go value their offsets: the compiler names
// one piece a part of the value and leaves padding out. Go 1.21 repeats pieces.
func spread(ps []Piece, t *types.Type) []Piece {
	ls, ok := leaves(t)
	if len(ps) < 2 || !ok {
		return ps
	}
	if len(ps) > len(ls) {
		ps = slices.CompactFunc(ps, func(a, b Piece) bool { return a.Kind == b.Kind && a.Reg == b.Reg && a.Off == b.Off && a.Size == b.Size })
	}
	for i := range ps {
		if i >= len(ls) || ps[i].Size != ls[i].size {
			return ps
		}
		ps[i].At = ls[i].at
	}
	return ps
}

// dictionary returns the index of the parameter before which a generic function
// called name takes its dictionary, -1 if it takes none. It is behind a
// method's receiver. Closures have captured their function's.
func dictionary(name string) int {
	i := strings.Index(name, "[go.shape.")
	if i < 0 || strings.HasPrefix(name, "type:") || strings.HasPrefix(name, "type..") {
		return -1 // type:.eq.T is about a type
	}
	depth := 0
	for ; i < len(name); i++ {
		switch name[i] {
		case '[':
			depth++
		case ']':
			depth--
		}
		if depth == 0 {
			break
		}
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(name[i:], "]"), ")")
	switch {
	case rest == "":
		return 0
	case strings.Count(rest, ".") > 1 || strings.Contains(rest, "-") || isClosure(rest):
		return -1
	}
	return 1
}

// isClosure tells whether rest, what follows a generic function's type
// arguments, is the name the compiler gives to a closure.
func isClosure(rest string) bool {
	for _, p := range []string{".func", ".gowrap", ".deferwrap"} {
		digits, ok := strings.CutPrefix(rest, p)
		if ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
			return true
		}
	}
	return false
}
