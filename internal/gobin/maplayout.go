package gobin

import (
	"encoding/binary"
	"errors"
	"reflect"
)

// MapLayout is where the maps of one type keep keys and elements: in groups of eight.
type MapLayout struct {
	Swiss bool // as of Go 1.24, else in buckets
	// A group's size, and where in it keys and elements begin, and how far they lie apart.
	Group, Keys, KeyStride, Elems, ElemStride uint64
}

// groupHead is what stands before the slots of a group, a byte each.
const groupHead = 8

// MapLayout reads how maps lie from the runtime's description of one of the types with
// these names, as %T prints them. It works in stripped binaries.
func (f *File) MapLayout(names ...string) (m MapLayout, err error) {
	r, err := f.runtimeTypes()
	if err != nil {
		return m, err
	}
	defer catch(&err)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		for _, addr := range r.index()[name] {
			if d, err := r.desc(addr); err == nil && d.kind == reflect.Map {
				return r.mapLayout(addr)
			}
		}
	}
	return m, errors.New("the binary describes no such map")
}

// mapLayout reads what follows the types of key, element and group, and the hash. In
// the older description that is key's and element's sizes, a byte each, and a bucket's.
func (r *runtimeTypes) mapLayout(addr uint64) (m MapLayout, err error) {
	b, err := r.bytes(addr+descSize+4*8, r.mapSize-descSize-4*8)
	if err != nil {
		return m, err
	}
	word := binary.LittleEndian.Uint64
	switch n := word(b); {
	case n > 0xffff:
		key, elem := uint64(b[0]), uint64(b[1])
		return MapLayout{Group: n >> 16 & 0xffff, Keys: groupHead, KeyStride: key, Elems: groupHead + 8*key, ElemStride: elem}, nil
	case len(b) >= 5*8+16:
		return MapLayout{Swiss: true, Group: n, Keys: word(b[8:]), KeyStride: word(b[16:]), Elems: word(b[24:]), ElemStride: word(b[32:])}, nil
	default:
		slot, elem := word(b[8:]), word(b[16:])
		return MapLayout{Swiss: true, Group: n, Keys: groupHead, KeyStride: slot, Elems: groupHead + elem, ElemStride: slot}, nil
	}
}
