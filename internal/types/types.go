// Package types describes the values of the tracing language: their kinds,
// their layout in BPF memory (which is also that of map keys and values), and
// their layout in an event record.
package types

// Kind says what a value is.
type Kind uint8

// The kinds. Those from Count on exist only as map values.
const (
	Void        Kind = iota
	Bool             // one byte
	Int              // Size 1, 2, 4, 8; Signed
	Enum             // an Int whose values have names
	Float            // in memory only; printable, no arithmetic
	Complex          // in memory only; printable
	Pointer          // Elem (nil: void), Space
	Array            // Elem, Len
	String           // NUL-terminated bytes; Size is the capacity with the NUL
	Buffer           // bytes printed escaped; 4-byte length, then Size-4 bytes
	Struct           // Fields with offsets, Name; also unions
	Tuple            // Fields without names, laid out like a C struct
	Record           // Fields with names, laid out like a C struct
	Stack            // StackSize bytes: id u64, tgid u32, frames u32
	KSym             // kernel address, u64
	USym             // USymSize bytes: address u64, tgid u32, zero u32
	Func             // function id of the site, u64; named in user space
	Probe            // probe point index << 32 | function id, u64; named in user space
	Inet             // InetSize bytes: address family u32 (2 or 10), 16 bytes of address
	Mac              // six bytes
	Username         // uid, u64
	Timestamp        // TimestampSize bytes: ns since boot u64, index of the strftime format u64
	CgroupPath       // cgroup id, u64; Name is a pattern for the hierarchy
	Label            // a number, u64, that stands for a text of the table Name: signal, error, syscall
	GoString         // pointer u64, length u64
	GoSlice          // pointer u64, length u64, capacity u64; Elem
	GoInterface      // type or itab word u64, data word u64; Empty for interface{}
	GoMap            // pointer to the runtime's map, u64; printed as its length
	GoChan           // pointer, u64
	GoFunc           // pointer to a closure, u64

	Count
	Sum
	Min
	Max
	Avg
	Stats
	Hist
	LHist
	TSeries
)

// Sizes of the opaque values, in bytes.
const (
	StackSize     = 16
	USymSize      = 16
	InetSize      = 20
	TimestampSize = 16
)

// Space is the address space a pointer points into.
type Space uint8

// User memory is read with the user helpers, kernel memory with the kernel's.
const (
	SpaceUnknown Space = iota
	SpaceUser
	SpaceKernel
	SpaceMap // a map's value, read in place
)

// Field is a member of a struct, tuple or record.
type Field struct {
	Name     string
	Type     *Type
	Offset   int // bytes
	BitOff   int // bit offset inside the storage unit at Offset, for bit fields
	BitSize  int // 0: not a bit field
	Embedded bool
}

// EnumValue is a named value of an enum.
type EnumValue struct {
	Name  string
	Value int64
}

// StackMode is how a stack is printed.
type StackMode uint8

// The stack modes of the language.
const (
	StackDefault StackMode = iota
	StackPerf
	StackRaw
	StackBuildID
)

// Type is one type of the language. Types are immutable once built and may be
// shared; compare them with Equal.
type Type struct {
	Kind    Kind
	Size    int // bytes in BPF memory
	Signed  bool
	Name    string // struct, enum and Go type names, as their source spells them
	Elem    *Type
	Len     int // Array: elements; Probe: size of a string that holds any name
	Fields  []Field
	Space   Space // Pointer, and integers that kptr() or uptr() have marked
	Union   bool  // Struct: members overlap
	Aligned int   // Struct: the alignment that its source gives it, in bytes; 0: that of its members
	// Optional: there may be no value. An integer of eight bytes is then all ones, a
	// string empty, an Inet of family zero.
	Optional bool
	Enum     []EnumValue

	Empty  bool      // GoInterface: interface{} (the first word is the type itself)
	User   bool      // Stack: user stack
	Mode   StackMode // Stack
	Frames int       // Stack: limit

	Bits           int    // Hist: 2^Bits buckets a power of two
	Low, High      int64  // LHist
	Step           int64  // LHist
	Interval       int64  // TSeries: ns
	Intervals      int    // TSeries
	SeriesFunction string // TSeries: "", avg, sum, min, max
}

// The common scalar types.
var (
	TVoid  = &Type{Kind: Void}
	TBool  = &Type{Kind: Bool, Size: 1}
	TInt8  = Integer(1, true)
	TInt16 = Integer(2, true)
	TInt32 = Integer(4, true)
	TInt64 = Integer(8, true)
	TUint8 = Integer(1, false)
	// TChar is C's char, whose arrays are text.
	TChar   = &Type{Kind: Int, Size: 1, Signed: true, Name: "char"}
	TUint16 = Integer(2, false)
	TUint32 = Integer(4, false)
	TUint64 = Integer(8, false)
)

// PayloadName is the name of a tuple whose second field is an encoded value and whose
// first says how, in its upper four bits: raw, JSON, protobuf, MessagePack, thrift.
// It is decoded in user space and is then a text of TPayloadText, absent if empty.
const PayloadName = "payload"

// TPayloadText is the type of a payload when it is decoded.
var TPayloadText = &Type{Kind: String, Size: 1, Optional: true}

// Payload returns the type of payloads of which at most n bytes are read.
func Payload(n int) *Type {
	return &Type{Kind: Tuple, Name: PayloadName, Size: 8 + n, Optional: true, Fields: []Field{
		{Type: TUint8}, {Type: &Type{Kind: Buffer, Size: 4 + n}, Offset: 4}}}
}

// Integer returns the integer type of size bytes.
func Integer(size int, signed bool) *Type {
	return &Type{Kind: Int, Size: size, Signed: signed}
}

// Str returns the string type with capacity size, the NUL included.
func Str(size int) *Type { return &Type{Kind: String, Size: size} }

// PointerTo returns a pointer to elem (nil for void) in space.
func PointerTo(elem *Type, space Space) *Type {
	return &Type{Kind: Pointer, Size: 8, Elem: elem, Space: space}
}

// In is the pointer or integer t that leads to the given space.
func (t *Type) In(space Space) *Type {
	placed := *t
	placed.Space = space
	return &placed
}

// ArrayOf returns an array of n elems.
func ArrayOf(elem *Type, n int) *Type {
	return &Type{Kind: Array, Size: elem.Size * n, Elem: elem, Len: n}
}

// TupleOf lays elems out like a C struct.
func TupleOf(elems ...*Type) *Type {
	fields := make([]Field, len(elems))
	for i, e := range elems {
		fields[i].Type = e
	}
	return layout(Tuple, fields)
}

// TupleOfFields lays the members out anew; offsets are filled in.
func TupleOfFields(fields []Field) *Type {
	return layout(Tuple, append([]Field(nil), fields...))
}

// RecordOf lays the named fields out like a C struct; offsets are filled in.
func RecordOf(fields []Field) *Type {
	return layout(Record, append([]Field(nil), fields...))
}

func layout(kind Kind, fields []Field) *Type {
	off, align := 0, 1
	for i := range fields {
		a := fields[i].Type.Align()
		align = max(align, a)
		off = (off + a - 1) / a * a
		fields[i].Offset = off
		off += fields[i].Type.Size
	}
	return &Type{Kind: kind, Size: (off + align - 1) / align * align, Fields: fields}
}

// Align returns the alignment of t in bytes.
func (t *Type) Align() int {
	switch t.Kind {
	case Bool, Int, Enum, Float, Pointer:
		return max(t.Size, 1)
	case Array:
		return t.Elem.Align()
	case String, Mac:
		return 1
	case Buffer, Inet:
		return 4
	case Struct, Tuple, Record:
		if t.Aligned > 0 {
			return t.Aligned
		}
		a := 1
		for i := range t.Fields {
			a = max(a, t.Fields[i].Type.Align())
		}
		return a
	}
	return 8
}

// Scalar tells whether a value of t fits a register.
func (t *Type) Scalar() bool {
	switch t.Kind {
	case Bool, Int, Enum, Pointer, KSym, Func, Probe, Username, CgroupPath, Label, GoMap, GoChan, GoFunc:
		return true
	}
	return false
}

// IsText tells whether t is an array of C's char.
func (t *Type) IsText() bool {
	return t.Kind == Array && t.Len > 0 && t.Elem.Kind == Int && t.Elem.Size == 1 && t.Elem.Name == TChar.Name
}

// IsInt tells whether t takes part in arithmetic as an integer.
func (t *Type) IsInt() bool { return t.Kind == Int || t.Kind == Enum || t.Kind == Bool }

// IsAggregate tells whether t exists only as a map's value.
func (t *Type) IsAggregate() bool { return t.Kind >= Count }

// FieldNamed returns the member called name; promoted members of embedded or
// anonymous ones are found too, with their offset from the start of t.
func (t *Type) FieldNamed(name string) (Field, bool) {
	for _, f := range t.Fields {
		if f.Name == name && name != "" {
			return f, true
		}
	}
	for _, f := range t.Fields {
		if f.Name != "" && !f.Embedded || f.Type.Kind != Struct {
			continue
		}
		if in, ok := f.Type.FieldNamed(name); ok {
			in.Offset += f.Offset
			return in, true
		}
	}
	return Field{}, false
}
