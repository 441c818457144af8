package render

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// JSON prints one object a line for each event, as bpftrace -f json does; it
// implements Renderer.
type JSON struct {
	o       Options
	w       writer
	p       printer
	formats formats
	text    []byte // scratch
}

// NewJSON returns a renderer of bpftrace's JSON lines.
func NewJSON(o Options) *JSON {
	return &JSON{o: o, w: writer{out: o.Out}, p: printer{trailer: o.Trailer}, formats: formats{}}
}

// Event prints e.
func (j *JSON) Event(e events.Event) error {
	switch e := e.(type) {
	case *events.Settings:
		j.o.Trailer, j.p.trailer, j.o.MaxMapKeys = e.Trailer, e.Trailer, e.MaxMapKeys
	case *events.Record:
		j.record(e)
	case *events.Output:
		kind := e.Action.Kind.String()
		if e.Action.Kind == prog.ActSystem {
			kind = "syscall"
		}
		j.line(kind, func(dst []byte) []byte { return appendJSONString(dst, e.Data) })
	case *events.Report:
		j.report(e)
	case *events.Remark:
		j.runtime(e)
	case *events.Loss:
		if e.Kind == prog.LossEvents {
			j.counted("lost_events", "events", e.Count)
		} else {
			notice(j.o, e)
		}
	case *events.Attached:
		if !j.o.Quiet {
			j.counted("attached_probes", "probes", uint64(e.Probes))
		}
		j.w.buf = appendNotify(j.w.buf, e)
	case *events.Outcome:
		j.line("test_result", func(dst []byte) []byte { return appendJSONOutcome(dst, e) })
	case *events.Measure:
		j.line("benchmark_result", func(dst []byte) []byte { return appendJSONMeasure(dst, e) })
	case *events.Message:
		notice(j.o, e)
	}
	return j.w.spill()
}

// Flush writes what is buffered.
func (j *JSON) Flush() error { return j.w.flush() }

// Close flushes; a line is whole by itself.
func (j *JSON) Close() error { return j.w.flush() }

func (j *JSON) line(kind string, data func([]byte) []byte) {
	dst := append(j.w.buf, `{"type": "`...)
	dst = append(dst, kind...)
	dst = append(dst, `", "data": `...)
	dst = data(dst)
	j.w.buf = append(dst, "}\n"...)
}

// counted prints {"type": kind, "count": n, "data": {name: n}}.
func (j *JSON) counted(kind, name string, n uint64) {
	dst := append(j.w.buf, `{"type": "`...)
	dst = append(dst, kind...)
	dst = append(dst, `", "count": `...)
	dst = strconv.AppendUint(dst, n, 10)
	dst = append(dst, `, "data": {"`...)
	dst = append(dst, name...)
	dst = append(dst, `": `...)
	dst = strconv.AppendUint(dst, n, 10)
	j.w.buf = append(dst, "}}\n"...)
}

func (j *JSON) record(r *events.Record) {
	switch r.Action.Kind {
	case prog.ActErrorf, prog.ActAssert:
		j.comment("errorf", r)
	case prog.ActWarnf:
		j.comment("warnf", r)
	case prog.ActRuntimeError:
		j.comment("runtime_error", r)
	case prog.ActPrint:
		j.line("value", func(dst []byte) []byte { return j.p.json(dst, &r.Values[0], 1) })
	default:
		j.text = appendRecord(j.text[:0], &j.p, j.formats, r)
		if r.Action.Kind == prog.ActJoin {
			j.text = j.text[:len(j.text)-1] // its line feed is the text form's
		}
		j.line(r.Action.Kind.String(), func(dst []byte) []byte { return appendJSONString(dst, j.text) })
	}
}

func (j *JSON) comment(kind string, r *events.Record) {
	dst := append(j.w.buf, `{"type": "`...)
	dst = append(dst, kind...)
	dst = append(dst, `", "msg": `...)
	dst = appendJSONString(dst, []byte(Sprintf(r, j.o.Trailer)))
	j.w.buf = append(j.appendPlace(dst, r.Action.Span), "}\n"...)
}

// runtime prints what went wrong at a place of the script.
func (j *JSON) runtime(r *events.Remark) {
	text, helper, code := remarkText(r.Kind)
	if helper == "" {
		j.w.buf = append(j.w.buf, `{"type": "runtime_error", "msg": `...)
		j.w.buf = appendJSONString(j.w.buf, []byte(text))
	} else {
		text = "Success"
		if code != 0 {
			text = syscall.Errno(-code).Error()
		}
		text = strings.ToUpper(text[:1]) + text[1:]
		j.w.buf = fmt.Appendf(j.w.buf, `{"type": "helper_error", "msg": %q, "helper": %q, "retcode": %d`, text, helper, code)
	}
	j.w.buf = j.appendPlace(j.w.buf, r.Span)
	if r.Count > 1 {
		j.w.buf = fmt.Appendf(j.w.buf, `, "count": %d`, r.Count)
	}
	j.w.buf = append(j.w.buf, "}\n"...)
}

// appendPlace appends where span is in the script.
func (j *JSON) appendPlace(dst []byte, span diag.Span) []byte {
	if src := j.o.Source; src != nil {
		line, col, _ := src.Position(span)
		dst = append(dst, `, "filename": `...)
		name, _, _ := src.File(span.Start)
		dst = appendJSONString(dst, []byte(name))
		dst = append(dst, `, "line": `...)
		dst = strconv.AppendInt(dst, int64(line), 10)
		dst = append(dst, `, "col": `...)
		dst = strconv.AppendInt(dst, int64(col), 10)
	}
	return dst
}

// report prints a map that has something in it, and an empty object for an
// empty one of stats() or avg().
func (j *JSON) report(r *events.Report) {
	entries, kind := top(r), reportType(r.Map.Value)
	if len(entries) == 0 && kind != "stats" {
		return
	}
	j.line(kind, func(dst []byte) []byte {
		dst = append(dst, '{')
		dst = appendJSONString(dst, []byte(r.Map.Name))
		dst = append(dst, ": "...)
		if r.Map.Key == nil && len(entries) > 0 {
			dst = j.p.json(dst, &entries[0].Value, r.Div)
			return append(dst, '}')
		}
		dst = append(dst, '{')
		for i := range entries {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			j.text = j.p.jsonKey(j.text[:0], entries[i].Key)
			dst = appendJSONString(dst, j.text)
			dst = append(dst, ": "...)
			dst = j.p.json(dst, &entries[i].Value, r.Div)
		}
		return append(dst, "}}"...)
	})
}

func reportType(value *types.Type) string {
	switch value.Kind {
	case types.Hist, types.LHist:
		return "hist"
	case types.TSeries:
		return "tseries"
	case types.Stats, types.Avg:
		return "stats"
	}
	return "map"
}

// jsonKey appends a key's parts, joined by commas; blanks stay only in strings.
func (p *printer) jsonKey(dst []byte, key []events.Value) []byte {
	if len(key) == 1 && key[0].Type.Kind == types.Tuple && !key[0].Unreadable {
		key = key[0].Elems
	}
	for i := range key {
		if i > 0 {
			dst = append(dst, ',')
		}
		start := len(dst)
		dst = p.value(dst, &key[i])
		if key[i].Elems != nil {
			dst = append(dst[:start], bytes.ReplaceAll(dst[start:], []byte(" "), nil)...)
		}
	}
	return dst
}

// json appends v as a JSON value: numbers where JSON has them, else the text.
func (p *printer) json(dst []byte, v *events.Value, div int64) []byte {
	if v.Unreadable || v.Absent() {
		return append(dst, "null"...)
	}
	switch v.Type.Kind {
	case types.Void:
		return append(dst, "null"...)
	case types.Bool:
		return strconv.AppendBool(dst, v.Int != 0)
	case types.Int, types.Count, types.Sum, types.Min, types.Max, types.Avg:
		return appendJSONNumber(dst, number(v), v.Type.Signed, div)
	case types.Enum, types.Pointer, types.GoMap, types.GoChan, types.GoFunc:
		return appendJSONNumber(dst, v.Int, v.Type.Signed, 1)
	case types.Float:
		return appendJSONFloat(dst, v.Float, min(8*v.Type.Size, 64))
	case types.Array, types.GoSlice, types.Tuple:
		return p.jsonList(dst, v.Elems)
	case types.Struct, types.Record:
		return p.jsonObject(dst, v)
	case types.Stats:
		dst = append(dst, `{"count": `...)
		dst = appendJSONNumber(dst, v.Int, false, 1)
		dst = append(dst, `, "average": `...)
		dst = appendJSONNumber(dst, number(v), v.Type.Signed, div)
		dst = append(dst, `, "total": `...)
		dst = appendJSONNumber(dst, uint64(v.Total), v.Type.Signed, 1)
		return append(dst, '}')
	case types.Hist, types.LHist:
		return appendJSONHist(dst, v, div)
	case types.TSeries:
		return appendJSONSeries(dst, v)
	case types.Buffer:
		return appendJSONBytes(dst, v.Str)
	}
	return appendJSONString(dst, p.value(nil, v))
}

func (p *printer) jsonList(dst []byte, elems []events.Value) []byte {
	dst = append(dst, '[')
	for i := range elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = p.json(dst, &elems[i], 1)
	}
	return append(dst, ']')
}

func (p *printer) jsonObject(dst []byte, v *events.Value) []byte {
	dst = append(dst, '{')
	sep := ""
	for _, f := range members(v) {
		if f.value.Absent() {
			continue
		}
		dst = append(dst, sep...)
		dst = appendJSONString(dst, []byte(f.name))
		dst = append(dst, ": "...)
		dst = p.json(dst, f.value, 1)
		sep = ", "
	}
	return append(dst, '}')
}

// appendJSONHist appends the buckets with inclusive bounds; an open one is left
// out.
func appendJSONHist(dst []byte, v *events.Value, div int64) []byte {
	if v.Type.Kind == types.LHist {
		div = 1
	}
	dst = append(dst, '[')
	for i, b := range buckets(v) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		if !b.below {
			dst = append(dst, `"min": `...)
			dst = appendJSONNumber(dst, uint64(b.low), true, 1)
			dst = append(dst, ", "...)
		}
		if !b.above {
			dst = append(dst, `"max": `...)
			dst = appendJSONNumber(dst, uint64(b.high-1), true, 1)
			dst = append(dst, ", "...)
		}
		dst = append(dst, `"count": `...)
		dst = strconv.AppendUint(dst, b.count/uint64(max(div, 1)), 10)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendJSONBytes appends bytes as the numbers that C's char makes of them.
func appendJSONBytes(dst, b []byte) []byte {
	dst = append(dst, '[')
	for i, c := range b {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(int8(c)), 10)
	}
	return append(dst, ']')
}

// appendJSONNumber appends n by div; one that a double cannot hold becomes a
// string, as bpftrace has it.
func appendJSONNumber(dst []byte, n uint64, signed bool, div int64) []byte {
	size := n / uint64(max(div, 1))
	if signed {
		s := int64(n) / max(div, 1)
		size = uint64(max(s, -s))
	}
	exact := size == 0 || bits.Len64(size)-bits.TrailingZeros64(size) <= 53
	if !exact {
		dst = append(dst, '"')
	}
	dst = appendNumber(dst, n, signed, div)
	if !exact {
		dst = append(dst, '"')
	}
	return dst
}

func appendJSONFloat(dst []byte, f float64, size int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, size)
}

// appendJSONString appends text quoted; invalid UTF-8 becomes U+FFFD.
func appendJSONString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}
