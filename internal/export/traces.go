package export

import (
	"encoding/binary"
	"net/netip"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/rpcxray/rpcxray/internal/spans"
)

type message = proto.Message

// source is where telemetry comes from.
type source struct {
	host    string
	version string // of rpcxray
}

func (s source) scope() *commonpb.InstrumentationScope {
	return &commonpb.InstrumentationScope{Name: "github.com/rpcxray/rpcxray", Version: s.version}
}

// process is what tells one process from another.
type process struct {
	name string
	pid  int
}

// resource describes a process; pid 0 stands for all of the name.
func (s source) resource(p process) *resourcepb.Resource {
	r := &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
		text("service.name", p.name), text("host.name", s.host), text("telemetry.distro.name", "rpcxray"),
	}}
	if p.pid != 0 {
		r.Attributes = append(r.Attributes, number("process.pid", int64(p.pid)))
	}
	return r
}

// traces makes a message of spans, a resource a process.
func (s source) traces(calls []*spans.Call) message {
	data := &tracepb.TracesData{}
	of := map[process]*tracepb.ScopeSpans{}
	for _, c := range calls {
		p := process{c.Process, c.PID}
		list := of[p]
		if list == nil {
			list = &tracepb.ScopeSpans{Scope: s.scope()}
			of[p] = list
			data.ResourceSpans = append(data.ResourceSpans, &tracepb.ResourceSpans{Resource: s.resource(p), ScopeSpans: []*tracepb.ScopeSpans{list}})
		}
		list.Spans = append(list.Spans, span(c))
	}
	return data
}

func span(c *spans.Call) *tracepb.Span {
	s := &tracepb.Span{
		TraceId: c.Trace[:], SpanId: spanID(c.Span), Name: c.Service + "/" + c.Method, Kind: tracepb.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: uint64(c.Start.UnixNano()), EndTimeUnixNano: uint64(c.End().UnixNano()),
		Attributes: callAttributes(c), Flags: 1, // sampled
	}
	if c.Parent != 0 {
		s.ParentSpanId = spanID(c.Parent)
	}
	switch {
	case c.Whole:
		s.Kind = tracepb.Span_SPAN_KIND_INTERNAL
	case c.Side == spans.Client:
		s.Kind = tracepb.Span_SPAN_KIND_CLIENT
	}
	if trace, server, ok := c.Apart(); ok {
		s.Links = []*tracepb.Span_Link{{TraceId: trace[:], SpanId: spanID(server)}}
	}
	if c.Failed() {
		s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: c.Error}
	}
	return s
}

func spanID(id spans.ID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

// callAttributes follow the semantic conventions for RPC; what they do not name is
// below rpcxray.
func callAttributes(c *spans.Call) []*commonpb.KeyValue {
	list := []*commonpb.KeyValue{text("rpc.system", c.Framework), text("rpc.service", c.Service), text("rpc.method", c.Method)}
	if c.Failed() {
		list = append(list, text("error.type", c.Status))
	}
	server := c.Local
	if c.Side == spans.Client {
		server = c.Peer
	}
	list = address(list, "server.address", "server.port", server)
	list = address(list, "network.peer.address", "network.peer.port", c.Peer)
	if c.OneWay {
		list = append(list, &commonpb.KeyValue{Key: "rpcxray.oneway", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}})
	}
	if c.Whole {
		list = append(list, number("rpcxray.attempts", int64(c.Attempts)))
	}
	if c.Attempt > 0 {
		list = append(list, number("rpcxray.attempt", int64(c.Attempt)))
	}
	for _, n := range []struct {
		name  string
		value int64
	}{{"rpcxray.handler_ns", int64(c.Handler)}, {"rpcxray.req_bytes", c.ReqBytes}, {"rpcxray.resp_bytes", c.RespBytes}} {
		if n.value != spans.None {
			list = append(list, number(n.name, n.value))
		}
	}
	return list
}

func address(list []*commonpb.KeyValue, host, port string, a netip.AddrPort) []*commonpb.KeyValue {
	if a.Addr().IsValid() {
		list = append(list, text(host, a.Addr().String()))
	}
	if a.Port() != 0 {
		list = append(list, number(port, int64(a.Port())))
	}
	return list
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}
