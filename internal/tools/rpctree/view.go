package rpctree

import (
	"fmt"
	"strings"
	"time"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/spans"
	"github.com/rpcxray/rpcxray/internal/types"
)

// view shows trees, a row a call.
type view struct {
	table bool // rows are for people
	least time.Duration
}

func (v view) show(n *spans.Node) []events.Event {
	root := spans.Steps(n)
	if root.Duration() < v.least {
		return nil
	}
	var list []events.Event
	root.Walk(func(s *spans.Step) { list = append(list, v.row(s)) })
	return list
}

// printed is the action of rows.
var printed = &prog.Action{Kind: prog.ActPrint}

// row is a call as a record.
func (v view) row(s *spans.Step) events.Event {
	c := s.Call()
	status, failure, _ := s.Failed()
	var r record
	r.text("time", c.Start.Format(map[bool]string{true: "15:04:05.000", false: "2006-01-02T15:04:05.000000Z07:00"}[v.table]))
	r.number("latency_ns", int64(s.Duration()))
	served := int64(spans.None)
	if s.Server != nil && s.Server.Duration != spans.None {
		served = int64(s.Server.Duration)
	}
	r.number("served_ns", served)
	r.text("status", status)
	r.text("server", serverText(s))
	if v.table {
		r.text("call", callText(s, failure))
		return r.event()
	}
	r.text("client", clientText(s))
	r.number("depth", int64(s.Depth))
	r.text("framework", c.Framework)
	r.text("service", c.Service)
	r.text("method", c.Method)
	r.text("error", failure)
	r.number("attempt", attempt(c))
	r.number("attempts", attempts(c))
	r.text("trace_id", fmt.Sprintf("%x", c.Trace[:]))
	if s.Client != nil {
		r.text("client_span", fmt.Sprintf("%016x", uint64(s.Client.Span)))
	}
	if s.Server != nil {
		r.text("server_span", fmt.Sprintf("%016x", uint64(s.Server.Span)))
	}
	if n := c.Parent; n != 0 {
		r.text("parent_span", fmt.Sprintf("%016x", uint64(n)))
	}
	return r.event()
}

// attempt is the number of an attempt; spans.None of what is none.
func attempt(c *spans.Call) int64 {
	if c.Attempt == 0 {
		return spans.None
	}
	return int64(c.Attempt)
}

// attempts is how many a call has had; spans.None of what is no such call.
func attempts(c *spans.Call) int64 {
	if !c.Whole {
		return spans.None
	}
	return int64(c.Attempts)
}

// callText shows by its indent what has caused the call.
func callText(s *spans.Step, failure string) string {
	text := s.Name()
	switch {
	case s.Depth > 0:
		text = strings.Repeat("  ", s.Depth-1) + "└ " + text
	default:
		text += "  from " + clientText(s)
	}
	if tries := s.Call().Tries(); tries != "" {
		text += "  " + tries
	}
	if failure != "" {
		text += "  " + failure
	}
	return text
}

// serverText is the process that has served the call, or its address.
func serverText(s *spans.Step) string {
	switch {
	case s.Server != nil:
		return fmt.Sprintf("%s %d", s.Server.Process, s.Server.PID)
	case s.Client.Whole:
		return "-"
	case s.Client.Peer.IsValid():
		return s.Client.Peer.String()
	}
	return "-"
}

// clientText is the process that has made the call, or its address.
func clientText(s *spans.Step) string {
	switch {
	case s.Client != nil:
		return fmt.Sprintf("%s %d", s.Client.Process, s.Client.PID)
	case s.Server.Peer.IsValid():
		return s.Server.Peer.String()
	}
	return "-"
}

// record builds a record.
type record struct {
	fields []types.Field
	elems  []events.Value
}

func (r *record) text(name, s string) {
	t := &types.Type{Kind: types.String, Size: len(s) + 1, Optional: true}
	r.fields, r.elems = append(r.fields, types.Field{Name: name, Type: t}), append(r.elems, events.Value{Type: t, Str: []byte(s)})
}

var optional = &types.Type{Kind: types.Int, Size: 8, Optional: true}

// number adds n; spans.None, all ones, is an absent number.
func (r *record) number(name string, n int64) {
	r.fields, r.elems = append(r.fields, types.Field{Name: name, Type: optional}), append(r.elems, events.Value{Type: optional, Int: uint64(n)})
}

func (r *record) event() events.Event {
	t := types.RecordOf(r.fields)
	return &events.Record{Action: printed, Values: []events.Value{{Type: t, Elems: r.elems}}, Wall: time.Now()}
}
