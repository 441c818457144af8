package gobin

import (
	"encoding/binary"
	"fmt"
	"reflect"
)

// signature describes the method whose code begins at entry, which reflection
// has to have kept; nil if it has not. Names are made up from the position.
func (r *runtimeTypes) signature(fn Func, c call) (sig *Signature, err error) {
	defer catch(&err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.methods == nil {
		r.readMethods()
	}
	m, ok := r.methods[fn.Entry]
	if !ok {
		return nil, nil
	}
	ins, outs, err := r.funcTypes(m.typ)
	if err != nil {
		return nil, err
	}
	sig = &Signature{Source: FromRuntime}
	for i, addr := range append([]uint64{m.receiver}, ins...) {
		t, err := r.graph.at(addr)
		if err != nil {
			return nil, err
		}
		sig.Params = append(sig.Params, Param{Name: fmt.Sprintf("arg%d", i), Type: t})
	}
	for i, addr := range outs {
		t, err := r.graph.at(addr)
		if err != nil {
			return nil, err
		}
		sig.Results = append(sig.Results, Param{Name: fmt.Sprintf("~r%d", i), Type: t, Result: true})
	}
	sig.placeGo("", nil, -1, c)
	return sig, nil
}

// readMethods indexes the methods of all types that are linked by code address.
func (r *runtimeTypes) readMethods() {
	r.methods = map[uint64]method{}
	r.visit(r.methodsOf)
}

// visit calls f for every type that is linked, and for those that they are made of: up
// to Go 1.26 named types are not listed themselves.
func (r *runtimeTypes) visit(f func(rtype)) {
	seen := map[uint64]bool{}
	for queue := r.linked(); len(queue) > 0 && len(seen) < maxTypes; {
		addr := queue[0]
		queue = queue[1:]
		if seen[addr] {
			continue
		}
		d, err := r.desc(addr)
		if err != nil {
			continue
		}
		seen[addr] = true
		f(d)
		queue = append(queue, r.parts(d)...)
	}
}

// parts lists the addresses of the types that a type is made of, as far as they can be
// read.
func (r *runtimeTypes) parts(d rtype) (addrs []uint64) {
	switch d.kind {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan, reflect.Map:
		words := uint64(1)
		if d.kind == reflect.Map {
			words = 2 // key and element
		}
		for i := range words {
			if a, err := r.word(d.addr + descSize + 8*i); err == nil {
				addrs = append(addrs, a)
			}
		}
	case reflect.Func:
		ins, outs, _ := r.funcTypes(d.addr) // none with an error
		addrs = append(ins, outs...)
	case reflect.Struct:
		list, err := r.word(d.addr + descSize + 8)
		for i := uint64(0); err == nil && i < min(r.count(d.addr), maxWeight); i++ {
			var a uint64
			if a, err = r.word(list + 24*i + 8); err == nil {
				addrs = append(addrs, a)
			}
		}
	}
	return addrs
}

// linked lists the addresses of the types that the linker lists.
func (r *runtimeTypes) linked() (addrs []uint64) {
	for b := r.links; len(b) >= 4; b = b[4:] {
		addrs = append(addrs, r.base+uint64(int32(binary.LittleEndian.Uint32(b))))
	}
	// Go 1.27 puts all descriptions one behind the other, after one word.
	for off := uint64(8); off < r.descLen && len(addrs) < maxTypes; {
		d, err := r.desc(r.base + off)
		if err != nil {
			return addrs
		}
		addrs = append(addrs, d.addr)
		off = (off + r.fullSize(d) + 7) &^ 7
	}
	return addrs
}

// kindSize is the size of a description without its methods and what has a
// variable number.
func (r *runtimeTypes) kindSize(k reflect.Kind) uint64 {
	switch k {
	case reflect.Pointer, reflect.Slice, reflect.Func:
		return descSize + 8
	case reflect.Chan:
		return descSize + 16
	case reflect.Array:
		return descSize + 24
	case reflect.Struct, reflect.Interface:
		return descSize + 32
	case reflect.Map:
		return r.mapSize
	}
	return descSize
}

// fullSize is the size of a description with everything that directly follows.
func (r *runtimeTypes) fullSize(d rtype) uint64 {
	n := r.kindSize(d.kind)
	at := d.addr + n
	if d.flags&flagUncommon != 0 {
		n += 16
		if b, err := r.bytes(at+4, 2); err == nil {
			n += 16 * uint64(binary.LittleEndian.Uint16(b))
		}
	}
	switch d.kind {
	case reflect.Func:
		in, out := r.funcCounts(d.addr)
		n += 8 * (in + out)
	case reflect.Struct:
		n += 24 * r.count(d.addr)
	case reflect.Interface:
		n += 8 * r.count(d.addr)
	}
	return n
}

// count is the number of fields of a struct or methods of an interface.
func (r *runtimeTypes) count(addr uint64) uint64 {
	n, err := r.word(addr + descSize + 16)
	if err != nil {
		return 0
	}
	return min(n, maxWeight)
}

// methodsOf enters the methods of one type.
func (r *runtimeTypes) methodsOf(d rtype) {
	r.eachMethod(d, func(_, typ, _, code int32) {
		if typ > 0 && code > 0 { // the linker clears those that cannot be called
			r.methods[r.text+uint64(code)] = method{receiver: d.addr, typ: r.base + uint64(typ)}
		}
	})
}

// eachMethod calls f with the offsets of name, type and code of each method: as
// interfaces call it, and as it is.
func (r *runtimeTypes) eachMethod(d rtype, f func(name, typ, ifn, tfn int32)) {
	if d.flags&flagUncommon == 0 {
		return
	}
	at := d.addr + r.kindSize(d.kind)
	u, err := r.bytes(at, 16)
	if err != nil {
		return
	}
	n, off := uint64(binary.LittleEndian.Uint16(u[4:])), uint64(binary.LittleEndian.Uint32(u[8:]))
	list, err := r.bytes(at+off, 16*n)
	if err != nil {
		return
	}
	number := func(i int) int32 { return int32(binary.LittleEndian.Uint32(list[4*i:])) }
	for ; len(list) > 0; list = list[16:] {
		f(number(0), number(1), number(2), number(3))
	}
}

func (r *runtimeTypes) funcCounts(addr uint64) (in, out uint64) {
	b, err := r.bytes(addr+descSize, 4)
	if err != nil {
		return 0, 0
	}
	// The top bit of the results' number says "variadic".
	return uint64(binary.LittleEndian.Uint16(b)), uint64(binary.LittleEndian.Uint16(b[2:]) &^ (1 << 15))
}

// funcTypes lists the addresses of a function type's parameters and results.
func (r *runtimeTypes) funcTypes(addr uint64) (ins, outs []uint64, err error) {
	d, err := r.desc(addr)
	if err != nil {
		return nil, nil, err
	}
	if d.kind != reflect.Func {
		return nil, nil, fmt.Errorf("%#x: %w", addr, errNoRuntimeTypes)
	}
	at := addr + r.kindSize(reflect.Func)
	if d.flags&flagUncommon != 0 {
		at += 16
	}
	in, out := r.funcCounts(addr)
	for i := range in + out {
		t, err := r.word(at + 8*i)
		if err != nil {
			return nil, nil, err
		}
		if i < in {
			ins = append(ins, t)
		} else {
			outs = append(outs, t)
		}
	}
	return ins, outs, nil
}

// index lists the types that are linked by the name that %T prints.
func (r *runtimeTypes) index() map[string][]uint64 {
	if r.named == nil {
		r.named = map[string][]uint64{}
		r.visit(func(d rtype) { r.named[d.name] = append(r.named[d.name], d.addr) })
	}
	return r.named
}

// packageOf is the import path of the package that names the type; "" if none does.
func (r *runtimeTypes) packageOf(addr uint64) string {
	d, err := r.desc(addr)
	if err != nil || d.flags&flagUncommon == 0 {
		return ""
	}
	b, err := r.bytes(addr+r.kindSize(d.kind), 4)
	if err != nil {
		return ""
	}
	path, _, err := r.nameAt(r.base + uint64(binary.LittleEndian.Uint32(b)))
	if err != nil {
		return ""
	}
	return path
}

// TypeHash is the hash that interface tables and type switches know a type by, which
// goes by the name that %T prints. False if the binary has no such type. It works in
// stripped binaries, and is the same wherever the binary is loaded.
func (f *File) TypeHash(name string) (uint32, bool) {
	r, err := f.runtimeTypes()
	if err != nil {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, addr := range r.index()[name] {
		if b, err := r.bytes(addr+16, 4); err == nil {
			return binary.LittleEndian.Uint32(b), true
		}
	}
	return 0, false
}
