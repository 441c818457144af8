package rpc

import (
	_ "embed"
	"slices"

	"github.com/rpcxray/rpcxray/internal/types"
)

//go:embed rpcx.bt
var rpcxScript string

// rpcx's wire format and protocol.Message are the same in every version from 1.4 to
// 1.9; functions and their parameters from 1.7.7 on. Until 1.7.11 messages are pooled,
// before 1.7.5 a server has no function of its own for one request, and a client sends in
// the goroutine that calls.
//
// layout: protocol.Message, client.Call v1.8.36 and v1.9.1, read from DWARF
func rpcx() *Framework {
	t := rpcxTypes()
	return &Framework{
		Name: "rpcx", Module: "github.com/smallnest/rpcx", Script: rpcxScript, Oldest: "v1.6.2",
		Types: t, Methods: []string{postWrite},
		Tables: []Table{
			{Map: "serving", Side: Server, Word: 1, Service: Path{at(8)}, Method: Path{at(24)}},
			{Map: "calls", Side: Client, Word: 2, Service: Path{at(0)}, Method: Path{at(16)}},
			{Map: "timed", Side: Client, Word: 2, Service: Path{at(0)}, Method: Path{at(16)}},
		},
		Probes: slices.Concat(rpcxServer(t), rpcxOldServer(t), rpcxClient(t), rpcxTransfers()),
		Facts: slices.Concat([]Fact{
			{Name: "sends_apart", Module: "github.com/smallnest/rpcx", Since: apart},
		}, of(Server, []Fact{
			{Name: "server_async", Struct: rpcxPath + "server.Server", Field: "AsyncWrite"},
		}), of(Client, []Fact{
			{Name: "client_reader", Struct: rpcxPath + "client.Client", Field: "r"},
			{Name: "client_pending", Struct: rpcxPath + "client.Client", Field: "pending"},
			{Name: "xclient_service", Struct: rpcxPath + "client.xClient", Field: "servicePath"},
			{Name: "call_done", Struct: rpcxPath + "client.Call", Field: "Done"},
			{Name: "client_conn", Struct: rpcxPath + "client.Client", Field: "Conn"},
		})),
	}
}

const rpcxPath = "github.com/smallnest/rpcx/"

// Versions from which on rpcx does some things otherwise than before.
const (
	apart   = "v1.7.5" // requests are handled by a function of their own, and sent by a goroutine of their own
	unified = "v1.7.7" // all responses are sent by one function
)

// postWrite is the method of plugins that are called when a response has been written.
const postWrite = "PostWriteResponse"

// rpcxServer are the probes of the server's side.
func rpcxServer(t map[string]*types.Type) []Probe {
	const path = rpcxPath
	w := types.TUint64
	msg := types.PointerTo(t["message"], types.SpaceUser)
	iface := types.TupleOf(w, w)
	server, answer := []Side{Server}, Groups()["answer"]
	return []Probe{
		{Name: "request", Sides: server, Funcs: []Func{{Name: path + "server.(*Server).processOneRequest", Since: apart,
			Params: []Param{{"server", w}, {"ctx", w}, {"req", msg}, {"conn", iface}}}}},
		{Name: "invoke", Sides: server, Wants: []string{"handler_duration", "queue_duration"}, Funcs: []Func{
			{Name: path + "server.(*service).call", Optional: true},
			{Name: path + "server.(*service).callForFunction", Optional: true}}},
		{Name: "answer", Sides: server, Wants: []string{"handler_duration", "queue_duration"}, Funcs: []Func{
			{Name: path + "server.(*pluginContainer).DoPostCall", Optional: true}}},
		{Name: "gateway", Sides: server, Funcs: []Func{
			gate(path+"server.(*Server).handleGatewayRequest", path, msg), gate(path+"server.(*Server).handleJSONRPCRequest", path, msg)}},
		{Name: "notify", Sides: server, Funcs: []Func{{Name: path + "server.(*Server).jsonrpcHandler", Optional: true,
			Calling: []string{"runtime.newproc"}, Params: []Param{{"closure", w}}}}},
		{Name: "notified", Sides: server, Funcs: []Func{{Name: path + "server.(*Server).jsonrpcHandler.gowrap1", Optional: true}}},
		{Name: "answered", Sides: server, Funcs: []Func{
			// Until 1.7 what it defers gives the request's message back to a pool.
			{Name: path + "server.(*Server).handleGatewayRequest.deferwrap1", Optional: true},
			{Name: path + "server.(*Server).handleGatewayRequest.deferwrap2", Optional: true},
			{Name: path + "server.(*Server).handleGatewayRequest", Returns: true, Optional: true},
			{Name: path + "server.(*Server).handleJSONRPCRequest", Returns: true, Optional: true}}},
		{Name: "gained", Sides: server, Wants: []string{"reply"}, Funcs: []Func{
			gained(path+"server.(*Server).handleGatewayRequest", path, msg), gained(path+"server.(*Server).handleJSONRPCRequest", path, msg)}},
		{Name: "replying", Sides: server, Wants: []string{"reply"}, Lost: "replies", Funcs: []Func{encoding(t)}},
		{Name: "push", Sides: server, Wants: answer, Funcs: []Func{{Name: path + "server.(*Server).SendMessage", Optional: true,
			Params: []Param{{"server", w}, {"conn", iface}, {"service", iface}, {"method", iface}}}}},
		{Name: "failure", Sides: server, Wants: []string{"status", "error", "handler_duration", "queue_duration"}, Funcs: []Func{{Name: path + "server.(*Server).handleError",
			Params: []Param{{"server", w}, {"res", w}, {"failure", iface}}, Optional: true},
			{Name: path + "server.(*Context).WriteError", Params: []Param{{"ctx", w}, {"failure", iface}}, Optional: true},
			{Name: path + "server.handleError", Params: []Param{{"res", w}, {"failure", iface}}, Optional: true}}},
		{Name: "refuse", Sides: server, Wants: answer, Funcs: []Func{{Name: path + "server.(*Server).serveConn", Optional: true, Since: unified,
			Calling: []string{path + "server.(*Server).sendResponse"},
			Params:  []Param{{"server", w}, {"ctx", w}, {"conn", iface}, {"failure", iface}, {"req", msg}, {"res", msg}}}}},
		{Name: "dismiss", Sides: server, Wants: []string{"error"}, Funcs: []Func{{Name: path + "server.(*pluginContainer).DoPreWriteResponse", Optional: true, Since: unified,
			Params: []Param{{"plugins", w}, {"ctx", iface}, {"req", msg}, {"res", w}, {"failure", iface}}}}},
		{Name: "written", Sides: server, Wants: answer, Lost: "what is answered: its size, replies, errors of router handlers, and calls that are refused", Funcs: []Func{{Name: path + "util.(*LimitedPool).Put",
			Params: []Param{{"pool", w}, {"buf", types.PointerTo(w, types.SpaceUser)}}}}},
		{Name: "recovered", Sides: server, Funcs: []Func{{Name: path + "server.(*Context).WriteError", Returns: true, Optional: true, Since: apart}}},
		{Name: "handed", Sides: server, Wants: []string{postWrite}, Funcs: []Func{{Name: path + "server.(*pluginContainer).DoPostWriteResponse", Optional: true, Since: unified}}},
		{Name: "done", Sides: server, Lost: "calls that nothing is answered to, and with AsyncWrite all",
			Funcs: []Func{{Name: path + "server.(*Server).processOneRequest.func1", Since: apart}}},
	}
}

// rpcxOldServer are the probes of servers that handle each request in a closure, and
// send what refuses one from where it was read.
func rpcxOldServer(t map[string]*types.Type) []Probe {
	const path = rpcxPath + "server."
	w := types.TUint64
	msg := types.PointerTo(t["message"], types.SpaceUser)
	iface := types.TupleOf(w, w)
	server, answer := []Side{Server}, Groups()["answer"]
	plugins := func(method, until string, more ...Param) Func {
		return Func{Name: path + "(*pluginContainer)." + method, Until: until, Params: append([]Param{{"plugins", w}, {"ctx", iface}, {"req", msg}}, more...)}
	}
	beat := plugins("DoHeartbeatRequest", apart)
	beat.Optional = true
	return []Probe{
		{Name: "come", Sides: server, Lost: "peers, and what needs them: which client's call it is", Funcs: []Func{{Name: path + "(*Server).serveConn.func2", Until: apart}}},
		{Name: "handle", Sides: server, Funcs: []Func{plugins("DoPreHandleRequest", apart), beat}},
		{Name: "read", Sides: server, Wants: answer, Lost: "calls that are refused",
			Funcs: []Func{{Name: path + "(*Server).readRequest", Until: unified, Params: []Param{{"server", w}, {"ctx", iface}, {"reader", iface}}}}},
		{Name: "closing", Sides: server, Wants: answer, Funcs: []Func{{Name: path + "(*Server).serveConn.func1", Until: unified, Optional: true}}},
		{Name: "refusing", Sides: server, Wants: answer, Lost: "calls that are refused", Funcs: []Func{plugins("DoPreWriteResponse", unified)}},
		{Name: "handled", Sides: server, Wants: answer, Lost: "calls that are refused",
			Funcs: []Func{plugins("DoPostWriteResponse", unified, Param{"res", msg}, Param{"failure", iface})}},
		{Name: "freed", Sides: server, Lost: "calls that nothing is answered to, and with AsyncWrite all",
			Funcs: []Func{{Name: rpcxPath + "protocol.FreeMsg", Until: "v1.8.0", Params: []Param{{"req", msg}}}}},
		{Name: "routed", Sides: server, Funcs: []Func{
			{Name: path + "(*Server).serveConn.func2.deferwrap1", Until: apart, Optional: true},
			{Name: path + "(*Server).serveConn.func2.1", Until: apart, Optional: true}}},
	}
}

func rpcxClient(t map[string]*types.Type) []Probe {
	const path = rpcxPath
	w := types.TUint64
	msg := types.PointerTo(t["message"], types.SpaceUser)
	iface := types.TupleOf(w, w)
	client := []Side{Client}
	groups := Groups()
	send := Func{Name: path + "client.(*Client).send", Params: []Param{{"client", w}, {"ctx", iface}, {"call", w}}}
	raw := Func{Name: path + "client.(*Client).SendRaw", Params: []Param{{"client", w}, {"ctx", iface}, {"message", w}}, Optional: true}
	const told = "deadlines of clients' calls, and traces that their metadata name"
	return append(xclient(path), []Probe{
		{Name: "calling", Sides: client, Wants: groups["calling"], Funcs: []Func{{Name: path + "client.(*Client).Go", Optional: true,
			Params: []Param{{"client", w}, {"ctx", iface}, {"service", iface}, {"method", iface}, {"args", iface}, {"reply", iface}, {"done", w}}}}},
		{Name: "send", Sides: client, Wants: groups["message"], Funcs: []Func{send}},
		{Name: "raw", Sides: client, Wants: groups["message"], Funcs: []Func{raw}},
		{Name: "encode", Sides: client, Wants: groups["message"], Funcs: []Func{encoding(t)}},
		{Name: "metadata", Sides: client, Wants: groups["told"], Lost: told, Funcs: []Func{{Name: path + "protocol.encodeMetadata", Since: "v1.6.7",
			Params: []Param{{"metadata", w}, {"buf", w}}}}},
		{Name: "buffer", Sides: client, Wants: groups["request"], Lost: "sizes of requests, " + told, Funcs: []Func{{Name: path + "util.(*LimitedPool).Get",
			Params: []Param{{"pool", w}, {"size", w}}}}},
		dropping("abandon", path+"client.(*Client).call"),
		dropping("abandon_raw", path+"client.(*Client).SendRaw"),
		dropping("close", path+"client.(*Client).Close"),
		dropping("fail", path+"client.(*Client).send"),
		{Name: "failed", Sides: client, Wants: groups["message"], Funcs: []Func{telling(path+"client.(*Client).send", true)}},
		timing("time", send),
		timing("time_raw", raw),
		timing("timed_raw", Func{Name: raw.Name, Calling: []string{"runtime.makechan"}, Behind: true, Params: []Param{{"channel", w}}, Optional: true}),
		timing("timed", telling(path+"client.(*Client).input", false), telling(path+"client.(*Client).send", true), telling(path+"client.(*Client).call", true),
			telling(path+"client.(*Client).Close", true), telling(raw.Name, true)),
		{Name: "lose", Sides: client, Wants: groups["message"], Funcs: []Func{{Name: path + "client.(*Client).input", Optional: true,
			Calling: []string{"runtime.mapIterNext", "runtime.mapiternext"}, Params: []Param{{"it", types.PointerTo(w, types.SpaceUser)}}}}},
		{Name: "over", Sides: client, Wants: groups["message"], Funcs: []Func{{Name: path + "client.(*Client).input", Optional: true,
			Calling: []string{"runtime.mapIterStart", "runtime.mapiterinit"}, Params: []Param{{"type", w}, {"pending", w}, {"it", w}}}}},
		{Name: "receive", Sides: client, Wants: groups["message"], Funcs: []Func{{Name: path + "client.(*Client).input",
			Calling: []string{path + "protocol.(*Message).Decode"}, Params: []Param{{"m", msg}, {"reader", iface}}}}},
		{Name: "received", Sides: client, Wants: groups["message"], Funcs: []Func{{Name: path + "client.(*pluginContainer).DoClientAfterDecode",
			Params: []Param{{"plugins", w}, {"res", msg}}, Optional: true}}},
	}...)
}

// xclient are the probes of calls that may take several attempts.
func xclient(path string) []Probe {
	w := types.TUint64
	iface := types.TupleOf(w, w)
	probe := func(name string, funcs ...Func) Probe {
		for i := range funcs {
			funcs[i].Name, funcs[i].Optional = path+"client.(*xClient)."+funcs[i].Name, true
		}
		return Probe{Name: name, Sides: []Side{Client}, Wants: Groups()["attempted"], Funcs: funcs}
	}
	asked := []Param{{"client", w}, {"ctx", iface}, {"method", iface}}
	closure := []Param{{"closure", w}}
	started := []string{"runtime.newproc"}
	failure := []Param{{"failure", iface}}
	slice := types.TupleOf(w, w, w)
	return []Probe{
		probe("xcall", Func{Name: "Call", Params: asked}),
		probe("xraw", Func{Name: "SendRaw", Params: []Param{{"client", w}, {"ctx", iface}, {"message", w}}}),
		probe("xfan", Func{Name: "Broadcast", Params: asked}, Func{Name: "Fork", Params: asked}, Func{Name: "Inform", Params: asked}),
		probe("fan", Func{Name: "Broadcast", Calling: started, Params: closure}, Func{Name: "Fork", Calling: started, Params: closure},
			Func{Name: "Inform", Calling: started, Params: closure}),
		probe("fanned", Func{Name: "Broadcast.func1"}, Func{Name: "Fork.func1"}, Func{Name: "Inform.func1"}),
		probe("returned", Func{Name: "Call", Returns: true, Params: failure}, Func{Name: "Broadcast", Returns: true, Params: failure},
			Func{Name: "Fork", Returns: true, Params: failure},
			Func{Name: "Inform", Returns: true, Params: []Param{{"receipts", slice}, {"failure", iface}}},
			Func{Name: "SendRaw", Returns: true, Params: []Param{{"metadata", w}, {"payload", slice}, {"failure", iface}}}),
	}
}

// rpcxTransfers are the probes of connections that calls open for files and streams.
func rpcxTransfers() []Probe {
	w := types.TUint64
	iface := types.TupleOf(w, w)
	probe := func(name string, side []Side, funcs ...Func) Probe {
		for i := range funcs {
			funcs[i].Optional = true
		}
		return Probe{Name: name, Sides: side, Wants: []string{"transfer"}, Funcs: funcs}
	}
	in := func(callee []string, params []Param, names ...string) (funcs []Func) {
		for _, name := range names {
			funcs = append(funcs, Func{Name: rpcxPath + name, Calling: callee, Params: params})
		}
		return funcs
	}
	const lru, xclient = "github.com/hashicorp/golang-lru.(*Cache).", "client.(*xClient)."
	givers := []string{"server.(*FileTransferService).TransferFile", "server.(*FileTransferService).DownloadFile", "server.(*StreamService).Stream"}
	listeners := []string{"server.(*FileTransfer).start", "server.(*StreamService).start"}
	callers := []string{xclient + "SendFile", xclient + "DownloadFile", xclient + "Stream"}
	key := []Param{{"cache", w}, {"token", iface}}
	return []Probe{
		probe("give", []Side{Server}, in([]string{lru + "Add"}, key, givers...)...),
		probe("accept", []Side{Server}, in([]string{"io.ReadAtLeast", "io.ReadFull"}, []Param{{"conn", iface}, {"token", w}}, listeners...)...),
		probe("admit", []Side{Server}, in([]string{lru + "Remove"}, key, listeners...)...),
		probe("ask", []Side{Client}, in([]string{rpcxPath + xclient + "Call"}, []Param{{"client", w}, {"ctx", iface}, {"method", iface}}, callers...)...),
		probe("dial", []Side{Client}, in([]string{"net.DialTimeout", "net.(*Dialer).Dial", "net.(*Dialer).DialContext"}, nil, callers...)...),
		probe("dialed", []Side{Client}, Func{Name: "net.(*Dialer).DialContext", Returns: true, Params: []Param{{"conn", iface}, {"failure", iface}}}),
		probe("end", []Side{Server, Client}, Func{Name: "internal/poll.(*FD).Close", Params: []Param{{"fd", w}}}),
	}
}

// gate is where a function that serves HTTP requests hands on a call.
func gate(name, path string, msg *types.Type) Func {
	w := types.TUint64
	return Func{Name: name, Optional: true, Calling: []string{path + "server.(*Server).handleRequest"},
		Params: []Param{{"server", w}, {"ctx", types.TupleOf(w, w)}, {"req", msg}}}
}

// gained is where such a function gets the response.
func gained(name, path string, msg *types.Type) Func {
	f := gate(name, path, msg)
	f.Behind, f.Params = true, []Param{{"res", msg}, {"failure", types.TupleOf(types.TUint64, types.TUint64)}}
	return f
}

// encoding is the function that every message passes before it is written.
func encoding(t map[string]*types.Type) Func {
	return Func{Name: rpcxPath + "protocol.Message.EncodeSlicePointer", Params: []Param{{"m", t["message"]}}}
}

// dropping is a probe where a method of client.Client takes a call from the map of
// those that are pending.
func dropping(name, method string) Probe {
	w := types.TUint64
	return Probe{Name: name, Sides: []Side{Client}, Wants: Groups()["message"], Funcs: []Func{{Name: method, Optional: true,
		Calling: []string{"runtime.mapdelete_fast64"}, Params: []Param{{"type", w}, {"pending", w}, {"seq", w}}}}}
}

// telling is where a method of client.Client tells a caller that its call is done.
func telling(method string, optional bool) Func {
	w := types.TUint64
	return Func{Name: method, Optional: optional, Calling: []string{"runtime.selectnbsend"},
		Params: []Param{{"channel", w}, {"elem", types.PointerTo(w, types.SpaceUser)}}}
}

// timing is a probe of those that are all that a call's duration needs, where nobody
// wants to know of messages.
func timing(name string, funcs ...Func) Probe {
	return Probe{Name: name, Sides: []Side{Client}, Unless: Groups()["message"], Funcs: funcs}
}

// rpcxTypes are the structs of rpcx, as far as the script reads them. Names are the
// first fields of client.Call, and of protocol.Message behind its header.
func rpcxTypes() map[string]*types.Type {
	text := &types.Type{Kind: types.GoString, Size: 16, Name: "string"}
	header := &types.Type{Kind: types.Struct, Name: "header", Size: 12, Fields: []types.Field{
		{Name: "kind", Type: types.TUint8, Offset: 2},
		{Name: "codec", Type: types.TUint8, Offset: 3},
		{Name: "seq", Type: types.TUint64, Offset: 4}, // big endian
	}}
	names := &types.Type{Kind: types.Struct, Name: "names", Size: 32, Fields: []types.Field{
		{Name: "service", Type: text}, {Name: "method", Type: text, Offset: 16},
		{Name: "service_at", Type: types.TUint64}, {Name: "service_len", Type: types.TUint64, Offset: 8},
		{Name: "method_at", Type: types.TUint64, Offset: 16}, {Name: "method_len", Type: types.TUint64, Offset: 24},
	}}
	call := &types.Type{Kind: types.Struct, Name: "call", Size: 96, Fields: []types.Field{
		{Name: "names", Type: names},
		{Name: "reply", Type: types.TUint64, Offset: 64}, // type of the value in it
		{Name: "error_type", Type: types.TUint64, Offset: 80}, {Name: "error_data", Type: types.TUint64, Offset: 88},
	}}
	message := &types.Type{Kind: types.Struct, Name: "message", Size: 96, Fields: []types.Field{
		{Name: "header", Type: types.PointerTo(header, types.SpaceUser)},
		{Name: "names", Type: names, Offset: 8},
		{Name: "payload", Type: types.TUint64, Offset: 48},
		{Name: "payload_len", Type: types.TUint64, Offset: 56},
		{Name: "data", Type: types.TUint64, Offset: 72}, // what follows the header and the length on the wire
		{Name: "data_len", Type: types.TUint64, Offset: 80},
	}}
	return map[string]*types.Type{"call": call, "header": header, "message": message, "names": names}
}
