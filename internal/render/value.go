package render

import (
	"slices"
	"strconv"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/types"
)

// unreadable stands for a value whose memory could not be read.
const unreadable = "<unreadable>"

// printer turns values into text.
type printer struct {
	escape  bool
	trailer string
}

// text appends text that came from a traced process.
func (p *printer) text(dst, text []byte) []byte {
	if p.escape {
		return AppendEscaped(dst, text)
	}
	return append(dst, text...)
}

func (p *printer) name(dst []byte, name string) []byte {
	if p.escape {
		return AppendEscaped(dst, []byte(name))
	}
	return append(dst, name...)
}

// str appends a string value and the mark of one that was cut.
func (p *printer) str(dst []byte, v *events.Value) []byte {
	dst = p.text(dst, v.Str)
	if v.Truncated {
		dst = append(dst, p.trailer...)
	}
	return dst
}

// value appends v as print() does.
func (p *printer) value(dst []byte, v *events.Value) []byte { return p.scaled(dst, v, 1) }

// scaled appends v; numbers are divided by div as print(@m, top, div) does.
func (p *printer) scaled(dst []byte, v *events.Value, div int64) []byte {
	if v.Unreadable {
		return append(dst, unreadable...)
	}
	if v.Absent() {
		return append(dst, '-')
	}
	switch v.Type.Kind {
	case types.Void:
		return append(dst, "null"...)
	case types.Bool:
		return strconv.AppendBool(dst, v.Int != 0)
	case types.Int, types.Count, types.Sum, types.Min, types.Max, types.Avg:
		return appendNumber(dst, number(v), v.Type.Signed, div)
	case types.GoMap:
		if v.Truncated {
			return append(dst, p.trailer...)
		}
		return strconv.AppendUint(dst, v.Int, 10)
	case types.Enum:
		return appendEnum(dst, v)
	case types.Float:
		return strconv.AppendFloat(dst, v.Float, 'g', -1, min(8*v.Type.Size, 64))
	case types.Pointer, types.GoChan, types.GoFunc:
		return strconv.AppendUint(append(dst, "0x"...), v.Int, 16)
	case types.String, types.GoString:
		return p.str(dst, v)
	case types.Buffer:
		return appendBytes(dst, v.Str, true, true)
	case types.GoInterface:
		if len(v.Elems) == 1 {
			dst = append(p.name(dst, v.Text), '(')
			return append(p.value(dst, &v.Elems[0]), ')')
		}
		if v.Text == "" {
			return p.str(dst, v)
		}
		return p.name(dst, v.Text)
	case types.Array, types.GoSlice:
		return p.list(dst, v)
	case types.Tuple:
		return p.tuple(dst, v.Elems)
	case types.Struct, types.Record:
		return p.record(dst, v)
	case types.Stack:
		return p.stack(dst, v)
	case types.Stats:
		return appendStats(dst, v, div)
	case types.TSeries:
		return appendSeries(dst, v)
	case types.Hist, types.LHist:
		return appendHist(dst, v, div)
	}
	return p.name(dst, v.Text)
}

// number is the value of a scalar or of an aggregate with one number.
func number(v *events.Value) uint64 {
	switch v.Type.Kind {
	case types.Avg, types.Stats:
		return uint64(v.Average())
	}
	return v.Int
}

func appendNumber(dst []byte, n uint64, signed bool, div int64) []byte {
	div = max(div, 1)
	if signed {
		return strconv.AppendInt(dst, int64(n)/div, 10)
	}
	return strconv.AppendUint(dst, n/uint64(div), 10)
}

func appendEnum(dst []byte, v *events.Value) []byte {
	for _, e := range slices.Backward(v.Type.Enum) { // of two names for one value the later
		if uint64(e.Value) == v.Int {
			return append(dst, e.Name...)
		}
	}
	return appendNumber(dst, v.Int, v.Type.Signed, 1)
}

// list appends [1,2,3]; elements that were not read are counted.
func (p *printer) list(dst []byte, v *events.Value) []byte {
	dst = append(dst, '[')
	for i := range v.Elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = p.value(dst, &v.Elems[i])
	}
	if v.More > 0 {
		if len(v.Elems) > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, "...+"...), int64(v.More), 10)
	}
	return append(dst, ']')
}

func (p *printer) tuple(dst []byte, elems []events.Value) []byte {
	dst = append(dst, '(')
	dst = p.parts(dst, elems)
	return append(dst, ')')
}

func (p *printer) parts(dst []byte, elems []events.Value) []byte {
	for i := range elems {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = p.value(dst, &elems[i])
	}
	return dst
}

// record appends { .a = 1, .b = 2 }.
func (p *printer) record(dst []byte, v *events.Value) []byte {
	if len(v.Elems) == 0 {
		return append(dst, "{}"...)
	}
	sep := "{ ."
	for _, f := range members(v) {
		dst = append(dst, sep...)
		dst = p.name(dst, f.name)
		dst = append(dst, " = "...)
		dst = p.value(dst, f.value)
		sep = ", ."
	}
	return append(dst, " }"...)
}

// members are those of a struct or record. Those of a struct or union without a name
// stand among those of the one that it is in, as in C.
func members(v *events.Value) []field {
	fields := make([]field, 0, len(v.Elems))
	for i := range v.Elems {
		name, member := v.Type.Fields[i].Name, &v.Elems[i]
		if name == "" && len(member.Elems) > 0 {
			fields = append(fields, members(member)...)
			continue
		}
		fields = append(fields, field{name: name, value: member})
	}
	return fields
}

func appendStats(dst []byte, v *events.Value, div int64) []byte {
	signed := v.Type.Signed
	dst = append(dst, "{ .count = "...)
	dst = strconv.AppendUint(dst, v.Int, 10)
	dst = append(dst, ", .average = "...)
	dst = appendNumber(dst, uint64(v.Average()), signed, div)
	dst = append(dst, ", .total = "...)
	dst = appendNumber(dst, uint64(v.Total), signed, 1)
	return append(dst, " }"...)
}

// stack appends a line break and a line a frame, in the mode of v's type.
func (p *printer) stack(dst []byte, v *events.Value) []byte {
	dst = append(dst, '\n')
	for i := range v.Frames {
		f := &v.Frames[i]
		switch v.Type.Mode {
		case types.StackRaw:
			dst = strconv.AppendUint(dst, f.Addr, 16)
		case types.StackBuildID:
			dst = buildID(dst, f)
		case types.StackPerf:
			dst = append(dst, '\t')
			dst = strconv.AppendUint(dst, f.Addr, 16)
			dst = append(dst, ' ')
			dst = p.symbol(dst, f)
			if v.Type.User || f.Module != "" {
				dst = p.module(dst, f)
			}
		default:
			dst = append(dst, "        "...)
			dst = p.frame(dst, f)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// frame appends sym+off@file:line, or [inlined] sym@file:line.
func (p *printer) frame(dst []byte, f *events.Frame) []byte {
	if f.Inlined {
		dst = append(dst, "[inlined] "...)
	}
	dst = p.symbol(dst, f)
	if f.File != "" {
		dst = append(dst, '@')
		dst = p.name(dst, f.File)
		dst = append(dst, ':')
		dst = strconv.AppendInt(dst, int64(f.Line), 10)
	}
	return dst
}

// buildID appends the id of the build and the place in its file.
func buildID(dst []byte, f *events.Frame) []byte {
	if f.BuildID == "" {
		return strconv.AppendUint(dst, f.Addr, 16)
	}
	dst = append(append(dst, f.BuildID...), " 0x"...)
	return strconv.AppendUint(dst, f.Offset, 16)
}

func (p *printer) symbol(dst []byte, f *events.Frame) []byte {
	if f.Func == "" {
		return strconv.AppendUint(append(dst, "0x"...), f.Addr, 16)
	}
	dst = p.name(dst, f.Func)
	if !f.Inlined {
		dst = strconv.AppendUint(append(dst, '+'), f.Offset, 10)
	}
	return dst
}

func (p *printer) module(dst []byte, f *events.Frame) []byte {
	dst = append(dst, " ("...)
	switch {
	case f.Inlined:
		dst = append(dst, "inlined"...)
	case f.Module == "":
		dst = append(dst, "[unknown]"...)
	default:
		dst = p.name(dst, f.Module)
	}
	return append(dst, ')')
}
