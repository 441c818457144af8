package rpc

import (
	_ "embed"
	"slices"

	"github.com/rpcxray/rpcxray/internal/types"
)

//go:embed grpc.bt
var grpcScript string

// grpcgo is gRPC-Go. Its functions are alike from 1.60 to 1.85 but for writeStatus,
// which was exported; where fields lie, binaries tell.
//
// layout: transport.Stream, clientStream, CallHdr, http2Client, http2Server v1.85.0, read from DWARF
func grpcgo() *Framework {
	return &Framework{
		Name: "grpc", Module: "google.golang.org/grpc", Script: grpcScript, Oldest: "v1.60.0",
		Tables: []Table{
			{Map: "serving", Side: Server, Key: true, Word: 1, Method: Path{{Fact: "stream_pointer", Maybe: true}, fact("stream_method")}, Parted: slashed},
			{Map: "calls", Side: Client, Key: true, Word: 1, Method: Path{at(0), fact("header_method")}, Parted: slashed},
		},
		Probes: append(grpcServer(), grpcClient()...),
		Facts:  grpcFacts(),
	}
}

const (
	grpcPath      = "google.golang.org/grpc."
	grpcTransport = "google.golang.org/grpc/internal/transport."
)

// grpcBytes are the fields that messages are counted for.
func grpcBytes() []string { return []string{"req_bytes", "resp_bytes", "compressed"} }

// grpcServer are the probes of the server's side, and those of both.
func grpcServer() []Probe {
	const path, transport = grpcPath, grpcTransport
	w := types.TUint64
	pair, triple := types.TupleOf(w, w), types.TupleOf(w, w, w)
	server, both := []Side{Server}, []Side{Server, Client}
	written := []Param{{"transport", w}, {"stream", w}, {"status", w}}
	sent := []Param{{"transport", w}, {"stream", w}, {"head", triple}}
	return []Probe{
		{Name: "serve", Sides: server, Funcs: []Func{{Name: path + "(*Server).handleStream",
			Params: []Param{{"server", w}, {"transport", pair}, {"stream", w}}}}},
		{Name: "answer", Sides: server, Any: true, Funcs: []Func{
			{Name: transport + "(*http2Server).writeStatus", Params: written},
			{Name: transport + "(*http2Server).WriteStatus", Params: written},
			{Name: transport + "(*serverHandlerTransport).writeStatus", Params: written},
			{Name: transport + "(*serverHandlerTransport).WriteStatus", Params: written}}},

		{Name: "headers", Sides: server, Wants: []string{"deadline"}, Funcs: []Func{{Name: transport + "(*http2Server).operateHeaders",
			Params: []Param{{"transport", w}, {"ctx", pair}, {"frame", w}}, Optional: true}}},
		{Name: "reply", Sides: server, Wants: grpcBytes(), Funcs: []Func{
			{Name: transport + "(*http2Server).write", Params: sent, Optional: true},
			{Name: transport + "(*http2Server).Write", Params: sent, Optional: true},
			{Name: transport + "(*serverHandlerTransport).write", Params: sent, Optional: true},
			{Name: transport + "(*serverHandlerTransport).Write", Params: sent, Optional: true}}},
		{Name: "read", Sides: both, Wants: grpcBytes(), Funcs: []Func{{Name: path + "(*parser).recvMsg", Params: []Param{{"parser", w}}}}},
		{Name: "came", Sides: both, Wants: grpcBytes(), Funcs: []Func{{Name: path + "checkRecvPayload"}}},
	}
}

func grpcClient() []Probe {
	const path, transport = grpcPath, grpcTransport
	w := types.TUint64
	pair, triple := types.TupleOf(w, w), types.TupleOf(w, w, w)
	client := []Side{Client}
	told := Groups()["told"]
	number := append(Groups()["told"], "seq", "peer", "peer_port", "local", "local_port")
	return []Probe{
		{Name: "attempt", Sides: client, Funcs: []Func{{Name: path + "(*clientStream).newAttemptLocked", Params: []Param{{"call", w}}}}},
		{Name: "stream", Sides: client, Wants: number, Funcs: []Func{{Name: transport + "(*http2Client).NewStream", Params: []Param{{"client", w}}}}},
		{Name: "fields", Sides: client, Wants: told, Funcs: []Func{{Name: transport + "(*http2Client).NewStream", Optional: true,
			Calling: []string{transport + "(*controlBuffer).executeAndPut"}, Params: []Param{{"buffer", w}, {"allow", w}, {"item", pair}}}}},
		{Name: "ask", Sides: client, Wants: grpcBytes(), Funcs: []Func{{Name: path + "(*csAttempt).sendMsg",
			Params: []Param{{"attempt", w}, {"message", pair}, {"head", triple}}}}},
		{Name: "wait", Sides: client, Wants: grpcBytes(), Funcs: []Func{{Name: path + "(*csAttempt).recvMsg", Params: []Param{{"attempt", w}}}}},
		{Name: "number", Sides: client, Wants: number, Any: true, Funcs: []Func{
			opening(transport + "(*http2Client).NewStream.func3"), opening(transport + "(*http2Client).NewStream.func4"),
			opening(transport + "(*http2Client).NewStream.func5"), opening(transport + "(*http2Client).NewStream.func6")}},
		{Name: "finish", Sides: client, Funcs: []Func{{Name: path + "(*clientStream).finish", Params: []Param{{"call", w}, {"failure", pair}}}}},
	}
}

func grpcFacts() []Fact {
	const path, transport = grpcPath, grpcTransport
	const frames = "golang.org/x/net/http2."
	const status = "google.golang.org/genproto/googleapis/rpc/status.Status"
	return slices.Concat([]Fact{
		{Name: "is_http2_server", Type: "*transport.http2Server"},
		{Name: "is_status_error", Type: "*status.Error"},
		{Name: "stream_pointer", Struct: transport + "ServerStream", Field: "Stream", Pointer: true, Otherwise: ^uint64(0)},
		{Name: "stream_method", Struct: transport + "Stream", Field: "method"},
		{Name: "stream_ctx", Struct: transport + "Stream", Field: "ctx"},
		{Name: "stream_id", Struct: transport + "Stream", Field: "id"},
		{Name: "parser_reader", Struct: path + "parser", Field: "r"},
		{Name: "parser_header", Struct: path + "parser", Field: "header"},
		{Name: "frame_header", Struct: frames + "MetaHeadersFrame", Field: "HeadersFrame"},
		{Name: "frame_fields", Struct: frames + "MetaHeadersFrame", Field: "Fields"},
		{Name: "frame_stream", Struct: frames + "FrameHeader", Field: "StreamID"},
		{Name: "stream_trailer", Struct: transport + "Stream", Field: "trailer"},
		{Name: "is_metadata", Type: "metadata.MD"},
		{Name: "status_code", Struct: status, Field: "Code"},
		{Name: "status_message", Struct: status, Field: "Message"},
	}, of(Server, []Fact{
		{Name: "server_conn", Struct: transport + "http2Server", Field: "conn"},
	}), of(Client, []Fact{
		{Name: "client_conn", Struct: transport + "http2Client", Field: "conn"},
		{Name: "header_method", Struct: transport + "CallHdr", Field: "Method"},
		{Name: "call_ctx", Struct: path + "clientStream", Field: "ctx"},
		{Name: "call_attempt", Struct: path + "clientStream", Field: "attempt"},
		{Name: "attempt_call", Struct: path + "csAttempt", Field: "cs"},
		{Name: "attempt_stream", Struct: path + "csAttempt", Field: "transportStream"},
		{Name: "attempt_stream", Struct: path + "csAttempt", Field: "s"},
		{Name: "sent_fields", Struct: transport + "clientHeaders", Field: "hf"},
		{Name: "sent_fields", Struct: transport + "headerFrame", Field: "hf"},
		{Name: "answer_header", Struct: transport + "ClientStream", Field: "header"},
		{Name: "answer_header", Struct: transport + "Stream", Field: "header"},
	}))
}
