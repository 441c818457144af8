package gobin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/rpcxray/rpcxray/internal/types"
)

// MapLenOffset is where a Go map, of the layout of Go 1.24 as of the older one,
// keeps the number of its elements: an int at its beginning.
const MapLenOffset = 0

// errNoRuntimeTypes says that an address is not that of a type.
var errNoRuntimeTypes = errors.New("not a runtime type")

// runtimeTypes reads the type descriptions that the runtime and reflection use,
// which are also in stripped binaries. See internal/abi/type.go of Go.
type runtimeTypes struct {
	base uint64 // address of data
	data []byte // from types to etypes, relocated
	text uint64 // base of method addresses

	links    []byte // []int32, offsets from base; nil from Go 1.27 on
	descLen  uint64 // bytes of descriptors that follow each other; Go 1.27 on
	mapSize  uint64 // of a map's description
	oldField bool   // a field's offset is shifted by the embedded flag: before Go 1.19
	oldName  bool   // a name's length is two bytes: before Go 1.17

	mu      sync.Mutex
	graph   *typeGraph
	methods map[uint64]method   // by the address of the code; nil until the first question
	named   map[string][]uint64 // addresses by name; nil until the first question
}

// method is what reflection knows of a method.
type method struct{ receiver, typ uint64 }

// readRuntimeTypes finds the type descriptions. Served for Go 1.16 and newer.
func (f *File) readRuntimeTypes() (*runtimeTypes, error) {
	m, err := f.ModuleData()
	if err != nil {
		return nil, err
	}
	r := &runtimeTypes{base: m.Types, text: m.Text, descLen: m.TypeDescLen}
	if r.data, err = f.Bytes(m.Types, m.ETypes); err != nil {
		return nil, fmt.Errorf("runtime types: %w", err)
	}
	if err := f.relocate(r.data, r.base); err != nil {
		return nil, fmt.Errorf("runtime types: %w", err)
	}
	if m.TypeLinksLen > 0 {
		if m.TypeLinksLen > maxTypes {
			return nil, fmt.Errorf("runtime types: %d links", m.TypeLinksLen)
		}
		if r.links, err = f.Bytes(m.TypeLinks, m.TypeLinks+4*m.TypeLinksLen); err != nil {
			return nil, fmt.Errorf("runtime types: %w", err)
		}
	}
	switch {
	case f.Go.AtLeast(1, 27):
		r.mapSize = 48 + 11*8
	case f.Go.AtLeast(1, 24):
		r.mapSize = 48 + 8*8
	default:
		r.mapSize = 48 + 5*8
	}
	r.oldField, r.oldName = !f.Go.AtLeast(1, 19), !f.Go.AtLeast(1, 17)
	r.graph = newTypeGraph(r.read)
	return r, nil
}

// RuntimeType returns the type that the runtime describes at addr, a virtual
// address without load bias, and its name as %T prints it. It works in stripped
// binaries. The error wraps no sentinel; the address may simply be another
// module's or of a type made at run time.
func (f *File) RuntimeType(addr uint64) (t *types.Type, name string, err error) {
	r, err := f.runtimeTypes()
	if err != nil {
		return nil, "", err
	}
	defer catch(&err)
	r.mu.Lock()
	defer r.mu.Unlock()
	t, err = r.graph.at(addr)
	if err != nil {
		return nil, "", err
	}
	d, err := r.desc(addr)
	if err != nil {
		return nil, "", err
	}
	return t, d.name, nil
}

// rtype is the part that all descriptions share.
type rtype struct {
	addr, size uint64
	kind       reflect.Kind
	flags      uint8
	name       string
}

// The flags of a description.
const (
	flagUncommon  = 1 << 0
	flagExtraStar = 1 << 1 // the name has a star in front that is not its own
)

// descSize is the size of the shared part.
const descSize = 48

// word reads the pointer-sized word at addr.
func (r *runtimeTypes) word(addr uint64) (uint64, error) {
	b, err := r.bytes(addr, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (r *runtimeTypes) bytes(addr, n uint64) ([]byte, error) {
	size := uint64(len(r.data))
	if addr < r.base || addr-r.base > size || n > size-(addr-r.base) {
		return nil, fmt.Errorf("%#x: %w", addr, errNoRuntimeTypes)
	}
	return r.data[addr-r.base:][:n], nil
}

// desc reads the shared part of the description at addr.
func (r *runtimeTypes) desc(addr uint64) (rtype, error) {
	b, err := r.bytes(addr, descSize)
	if err != nil {
		return rtype{}, err
	}
	t := rtype{
		addr: addr, size: binary.LittleEndian.Uint64(b),
		flags: b[20], kind: reflect.Kind(b[23] & 0x1f),
	}
	align := b[21]
	if t.kind == reflect.Invalid || t.kind > reflect.UnsafePointer || t.size > maxSize || align == 0 || align > 64 || addr%8 != 0 {
		return rtype{}, fmt.Errorf("%#x: %w", addr, errNoRuntimeTypes)
	}
	t.name, _, err = r.nameAt(r.base + uint64(binary.LittleEndian.Uint32(b[40:])))
	if err != nil {
		return rtype{}, err
	}
	if t.flags&flagExtraStar != 0 && t.name != "" {
		t.name = t.name[1:]
	}
	return t, nil
}

// nameAt reads a name and its flags.
func (r *runtimeTypes) nameAt(addr uint64) (name string, flags byte, err error) {
	b, err := r.bytes(addr, 1)
	if err != nil {
		return "", 0, err
	}
	c := cursorAt(r.data, addr+1-r.base)
	var n uint64
	if r.oldName {
		hi := c.fixed(1)
		n = hi<<8 | c.fixed(1)
	} else {
		n = c.uleb()
	}
	s := c.bytes(n)
	return string(s), b[0], c.err
}

// read is the typeGraph's converter.
func (r *runtimeTypes) read(addr uint64, depth int) (types.Type, int, error) {
	d, err := r.desc(addr)
	if err != nil {
		return types.Type{}, 1, err
	}
	t := types.Type{Size: int(d.size), Name: d.name}
	weight := 1
	switch d.kind {
	case reflect.Bool:
		t.Kind = types.Bool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		t.Kind, t.Signed = types.Int, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		t.Kind = types.Int
	case reflect.Float32, reflect.Float64:
		t.Kind = types.Float
	case reflect.Complex64, reflect.Complex128:
		t.Kind = types.Complex
	case reflect.String:
		t.Kind = types.GoString
	case reflect.Map:
		t.Kind = types.GoMap
	case reflect.Chan:
		t.Kind = types.GoChan
	case reflect.Func:
		t.Kind = types.GoFunc
	case reflect.UnsafePointer:
		t.Kind, t.Space = types.Pointer, types.SpaceUser
	case reflect.Interface:
		t.Kind = types.GoInterface
		n, err := r.word(addr + descSize + 16)
		t.Empty = err == nil && n == 0
	case reflect.Pointer, reflect.Slice:
		t.Kind, t.Space = types.Pointer, types.SpaceUser
		if d.kind == reflect.Slice {
			t.Kind, t.Space = types.GoSlice, types.SpaceUnknown
		}
		elem, err := r.word(addr + descSize)
		if err != nil {
			return t, 1, err
		}
		t.Elem = r.graph.pointed(elem)
	case reflect.Array:
		weight, err = r.array(&t, addr, depth)
	case reflect.Struct:
		weight, err = r.fields(&t, addr, depth)
	}
	if want := fixedSize(t.Kind); err == nil && want != 0 && t.Size != want {
		err = fmt.Errorf("%#x: %w", addr, errNoRuntimeTypes)
	}
	return t, weight, err
}

// fixedSize is the size that all Go types of a kind have; 0: it differs.
func fixedSize(k types.Kind) int {
	switch k {
	case types.Pointer, types.GoMap, types.GoChan, types.GoFunc:
		return 8
	case types.GoString, types.GoInterface:
		return 16
	case types.GoSlice:
		return 24
	case types.Bool:
		return 1
	}
	return 0
}

func (r *runtimeTypes) array(t *types.Type, addr uint64, depth int) (int, error) {
	elem, err := r.word(addr + descSize)
	if err != nil {
		return 1, err
	}
	n, err := r.word(addr + descSize + 16)
	if err != nil {
		return 1, err
	}
	et, err := r.graph.byValue(elem, depth+1)
	if err != nil {
		return 1, err
	}
	if n > maxSize || et.Size > 0 && (n > maxSize/uint64(et.Size) || int(n)*et.Size != t.Size) {
		return 1, fmt.Errorf("%#x: %w", addr, errNoRuntimeTypes)
	}
	t.Kind, t.Elem, t.Len = types.Array, et, int(n)
	return r.graph.weight[et] + 1, nil
}

// fields reads the fields of the struct described at addr.
func (r *runtimeTypes) fields(t *types.Type, addr uint64, depth int) (weight int, err error) {
	t.Kind, weight = types.Struct, 1
	list, err := r.word(addr + descSize + 8)
	if err != nil {
		return 1, err
	}
	n, err := r.word(addr + descSize + 16)
	if err != nil || n > maxWeight {
		return 1, fmt.Errorf("%#x: %w", addr, errNoRuntimeTypes)
	}
	for i := range n {
		b, err := r.bytes(list+24*i, 24)
		if err != nil {
			return 1, err
		}
		name, flags, err := r.nameAt(binary.LittleEndian.Uint64(b))
		if err != nil {
			return 1, err
		}
		ft, err := r.graph.byValue(binary.LittleEndian.Uint64(b[8:]), depth+1)
		if err != nil {
			return 1, err
		}
		off, embedded := binary.LittleEndian.Uint64(b[16:]), flags&8 != 0
		if r.oldField {
			off, embedded = off>>1, off&1 != 0
		}
		if off > uint64(t.Size) || uint64(ft.Size) > uint64(t.Size)-off {
			return 1, fmt.Errorf("%#x: %w", addr, errNoRuntimeTypes)
		}
		t.Fields = append(t.Fields, types.Field{Name: name, Type: ft, Offset: int(off), Embedded: embedded})
		if weight += r.graph.weight[ft]; weight > maxWeight {
			return 1, fmt.Errorf("%#x: %w", addr, errNoRuntimeTypes)
		}
	}
	return weight, nil
}
