package render

import (
	"slices"
	"time"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Table prints what a tool's script prints as aligned rows and bcc's
// histograms; it implements Renderer. Text of traced processes is always
// escaped: a line break in a name must not make a row.
type Table struct {
	o       Options
	layout  Layout
	w       writer
	p       printer
	formats formats
	header  *types.Type // the record whose header was printed last
	columns []Column
	row     []*events.Value // scratch
	clock   time.Time       // that stands above the last report
}

// NewTable returns a renderer of tables.
func NewTable(o Options, l Layout) *Table {
	return &Table{
		o: o, layout: l, w: writer{out: o.Out}, formats: formats{},
		p: printer{escape: true, trailer: o.Trailer}, columns: shown(l.Columns),
	}
}

// Event prints e.
func (t *Table) Event(e events.Event) error {
	switch e := e.(type) {
	case *events.Record:
		t.record(e)
	case *events.Output:
		t.w.buf = t.p.text(t.w.buf, e.Data)
	case *events.Report:
		t.report(e)
	default:
		notice(t.o, e)
	}
	return t.w.spill()
}

// Flush writes what is buffered.
func (t *Table) Flush() error { return t.w.flush() }

// Close flushes; a row is whole by itself.
func (t *Table) Close() error { return t.w.flush() }

func (t *Table) record(r *events.Record) {
	switch r.Action.Kind {
	case prog.ActErrorf, prog.ActWarnf, prog.ActAssert, prog.ActRuntimeError:
		comment(t.o, r)
	case prog.ActPrint:
		t.print(&r.Values[0])
	default:
		t.w.buf = appendRecord(t.w.buf, &t.p, t.formats, r)
	}
}

func (t *Table) print(v *events.Value) {
	if v.Type.Kind != types.Record || v.Unreadable {
		t.w.buf = append(t.p.value(t.w.buf, v), '\n')
		return
	}
	if len(t.layout.Folded) > 0 {
		t.w.buf = t.p.folded(t.w.buf, v, t.layout.Folded, 1)
		return
	}
	if t.header == nil {
		t.header = v.Type
		t.w.buf = appendHeader(t.w.buf, t.columns)
	}
	t.w.buf = appendRecordRow(t.w.buf, &t.p, t.columns, v)
	for i := range v.Elems {
		if v.Elems[i].Type.Kind == types.Stack {
			t.w.buf = t.p.indented(t.w.buf, &v.Elems[i])
		}
	}
}

// report prints a map behind a blank line: as rows, as histograms, or as the
// line about an average.
func (t *Table) report(r *events.Report) {
	l, ok := t.layout.Maps[r.Map.Name]
	if ok && l.Footer {
		for _, e := range r.Entries {
			t.w.buf = appendFooter(t.w.buf, &e.Value, l.Unit)
		}
		return
	}
	if !l.Bare {
		t.w.buf = append(t.w.buf, '\n')
	}
	if t.layout.Clock && !r.Wall.Equal(t.clock) {
		t.w.buf = append(events.AppendStrftime(t.w.buf, "%H:%M:%S", r.Wall), '\n')
		t.clock = r.Wall
	}
	if isHist(r.Map.Value) {
		t.histograms(r, l)
		return
	}
	columns := shown(l.Columns)
	if !l.Bare {
		t.w.buf = appendHeader(t.w.buf, columns)
	}
	for _, e := range inOrder(r, l) {
		if e.Key == nil && e.Value.Type.Kind == types.Record {
			t.w.buf = appendRecordRow(t.w.buf, &t.p, columns, &e.Value)
			continue
		}
		values := mapValues(&e)
		t.row = t.row[:0]
		for i := range l.Columns {
			if !l.Columns[i].Hidden && i < len(values) {
				t.row = append(t.row, values[i])
			}
		}
		t.w.buf = appendRow(t.w.buf, &t.p, columns[:len(t.row)], t.row)
	}
}

// inOrder are the entries that the layout shows, in its order.
func inOrder(r *events.Report, l MapLayout) []events.Entry {
	entries := top(r)
	if l.Descending {
		entries = slices.Clone(entries)
		slices.Reverse(entries)
	}
	return entries
}

func (t *Table) histograms(r *events.Report, l MapLayout) {
	for _, e := range top(r) {
		if e.Key != nil {
			t.w.buf = t.p.section(t.w.buf, l.Section, e.Key)
		}
		t.w.buf = appendBCCHist(t.w.buf, &e.Value, l.Unit)
	}
}

// mapValues returns the parts of an entry's key and its value.
func mapValues(e *events.Entry) []*events.Value {
	var values []*events.Value
	for i := range e.Key {
		values = append(values, &e.Key[i])
	}
	return append(values, &e.Value)
}
