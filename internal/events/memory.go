package events

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"strconv"

	"github.com/rpcxray/rpcxray/internal/types"
)

// builder makes values from bytes. The values' parts come from one slab, which
// reset makes free again.
type builder struct {
	syms    *Symbols
	tgid    uint32 // of the record; 0: not known
	slab    []Value
	owners  []*Value // scratch of behind
	dynType GoType   // of the interface whose text may follow
}

func (m *builder) reset(tgid uint32) {
	m.tgid = tgid
	m.slab = m.slab[:0]
}

// take returns n zero values.
func (m *builder) take(n int) []Value {
	used := len(m.slab)
	if used+n > cap(m.slab) {
		m.slab, used = make([]Value, 0, max(64, 2*cap(m.slab), n)), 0
	}
	m.slab = m.slab[:used+n]
	part := m.slab[used : used+n : used+n]
	clear(part)
	return part
}

// memory decodes a value of t from b, its bytes in BPF memory; b has t.Size
// bytes, or the words of an aggregate.
func (m *builder) memory(v *Value, t *types.Type, b []byte) {
	v.Type = t
	switch t.Kind {
	case types.Bool, types.Int, types.Enum, types.Pointer, types.GoChan, types.GoFunc:
		v.Int = integer(b, t.Signed)
	case types.Float:
		v.Float = float(b)
	case types.Complex:
		half := len(b) / 2
		v.Text = strconv.FormatComplex(complex(float(b[:half]), float(b[half:])), 'g', -1, min(8*len(b), 128))
	case types.String:
		v.Str = cString(b)
		v.Truncated = len(v.Str) == len(b) && len(b) > 0
	case types.Buffer:
		n := min(int(binary.LittleEndian.Uint32(b)), len(b)-4)
		v.Str = b[4 : 4+n]
	case types.Array:
		m.array(v, t, b)
	case types.Struct, types.Tuple, types.Record:
		v.Elems = m.take(len(t.Fields))
		for i := range t.Fields {
			m.field(&v.Elems[i], &t.Fields[i], b)
		}
		v.decodePayload()
	case types.GoMap:
		v.Truncated = word(b) != 0 // until its length follows
	case types.GoString, types.GoSlice, types.GoInterface:
		goHeader(v, b)
	default:
		if t.IsAggregate() {
			aggregate(v, b)
		} else {
			m.opaque(v, b)
		}
	}
}

// array decodes as many elements as b holds; of elements without size only a
// few, since a Go type may claim any number of them.
func (m *builder) array(v *Value, t *types.Type, b []byte) {
	n := types.MaxSliceElems
	if t.Elem.Size > 0 {
		n = len(b) / t.Elem.Size
	}
	v.Elems = m.take(min(n, t.Len))
	for i := range v.Elems {
		m.memory(&v.Elems[i], t.Elem, b[i*t.Elem.Size:(i+1)*t.Elem.Size])
	}
	v.More = t.Len - len(v.Elems)
}

// field decodes one member; debug information may put it outside the struct.
func (m *builder) field(v *Value, f *types.Field, b []byte) {
	v.Type = f.Type
	end := f.Offset + f.Type.Size
	if f.BitSize > 0 {
		end = f.Offset + (f.BitOff+f.BitSize+7)/8 // a unit may reach beyond a packed struct
	}
	if f.Offset < 0 || end > len(b) || f.BitOff < 0 || f.BitSize < 0 || f.BitOff+f.BitSize > 64 {
		v.Unreadable = true
		return
	}
	switch {
	case f.Type.IsText():
		m.memory(v, types.Str(f.Type.Size), b[f.Offset:end])
		return
	case f.BitSize == 0:
		m.memory(v, f.Type, b[f.Offset:end])
		return
	}
	high := integer(b[f.Offset:end], false) >> f.BitOff << (64 - f.BitSize)
	if f.Type.Signed {
		v.Int = uint64(int64(high) >> (64 - f.BitSize))
	} else {
		v.Int = high >> (64 - f.BitSize)
	}
}

// opaque resolves the values that print as text or frames.
func (m *builder) opaque(v *Value, b []byte) {
	switch v.Type.Kind {
	case types.Stack:
		frames, ok := m.syms.stack(v.Type, word(b), binary.LittleEndian.Uint32(b[8:]), int(binary.LittleEndian.Uint32(b[12:])))
		v.Frames, v.Unreadable = frames, !ok
	case types.USym:
		v.Int = word(b)
		v.Text = m.syms.userName(binary.LittleEndian.Uint32(b[8:]), v.Int)
	case types.Inet:
		v.Text = inetText(binary.LittleEndian.Uint32(b), [16]byte(b[4:]))
	case types.Mac:
		v.Text = macText(b)
	case types.Timestamp:
		v.Int = word(b)
		v.Text = m.syms.timestamp(v.Int, word(b[8:]))
	case types.KSym:
		v.Int = word(b)
		v.Text = m.syms.kernelName(v.Int)
	case types.Func:
		v.Int = word(b)
		v.Text = m.syms.res.FuncName(uint32(v.Int))
	case types.Probe:
		v.Int = word(b)
		v.Text = m.syms.probeText(v.Int)
	case types.Username:
		v.Int = word(b)
		v.Text = m.syms.username(v.Int)
	case types.Label:
		v.Int = word(b)
		v.Text = LabelText(v.Type.Name, v.Int)
	case types.CgroupPath:
		v.Int = word(b)
		v.Text = m.syms.cgroup(v.Int, v.Type.Name)
	}
}

// goHeader keeps the words of a Go value whose blobs follow. Until they do, a
// string counts as cut and all elements of a slice as not read.
func goHeader(v *Value, b []byte) {
	v.Int, v.Total = word(b), int64(word(b[8:]))
	switch v.Type.Kind {
	case types.GoInterface:
		if v.Int == 0 {
			v.Text = "<nil>"
		} else {
			v.Text = v.Type.Name
		}
		return
	case types.GoString:
		v.Truncated = v.Total > 0
	case types.GoSlice:
		v.More = int(max(v.Total, 0))
	}
	if v.Total < 0 {
		v.Total, v.Unreadable = 0, true
	}
}

// aggregate decodes the words of an aggregate; b has all of them.
func aggregate(v *Value, b []byte) {
	words := make([]uint64, len(b)/8)
	for i := range words {
		words[i] = word(b[8*i:])
	}
	setAggregate(v, words)
}

func setAggregate(v *Value, words []uint64) {
	switch v.Type.Kind {
	case types.Count, types.Sum, types.Min, types.Max:
		v.Int = words[0]
	case types.Avg, types.Stats:
		v.Total, v.Int = int64(words[0]), words[1]
	case types.Hist, types.LHist, types.TSeries:
		v.Buckets = words
	}
}

// integer reads 1 to 8 bytes, extended by the sign where signed.
func integer(b []byte, signed bool) uint64 {
	var u uint64
	switch len(b) {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(binary.LittleEndian.Uint16(b))
	case 4:
		u = uint64(binary.LittleEndian.Uint32(b))
	case 8:
		return binary.LittleEndian.Uint64(b)
	default:
		for i := len(b) - 1; i >= 0; i-- {
			u = u<<8 | uint64(b[i])
		}
	}
	if signed && 0 < len(b) && len(b) < 8 {
		shift := 64 - 8*len(b)
		return uint64(int64(u<<shift) >> shift)
	}
	return u
}

func float(b []byte) float64 {
	switch len(b) {
	case 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case 16:
		return longDouble(b, runtime.GOARCH == "amd64")
	}
	return math.Float64frombits(word(b))
}

// longDouble is C's long double: on amd64 the 80 bits of x87, which have the leading
// digit of the fraction in them, else the 128 bits of IEEE 754.
func longDouble(b []byte, x87 bool) float64 {
	top, fraction := binary.LittleEndian.Uint16(b[14:]), binary.LittleEndian.Uint64(b[6:])>>1|1<<63
	if x87 {
		top, fraction = binary.LittleEndian.Uint16(b[8:]), binary.LittleEndian.Uint64(b)
	}
	exponent := int(top & 0x7fff)
	v := math.Ldexp(float64(fraction), exponent-16383-63)
	switch {
	case exponent == 0:
		v = 0 // or less than any double
	case exponent == 0x7fff && fraction<<1 == 0:
		v = math.Inf(1)
	case exponent == 0x7fff:
		v = math.NaN()
	}
	return math.Copysign(v, float64(1-int(top>>15)*2))
}

// cString returns b up to its first NUL.
func cString(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i:i]
	}
	return b
}
