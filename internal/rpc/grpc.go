package rpc

import (
	_ "embed"

	"github.com/rpcxray/rpcxray/internal/types"
)

//go:embed grpc.bt
var grpcScript string

// grpcgo is gRPC-Go. Its functions are alike from 1.60 to 1.85 but for writeStatus,
// which was exported; where fields lie, binaries tell.
//
// layout: transport.Stream, clientStream, CallHdr, http2Client, http2Server v1.85.0, read from DWARF
func grpcgo() *Framework {
	const path = "google.golang.org/grpc."
	const transport = "google.golang.org/grpc/internal/transport."
	const status = "google.golang.org/genproto/googleapis/rpc/status.Status"
	w := types.TUint64
	pair := types.TupleOf(w, w)
	server, client := []Side{Server}, []Side{Client}
	number := append(SpanFields(), "seq", "peer", "peer_port", "local", "local_port")
	written := []Param{{"transport", w}, {"stream", w}, {"status", w}}
	return &Framework{
		Name: "grpc", Module: "google.golang.org/grpc", Script: grpcScript, Oldest: "v1.60.0",
		Probes: []Probe{
			{Name: "serve", Sides: server, Funcs: []Func{{Name: path + "(*Server).handleStream",
				Params: []Param{{"server", w}, {"transport", pair}, {"stream", w}}}}},
			{Name: "answer", Sides: server, Any: true, Funcs: []Func{
				{Name: transport + "(*http2Server).writeStatus", Params: written},
				{Name: transport + "(*http2Server).WriteStatus", Params: written},
				{Name: transport + "(*serverHandlerTransport).writeStatus", Params: written},
				{Name: transport + "(*serverHandlerTransport).WriteStatus", Params: written}}},

			{Name: "attempt", Sides: client, Funcs: []Func{{Name: path + "(*clientStream).newAttemptLocked", Params: []Param{{"call", w}}}}},
			{Name: "stream", Sides: client, Wants: number, Funcs: []Func{{Name: transport + "(*http2Client).NewStream", Params: []Param{{"client", w}}}}},
			{Name: "number", Sides: client, Wants: number, Any: true, Funcs: []Func{
				opening(transport + "(*http2Client).NewStream.func3"), opening(transport + "(*http2Client).NewStream.func4"),
				opening(transport + "(*http2Client).NewStream.func5"), opening(transport + "(*http2Client).NewStream.func6")}},
			{Name: "finish", Sides: client, Funcs: []Func{{Name: path + "(*clientStream).finish", Params: []Param{{"call", w}, {"failure", pair}}}}},
		},
		Facts: []Fact{
			{Name: "is_http2_server", Type: "*transport.http2Server"},
			{Name: "is_status_error", Type: "*status.Error"},
			{Name: "stream_pointer", Struct: transport + "ServerStream", Field: "Stream", Pointer: true, Otherwise: ^uint64(0)},
			{Name: "stream_method", Struct: transport + "Stream", Field: "method", Otherwise: 16},
			{Name: "stream_ctx", Struct: transport + "Stream", Field: "ctx"},
			{Name: "stream_id", Struct: transport + "Stream", Field: "id", Otherwise: 116},
			{Name: "server_conn", Struct: transport + "http2Server", Field: "conn", Otherwise: 16},
			{Name: "client_conn", Struct: transport + "http2Client", Field: "conn", Otherwise: 64},
			{Name: "header_method", Struct: transport + "CallHdr", Field: "Method", Otherwise: 16},
			{Name: "call_ctx", Struct: path + "clientStream", Field: "ctx", Otherwise: 128},
			{Name: "status_code", Struct: status, Field: "Code", Otherwise: 40},
			{Name: "status_message", Struct: status, Field: "Message", Otherwise: 48},
		},
	}
}
