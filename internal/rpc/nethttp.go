package rpc

import (
	_ "embed"
	"slices"

	"github.com/rpcxray/rpcxray/internal/types"
)

//go:embed nethttp.bt
var nethttpScript string

// nethttp is the standard library's net/http, HTTP/1 and HTTP/2, which since Go 1.27 has
// a package of its own. Its functions are those of Go 1.17 to 1.27; where fields lie,
// binaries tell, also stripped ones.
//
// layout: net/http go1.26 and go1.27, read from DWARF
func nethttp() *Framework {
	const path, http2 = "net/http.", "net/http/internal/http2."
	w := types.TUint64
	pair := types.TupleOf(w, w)
	server, client := []Side{Server}, []Side{Client}
	number := append(SpanFields(), "seq", "peer", "peer_port", "local", "local_port")
	return &Framework{
		Name: "net/http", Module: Std, Script: nethttpScript, Oldest: "go1.17",
		Tables: httpTables(),
		Probes: []Probe{
			{Name: "serve", Sides: server, Funcs: []Func{{Name: path + "serverHandler.ServeHTTP",
				Params: []Param{{"server", w}, {"w", pair}, {"req", w}}}}},
			{Name: "finish", Sides: server, Funcs: []Func{{Name: path + "(*response).finishRequest", Params: []Param{{"w", w}}}}},
			{Name: "finish2", Sides: server, Funcs: []Func{{Name: path + "(*http2responseWriter).handlerDone", Params: []Param{{"w", w}}, Optional: true},
				{Name: http2 + "(*responseWriter).handlerDone", Params: []Param{{"w", w}}, Optional: true}}},
			{Name: "left", Sides: server, Funcs: []Func{{Name: path + "(*conn).serve.func1", Optional: true},
				{Name: path + "(*http2serverConn).sendServeMsg", Optional: true},
				{Name: http2 + "(*serverConn).sendServeMsg", Optional: true}}},

			{Name: "ask", Sides: client, Funcs: []Func{{Name: path + "(*Transport).RoundTrip", Params: []Param{{"transport", w}, {"req", w}}}}},
			{Name: "sent", Sides: client, Wants: number, Funcs: []Func{{Name: path + "(*persistConn).roundTrip",
				Params: []Param{{"pc", w}, {"req", w}}, Optional: true}}},
			{Name: "conn2", Sides: client, Wants: number, Funcs: []Func{{Name: path + "(*http2ClientConn).roundTrip",
				Params: []Param{{"cc", w}, {"req", w}}, Optional: true},
				{Name: http2 + "(*ClientConn).roundTrip", Params: []Param{{"cc", w}, {"req", w}}, Optional: true}}},
			{Name: "sent2", Sides: client, Wants: number, Funcs: []Func{opening(path + "(*http2ClientConn).addStreamLocked"),
				opening(path + "(*http2clientStream).writeRequest"), // where the other is inlined
				opening(http2 + "(*ClientConn).addStreamLocked"), opening(http2 + "(*clientStream).writeRequest")}},
			{Name: "answered", Sides: client, Funcs: []Func{{Name: path + "(*Transport).RoundTrip", Returns: true,
				Params: []Param{{"res", w}, {"failure", pair}}}}},
		},
		Facts: httpFacts(path, http2),
	}
}

// httpFacts are of the packages net/http and, since Go 1.27, of HTTP/2.
func httpFacts(path, http2 string) []Fact {
	return slices.Concat([]Fact{
		{Name: "holds_gateway", Module: "github.com/smallnest/rpcx"},
		{Name: "is_response", Type: "*http.response"},
		{Name: "req_method", Struct: path + "Request", Field: "Method"},
		{Name: "req_url", Struct: path + "Request", Field: "URL"},
		{Name: "req_header", Struct: path + "Request", Field: "Header"},
		{Name: "req_pattern", Struct: path + "Request", Field: "Pattern", Otherwise: ^uint64(0)},
		{Name: "req_length", Struct: path + "Request", Field: "ContentLength"},
		{Name: "req_ctx", Struct: path + "Request", Field: "ctx"},
		{Name: "url_path", Struct: "net/url.URL", Field: "Path"},
	}, of(Server, []Fact{
		{Name: "req_host", Struct: path + "Request", Field: "Host"},
		{Name: "response_conn", Struct: path + "response", Field: "conn"},
		{Name: "response_wrote", Struct: path + "response", Field: "wroteHeader"},
		{Name: "response_status", Struct: path + "response", Field: "status"},
		{Name: "response_written", Struct: path + "response", Field: "written"},
		{Name: "conn_rwc", Struct: path + "conn", Field: "rwc"},
		{Name: "rws_conn", Struct: path + "http2responseWriterState", Field: "conn"},
		{Name: "rws_conn", Struct: http2 + "responseWriterState", Field: "conn"},
		{Name: "rws_stream", Struct: path + "http2responseWriterState", Field: "stream"},
		{Name: "rws_stream", Struct: http2 + "responseWriterState", Field: "stream"},
		{Name: "rws_wrote", Struct: path + "http2responseWriterState", Field: "wroteHeader"},
		{Name: "rws_wrote", Struct: http2 + "responseWriterState", Field: "wroteHeader"},
		{Name: "rws_status", Struct: path + "http2responseWriterState", Field: "status"},
		{Name: "rws_status", Struct: http2 + "responseWriterState", Field: "status"},
		{Name: "rws_written", Struct: path + "http2responseWriterState", Field: "wroteBytes"},
		{Name: "rws_written", Struct: http2 + "responseWriterState", Field: "wroteBytes"},
		{Name: "stream_id", Struct: path + "http2stream", Field: "id"},
		{Name: "stream_id", Struct: http2 + "stream", Field: "id"},
		{Name: "sc_conn", Struct: path + "http2serverConn", Field: "conn"},
		{Name: "sc_conn", Struct: http2 + "serverConn", Field: "conn"},
	}), of(Client, []Fact{
		{Name: "res_header", Struct: path + "Response", Field: "Header"},
		{Name: "url_host", Struct: "net/url.URL", Field: "Host"},
		{Name: "res_code", Struct: path + "Response", Field: "StatusCode"},
		{Name: "res_length", Struct: path + "Response", Field: "ContentLength"},
		{Name: "pc_conn", Struct: path + "persistConn", Field: "conn"},
		{Name: "cc_conn", Struct: path + "http2ClientConn", Field: "tconn"},
		{Name: "cc_conn", Struct: http2 + "ClientConn", Field: "tconn"},
	}))
}

func httpTables() []Table {
	return []Table{
		{Map: "serving", Side: Server, Word: 1, Outer: true, Service: Path{fact("req_host")}, Method: Path{fact("req_method")}, Named: verb},
		{Map: "calls", Side: Client, Word: 1, Service: Path{fact("req_url"), fact("url_host")}, Method: Path{fact("req_method")}, Named: verb},
	}
}

// opening is where a stream of HTTP/2 with its id is put among those that are open.
func opening(name string) Func {
	w := types.TUint64
	return Func{Name: name, Optional: true, Calling: []string{"runtime.mapassign_fast32"}, Params: []Param{{"type", w}, {"streams", w}, {"id", w}}}
}
