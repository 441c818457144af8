package gobin

import (
	"strconv"

	"github.com/rpcxray/rpcxray/internal/types"
)

// callRules is a calling convention as far as places need it. Registers are
// DWARF's numbers.
type callRules struct {
	arch         Arch
	ints, floats []int
	stack        int64 // where stack arguments begin, from SP at the first byte
}

// goRules returns the convention of Go functions: ABIInternal, as the Go
// source describes it in cmd/compile/abi-internal.md, or ABI0, which uses no
// registers.
func goRules(arch Arch, regABI bool) callRules {
	// The word below the arguments holds the return address: pushed by the
	// call on amd64, saved there by the callee on arm64.
	r := callRules{arch: arch, stack: 8}
	switch {
	case !regABI:
	case arch == AMD64:
		r.ints = []int{0, 3, 2, 5, 4, 8, 9, 10, 11}
		r.floats = numbers(17, 15)
	case arch == ARM64:
		r.ints = numbers(0, 16)
		r.floats = numbers(64, 16)
	}
	return r
}

func numbers(first, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = first + i
	}
	return s
}

// regName returns the kernel's name of DWARF's register reg, and whether it is
// a floating-point register.
func regName(arch Arch, reg int) (name string, float, ok bool) {
	if arch == ARM64 {
		switch {
		case reg >= 0 && reg <= 30:
			return "r" + strconv.Itoa(reg), false, true
		case reg == 31:
			return "sp", false, true
		case reg >= 64 && reg <= 95:
			return "v" + strconv.Itoa(reg-64), true, true
		}
		return "", false, false
	}
	amd64 := [...]string{"ax", "dx", "cx", "bx", "si", "di", "bp", "sp"}
	switch {
	case reg >= 0 && reg < len(amd64):
		return amd64[reg], false, true
	case reg >= 8 && reg <= 15:
		return "r" + strconv.Itoa(reg), false, true
	case reg >= 17 && reg <= 32:
		return "xmm" + strconv.Itoa(reg-17), true, true
	}
	return "", false, false
}

// stackReg is DWARF's number of the stack pointer.
func stackReg(arch Arch) int {
	if arch == ARM64 {
		return 31
	}
	return 7
}

// regPiece makes the piece of a register.
func regPiece(arch Arch, reg, at, size int) Piece {
	name, float, ok := regName(arch, reg)
	switch {
	case !ok:
		return Piece{At: at, Size: size}
	case float:
		return Piece{Kind: PieceXMM, Reg: reg, RegName: name, At: at, Size: size}
	}
	return Piece{Kind: PieceReg, Reg: reg, RegName: name, At: at, Size: size}
}

// assignment hands out registers and stack slots in order.
type assignment struct {
	rules  callRules
	ni, nf int   // registers used
	off    int64 // next free stack byte, from the arguments' start
	lost   string
}

// goPlaces are where a Go function's parameters and results are.
type goPlaces struct {
	params, results []Place
	// spills are where the function may save each parameter that comes in
	// registers, from SP at the first byte; they hold nothing yet there.
	spills []int64
}

// assignGo computes the places of a Go function's parameters and results.
// hidden is the index of the parameter before which there is one more word, a
// generic function's dictionary; -1: there is none.
func assignGo(rules callRules, params, results []*types.Type, hidden int) (g goPlaces) {
	a := assignment{rules: rules}
	spill := int64(0)
	slot := func(p Place, t *types.Type) {
		if len(p.Pieces) > 0 && p.Pieces[0].Kind != PieceStack {
			spill = alignUp(spill, int64(goAlign(t)))
			g.spills = append(g.spills, spill)
			spill += int64(t.Size)
		} else {
			g.spills = append(g.spills, -1)
		}
	}
	for i, t := range params {
		if i == hidden {
			word := types.PointerTo(nil, types.SpaceUser)
			slot(a.goValue(word), word)
		}
		g.params = append(g.params, a.goValue(t))
		slot(g.params[i], t)
	}
	a.off = alignUp(a.off, 8)
	a.ni, a.nf = 0, 0
	for _, t := range results {
		g.results = append(g.results, a.goValue(t))
	}
	if hidden >= 0 && hidden < len(params) {
		g.spills = append(g.spills[:hidden], g.spills[hidden+1:]...)
	}
	for i := range g.spills {
		if g.spills[i] >= 0 {
			g.spills[i] += rules.stack + alignUp(a.off, 8)
		}
	}
	return g
}

// goValue places one value: whole in registers or whole on the stack.
func (a *assignment) goValue(t *types.Type) Place {
	if a.lost != "" {
		return Place{Err: a.lost}
	}
	if t.Kind == types.Void {
		a.lost = "its type, or that of a parameter before it, is not known"
		return Place{Err: a.lost}
	}
	if ps, ok := a.inRegisters(t); ok {
		return place(ps)
	}
	return a.onStack(t)
}

// inRegisters takes registers for all leaves of t, or none.
func (a *assignment) inRegisters(t *types.Type) ([]Piece, bool) {
	ls, ok := leaves(t)
	if !ok || t.Size == 0 {
		return nil, false
	}
	ni, nf := a.ni, a.nf
	ps := make([]Piece, 0, len(ls))
	for _, l := range ls {
		regs, n := a.rules.ints, &ni
		if l.float {
			regs, n = a.rules.floats, &nf
		}
		if *n == len(regs) {
			return nil, false
		}
		ps = append(ps, regPiece(a.rules.arch, regs[*n], l.at, l.size))
		*n++
	}
	a.ni, a.nf = ni, nf
	return ps, true
}

func (a *assignment) onStack(t *types.Type) Place {
	a.off = alignUp(a.off, int64(goAlign(t)))
	p := Place{}
	if t.Size > 0 {
		p.Pieces = []Piece{{Kind: PieceStack, Off: a.rules.stack + a.off, Size: t.Size}}
	}
	a.off += int64(t.Size)
	return p
}

// place wraps pieces, telling when no probe can read any of them.
func place(ps []Piece) Place {
	p := Place{Pieces: ps}
	if p.unreachable() {
		p.Err = "in " + p.Pieces[0].RegName
	}
	return p
}

// goAlign is the alignment of a Go type in memory.
func goAlign(t *types.Type) int {
	switch t.Kind {
	case types.Complex:
		return max(t.Size/2, 1)
	case types.Array:
		return goAlign(t.Elem)
	case types.Struct:
		a := 1
		for i := range t.Fields {
			a = max(a, goAlign(t.Fields[i].Type))
		}
		return a
	}
	return t.Align()
}

func alignUp(n, a int64) int64 { return (n + a - 1) / a * a }
