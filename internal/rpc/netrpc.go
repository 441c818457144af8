package rpc

import (
	_ "embed"

	"github.com/rpcxray/rpcxray/internal/types"
)

//go:embed netrpc.bt
var netrpcScript string

// netrpc is the standard library's net/rpc, whatever its codec. The package is frozen:
// its structs and functions are those of Go 1.0.
func netrpc() *Framework {
	w := types.TUint64
	pair := types.TupleOf(w, w)
	request := types.PointerTo(&types.Type{Kind: types.Struct, Name: "request", Size: 24, Fields: []types.Field{
		{Name: "name", Type: w}, {Name: "name_len", Type: w, Offset: 8}, {Name: "seq", Type: w, Offset: 16},
	}}, types.SpaceUser)
	call := &types.Type{Kind: types.Struct, Name: "call", Size: 72, Fields: []types.Field{
		{Name: "name", Type: w}, {Name: "name_len", Type: w, Offset: 8},
		{Name: "error_type", Type: w, Offset: 48}, {Name: "error_data", Type: w, Offset: 56},
	}}
	server, client := []Side{Server}, []Side{Client}
	triple := types.TupleOf(w, w, w)
	sent := Func{Name: "net/rpc.(*Client).send", Params: []Param{{"client", w}, {"call", w}}}
	return &Framework{
		Name: "net/rpc", Module: Std, Script: netrpcScript, Oldest: "go1.17",
		Types: map[string]*types.Type{"call": call},
		Tables: []Table{
			{Map: "serving", Side: Server, Word: 1, Method: Path{at(0)}, Parted: dotted},
			{Map: "calls", Side: Client, Key: true, Word: 1, Method: Path{at(0)}, Parted: dotted},
		},
		Probes: []Probe{
			{Name: "serve", Sides: server, Funcs: []Func{{Name: "net/rpc.(*service).call",
				Params: []Param{{"service", w}, {"server", w}, {"sending", w}, {"wg", w}, {"method", w}, {"req", request},
					{"argv", triple}, {"replyv", triple}, {"codec", pair}}}}},
			{Name: "answer", Sides: server, Funcs: []Func{{Name: "net/rpc.(*Server).sendResponse",
				Params: []Param{{"server", w}, {"sending", w}, {"req", request}, {"reply", pair}, {"codec", pair}, {"failure", pair}}}}},
			{Name: "send", Sides: client, Funcs: []Func{sent}},
			{Name: "number", Sides: client, Wants: append(SpanFields(), "seq"), Funcs: []Func{{Name: sent.Name, Optional: true,
				Calling: []string{"runtime.mapassign_fast64"}, Params: []Param{{"type", w}, {"pending", w}, {"seq", w}}}}},
			{Name: "done", Sides: client, Funcs: []Func{{Name: "net/rpc.(*Call).done", Params: []Param{{"call", w}}}}},
		},
		Facts: []Fact{
			{Name: "is_gob_server", Type: "*rpc.gobServerCodec"},
			{Name: "is_gob_client", Type: "*rpc.gobClientCodec"},
			{Name: "is_json_server", Type: "*jsonrpc.serverCodec"},
			{Name: "is_json_client", Type: "*jsonrpc.clientCodec"},
			{Name: "json_server_conn", Struct: "net/rpc/jsonrpc.serverCodec", Field: "c"},
			{Name: "json_client_conn", Struct: "net/rpc/jsonrpc.clientCodec", Field: "c"},
		},
	}
}
