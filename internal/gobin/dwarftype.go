package gobin

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"reflect"

	"github.com/rpcxray/rpcxray/internal/types"
)

// typeReader converts DWARF's types to those of the language.
type typeReader struct {
	data  *dwarf.Data
	graph *typeGraph
	refs  typeRefs
}

// apart stands for the place of a type that is in a section of its own.
const apart = ^dwarf.Offset(0)

var errApart = errors.New("types in .debug_types are not read; build with -gdwarf-5 or without -fdebug-types-section")

// typeRefs are the types that have units of their own, by their signatures.
type typeRefs map[uint64]dwarf.Offset

// to is the type that an attribute's value leads to, by its place or its signature.
func (r typeRefs) to(v any) (off dwarf.Offset, ok bool) {
	if signature, is := v.(uint64); is {
		if off, ok = r[signature]; !ok {
			off = apart
		}
		return off, true
	}
	off, ok = v.(dwarf.Offset)
	return off, ok
}

func newTypeReader(data *dwarf.Data, units []*debugUnit) *typeReader {
	r := &typeReader{data: data, refs: typeRefs{}}
	for _, u := range units {
		if u.typ != 0 {
			r.refs[u.signature] = u.typ
		}
	}
	r.graph = newTypeGraph(r.read)
	return r
}

// typeAt converts the type whose entry is at off.
func (r *typeReader) typeAt(off dwarf.Offset) (*types.Type, error) { return r.graph.at(uint64(off)) }

// byValue converts a type that is part of another.
func (r *typeReader) byValue(off dwarf.Offset, depth int) (*types.Type, error) {
	return r.graph.byValue(uint64(off), depth)
}

// read is the typeGraph's converter.
func (r *typeReader) read(off uint64, depth int) (types.Type, int, error) {
	if off > 1<<32-1 {
		return types.Type{}, 1, fmt.Errorf("dwarf type at %#x: outside of it", off)
	}
	dr, e, err := r.entry(dwarf.Offset(off))
	if err != nil {
		return types.Type{}, 1, err
	}
	return r.convert(dr, e, depth)
}

// entry reads the entry of a type; where it only declares one that has a unit of its
// own, that one's. The reader goes on with its children.
func (r *typeReader) entry(off dwarf.Offset) (*dwarf.Reader, *dwarf.Entry, error) {
	dr := r.data.Reader()
	next := func(off dwarf.Offset) (*dwarf.Entry, error) {
		if off == apart {
			return nil, errApart
		}
		dr.Seek(off)
		return dr.Next()
	}
	e, err := next(off)
	if err == nil && e != nil {
		if unit, ok := r.refs.to(e.Val(attrSignature)); ok {
			e, err = next(unit)
		}
	}
	if err != nil || e == nil {
		return nil, nil, fmt.Errorf("dwarf type at %#x: %w", off, orTruncated(err))
	}
	return dr, e, nil
}

// name is the name of what e describes; absurdly long ones are none.
func name(e *dwarf.Entry) string {
	s, _ := e.Val(dwarf.AttrName).(string)
	if len(s) > maxName {
		return ""
	}
	return s
}

// convert builds the type of e, which dr has just read.
func (r *typeReader) convert(dr *dwarf.Reader, e *dwarf.Entry, depth int) (types.Type, int, error) {
	t := types.Type{Name: name(e)}
	size, _ := e.Val(dwarf.AttrByteSize).(int64)
	if size < 0 || size > maxSize {
		return t, 1, fmt.Errorf("dwarf type at %#x: %d bytes", e.Offset, size)
	}
	t.Size = int(size)
	if kind, ok := e.Val(attrGoKind).(int64); ok && r.goType(&t, e, reflect.Kind(kind&0x1f)) {
		return t, 1, nil
	}
	switch e.Tag {
	case dwarf.TagBaseType:
		encoding, _ := e.Val(dwarf.AttrEncoding).(int64)
		baseType(&t, encoding)
	case dwarf.TagPointerType, dwarf.TagReferenceType, dwarf.TagRvalueReferenceType:
		t.Kind, t.Size, t.Space = types.Pointer, 8, types.SpaceUser
		t.Elem = r.elem(e, dwarf.AttrType)
	case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagAtomicType:
		return r.alias(e, depth)
	case dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType:
		t.Kind, t.Union = types.Struct, e.Tag == dwarf.TagUnionType
		weight, err := r.members(dr, e, &t, depth)
		return t, weight, err
	case dwarf.TagArrayType:
		weight, err := r.array(dr, e, &t, depth)
		return t, weight, err
	case dwarf.TagEnumerationType:
		t.Kind = types.Enum
		return t, 1, r.enumerators(dr, e, &t)
	case dwarf.TagPtrToMemberType:
		t.Kind, t.Size = types.Int, 8
	}
	return t, 1, nil
}

// goType fills in t when e is of one of the kinds that only Go has, and tells
// so; the other kinds of Go are described as C's are.
func (r *typeReader) goType(t *types.Type, e *dwarf.Entry, kind reflect.Kind) bool {
	switch kind {
	case reflect.String:
		t.Kind, t.Size = types.GoString, 16
	case reflect.Slice:
		t.Kind, t.Size, t.Elem = types.GoSlice, 24, r.elem(e, attrGoElem)
	case reflect.Interface:
		t.Kind, t.Size, t.Empty = types.GoInterface, 16, r.isEface(e)
	case reflect.Map:
		t.Kind, t.Size = types.GoMap, 8
	case reflect.Chan:
		t.Kind, t.Size = types.GoChan, 8
	case reflect.Func:
		t.Kind, t.Size = types.GoFunc, 8
	default:
		return false
	}
	return true
}

// elem is the type that an attribute of e points to; nil for void.
func (r *typeReader) elem(e *dwarf.Entry, a dwarf.Attr) *types.Type {
	if off, ok := r.refs.to(e.Val(a)); ok {
		return r.graph.pointed(uint64(off))
	}
	return nil
}

// isEface tells whether an interface type is laid out as interface{} is: the
// linker calls that layout runtime.eface.
func (r *typeReader) isEface(e *dwarf.Entry) bool {
	for range maxOrigins {
		off, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
		if !ok {
			return false
		}
		dr := r.data.Reader()
		dr.Seek(off)
		next, err := dr.Next()
		if err != nil || next == nil {
			return false
		}
		if name(next) == "runtime.eface" {
			return true
		}
		e = next
	}
	return false
}

// baseType sets the kind of a base type by its DW_ATE encoding.
func baseType(t *types.Type, encoding int64) {
	switch encoding {
	case 0x02:
		t.Kind = types.Bool
	case 0x03:
		t.Kind = types.Complex
	case 0x04:
		t.Kind = types.Float
	case 0x05, 0x06, 0x0d: // signed, signed char, signed fixed
		t.Kind, t.Signed = types.Int, true
	default:
		t.Kind = types.Int
	}
	if t.Kind == types.Int && t.Size != 1 && t.Size != 2 && t.Size != 4 && t.Size != 8 {
		// 128-bit integers, "no bits" and the like: bytes to print.
		*t = types.Type{Kind: types.Array, Name: t.Name, Size: t.Size, Len: t.Size, Elem: types.TUint8}
	}
}

// alias converts a typedef or a qualified type: the target under e's name.
func (r *typeReader) alias(e *dwarf.Entry, depth int) (types.Type, int, error) {
	off, ok := r.refs.to(e.Val(dwarf.AttrType))
	if !ok {
		return types.Type{Name: name(e)}, 1, nil
	}
	target, err := r.byValue(off, depth+1)
	t := *target
	if n := name(e); e.Tag == dwarf.TagTypedef && n != "" && n[0] != '.' {
		t.Name = n // not .param0, as the Go compiler calls type arguments
	}
	return t, max(r.graph.weight[target], 1), err
}

// members reads the members of the struct, class or union e.
func (r *typeReader) members(dr *dwarf.Reader, e *dwarf.Entry, t *types.Type, depth int) (weight int, err error) {
	weight = 1
	err = children(dr, e, func(c *dwarf.Entry) error {
		if c.Tag != dwarf.TagMember && c.Tag != dwarf.TagInheritance {
			return nil
		}
		off, ok := r.refs.to(c.Val(dwarf.AttrType))
		at, static := memberOffset(c)
		if !ok || static {
			return nil
		}
		ft, err := r.byValue(off, depth+1)
		if err != nil {
			return err
		}
		f := types.Field{Name: name(c), Type: ft, Offset: at}
		f.Embedded, _ = c.Val(attrGoEmbedded).(bool)
		f.Embedded = f.Embedded || c.Tag == dwarf.TagInheritance
		bitField(&f, c)
		if f.Offset < 0 || f.Offset > t.Size || !t.Union && ft.Size > t.Size-f.Offset {
			return fmt.Errorf("dwarf type at %#x: member %s outside of it", e.Offset, f.Name)
		}
		t.Fields = append(t.Fields, f)
		if weight += r.graph.weight[ft]; weight > maxWeight {
			return fmt.Errorf("dwarf type at %#x: more than %d parts", e.Offset, maxWeight)
		}
		return nil
	})
	return weight, err
}

// memberOffset returns where a member begins; static members have no place.
func memberOffset(c *dwarf.Entry) (off int, static bool) {
	if ext, _ := c.Val(dwarf.AttrExternal).(bool); ext {
		return 0, true
	}
	switch v := c.Val(dwarf.AttrDataMemberLoc).(type) {
	case int64:
		if v < 0 || v > maxSize {
			return -1, false
		}
		return int(v), false
	case []byte: // DWARF 2: DW_OP_plus_uconst n
		cur := &cursor{b: v}
		if cur.fixed(1) == opPlusUconst {
			return int(min(cur.uleb(), maxSize)), false
		}
		return -1, false
	}
	return 0, false
}

// bitField fills in the bit offset of f within its storage unit.
func bitField(f *types.Field, c *dwarf.Entry) {
	bits, ok := c.Val(dwarf.AttrBitSize).(int64)
	unit := int64(f.Type.Size) * 8
	if !ok || unit == 0 || bits <= 0 || bits > unit {
		return
	}
	f.BitSize = int(bits)
	if at, ok := c.Val(attrDataBitOffset).(int64); ok && at >= 0 && at < maxSize {
		f.Offset = int(at / unit * unit / 8)
		f.BitOff = int(at % unit)
		return
	}
	// DWARF 2 and 3 count from the most significant bit.
	if at, ok := c.Val(dwarf.AttrBitOffset).(int64); ok && at >= 0 && at+bits <= unit {
		f.BitOff = int(unit - at - bits)
	}
}

// array converts an array of one or more dimensions.
func (r *typeReader) array(dr *dwarf.Reader, e *dwarf.Entry, t *types.Type, depth int) (int, error) {
	off, ok := r.refs.to(e.Val(dwarf.AttrType))
	if !ok {
		return 1, fmt.Errorf("dwarf type at %#x: array of nothing", e.Offset)
	}
	var dims []int
	if err := children(dr, e, func(c *dwarf.Entry) error {
		if c.Tag == dwarf.TagSubrangeType {
			dims = append(dims, arrayLen(c))
		}
		if len(dims) > maxNested {
			return fmt.Errorf("dwarf type at %#x: more than %d dimensions", e.Offset, maxNested)
		}
		return nil
	}); err != nil {
		return 1, err
	}
	if len(dims) == 0 {
		dims = []int{0}
	}
	elem, err := r.byValue(off, depth+1)
	if err != nil {
		return 1, err
	}
	weight := max(r.graph.weight[elem], 1) + len(dims)
	for i := len(dims) - 1; i >= 0; i-- {
		if elem.Size > 0 && dims[i] > maxSize/elem.Size {
			return 1, fmt.Errorf("dwarf type at %#x: array too large", e.Offset)
		}
		elem = types.ArrayOf(elem, dims[i])
	}
	n := t.Name
	*t = *elem
	t.Name = n
	return weight, nil
}

// arrayLen is the number of elements that a subrange gives; 0 if it is open.
func arrayLen(c *dwarf.Entry) int {
	if n, ok := c.Val(dwarf.AttrCount).(int64); ok {
		return int(max(0, min(n, maxSize)))
	}
	if n, ok := c.Val(dwarf.AttrUpperBound).(int64); ok {
		return int(max(0, min(n, maxSize)+1))
	}
	return 0
}

func (r *typeReader) enumerators(dr *dwarf.Reader, e *dwarf.Entry, t *types.Type) error {
	return children(dr, e, func(c *dwarf.Entry) error {
		if c.Tag != dwarf.TagEnumerator {
			return nil
		}
		v, _ := c.Val(dwarf.AttrConstValue).(int64)
		t.Signed = t.Signed || v < 0
		t.Enum = append(t.Enum, types.EnumValue{Name: name(c), Value: v})
		if len(t.Enum) > maxWeight {
			return fmt.Errorf("dwarf type at %#x: more than %d names", e.Offset, maxWeight)
		}
		return nil
	})
}

// children calls f for each direct child of e, which dr has just read. It does
// not use the standard reader's way to skip what is nested, which recurses.
func children(dr *dwarf.Reader, e *dwarf.Entry, f func(*dwarf.Entry) error) error {
	if !e.Children {
		return nil
	}
	for depth := 1; depth > 0; {
		c, err := dr.Next()
		if err != nil || c == nil {
			return fmt.Errorf("dwarf entry at %#x: %w", e.Offset, orTruncated(err))
		}
		if depth == 1 && c.Tag != 0 {
			if err := f(c); err != nil {
				return err
			}
		}
		switch {
		case c.Tag == 0:
			depth--
		case c.Children:
			depth++
		}
	}
	return nil
}
