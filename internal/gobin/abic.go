package gobin

import (
	"slices"

	"github.com/rpcxray/rpcxray/internal/types"
)

// cRules returns the registers that the platform's C functions take arguments
// in: the System V ABI on amd64, AAPCS64 on arm64. C++ and Rust follow it as
// far as places go.
func cRules(arch Arch) callRules {
	if arch == ARM64 {
		return callRules{arch: arch, ints: numbers(0, 8), floats: numbers(64, 8)}
	}
	return callRules{arch: arch, ints: []int{5, 4, 1, 2, 8, 9}, floats: numbers(17, 8), stack: 8}
}

// cResultRules returns the registers that results are in.
func cResultRules(arch Arch) callRules {
	if arch == ARM64 {
		return cRules(arch)
	}
	return callRules{arch: arch, ints: []int{0, 1}, floats: numbers(17, 2)}
}

// byReference is what a place's Err says of a value that is elsewhere in memory.
const byReference = "passed by reference"

// cValue is a parameter of a compiled function.
type cValue struct {
	t *types.Type
	// indirect: the language passes its address, as C++ does with objects
	// that have a destructor and Rust with large ones.
	indirect bool
}

// assignC computes the places of a compiled function's parameters and result
// (nil: none).
func assignC(arch Arch, params []cValue, result *cValue) (ps []Place, r Place) {
	a := assignment{rules: cRules(arch)}
	if result != nil {
		ra := assignment{rules: cResultRules(arch)}
		pieces, ok := ra.cRegisters(result.t)
		switch {
		case ok && !result.indirect:
			r = place(pieces)
		case arch == AMD64 && result.t.Size <= 16 && hasLongDouble(result.t):
			r = Place{Err: "in st0"}
		case arch == AMD64:
			a.ni = 1 // its address is a hidden first argument, and returned
			r = a.behind(0, result.t)
		default:
			r = Place{Err: "returned in memory"} // whose address nothing keeps
		}
	}
	for _, v := range params {
		ps = append(ps, a.cPlace(v))
	}
	return ps, r
}

// cPlace places one parameter.
func (a *assignment) cPlace(v cValue) Place {
	if a.lost != "" || v.t.Kind == types.Void {
		a.lost = "its type, or that of a parameter before it, is not known"
		return Place{Err: a.lost}
	}
	if v.t.Size == 0 {
		return Place{}
	}
	if v.indirect || a.rules.arch == ARM64 && v.t.Size > 16 && !homogeneous(v.t) {
		p := a.cPlace(cValue{t: types.PointerTo(nil, types.SpaceUser)})
		if len(p.Pieces) != 1 || p.Pieces[0].Kind != PieceReg {
			return Place{Err: byReference}
		}
		return a.behind(p.Pieces[0].Reg, v.t)
	}
	if ps, ok := a.cRegisters(v.t); ok {
		return place(ps)
	}
	align := int64(8)
	if v.t.Align() > 8 {
		align = 16
	}
	a.off = alignUp(a.off, align)
	p := Place{Pieces: []Piece{{Kind: PieceStack, Off: a.rules.stack + a.off, Size: v.t.Size}}}
	a.off += alignUp(int64(v.t.Size), 8)
	return p
}

// hasLongDouble tells whether a part of t is a number of the x87.
func hasLongDouble(t *types.Type) bool {
	return slices.ContainsFunc(cLeaves(nil, t, 0), func(l leaf) bool { return l.float && l.size > 8 })
}

// behind is the place of a value whose address is in a register.
func (a *assignment) behind(reg int, t *types.Type) Place {
	p := regPiece(a.rules.arch, reg, 0, t.Size)
	p.Kind = PieceMemory
	return place([]Piece{p})
}

// cRegisters takes the registers that t travels in, or none when it has to go
// to memory or too few are left.
func (a *assignment) cRegisters(t *types.Type) ([]Piece, bool) {
	words, ok := cWords(a.rules.arch, t)
	ni, nf := a.ni, a.nf
	var ps []Piece
	for i := 0; ok && i < len(words); i++ {
		regs, n := a.rules.ints, &ni
		if words[i].float {
			regs, n = a.rules.floats, &nf
		}
		if *n >= len(regs) {
			if a.rules.arch == ARM64 {
				a.spend(words[i].float) // what spilled ends the use of registers
			}
			return nil, false
		}
		ps = append(ps, regPiece(a.rules.arch, regs[*n], words[i].at, words[i].size))
		*n++
	}
	if ok {
		a.ni, a.nf = ni, nf
	}
	return ps, ok
}

// spend uses up the registers of one class.
func (a *assignment) spend(float bool) {
	if float {
		a.nf = len(a.rules.floats)
	} else {
		a.ni = len(a.rules.ints)
	}
}

// cWords splits t into what one register each carries; it reports false for
// what goes to memory.
func cWords(arch Arch, t *types.Type) ([]leaf, bool) {
	if arch == ARM64 && homogeneous(t) {
		var ls []leaf
		return cLeaves(ls, t, 0), true
	}
	if t.Size > 16 || t.Size == 0 || t.Kind == types.Float && t.Size > 8 {
		return nil, false
	}
	var words []leaf
	for at := 0; at < t.Size; at += 8 {
		words = append(words, leaf{at: at, size: min(8, t.Size-at)})
	}
	ints := make([]bool, len(words))
	for _, l := range cLeaves(nil, t, 0) {
		if l.size > 0 && l.at%min(l.size, 8) != 0 || l.at+l.size > t.Size {
			return nil, false // unaligned members go to memory
		}
		for w := l.at / 8; l.size > 0 && w <= (l.at+l.size-1)/8; w++ {
			ints[w] = ints[w] || !l.float
			words[w].float = arch == AMD64 && !ints[w]
		}
	}
	return words, true
}

// homogeneous tells whether t is one to four floating-point numbers of one
// size, which AAPCS64 passes in as many registers.
func homogeneous(t *types.Type) bool {
	if t.Size > 4*8 {
		return false
	}
	ls := cLeaves(nil, t, 0)
	for _, l := range ls {
		if !l.float || l.size != ls[0].size || l.size > 8 {
			return false
		}
	}
	return len(ls) > 0 && len(ls) <= 4 && len(ls)*ls[0].size == t.Size
}

// cLeaves lists the scalars of t, which is at most a few words large.
func cLeaves(ls []leaf, t *types.Type, at int) []leaf {
	switch {
	case t.Size == 0 || len(ls) > maxLeaves:
	case t.Kind == types.Struct:
		for i := range t.Fields {
			ls = cLeaves(ls, t.Fields[i].Type, at+t.Fields[i].Offset)
		}
	case t.Kind == types.Array:
		for i := range t.Len {
			if len(ls) > maxLeaves {
				break
			}
			ls = cLeaves(ls, t.Elem, at+i*t.Elem.Size)
		}
	case t.Kind == types.Complex:
		h := t.Size / 2
		ls = append(ls, leaf{at, h, true}, leaf{at + h, h, true})
	default:
		ls = append(ls, leaf{at: at, size: t.Size, float: t.Kind == types.Float})
	}
	return ls
}
