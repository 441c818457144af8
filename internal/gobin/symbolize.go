package gobin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// Frame is one line of a symbolized stack.
type Frame struct {
	Func    string // demangled for C++ and Rust
	Off     uint64 // bytes from the start of the function that holds the code
	File    string // "" where the binary has no line table that is read here
	Line    int
	Inlined bool // the next frame's function has this one's code inside it
}

// Lookup says what is at the virtual address pc, inlined calls first; nil when
// pc is in no known function. For a return address, as all but the first of a
// stack are, ask for pc-1 and add 1 to Off.
func (f *File) Lookup(pc uint64) []Frame {
	fn, ok := f.FuncAt(pc)
	if !ok {
		return nil
	}
	if fn.Go {
		if t, p, ok := f.pcFuncAt(pc); ok {
			return f.frames(t, p, fn.Name, pc)
		}
	}
	return f.nativeFrames(fn, pc)
}

// FuncAt returns the function that holds pc. A symbol of size zero holds what
// follows it up to the next.
func (f *File) FuncAt(pc uint64) (Func, bool) {
	fns, err := f.Funcs()
	if err != nil {
		return Func{}, false
	}
	i, _ := slices.BinarySearchFunc(fns, pc, func(fn Func, pc uint64) int {
		if fn.Entry <= pc {
			return -1
		}
		return 1
	})
	if i == 0 {
		return Func{}, false
	}
	last := i - 1
	first, _ := slices.BinarySearchFunc(fns, fns[last].Entry, func(fn Func, entry uint64) int {
		return cmp.Compare(fn.Entry, entry)
	})
	best := -1
	for j := first; j < i; j++ { // names of one place
		if pc < fns[j].End && (best < 0 || fns[j].better(fns[best])) {
			best = j
		}
	}
	if best >= 0 {
		return fns[best], true
	}
	fn := fns[last]
	return fn, fn.Size() == 0 && f.segment(pc, pc) == f.segment(fn.Entry, fn.Entry)
}

// better tells whether people know the function at one place rather by fn's name
// than by g's: one that other files use, without an underscore in front.
func (fn Func) better(g Func) bool {
	if fn.Local != g.Local {
		return g.Local
	}
	underscores := func(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }
	return !fn.Go && underscores(fn.Name) < underscores(g.Name)
}

// FileLine says which source line the code at pc was written on, for inlined
// code its own; "", 0 where the binary does not tell without DWARF.
func (f *File) FileLine(pc uint64) (file string, line int) {
	t, fn, ok := f.pcFuncAt(pc)
	if !ok {
		return "", 0
	}
	return t.fileLine(fn, pc)
}

func (f *File) pcFuncAt(pc uint64) (*pclntab, pcFunc, bool) {
	if f.Go == nil {
		return nil, pcFunc{}, false
	}
	t, err := f.pcln()
	if err != nil {
		return nil, pcFunc{}, false
	}
	i, ok := t.find(pc)
	if !ok {
		return nil, pcFunc{}, false
	}
	fn, err := t.fn(i)
	return t, fn, err == nil
}

// Demangle turns a C++ or Rust symbol into the name people write; other names
// are returned as they are.
func Demangle(name string) string {
	return demangle.Filter(name, demangle.NoClones)
}

// funcAt is the listed name of the function at entry, or fallback.
func funcAt(fns []Func, entry uint64, fallback string) string {
	i, ok := slices.BinarySearchFunc(fns, entry, func(fn Func, entry uint64) int {
		return cmp.Compare(fn.Entry, entry)
	})
	if !ok {
		return fallback
	}
	return fns[i].Name
}
