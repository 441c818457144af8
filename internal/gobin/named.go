package gobin

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
)

// nameIndex finds functions by their names: a hash table of numbers.
type nameIndex struct {
	seed  maphash.Seed
	slots []int32              // numbers of functions, from 1 on; 0: free
	name  func(i int32) string // of function i
}

func newNameIndex(n int, name func(i int32) string) *nameIndex {
	return &nameIndex{maphash.MakeSeed(), make([]int32, 1<<bits.Len(uint(2*n))), name}
}

// start is the slot where the search for a name begins.
func (x *nameIndex) start(name string) int {
	return int(maphash.String(x.seed, name)) & (len(x.slots) - 1)
}

func (x *nameIndex) next(slot int) int { return (slot + 1) & (len(x.slots) - 1) }

func (x *nameIndex) add(i int32, name string) {
	slot := x.start(name)
	for x.slots[slot] != 0 {
		slot = x.next(slot)
	}
	x.slots[slot] = i + 1
}

// find lists the functions of that name in the order in which they were added.
func (x *nameIndex) find(name string) (found []int32) {
	for slot := x.start(name); x.slots[slot] != 0; slot = x.next(slot) {
		if i := x.slots[slot] - 1; x.name(i) == name {
			found = append(found, i)
		}
	}
	return found
}

func (t *pclntab) index() (*nameIndex, error) {
	nameOffs := make([]uint32, t.nfunc)
	x := newNameIndex(t.nfunc, func(i int32) string { return t.name(nameOffs[i]) })
	place := func(i int) (uint64, bool) {
		off, ok := t.record(i)
		return off + t.wordSize(), ok
	}
	err := t.data.words(t.nfunc, place, func(i int, off uint32) {
		nameOffs[i] = off
		x.add(int32(i), t.name(off))
	})
	return x, err
}

// has tells whether a function of that name is in the table.
func (t *pclntab) has(name string) bool {
	x, err := t.byName()
	return err == nil && len(x.find(name)) > 0
}

// MayHaveMethod tells whether a function of the program has the name of a method: any
// type's, or an interface's. Where its function table cannot be read, it may.
func (f *File) MayHaveMethod(name string) bool {
	t, err := f.pcln()
	if err != nil {
		return true
	}
	wanted := []byte("." + name + "\x00")
	end := t.names.start + t.names.size
	for off := t.names.start; off < end; off += pageSize {
		text := t.data.at(off, min(pageSize+uint64(len(wanted)), end-off))
		if text == nil || bytes.Contains(text, wanted) {
			return true
		}
	}
	return false
}

// GoFuncs lists the Go functions of exactly that name. It does not list all functions
// for it, as Match does, unless the function table alone cannot tell them: type
// arguments stand in the symbol table only, and so does the ABI of what has no twin.
func (f *File) GoFuncs(name string) ([]Func, error) {
	if f.Go == nil || isMark(name) || strings.ContainsAny(name, "[·") || strings.HasSuffix(name, abi0Suffix) {
		return f.goFuncsListed(name)
	}
	t, err := f.pcln()
	if err != nil {
		return nil, err
	}
	x, err := t.byName()
	if err != nil {
		return nil, err
	}
	var found []Func
	for _, i := range x.find(name) {
		p, err := t.fn(int(i))
		if err != nil {
			return nil, err
		}
		found = append(found, f.goFunc(t, p))
	}
	if len(found) == 0 {
		return nil, nil
	}
	t.markABI0(found)
	found = slices.DeleteFunc(found, func(fn Func) bool { return fn.Name != name })
	if len(found) == 1 && found[0].ABIInternal && found[0].Size() > 0 {
		return found, nil
	}
	return f.goFuncsListed(name)
}

func (f *File) goFuncsListed(name string) ([]Func, error) {
	fns, err := f.Match(exactly(name))
	var out []Func
	for _, fn := range fns {
		if fn.Go {
			out = append(out, fn)
		}
	}
	return out, err
}

// Named lists the functions of exactly that name. Dots in the place of type arguments
// stand for any; so do type arguments where the binary has only dots.
func (f *File) Named(name string) ([]Func, error) {
	if f.Go != nil {
		if fns, err := f.GoFuncs(name); err != nil || len(fns) > 0 {
			return fns, err
		}
	}
	fns, err := f.Match(exactly(name))
	if err != nil || len(fns) > 0 {
		return fns, err
	}
	return f.matchDotted(name, exactly)
}

func exactly(name string) Matcher { return func(s string) bool { return s == name } }
