package rpcsummary

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
	"github.com/rpcxray/rpcxray/internal/tui"
	"github.com/rpcxray/rpcxray/internal/types"
)

// The levels of the screen, by the maps that they show the reports of.
var (
	services = &prog.Map{Name: "@services", Value: types.TUint64}
	byMethod = &prog.Map{Name: "@methods", Value: types.TUint64}
	slowest  = &prog.Map{Name: "@slowest", Value: types.RecordOf(nil)}
)

// Bounds of what the screen remembers.
const (
	keepRows  = 30 * time.Second // that a method without calls stays
	keepCalls = 500              // slow and failed calls
)

// defaultRefresh is how often the screen changes when nothing is said.
const defaultRefresh = 2 * time.Second

// screen makes the rows of a live screen; it implements tool.Gatherer.
type screen struct {
	last  time.Time
	known map[string]*seenMethod
	calls []events.Entry // slow and failed, the newest last
}

// seenMethod is a method with what it did in the last interval.
type seenMethod struct {
	method
	at time.Time // when it was called last
}

func newScreen() *screen { return &screen{known: map[string]*seenMethod{}} }

// Event implements tool.Gatherer.
func (s *screen) Event(e events.Event) ([]events.Event, error) {
	switch e := e.(type) {
	case *events.Attached:
		s.last = time.Now()
	case *events.Record:
		if e.Action.Kind == prog.ActPrint && e.Values[0].Type.Kind == types.Record {
			s.calls = append(s.calls, events.Entry{Value: own(e.Values[0])})
			s.calls = s.calls[max(0, len(s.calls)-keepCalls):]
			return nil, nil
		}
	case *events.Report:
		return s.report(e), nil
	}
	return []events.Event{e}, nil
}

// Due implements tool.Gatherer.
func (s *screen) Due() ([]events.Event, error) { return nil, nil }

// Rest implements tool.Gatherer.
func (s *screen) Rest() ([]events.Event, error) { return nil, nil }

// own is a copy of v that stays: the events' memory is used again.
func own(v events.Value) events.Value {
	v.Str = bytes.Clone(v.Str)
	v.Elems = slices.Clone(v.Elems)
	for i := range v.Elems {
		v.Elems[i] = own(v.Elems[i])
	}
	return v
}

// report makes the rows of all levels.
func (s *screen) report(r *events.Report) []events.Event {
	span := r.Wall.Sub(s.last)
	s.last = r.Wall
	for key, m := range s.known {
		m.calls, m.failed, m.times = 0, 0, nil
		if r.Wall.Sub(m.at) > keepRows {
			delete(s.known, key)
		}
	}
	for _, m := range methods(r) {
		s.known[keyOf(m.key)] = &seenMethod{*m, r.Wall}
	}
	var all []*method
	for _, m := range s.known {
		all = append(all, &m.method)
	}
	slices.SortFunc(all, func(a, b *method) int {
		return cmp.Or(cmp.Compare(b.calls, a.calls), cmp.Compare(keyOf(a.key), keyOf(b.key)))
	})
	calls := slices.Clone(s.calls)
	slices.Reverse(calls)
	return []events.Event{
		&events.Report{Map: services, Entries: entries(byService(all), span), Wall: r.Wall},
		&events.Report{Map: byMethod, Entries: entries(all, span), Wall: r.Wall},
		&events.Report{Map: slowest, Entries: calls, Wall: r.Wall},
	}
}

// byService joins the methods of each service.
func byService(all []*method) []*method {
	by := map[string]*method{}
	var list []*method
	for _, m := range all {
		key := keyOf(m.key[:parts-1])
		sum := by[key]
		if sum == nil {
			sum = &method{key: append(slices.Clone(m.key[:parts-1]), events.Value{Type: types.Str(0)})}
			by[key] = sum
			list = append(list, sum)
		}
		sum.calls += m.calls
		sum.failed += m.failed
		for bucket, n := range m.times {
			sum.times.add(bucket, n)
		}
	}
	slices.SortStableFunc(list, func(a, b *method) int { return cmp.Compare(b.calls, a.calls) })
	return list
}

// entries are rows: the key, calls a second, failed calls, quantiles, calls.
func entries(all []*method, span time.Duration) []events.Entry {
	var list []events.Entry
	for _, m := range all {
		key := append(slices.Clone(m.key), rate(m.calls, span), number(types.TUint64, m.failed),
			number(optional, m.times.quantile(0.5)), number(optional, m.times.quantile(0.99)))
		list = append(list, events.Entry{Key: key, Value: number(types.TUint64, m.calls)})
	}
	return list
}

// levels are the tables of the screen.
func levels() []tui.Level {
	hidden := func(columns []render.Column, names ...string) []render.Column {
		columns = slices.Clone(columns)
		for i := range columns {
			columns[i].Hidden = slices.Contains(names, columns[i].Field)
		}
		return columns
	}
	all := []render.Column{
		{Field: "pid", Title: "PID", Width: 7, Right: true},
		{Field: "process", Title: "PROCESS", Width: 12},
		{Field: "framework", Title: "KIND", Width: 5},
		{Field: "side", Title: "SIDE", Width: 6},
		{Field: "service", Title: "SERVICE", Width: 14},
		{Field: "method", Title: "METHOD", Width: 20},
		{Field: "calls_per_s", Title: "CALLS/s", Width: 8, Right: true},
		{Field: "failed", Title: "FAILED", Width: 6, Right: true},
		micros("p50_ns", "P50(us)"),
		micros("p99_ns", "P99(us)"),
		{Field: "calls", Title: "CALLS", Width: 7, Right: true},
	}
	service := []string{"pid", "framework", "side", "service"}
	return []tui.Level{
		{Map: services.Name, Columns: hidden(all, "method", "calls")},
		{Map: byMethod.Name, Columns: hidden(all, "pid", "process", "framework", "side", "service"), Under: service},
		{Map: slowest.Name, Columns: callColumns(), Under: append(service, "method"), Name: "call"},
	}
}

func micros(field, title string) render.Column {
	return render.Column{Field: field, Title: title, Width: 9, Right: true, Div: int64(time.Microsecond), Decimals: 1}
}

// callColumns show a call in a row, and with the hidden ones by itself.
func callColumns() []render.Column {
	list := []render.Column{
		{Field: "time", Title: "TIME", Width: 12},
		micros("latency_ns", "LAT(us)"),
		micros("handler_ns", "HANDLER"),
		{Field: "status", Title: "STATUS", Width: 7},
		{Field: "peer", Title: "PEER", Width: 15},
		{Field: "peer_port", Title: "PORT", Width: 5, Right: true},
		{Field: "error", Title: "ERROR", Width: 20},
	}
	for _, name := range []string{"pid", "process", "framework", "side", "service", "method", "seq", "req_bytes", "resp_bytes",
		"goid", "trace_id", "span_id", "parent_span"} {
		list = append(list, render.Column{Field: name, Title: name, Hidden: true})
	}
	return list
}

// live makes p the plan of a screen that changes every interval.
func live(p *tool.Plan, interval time.Duration) {
	p.Consts["screen"], p.Lean = tool.Bool(true), true
	p.Screen, p.Gather, p.Change, p.Banner = levels(), newScreen(), nil, fmt.Sprintf("RPC calls, over %v each", interval)
}
