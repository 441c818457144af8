package run

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// layout is what makes the code on one function differ from that on another.
type layout struct {
	key    string
	args   []prog.Arg
	rets   []prog.Arg
	noArgs string
	noRets string
	facts  *prog.GoFacts
	shared bool
	site   uint64 // where entry values are read; 0 unless it is asked for
}

// needs says what a probe's text asks of a function, so that DWARF is read only
// for those who want it.
type needs struct {
	values bool // args, ret, retval
	goid   bool
	site   bool // uaddr: where the code is
}

// add notes a word of the text.
func (n *needs) add(word string) {
	switch word {
	case "args", "ret", "retval":
		n.values = true
	case "goid":
		n.goid = true
	case "uaddr":
		n.site = true
	}
}

func (w *world) layout(p *prog.Point, b *binary, fn gobin.Func, n needs) layout {
	l := layout{facts: w.goFacts(b, fn, n)}
	pc := fn.Entry
	if p.HasOff {
		pc += p.Offset
	} else if entry := b.plan(fn, gobin.WantEntry); entry.EntryErr == nil {
		pc = entry.Entry.Addr
	}
	if p.Kind == prog.KindUretprobe && fn.Go {
		for _, r := range b.plan(fn, gobin.WantRets).Rets {
			l.shared = l.shared || r.Shared
		}
	}
	if n.values {
		w.count(b, l.signature(b.file, fn, pc))
	}
	if n.site {
		l.site = pc
	}
	l.key = fmt.Sprint(b.target.ID, b.target.PID, l.shared, l.site, l.noArgs, l.noRets, describe(l.args), describe(l.rets))
	if l.facts != nil {
		l.key += fmt.Sprint(l.facts.GReg, l.facts.HasTLS)
	}
	return l
}

// describe is a text that is equal for arguments of equal names, types and
// places.
func describe(args []prog.Arg) string {
	s := ""
	for _, a := range args {
		s += fmt.Sprint(a.Name, " ", a.Type, " ", a.Place, ";")
	}
	return s
}

// signature fills in the arguments and results, and says where they come from.
func (l *layout) signature(f *gobin.File, fn gobin.Func, pc uint64) (from gobin.Source) {
	sig, err := f.Signature(fn, pc)
	switch {
	case err != nil:
		l.noArgs, sig = err.Error(), &gobin.Signature{}
	case sig.Source == gobin.FromABI && sig.Lack != nil:
		l.noArgs = fmt.Sprintf("the binary's DWARF is not read: %v", sig.Lack)
	case sig.Source == gobin.FromABI:
		l.noArgs = "the binary tells no parameter types of " + fn.Name + " (no DWARF, and no method that reflection keeps)"
	default:
		l.args, l.rets = arguments(sig.Params), arguments(sig.Results)
	}
	l.noRets = l.noArgs
	return sig.Source
}

func arguments(params []gobin.Param) []prog.Arg {
	args := make([]prog.Arg, 0, len(params))
	for _, p := range params {
		args = append(args, prog.Arg{Name: p.Name, Type: p.Type, From: prog.FromPlace, Place: place(p.Place, p.Type.Size)})
	}
	return args
}

// place turns a debugger's place into one without gaps: what no piece holds is
// padding.
func place(p gobin.Place, size int) prog.Place {
	out := prog.Place{Err: p.Err}
	if p.Err != "" {
		return out
	}
	at := 0
	pad := func(to int) {
		if to > at {
			out.Pieces = append(out.Pieces, prog.Piece{Reg: prog.NoReg, Size: to - at})
		}
	}
	for _, piece := range p.Pieces {
		pad(piece.At)
		at = piece.At + piece.Size
		switch piece.Kind {
		case gobin.PieceReg:
			out.Pieces = append(out.Pieces, prog.Piece{Reg: piece.RegName, Size: piece.Size})
		case gobin.PieceStack:
			out.Pieces = append(out.Pieces, prog.Piece{Off: piece.Off, Size: piece.Size})
		case gobin.PieceMemory:
			out.Pieces = append(out.Pieces, prog.Piece{Base: piece.RegName, Off: piece.Off, Size: piece.Size})
		case gobin.PieceXMM:
			return prog.Place{Err: "in xmm"}
		default:
			return prog.Place{Err: "optimized away"}
		}
	}
	pad(size)
	return out
}

// goFacts tells where g is on fn and, if need be, what is in it; nil for what is
// not Go.
func (w *world) goFacts(b *binary, fn gobin.Func, n needs) *prog.GoFacts {
	if !fn.Go {
		return nil
	}
	// The bounds of the stack, which frames are known by, come first in every release.
	facts := &prog.GoFacts{Version: b.file.Go.Version, MapLenBytes: 8, StackHi: 8}
	if !n.goid {
		facts.Unknown = "BUG: not looked up because the script does not name goid"
	} else if g, err := b.gofact(); err != nil {
		facts.Unknown = err.Error()
	} else {
		facts.GoID, facts.M, facts.CurG, facts.G0 = int64(g.Goid), int64(g.M), int64(g.MCurg), int64(g.MG0)
	}
	at, err := b.file.GPlace(fn)
	switch {
	case err != nil:
		facts.Unknown = err.Error()
	case at.Register && b.file.Arch == gobin.ARM64:
		facts.GReg = "r28"
	case at.Register:
		facts.GReg = "r14"
	default:
		facts.HasTLS, facts.GTLS = true, at.TLS
	}
	return facts
}
