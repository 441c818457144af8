package render

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// New returns the renderer of --format: table, json (one array), jsonl (one
// object a line) or csv (RFC 4180 with line feeds).
func New(format string, o Options, l Layout) (Renderer, error) {
	switch format {
	case "table":
		return NewTable(o, l), nil
	case "json", "jsonl", "csv":
		return newData(format, o, l), nil
	}
	return nil, fmt.Errorf("output format %q: not one of table, json, jsonl, csv", format)
}

// data prints every record and every entry of a map as one object or row. What
// the script prints as text goes to standard error.
type data struct {
	o       Options
	layout  Layout
	w       writer
	p       printer
	formats formats
	csv     bool
	array   bool
	objects int
	header  string // CSV: the header printed last
	text    []byte // scratch
}

func newData(format string, o Options, l Layout) *data {
	return &data{
		o: o, layout: l, w: writer{out: o.Out}, formats: formats{},
		p: printer{trailer: o.Trailer}, csv: format == "csv", array: format == "json",
	}
}

// field is a named part of an object: a value, or text that is ready as a JSON
// value and a CSV cell alike.
type field struct {
	name  string
	value *events.Value
	ready string
}

func (d *data) Event(e events.Event) error {
	switch e := e.(type) {
	case *events.Record:
		d.record(e)
	case *events.Report:
		d.report(e)
	case *events.Output:
		_, _ = d.o.Err.Write(e.Data)
	default:
		notice(d.o, e)
	}
	return d.w.spill()
}

func (d *data) Flush() error { return d.w.flush() }

// Close ends the array.
func (d *data) Close() error {
	if d.array && d.objects == 0 {
		d.w.buf = append(d.w.buf, '[')
	}
	if d.array {
		d.w.buf = append(d.w.buf, "\n]\n"...)
	}
	return d.w.flush()
}

func (d *data) record(r *events.Record) {
	switch r.Action.Kind {
	case prog.ActErrorf, prog.ActWarnf, prog.ActAssert, prog.ActRuntimeError:
		comment(d.o, r)
	case prog.ActPrint:
		d.print(&r.Values[0])
	default:
		d.text = appendRecord(d.text[:0], &d.p, d.formats, r)
		_, _ = d.o.Err.Write(d.text)
	}
}

func (d *data) print(v *events.Value) {
	if v.Type.Kind != types.Record || v.Unreadable {
		d.object([]field{{name: "value", value: v}})
		return
	}
	d.object(members(v))
}

// report prints an object an entry: the time, the parts of the key, and the
// value or what it consists of.
func (d *data) report(r *events.Report) {
	l := d.layout.Maps[r.Map.Name]
	if l.Footer && d.csv {
		return // would be a second table in the same file
	}
	for _, e := range inOrder(r, l) {
		fields := []field{{name: "time", ready: `"` + r.Wall.Format("2006-01-02T15:04:05.000Z07:00") + `"`}}
		for i := range e.Key {
			fields = append(fields, field{name: columnName(l, i, "key"), value: &e.Key[i]})
		}
		d.entry(fields, &e.Value, l, columnName(l, len(e.Key), "value"))
	}
}

func columnName(l MapLayout, i int, otherwise string) string {
	if i < len(l.Columns) {
		return l.Columns[i].Field
	}
	return otherwise
}

func (d *data) entry(fields []field, v *events.Value, l MapLayout, name string) {
	switch {
	case isHist(v.Type) && d.csv:
		for _, b := range buckets(v) {
			low, high := strconv.FormatInt(b.low, 10), strconv.FormatInt(b.high-1, 10)
			if b.below {
				low = ""
			}
			if b.above {
				high = ""
			}
			d.object(append(fields[:len(fields):len(fields)],
				field{name: "low", ready: low}, field{name: "high", ready: high},
				field{name: "count", ready: strconv.FormatUint(b.count, 10)}))
		}
	case isHist(v.Type):
		d.object(append(fields, field{name: "unit", ready: strconv.Quote(l.Unit)}, field{name: "buckets", value: v}))
	case v.Type.Kind == types.Stats:
		d.object(append(fields,
			field{name: "unit", ready: strconv.Quote(l.Unit)},
			field{name: "count", ready: strconv.FormatUint(v.Int, 10)},
			field{name: "average", ready: strconv.FormatInt(v.Average(), 10)},
			field{name: "total", ready: strconv.FormatInt(v.Total, 10)}))
	case v.Type.Kind == types.Record && !v.Unreadable:
		d.object(append(fields, members(v)...))
	default:
		d.object(append(fields, field{name: name, value: v}))
	}
}

func (d *data) object(fields []field) {
	if d.csv {
		d.line(fields)
		return
	}
	switch {
	case d.array && d.objects == 0:
		d.w.buf = append(d.w.buf, "[\n"...)
	case d.array:
		d.w.buf = append(d.w.buf, ",\n"...)
	}
	d.objects++
	dst := append(d.w.buf, '{')
	first := true
	for _, f := range fields {
		if f.value != nil && f.value.Absent() {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendJSONString(dst, []byte(f.name))
		dst = append(dst, ':')
		if f.value == nil {
			dst = append(dst, f.ready...)
			continue
		}
		dst = d.p.dataJSON(dst, f.value)
	}
	dst = append(dst, '}')
	if !d.array {
		dst = append(dst, '\n')
	}
	d.w.buf = dst
}

// dataJSON is json, but for what consumers of the tools' output need: stacks
// are lists of frames, and numbers that have names are those.
func (p *printer) dataJSON(dst []byte, v *events.Value) []byte {
	if v.Type.Kind == types.Enum && !v.Unreadable {
		return appendJSONString(dst, p.value(nil, v))
	}
	if v.Type.Kind != types.Stack || v.Unreadable {
		return p.json(dst, v, 1)
	}
	dst = append(dst, '[')
	var text []byte
	for i := range v.Frames {
		if i > 0 {
			dst = append(dst, ',')
		}
		text = p.frame(text[:0], &v.Frames[i])
		dst = appendJSONString(dst, text)
	}
	return append(dst, ']')
}

// line prints fields as a row of CSV, after a header where the names changed.
func (d *data) line(fields []field) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(appendCSV(nil, []byte(f.name)))
	}
	if header := strings.Join(names, ","); header != d.header {
		d.header = header
		d.w.buf = append(append(d.w.buf, header...), '\n')
	}
	for i, f := range fields {
		if i > 0 {
			d.w.buf = append(d.w.buf, ',')
		}
		if f.value == nil {
			d.text = append(d.text[:0], strings.Trim(f.ready, `"`)...)
		} else {
			d.text = d.p.csvValue(d.text[:0], f.value)
		}
		d.w.buf = appendCSV(d.w.buf, d.text)
	}
	d.w.buf = append(d.w.buf, '\n')
}

// csvValue appends v as text; a stack is its frames joined by semicolons.
func (p *printer) csvValue(dst []byte, v *events.Value) []byte {
	if v.Absent() {
		return dst
	}
	if v.Type.Kind != types.Stack || v.Unreadable {
		return p.value(dst, v)
	}
	for i := range v.Frames {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = p.frame(dst, &v.Frames[i])
	}
	return dst
}

// appendCSV appends a cell, quoted where it has to be, with its ends of lines and
// without what else would act on a terminal.
func appendCSV(dst, cell []byte) []byte {
	if !bytes.ContainsAny(cell, "\",\r\n") {
		return AppendEscaped(dst, cell)
	}
	dst = append(dst, '"')
	dst = appendLines(dst, bytes.ReplaceAll(cell, []byte{'"'}, []byte(`""`)))
	return append(dst, '"')
}
