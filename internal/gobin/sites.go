package gobin

import (
	"errors"
	"fmt"
	"sort"
)

// SiteKind says which moment of a call a probe at a site sees.
type SiteKind uint8

// The kinds of sites. SP is the same at all but SiteOffset: it points at the
// return address (amd64), and arguments are where the ABI puts them at all
// entry sites.
const (
	// SiteFirst is the function's first byte.
	SiteFirst SiteKind = iota
	// SitePush is the push of the frame pointer behind the stack check (amd64,
	// Go 1.21 and newer).
	SitePush
	// SiteJbe is the branch of the stack check. It counts only when it is not
	// taken: on amd64 jbe, taken when CF or ZF is set in the saved flags; on
	// arm64 b.ls, taken when C is clear or Z is set.
	SiteJbe
	// SiteRet is a RET instruction.
	SiteRet
	// SiteOffset is an instruction that the user named.
	SiteOffset
)

func (k SiteKind) String() string {
	return [...]string{"first", "push", "jbe", "ret", "offset"}[k]
}

// Cost says how the kernel executes the instruction under a probe.
type Cost uint8

const (
	// Emulated instructions are carried out by the kernel in the same trap.
	Emulated Cost = iota
	// SingleStep instructions are stepped over in a copy: a second trap, five to
	// twenty times the time.
	SingleStep
)

func (c Cost) String() string { return [...]string{"emulated", "single-step"}[c] }

// Site is a place that can carry a probe: the start of an instruction that the
// kernel takes.
type Site struct {
	Addr uint64 // virtual address in the file
	Kind SiteKind
	Cost Cost

	// MayRepeat says that one call may pass more than once.
	MayRepeat bool

	// Shared says that the site is in another function, which this one jumps to:
	// others pass there too.
	Shared bool
}

// PlanWant says which sites are asked for.
type PlanWant uint8

// What Plan can be asked for.
const (
	WantEntry PlanWant = 1 << iota
	WantRets
)

// Plan says where a function's calls are seen to start and to end. An error
// stands for a function that cannot be probed so; it names the reason, not the
// function.
type Plan struct {
	Entry    Site
	EntryErr error
	Rets     []Site // at least one unless RetErr is set
	RetErr   error  // wraps ErrNeverReturns when there is no RET at all
	Why      string // why Entry is where it is
}

// Plan chooses the sites of a function. It reads only the file.
func (f *File) Plan(fn Func, want PlanWant) Plan {
	code, err := f.funcCode(fn)
	if err != nil {
		return Plan{EntryErr: err, RetErr: err}
	}
	b := newBody(code)
	if fn.End <= fn.Entry {
		b.scanned, b.err = true, errNoSize
	}
	var p Plan
	if want&WantEntry != 0 {
		p.Entry, p.Why, p.EntryErr = b.planEntry(fn.Go)
	}
	if want&WantRets != 0 {
		p.Rets, p.RetErr = b.planRets(f.codeAt)
	}
	return p
}

// CallsOf lists where fn calls callee directly, as offsets from fn's first byte: of the
// calls or, behind, of what follows them. Code that does not decode to its end is an error.
func (f *File) CallsOf(fn, callee Func, behind bool) ([]uint64, error) {
	code, err := f.funcCode(fn)
	if err != nil {
		return nil, err
	}
	var offs []uint64
	err = code.walk(func(off uint64, in inst) bool {
		if in.class == classCall && in.target == callee.Entry {
			if behind {
				off += uint64(in.size)
			}
			offs = append(offs, off)
		}
		return true
	})
	return offs, err
}

// OffsetSite checks that a probe may be put off bytes behind a function's
// start: the whole function decodes, an instruction starts there, and the
// kernel takes it. A probe inside an instruction would be accepted by the
// kernel and kill the process.
func (f *File) OffsetSite(fn Func, off uint64) (Site, error) {
	if fn.End <= fn.Entry {
		return Site{}, errNoSize
	}
	code, err := f.funcCode(fn)
	if err != nil {
		return Site{}, err
	}
	p, err := code.boundary(off)
	if err != nil {
		return Site{}, err
	}
	return newBody(code).site(p, SiteOffset)
}

// boundary finds the instruction that starts at off.
func (fn funcCode) boundary(off uint64) (placed, error) {
	var before, found, after placed
	err := fn.walk(func(at uint64, in inst) bool {
		switch p := (placed{at, in}); {
		case at < off:
			before = p
		case at == off:
			found = p
		case after.size == 0:
			after = p
		}
		return true
	})
	switch {
	case err != nil:
		return placed{}, err
	case found.size > 0:
		return found, nil
	case off >= before.off+uint64(before.size):
		return placed{}, fmt.Errorf("+%d: behind the function's last instruction, which is at +%d", off, before.off)
	case after.size == 0:
		return placed{}, fmt.Errorf("+%d: inside the last instruction, which starts at +%d", off, before.off)
	}
	return placed{}, fmt.Errorf("+%d: inside an instruction; the nearest that start are at +%d and +%d", off, before.off, after.off)
}

var errNoSize = errors.New("its size is unknown, so where it ends cannot be checked")

// funcCode reads a function's bytes, or, where its size is unknown, those of
// its first instruction.
func (f *File) funcCode(fn Func) (funcCode, error) {
	end := fn.End
	if end <= fn.Entry {
		p := f.segment(fn.Entry, fn.Entry)
		if p == nil {
			return funcCode{}, fmt.Errorf("address %#x: not in the file", fn.Entry)
		}
		end = min(fn.Entry+maxInstX86, p.Vaddr+p.Filesz)
	}
	code, err := f.Text(fn.Entry, end)
	return funcCode{arch: f.Arch, name: fn.Name, entry: fn.Entry, code: code}, err
}

// codeAt reads the function that holds an address.
func (f *File) codeAt(addr uint64) (funcCode, error) {
	fns, err := f.Funcs()
	if err != nil {
		return funcCode{}, err
	}
	i := sort.Search(len(fns), func(i int) bool { return fns[i].Entry > addr })
	if i == 0 || addr >= fns[i-1].End {
		return funcCode{}, errors.New("no function is there")
	}
	return f.funcCode(fns[i-1])
}
