package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Text prints events as bpftrace does; it implements Renderer.
type Text struct {
	o       Options
	w       writer
	p       printer
	formats formats
}

// NewText returns a renderer of plain text.
func NewText(o Options) *Text {
	return &Text{o: o, w: writer{out: o.Out}, p: printer{escape: o.Terminal, trailer: o.Trailer}, formats: formats{}}
}

// appendNotify appends the line that a waiting program looks for.
func appendNotify(dst []byte, e *events.Attached) []byte {
	if e.Notify == "" {
		return dst
	}
	return append(append(dst, e.Notify...), '\n')
}

// formats keeps parsed formats.
type formats map[*prog.Action]format

func (f formats) of(a *prog.Action) format {
	parsed, ok := f[a]
	if !ok {
		parsed = parseFormat(a.Format)
		f[a] = parsed
	}
	return parsed
}

// Sprintf formats the values of an action with its format: the path of cat, the
// command of system, the message of errorf.
func Sprintf(r *events.Record, trailer string) string {
	p := printer{trailer: trailer}
	return string(parseFormat(r.Action.Format).append(&p, nil, r.Values))
}

// Event prints e.
func (t *Text) Event(e events.Event) error {
	switch e := e.(type) {
	case *events.Settings:
		t.o.Trailer, t.p.trailer, t.o.MaxMapKeys = e.Trailer, e.Trailer, e.MaxMapKeys
	case *events.Record:
		t.record(e)
	case *events.Output:
		t.w.buf = t.p.text(t.w.buf, e.Data)
		if e.Action.Kind == prog.ActSystem {
			t.w.buf = append(t.w.buf, '\n')
		}
	case *events.Report:
		t.report(e)
	case *events.Attached:
		t.w.buf = appendNotify(t.w.buf, e)
		notice(t.o, e)
	case *events.Ended:
		t.w.buf = append(t.w.buf, "\n\n"...)
	case *events.Suite, *events.Case, *events.Outcome, *events.Measure, *events.SuiteEnded:
		t.w.buf = appendSuite(t.w.buf, e, t.o.Terminal)
	default:
		notice(t.o, e)
	}
	return t.w.spill()
}

// Flush writes what is buffered.
func (t *Text) Flush() error { return t.w.flush() }

// Close flushes; text leaves nothing open.
func (t *Text) Close() error { return t.w.flush() }

func (t *Text) record(r *events.Record) {
	switch r.Action.Kind {
	case prog.ActErrorf, prog.ActWarnf, prog.ActAssert, prog.ActRuntimeError:
		comment(t.o, r)
	case prog.ActPrint:
		t.w.buf = t.p.value(t.w.buf, &r.Values[0])
		t.w.buf = append(t.w.buf, '\n')
	default:
		t.w.buf = appendRecord(t.w.buf, &t.p, t.formats, r)
	}
}

// appendRecord appends the text of a record that prints as text in every
// format: printf, time, join.
func appendRecord(dst []byte, p *printer, f formats, r *events.Record) []byte {
	switch r.Action.Kind {
	case prog.ActPrintf:
		return f.of(r.Action).append(p, dst, r.Values)
	case prog.ActTime:
		return events.AppendStrftime(dst, r.Action.Format, r.Wall)
	case prog.ActJoin:
		return append(appendJoin(dst, p, r), '\n')
	}
	panic(fmt.Sprintf("BUG: action kind %d has no text", r.Action.Kind))
}

// appendJoin appends the strings that could be read, up to the first empty one.
func appendJoin(dst []byte, p *printer, r *events.Record) []byte {
	values := r.Values
	if len(values) == 1 && values[0].Elems != nil {
		values = values[0].Elems
	}
	for i := range values {
		if values[i].Unreadable || len(values[i].Str) == 0 {
			break
		}
		if i > 0 {
			dst = append(dst, r.Action.Sep...)
		}
		dst = p.value(dst, &values[i])
	}
	return dst
}

// report prints a map: one line a key, or a heading and the rows of a
// histogram.
func (t *Text) report(r *events.Report) {
	for _, e := range top(r) {
		dst := append(t.w.buf, r.Map.Name...)
		if e.Key != nil {
			dst = append(dst, '[')
			dst = t.p.key(dst, e.Key)
			dst = append(dst, ']')
		}
		dst = append(dst, ':')
		if isHist(e.Value.Type) {
			dst = append(dst, '\n')
		} else {
			dst = append(dst, ' ')
		}
		dst = t.p.scaled(dst, &e.Value, r.Div)
		t.w.buf = append(dst, '\n')
	}
}

// top returns the last Top entries, all where Top is zero, and of graphs over time.
func top(r *events.Report) []events.Entry {
	if r.Map.Value.Kind != types.TSeries && r.Top > 0 && r.Top < len(r.Entries) {
		return r.Entries[len(r.Entries)-r.Top:]
	}
	return r.Entries
}

// key appends the parts of a key; a tuple stands there without its parentheses.
func (p *printer) key(dst []byte, key []events.Value) []byte {
	if len(key) == 1 && key[0].Type.Kind == types.Tuple && !key[0].Unreadable {
		return p.parts(dst, key[0].Elems)
	}
	return p.parts(dst, key)
}

// isHist tells whether values of t print as rows.
func isHist(t *types.Type) bool {
	return t.Kind == types.Hist || t.Kind == types.LHist || t.Kind == types.TSeries
}

// notice prints what is not the script's output to standard error. That it may
// not be writable is nobody's concern.
func notice(o Options, e events.Event) {
	switch e := e.(type) {
	case *events.Message:
		text := string(AppendEscaped(nil, []byte(e.Text)))
		if e.Level == "info" {
			fmt.Fprintln(o.Err, text)
		} else {
			fmt.Fprintf(o.Err, "%s: %s\n", label(e.Level), text)
		}
	case *events.Remark:
		remark(o, e)
	case *events.Loss:
		fmt.Fprintf(o.Err, "WARNING: %s\n", lossText(e, o.MaxMapKeys))
	case *events.Attached:
		if !o.Quiet {
			fmt.Fprintln(o.Err, attachedText(e.Probes))
		}
	}
}

func label(level string) string {
	if level == "error" {
		return diag.Error.String()
	}
	return diag.Warning.String()
}

// comment prints what the script itself complains about, with its place in the
// script.
func comment(o Options, r *events.Record) {
	severity := diag.Warning
	if k := r.Action.Kind; k == prog.ActErrorf || k == prog.ActAssert {
		severity = diag.Error
	}
	msg := strings.TrimSuffix(Sprintf(r, o.Trailer), "\n")
	writeComment(o.Err, o.Source, r.Action.Span, severity, appendLines(nil, []byte(msg)))
}

func writeComment(w io.Writer, src *diag.Source, span diag.Span, severity diag.Severity, msg []byte) {
	if src != nil {
		line, start, end := src.Position(span)
		name, _, _ := src.File(span.Start)
		fmt.Fprintf(w, "%s:%d:%d-%d: ", name, line, start, end)
	}
	fmt.Fprintf(w, "%s: %s\n", severity, msg)
}
