package kernel

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/rpcxray/rpcxray/internal/types"
)

// Param is a parameter of a kernel function or raw tracepoint.
type Param struct {
	Name  string
	CType string // as C spells it: "struct task_struct *"
	Type  *types.Type
}

// Func is the prototype of a kernel function.
type Func struct {
	Name   string
	Params []Param
	Result *types.Type // of kind Void if it has none
}

// The kernel defines for each tracepoint a typedef of its callback
// (include/trace/bpf_probe.h) and a function that calls all callbacks with the
// same parameters (include/linux/tracepoint.h, since 5.10). Only the function
// has their names.
const (
	rawTypedef  = "btf_trace_"
	rawFunction = "__traceiter_"
)

// RawTracepoint returns the parameters of the raw tracepoint called name, as
// its program finds them, eight bytes each, in its context. On old kernels
// they have no names.
func (b *BTF) RawTracepoint(name string) ([]Param, error) {
	id := b.find(rawTypedef+name, kindTypedef)
	proto := b.record(b.record(b.record(id).size).size)
	if fn := b.find(rawFunction+name, kindFunc); id != 0 && fn != 0 {
		proto = b.record(b.record(fn).size)
	}
	if id == 0 || proto.kind != kindFuncProto || proto.vlen == 0 {
		return nil, fmt.Errorf("raw tracepoint %q: %w", name, ErrNoType)
	}
	params, err := b.params(proto)
	if err != nil {
		return nil, fmt.Errorf("raw tracepoint %q: %w", name, err)
	}
	return params[1:], nil // the first is the callback's own data
}

// HasRawTracepoint tells whether there is a raw tracepoint called name.
func (b *BTF) HasRawTracepoint(name string) bool { return b.find(rawTypedef+name, kindTypedef) != 0 }

// RawTracepoints lists the names of the raw tracepoints, sorted: those of b
// alone, not those of a module's kernel.
func (b *BTF) RawTracepoints() []string { return b.list(kindTypedef, rawTypedef) }

// Each iterator has a function with the parameters of its programs
// (include/linux/bpf.h, DEFINE_BPF_ITER_FUNC) and a struct for its programs' C.
const (
	iterFunction = "bpf_iter_"
	iterStruct   = "bpf_iter__"
)

// Iterators lists what the kernel's iterators go over, sorted: task, tcp, ….
func (b *BTF) Iterators() []string {
	return slices.DeleteFunc(b.list(kindStruct, iterStruct), func(name string) bool { return !b.iterates(name) })
}

func (b *BTF) iterates(target string) bool {
	return b.find(iterStruct+target, kindStruct) != 0 && b.find(iterFunction+target, kindFunc) != 0
}

// Iterator returns what a program of the iterator over target finds in its
// context, eight bytes each. The first is about the run, the others are of the
// object, with pointers that are nil at the end.
func (b *BTF) Iterator(target string) ([]Param, error) {
	if !b.iterates(target) {
		return nil, fmt.Errorf("iterator %q: %w", target, ErrNoType)
	}
	f, err := b.FuncProto(iterFunction + target)
	if err != nil {
		return nil, err
	}
	return f.Params, nil
}

// FuncProto returns the prototype of the kernel function called name.
func (b *BTF) FuncProto(name string) (*Func, error) {
	id := b.find(name, kindFunc)
	proto := b.record(b.record(id).size)
	if id == 0 || proto.kind != kindFuncProto {
		return nil, fmt.Errorf("function %q: %w", name, ErrNoType)
	}
	params, err := b.params(proto)
	if err != nil {
		return nil, fmt.Errorf("function %q: %w", name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	result, err := b.convert(proto.size, 0)
	if err != nil {
		return nil, fmt.Errorf("function %q: %w", name, err)
	}
	return &Func{Name: name, Params: params, Result: result}, nil
}

func (b *BTF) params(proto btfRecord) ([]Param, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	params := make([]Param, proto.vlen)
	for i := range params {
		data := proto.data[i*8:]
		id := le.Uint32(data[4:])
		t, err := b.convert(id, 0)
		if err != nil {
			return nil, err
		}
		params[i] = Param{Name: b.name(le.Uint32(data)), CType: b.spell(id, 0), Type: t}
	}
	return params, nil
}

// spell writes a type as C does.
func (b *BTF) spell(id uint32, depth int) string {
	if depth > maxDepth {
		return "…"
	}
	r := b.record(id)
	inner := func() string { return b.spell(r.size, depth+1) }
	switch r.kind {
	case 0:
		return "void"
	case kindPtr:
		if b.record(r.size).kind == kindFuncProto {
			return "void *"
		}
		return inner() + " *"
	case kindConst:
		if b.record(r.size).kind == kindPtr {
			return inner() + "const"
		}
		return "const " + inner()
	case kindVolatile:
		return "volatile " + inner()
	case kindRestrict, kindTypeTag, kindVar, kindFunc:
		return inner()
	case kindArray:
		return b.spell(le.Uint32(r.data), depth+1) + "[" + strconv.Itoa(int(le.Uint32(r.data[8:]))) + "]"
	case kindStruct, kindUnion, kindFwd:
		return b.structName(r)
	case kindEnum, kindEnum64:
		return "enum " + b.name(r.name)
	}
	return b.name(r.name)
}

// FuncID returns the number of a function among the kernel's types, by which a program
// calls it if the kernel lets programs do that.
func (b *BTF) FuncID(name string) (id uint32, ok bool) {
	id = b.find(name, kindFunc)
	return id, id != 0
}
