package check

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// cTypes are the names that mean the same everywhere; others are asked of the
// world.
var cTypes = map[string]*types.Type{
	"void": types.TVoid, "bool": types.TBool,
	"int8": types.TInt8, "int16": types.TInt16, "int32": types.TInt32, "int64": types.TInt64,
	"uint8": types.TUint8, "uint16": types.TUint16, "uint32": types.TUint32, "uint64": types.TUint64,
	"int8_t": types.TInt8, "int16_t": types.TInt16, "int32_t": types.TInt32, "int64_t": types.TInt64,
	"uint8_t": types.TUint8, "uint16_t": types.TUint16, "uint32_t": types.TUint32, "uint64_t": types.TUint64,
	"s8": types.TInt8, "s16": types.TInt16, "s32": types.TInt32, "s64": types.TInt64,
	"u8": types.TUint8, "u16": types.TUint16, "u32": types.TUint32, "u64": types.TUint64,
	"__u8": types.TUint8, "__u16": types.TUint16, "__u32": types.TUint32, "__u64": types.TUint64,
	"__s8": types.TInt8, "__s16": types.TInt16, "__s32": types.TInt32, "__s64": types.TInt64,
	"char": types.TChar, "signed char": types.TInt8, "unsigned char": types.TUint8,
	"short": types.TInt16, "short int": types.TInt16, "unsigned short": types.TUint16, "unsigned short int": types.TUint16,
	"int": types.TInt32, "signed int": types.TInt32, "signed": types.TInt32, "unsigned": types.TUint32, "unsigned int": types.TUint32,
	"long": types.TInt64, "long int": types.TInt64, "unsigned long": types.TUint64, "unsigned long int": types.TUint64,
	"long long": types.TInt64, "long long int": types.TInt64,
	"unsigned long long": types.TUint64, "unsigned long long int": types.TUint64,
	"float": {Kind: types.Float, Size: 4}, "double": {Kind: types.Float, Size: 8}, "long double": {Kind: types.Float, Size: 16},
	"size_t": types.TUint64, "ssize_t": types.TInt64, "uintptr_t": types.TUint64, "intptr_t": types.TInt64,
	"string": {Kind: types.String}, "buffer": {Kind: types.Buffer},
	"inet": {Kind: types.Inet, Size: types.InetSize}, "macaddr_t": {Kind: types.Mac, Size: 6},
	"ksym_t": {Kind: types.KSym, Size: 8}, "usym_t": {Kind: types.USym, Size: types.USymSize},
	"kstack_t": {Kind: types.Stack, Size: types.StackSize}, "ustack_t": {Kind: types.Stack, Size: types.StackSize, User: true},
	"timestamp": {Kind: types.Timestamp, Size: types.TimestampSize}, "username_t": {Kind: types.Username, Size: 8},
	"cgroup_path_t": {Kind: types.CgroupPath, Size: 8},
}

// typ resolves a type as written; nil after an error.
func (b *body) typ(t syntax.Type) *types.Type {
	switch t := t.(type) {
	case *syntax.NamedType:
		return b.namedType(t)
	case *syntax.PointerType:
		if _, ok := t.Elem.(*syntax.FuncType); ok {
			return types.PointerTo(nil, b.space())
		}
		elem := b.typ(t.Elem)
		if elem == nil {
			return nil
		}
		if elem.Kind == types.Void {
			elem = nil
		}
		return types.PointerTo(elem, b.space())
	case *syntax.ArrayType:
		return b.arrayType(t)
	case *syntax.TypeofType:
		return b.typeIn(t.Type, t.X)
	case *syntax.StructType:
		return b.layoutStruct(t)
	case *syntax.EnumType:
		return b.defineEnum(t)
	}
	b.notYet(t.Span(), "this kind of type")
	return nil
}

func (b *body) namedType(t *syntax.NamedType) *types.Type {
	name := t.Name
	if t.Tag != "" {
		name = t.Tag + " " + t.Name
	} else if found := cTypes[name]; found != nil {
		if found.Kind == types.String {
			return types.Str(b.prog.Config.MaxStrlen)
		}
		return found
	} else if given, ok := b.typeOfParam(name); ok {
		return given
	}
	if own := b.ownType(name); own != nil {
		return own
	}
	if e, ok := b.enumType(name); ok {
		return e
	}
	key := typeName{name, b.group}
	if found := b.named[key]; found != nil {
		return found
	}
	found, ok := b.world.Type(name, b.group)
	if !ok {
		b.unknownType(t, name)
		return nil
	}
	b.named[key] = found
	return found
}

func (b *body) ownType(name string) *types.Type {
	for _, tag := range []string{"", "struct ", "union "} {
		if own := b.ctypes[tag+name]; own != nil {
			return own
		}
	}
	return nil
}

func (b *body) enumType(name string) (*types.Type, bool) {
	for _, e := range b.enums {
		if e.typ.Name == name || "enum "+e.typ.Name == name {
			return e.typ, true
		}
	}
	return nil, false
}

func (b *body) arrayType(t *syntax.ArrayType) *types.Type {
	n := int64(0)
	if t.Len != nil {
		var ok bool
		if n, ok = b.constInt(t.Len); !ok || n < 0 || n > maxStrlen {
			b.badLength(t)
			return nil
		}
	}
	if named, ok := t.Elem.(*syntax.NamedType); ok && named.Tag == "" {
		switch named.Name {
		case "string":
			return types.Str(int(n))
		case "buffer":
			return &types.Type{Kind: types.Buffer, Size: int(n) + 4}
		case "inet":
			return &types.Type{Kind: types.Inet, Size: types.InetSize}
		}
	}
	elem := b.typ(t.Elem)
	if elem == nil {
		return nil
	}
	return types.ArrayOf(elem, int(n))
}

// typeOf is an expression's type; the expression is not evaluated.
func (b *body) typeOf(e syntax.Expr) *types.Type {
	var x prog.Expr
	declared := len(b.declared)
	b.collect(func() { b.scoped(func() { x = b.expr(e) }) })
	b.declared = b.declared[:declared]
	if isBad(x) {
		return nil
	}
	return x.Type()
}

func (b *body) sizeof(e *syntax.SizeofExpr) prog.Expr {
	t := b.typeIn(e.Type, e.X)
	if t == nil {
		return bad(e.At)
	}
	size := b.resolve(t).Size
	if t.Kind == types.Probe {
		size = t.Len
	}
	return integer(types.TUint64, uint64(size), e.At)
}

// typeIn resolves what stands in sizeof, offsetof and typeof: a type, or an
// expression. A bare name that is the script's own is an expression.
func (b *body) typeIn(t syntax.Type, x syntax.Expr) *types.Type {
	if named, ok := t.(*syntax.NamedType); ok && named.Tag == "" && b.isValue(named.Name) {
		if t, ok := b.typeOfParam(named.Name); ok {
			return t
		}
		return b.typeOf(&syntax.IdentExpr{Loc: named.Loc, Name: named.Name})
	}
	if t != nil {
		return b.typ(t)
	}
	return b.typeOf(x)
}

// typeOfParam is the type that a macro was given as typeof(T) for the parameter
// called name; false if it was given something else.
func (b *body) typeOfParam(name string) (t *types.Type, ok bool) {
	p, found := b.param(name)
	if !found {
		return nil, false
	}
	switch arg := p.arg.(type) {
	case *syntax.TypeofExpr:
		b.within(p, func() { t = b.typ(arg.Type) })
		return t, true
	case *syntax.IdentExpr:
		b.within(p, func() { t, ok = b.typeOfParam(arg.Name) })
		return t, ok
	}
	return nil, false
}

// isValue tells whether a bare name in a type context is a value's.
func (b *body) isValue(name string) bool {
	if _, ok := b.enums[name]; ok {
		return true
	}
	return b.shadowed(name) || cTypes[name] == nil && b.builtins[builtinName(name)] != nil
}

func (b *body) offsetof(e *syntax.OffsetofExpr) prog.Expr {
	t := b.typeIn(e.Type, e.X)
	if t == nil {
		return bad(e.At)
	}
	if t.Kind == types.Pointer {
		t = t.Elem
	}
	off, ok := b.pathOffset(t, e.Path, e.At)
	if !ok {
		return bad(e.At)
	}
	return integer(types.TUint64, uint64(off), e.At)
}

// pathOffset is the distance of the member a.b.c from the start of t.
func (b *body) pathOffset(t *types.Type, path []string, span diag.Span) (int, bool) {
	total := 0
	for _, name := range path {
		f, ok := types.Field{}, false
		if t = b.resolve(t); t != nil {
			f, ok = t.FieldNamed(name)
		}
		if !ok {
			b.noMember(span, t, name)
			return 0, false
		}
		total += f.Offset
		t = f.Type
	}
	return total, true
}

// cast is (T)x.
func (b *body) cast(e *syntax.CastExpr) prog.Expr {
	t := b.typ(e.Type)
	x := b.value(e.X)
	if t == nil || isBad(x) {
		return bad(e.At)
	}
	from := x.Type()
	if types.Equal(from, t) {
		if !b.inMacro() && b.typeIsPlain(e.X, from) {
			b.uselessCast(e, from)
		}
		switch _, text := x.(*prog.Str); {
		case text: // a literal that is cast is none any more
			return &prog.Cast{Meta: meta(t, e.At), X: x}
		case !isLiteral(from):
			return x
		}
	}
	if n, ok := x.(*prog.Int); ok && t.Kind == types.Enum && isLiteral(from) {
		return b.enumLiteral(e, n, t)
	}
	switch {
	case t.Kind == types.Array:
		return b.castArray(e, rawBytes(x), t)
	case from.Kind == types.Array && t.IsInt() && from.Size == t.Size:
		return &prog.Cast{Meta: meta(t, e.At), X: x}
	case from.Scalar() && (t.IsInt() || t.Kind == types.Pointer):
		if t.Kind == types.Pointer && from.Space != types.SpaceUnknown {
			t = types.PointerTo(t.Elem, from.Space)
		}
		if n, ok := x.(*prog.Int); ok {
			return integer(t, n.Val, e.At)
		}
		return &prog.Cast{Meta: meta(t, e.At), X: x}
	case from.Kind == types.String && t.Kind == types.Pointer:
		return b.convert(b.placed(x), types.PointerTo(t.Elem, types.SpaceKernel))
	case from.Kind == types.GoString && t.Kind == types.String, from.Kind == types.String && t.Kind == types.String:
		return &prog.Cast{Meta: meta(t, e.At), X: b.asString(x)}
	}
	b.badCast(e, from, t)
	return bad(e.At)
}

// typeIsPlain tells whether the reader sees what type x has. What a parameter or
// definition stands for may be another number tomorrow; an aggregate becomes an
// integer by the cast, and of programs' results bpftrace does not know the type.
func (b *body) typeIsPlain(x syntax.Expr, t *types.Type) bool {
	switch x := x.(type) {
	case *syntax.IntExpr:
		return true
	case *syntax.UnaryExpr:
		return b.typeIsPlain(x.X, t)
	case *syntax.MapExpr:
		m := b.mapOf(x).m
		return m.Value == nil || !m.Value.IsAggregate()
	case *syntax.IdentExpr:
		return x.Name != "retval" && !isLiteral(t)
	}
	return !isLiteral(t)
}

// enumLiteral is (enum e)3: the value has to be one of the enum's.
func (b *body) enumLiteral(e *syntax.CastExpr, x *prog.Int, t *types.Type) prog.Expr {
	for _, v := range t.Enum {
		if uint64(v.Value) == x.Val {
			return integer(t, x.Val, e.At)
		}
	}
	b.notVariant(e, x, t)
	return bad(e.At)
}

// castArray is (int8[8])x: the bytes of an integer or string as they lie in
// memory. Without a length it is taken from x.
func (b *body) castArray(e *syntax.CastExpr, x prog.Expr, t *types.Type) prog.Expr {
	from := x.Type()
	if isFlexible(from) && t.Len > 0 && t.Size <= 8 {
		x = b.convert(x, types.Integer(max(t.Size, from.Size), true))
		from = x.Type()
	}
	if t.Len == 0 && t.Elem.Size > 0 {
		t = types.ArrayOf(t.Elem, from.Size/t.Elem.Size)
	}
	ok := from.IsInt() || from.Kind == types.Array || from.Kind == types.String && t.Elem.Size == 1
	if !ok || from.Size != t.Size {
		b.badCast(e, from, t)
		return bad(e.At)
	}
	return &prog.Cast{Meta: meta(t, e.At), X: x}
}

// file is a body that stands for the top of the file.
func (c *checker) fileBody() *body {
	none := &prog.Point{Kind: prog.KindBegin}
	b := &body{checker: c, job: job{point: none, group: &prog.Group{Point: none}}, ordinals: map[string]int{}}
	b.scope = &scope{vars: map[string]*variable{}}
	return b
}

func (c *checker) defineType(d *syntax.Typedef) {
	if t := c.fileBody().memberType(d.Type); t != nil {
		c.ctypes[d.Name] = t
	}
}

// layoutStruct lays a struct or union out as C does, and makes it known by its name,
// also where it stands inside of another.
func (b *body) layoutStruct(d *syntax.StructType) *types.Type {
	tag := "struct "
	if d.Union {
		tag = "union "
	}
	out := &types.Type{Kind: types.Struct, Union: d.Union}
	if d.Name != "" {
		out.Name = tag + d.Name
		if b.ctypes[out.Name] != nil {
			b.redefined(d.At, out.Name)
			return nil
		}
	}
	l := layouter{union: d.Union, packed: d.Packed, align: max(d.Align, 1)}
	for _, cf := range d.Fields {
		t := b.memberType(cf.Type)
		if t == nil {
			return nil
		}
		bits := int64(0)
		if cf.Bits != nil {
			var ok bool
			if bits, ok = b.constInt(cf.Bits); !ok || bits < 0 || bits > int64(t.Size*8) {
				b.badBits(cf)
				return nil
			}
		}
		l.add(cf, t, int(bits))
	}
	out.Fields, out.Size, out.Aligned = l.fields, l.size(), l.align
	if d.Name != "" {
		b.ctypes[out.Name] = out
	}
	return out
}

// memberType is the type of a member; a pointer may lead to a struct that is
// defined later, or nowhere.
func (b *body) memberType(t syntax.Type) *types.Type {
	p, ok := t.(*syntax.PointerType)
	if !ok {
		return b.typ(t)
	}
	if named, ok := p.Elem.(*syntax.NamedType); ok && named.Tag != "" && named.Tag != "enum" {
		name := named.Tag + " " + named.Name
		return types.PointerTo(&types.Type{Kind: types.Struct, Name: name, Union: named.Tag == "union"}, types.SpaceUnknown)
	}
	if _, ok := p.Elem.(*syntax.FuncType); ok {
		return types.PointerTo(nil, types.SpaceUnknown)
	}
	inner := b.memberType(p.Elem)
	if inner == nil {
		return nil
	}
	if inner.Kind == types.Void {
		inner = nil
	}
	return types.PointerTo(inner, types.SpaceUnknown)
}

// layouter places members one after another.
type layouter struct {
	fields      []types.Field
	union       bool
	packed      bool
	align, bits int // bits: end of what is placed so far
	widest      int // union: bytes
}

func (l *layouter) add(cf *syntax.CField, t *types.Type, bits int) {
	a := t.Align()
	if l.packed || cf.Packed {
		a = 1
	}
	a = max(a, cf.Align)
	l.align = max(l.align, a)
	if l.union {
		l.bits = 0
	}
	f := types.Field{Name: cf.Name, Type: t, BitSize: bits}
	if cf.Bits == nil || bits == 0 {
		l.bits = (l.bits + a*8 - 1) / (a * 8) * (a * 8)
		f.Offset = l.bits / 8
		if cf.Bits == nil {
			l.bits += t.Size * 8
		}
	} else {
		unit := t.Size * 8
		if l.bits/unit != (l.bits+bits-1)/unit {
			l.bits = (l.bits + unit - 1) / unit * unit
		}
		f.Offset, f.BitOff = l.bits/unit*t.Size, l.bits%unit
		l.bits += bits
	}
	l.widest = max(l.widest, (l.bits+7)/8)
	if cf.Bits == nil || cf.Name != "" {
		l.fields = append(l.fields, f)
	}
}

func (l *layouter) size() int { return (l.widest + l.align - 1) / l.align * l.align }

// defineEnum is the type of an enum, whose constants it makes known; nil after an
// error.
func (c *checker) defineEnum(d *syntax.EnumType) *types.Type {
	t := &types.Type{Kind: types.Enum, Size: 4, Name: d.Name}
	next := int64(0)
	for _, v := range d.Values {
		if v.Value != nil {
			n, ok := c.constInt(v.Value)
			if !ok {
				c.fileBody().notConstant(v.Value.Span())
				return nil
			}
			next = n
		}
		t.Enum = append(t.Enum, types.EnumValue{Name: v.Name, Value: next})
		t.Signed = t.Signed || next < 0
		if next > 1<<32-1 || next < -1<<31 {
			t.Size = 8
		}
		c.enums[v.Name] = enumConst{next, t}
		next++
	}
	return t
}
