package kernel

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/types"
)

// Struct returns the struct or union called name (with or without the
// keyword) with its members. Pointers in it lead to structs without members:
// Resolve gives those.
func (b *BTF) Struct(name string) (*types.Type, error) {
	t, err := b.TypeByName(name)
	if err == nil && t.Kind != types.Struct {
		bare := strings.TrimPrefix(strings.TrimPrefix(name, "struct "), "union ")
		t, err = b.TypeByName("struct " + bare)
		if err != nil {
			t, err = b.TypeByName("union " + bare)
		}
	}
	return t, err
}

// TypeByName returns the type that C code calls name: "struct X", "union X",
// "enum X", an integer or a typedef; a bare name that is none of these may
// also be that of a struct, union or enum. Named structs, unions and enums
// carry their keyword in [types.Type.Name], nameless ones the name of their
// typedef. Pointers lead into kernel memory, except where the kernel marks
// them __user.
func (b *BTF) TypeByName(name string) (*types.Type, error) {
	keyword, tag, ok := strings.Cut(name, " ")
	var id uint32
	switch {
	case ok && keyword == "struct":
		id = b.find(tag, kindStruct)
	case ok && keyword == "union":
		id = b.find(tag, kindUnion)
	case ok && keyword == "enum":
		id = b.find(tag, kindEnum, kindEnum64)
	default:
		id = b.find(name, kindTypedef, kindInt, kindFloat, kindStruct, kindUnion, kindEnum, kindEnum64)
	}
	if t := cInt(plainC(name)); id == 0 && t != nil {
		return t, nil // BTF spells "unsigned long" as "long unsigned int"
	}
	if id == 0 {
		return nil, fmt.Errorf("type %q: %w", name, ErrNoType)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t, err := b.convert(id, 0)
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", name, err)
	}
	return t, nil
}

// Resolve returns the struct or union that t, one without members that a
// pointer leads to, stands for. Other types come back as they are; so does a
// struct that the kernel only declares.
func (b *BTF) Resolve(t *types.Type) (*types.Type, error) {
	if t == nil || t.Kind != types.Struct || len(t.Fields) > 0 {
		return t, nil
	}
	b.mu.Lock()
	id, known := b.ids[t]
	if known && b.record(id).kind != kindFwd {
		defer b.mu.Unlock()
		return b.convert(id, 0)
	}
	b.mu.Unlock()
	full, err := b.TypeByName(t.Name)
	if errors.Is(err, ErrNoType) {
		return t, nil
	}
	return full, err
}

// EnumConstant returns the value of the enum constant called name, and its
// enum.
func (b *BTF) EnumConstant(name string) (int64, *types.Type, error) {
	for i := range b.offsets {
		id := b.firstID + uint32(i)
		r := b.record(id)
		if r.kind != kindEnum && r.kind != kindEnum64 {
			continue
		}
		size := btfExtra[r.kind].member
		for m := range r.vlen {
			if b.name(le.Uint32(r.data[m*size:])) == name && name != "" {
				return enumValue(r, m), b.enum(r), nil
			}
		}
	}
	if b.base != nil {
		return b.base.EnumConstant(name)
	}
	return 0, nil, fmt.Errorf("enum constant %q: %w", name, ErrNoType)
}

// Bounds against hostile type information: the kernel's deepest nesting is
// about ten, its largest arrays are some megabytes.
const (
	maxDepth     = 48
	maxTypeBytes = 1 << 30
)

// convert returns the type of id; the caller holds b.mu. Each type is made
// once, so that what is made is in proportion to what the file holds.
func (b *BTF) convert(id uint32, depth int) (*types.Type, error) {
	if t, begun := b.made[id]; begun {
		if t == nil {
			return nil, errors.New("a type contains itself")
		}
		return t, nil
	}
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	b.made[id] = nil
	t, err := b.build(id, depth)
	if err != nil {
		delete(b.made, id)
		return nil, err
	}
	b.made[id] = t
	return t, nil
}

func (b *BTF) build(id uint32, depth int) (*types.Type, error) {
	r := b.record(id)
	switch r.kind {
	case kindInt:
		return b.integer(r), nil
	case kindFloat:
		return &types.Type{Kind: types.Float, Size: int(r.size), Name: b.name(r.name)}, nil
	case kindEnum, kindEnum64:
		return b.enum(r), nil
	case kindPtr:
		return b.pointer(r, depth)
	case kindArray:
		elem, err := b.convert(le.Uint32(r.data), depth+1)
		if err != nil {
			return nil, err
		}
		return arrayOf(elem, le.Uint32(r.data[8:]))
	case kindStruct, kindUnion:
		return b.structure(r, depth)
	case kindFwd:
		return b.stub(id, r), nil
	case kindTypedef:
		t, err := b.convert(r.size, depth+1)
		return b.named(t, r), err
	case kindVolatile, kindConst, kindRestrict, kindTypeTag, kindVar:
		return b.convert(r.size, depth+1)
	}
	return types.TVoid, nil
}

func arrayOf(elem *types.Type, n uint32) (*types.Type, error) {
	if uint64(elem.Size)*uint64(n) > maxTypeBytes {
		return nil, errors.New("array too large")
	}
	return types.ArrayOf(elem, int(n)), nil
}

// named gives a nameless struct, union or enum the name of its typedef.
func (b *BTF) named(t *types.Type, typedef btfRecord) *types.Type {
	if t == nil || t.Name != "" || t.Kind != types.Struct && t.Kind != types.Enum {
		return t
	}
	c := *t
	c.Name = b.name(typedef.name)
	return &c
}

func (b *BTF) integer(r btfRecord) *types.Type {
	encoding := le.Uint32(r.data) >> 24
	switch {
	case b.name(r.name) == "char":
		return types.TChar // also where C's char has no sign
	case encoding&4 != 0 && r.size == 1:
		return types.TBool
	case r.size == 1 || r.size == 2 || r.size == 4 || r.size == 8:
		return types.Integer(int(r.size), encoding&1 != 0)
	}
	return types.ArrayOf(types.TUint8, int(min(r.size, 64)))
}

func (b *BTF) enum(r btfRecord) *types.Type {
	t := &types.Type{Kind: types.Enum, Size: int(r.size), Signed: r.flag}
	if n := b.name(r.name); n != "" {
		t.Name = "enum " + n
	}
	size := btfExtra[r.kind].member
	for m := range r.vlen {
		t.Enum = append(t.Enum, types.EnumValue{Name: b.name(le.Uint32(r.data[m*size:])), Value: enumValue(r, m)})
	}
	return t
}

// enumValue returns the value of constant m. Old BTF does not say whether an
// enum is signed; the kernel's C calls constants beyond 2^31 negative then.
func enumValue(r btfRecord, m int) int64 {
	if r.kind == kindEnum64 {
		return int64(uint64(le.Uint32(r.data[m*12+4:])) | uint64(le.Uint32(r.data[m*12+8:]))<<32)
	}
	v := le.Uint32(r.data[m*8+4:])
	if r.flag {
		return int64(int32(v))
	}
	return int64(v)
}

func (b *BTF) pointer(r btfRecord, depth int) (*types.Type, error) {
	space := types.SpaceKernel
	if tag := b.record(r.size); tag.kind == kindTypeTag && b.name(tag.name) == "user" {
		space = types.SpaceUser
	}
	elem, err := b.pointee(r.size, depth+1)
	if err != nil {
		return nil, err
	}
	return types.PointerTo(elem, space), nil
}

// pointee is convert for what pointers lead to: structs stay without members,
// so that task_struct does not bring half the kernel with it.
func (b *BTF) pointee(id uint32, depth int) (*types.Type, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	r := b.record(id)
	switch r.kind {
	case 0, kindFuncProto:
		return nil, nil
	case kindStruct, kindUnion:
		return b.stub(id, r), nil
	case kindArray:
		elem, err := b.pointee(le.Uint32(r.data), depth+1)
		if err != nil || elem == nil {
			return nil, err
		}
		return arrayOf(elem, le.Uint32(r.data[8:]))
	case kindTypedef:
		return b.pointeeTypedef(id, r, depth)
	case kindVolatile, kindConst, kindRestrict, kindTypeTag:
		return b.pointee(r.size, depth+1)
	}
	return b.convert(id, depth)
}

func (b *BTF) pointeeTypedef(id uint32, r btfRecord, depth int) (*types.Type, error) {
	if t := b.stubs[id]; t != nil {
		return t, nil
	}
	t, err := b.pointee(r.size, depth+1)
	named := b.named(t, r)
	if named != t && named.Kind == types.Struct {
		b.stubs[id], b.ids[named] = named, id
	}
	return named, err
}

// structName spells the name of a struct, union or forward declaration.
func (b *BTF) structName(r btfRecord) string {
	name := b.name(r.name)
	switch {
	case name == "":
		return ""
	case r.kind == kindUnion || r.kind == kindFwd && r.flag:
		return "union " + name
	}
	return "struct " + name
}

func (b *BTF) stub(id uint32, r btfRecord) *types.Type {
	if t := b.stubs[id]; t != nil {
		return t
	}
	t := &types.Type{Kind: types.Struct, Name: b.structName(r), Union: r.kind == kindUnion || r.kind == kindFwd && r.flag}
	if r.kind != kindFwd {
		t.Size = int(r.size)
	}
	b.stubs[id], b.ids[t] = t, id
	return t
}

func (b *BTF) structure(r btfRecord, depth int) (*types.Type, error) {
	t := &types.Type{
		Kind: types.Struct, Name: b.structName(r), Size: int(r.size), Union: r.kind == kindUnion,
		Fields: make([]types.Field, r.vlen),
	}
	for m := range t.Fields {
		var err error
		if t.Fields[m], err = b.member(r, m, depth); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (b *BTF) member(r btfRecord, m, depth int) (types.Field, error) {
	data := r.data[m*12:]
	t, err := b.convert(le.Uint32(data[4:]), depth+1)
	if err != nil {
		return types.Field{}, err
	}
	bit, width := int(le.Uint32(data[8:])), 0
	if r.flag {
		bit, width = bit&0xffffff, bit>>24
	}
	f := types.Field{Name: b.name(le.Uint32(data)), Type: t, Offset: bit / 8}
	if width > 0 {
		setBits(&f, bit, width)
	}
	return f, nil
}

// setBits places a bit field in the storage unit of its type. Where a packed
// struct lets it cross two units, it is read from its first byte on in a
// unit that is large enough.
func setBits(f *types.Field, bit, width int) {
	unit := max(f.Type.Size, 1)
	f.Offset = bit / 8 / unit * unit
	f.BitOff, f.BitSize = bit-f.Offset*8, width
	if f.BitOff+width <= unit*8 {
		return
	}
	f.Offset, f.BitOff = bit/8, bit%8
	for unit < 8 && f.BitOff+width > unit*8 {
		unit *= 2
	}
	f.Type = types.Integer(unit, f.Type.Signed)
}
