package gobin

import (
	"encoding/binary"
	"fmt"
)

// inlinedCall is a node of a function's inline tree: a call that was replaced
// by the callee's body.
type inlinedCall struct {
	nameOff  uint32 // callee
	parentPC uint32 // offset of an instruction at the place of the call
}

// InlineSite is a place where a function was inlined.
type InlineSite struct {
	Name   string // the function that was inlined
	Caller string // the function whose code holds it
	PC     uint64 // first instruction of it there
	File   string // where the call is written
	Line   int
}

// InlinedAt tells where the function was inlined. It scans the whole binary, so
// it is for a function that Funcs does not list. nil: nowhere, or not a Go
// binary.
func (f *File) InlinedAt(name string) ([]InlineSite, error) {
	var sites []InlineSite
	err := f.Inlined(func(s string) bool { return s == name || sameName(s, name) }, func(s InlineSite) bool {
		sites = append(sites, s)
		return true
	})
	return sites, err
}

// Inlined calls yield, until it says no, for every place where a function whose
// name matches was inlined, in the order of addresses of the callers.
func (f *File) Inlined(match func(name string) bool, yield func(InlineSite) bool) error {
	if f.Go == nil {
		return nil
	}
	if err := f.inlined(match, yield); err != nil {
		return fmt.Errorf("%s: where functions are inlined: %w", f.Path, err)
	}
	return nil
}

func (f *File) inlined(match func(name string) bool, yield func(InlineSite) bool) error {
	t, err := f.pcln()
	if err != nil {
		return err
	}
	fns, err := f.funcs()
	if err != nil {
		return err
	}
	matches := map[uint32]bool{} // by name offset: each name is stored once
	for i := range t.nfunc {
		fn, err := t.fn(i)
		if err != nil {
			return err
		}
		first := t.inlineRanges(fn)
		if len(first) == 0 {
			continue
		}
		tree, err := f.inlineTree(t, fn, len(first))
		if err != nil {
			return err
		}
		for ix, call := range tree {
			hit, seen := matches[call.nameOff]
			if !seen {
				hit = match(t.name(call.nameOff))
				matches[call.nameOff] = hit
			}
			if !hit || first[ix] == 0 {
				continue
			}
			site := InlineSite{Name: t.name(call.nameOff), PC: first[ix], Caller: funcAt(fns, fn.entry, t.name(fn.nameOff))}
			site.File, site.Line = t.fileLine(fn, fn.entry+uint64(call.parentPC))
			if !yield(site) {
				return nil
			}
		}
	}
	return nil
}

// inlineRanges gives, for each node of the inline tree, its first instruction's
// address, 0 for one that only holds other inlined calls.
func (t *pclntab) inlineRanges(fn pcFunc) []uint64 {
	var first []uint64
	t.values(fn, t.pcdata(fn, pcdataInlTreeIndex), func(v pcValue) bool {
		if v.value < 0 || !fn.hasNode(v.value) {
			return true
		}
		for len(first) <= int(v.value) {
			first = append(first, 0)
		}
		if first[v.value] == 0 {
			first[v.value] = v.start
		}
		return true
	})
	return first
}

// hasNode says whether an inline tree may have a node ix: one that none of the
// function's bytes belongs to is not asked for.
func (fn pcFunc) hasNode(ix int32) bool { return uint64(ix) < fn.next-fn.entry }

// inlineTree reads the first n nodes of a function's inline tree.
func (f *File) inlineTree(t *pclntab, fn pcFunc, n int) ([]inlinedCall, error) {
	at, ok := t.funcdata(fn, funcdataInlTree)
	if !ok || t.format == pcln12 {
		return nil, nil
	}
	if t.format >= pcln118 {
		m, err := f.module()
		if err != nil {
			return nil, err
		}
		at += m.GoFunc
	}
	// A node is {funcID, name, parentPC, startLine} from Go 1.20 on, before it
	// {parent and funcID, file, line, name, parentPC}.
	size, name := uint64(20), 12
	if t.format >= pcln120 {
		size, name = 16, 4
	}
	b, err := f.Bytes(at, at+uint64(n)*size)
	if err != nil {
		return nil, fmt.Errorf("inline tree of %s: %w", t.name(fn.nameOff), err)
	}
	tree := make([]inlinedCall, n)
	for i := range tree {
		node := b[i*int(size):]
		tree[i] = inlinedCall{
			nameOff:  binary.LittleEndian.Uint32(node[name:]),
			parentPC: binary.LittleEndian.Uint32(node[name+4:]),
		}
	}
	return tree, nil
}

// frames says what is running at pc: the innermost inlined call first, the
// function itself last.
func (f *File) frames(t *pclntab, fn pcFunc, name string, pc uint64) []Frame {
	off := pc - fn.entry
	var frames []Frame
	table := t.pcdata(fn, pcdataInlTreeIndex)
	at := pc
	for range 100 { // deeper than the compiler inlines; a lying tree may loop
		ix := t.value(fn, table, at)
		if ix < 0 || !fn.hasNode(ix) {
			break
		}
		tree, err := f.inlineTree(t, fn, int(ix)+1)
		if err != nil || len(tree) == 0 {
			break
		}
		fr := Frame{Func: t.name(tree[ix].nameOff), Off: off, Inlined: true}
		fr.File, fr.Line = t.fileLine(fn, at)
		frames = append(frames, fr)
		at = fn.entry + uint64(tree[ix].parentPC)
	}
	fr := Frame{Func: name, Off: off}
	fr.File, fr.Line = t.fileLine(fn, at)
	return append(frames, fr)
}
