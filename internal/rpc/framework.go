package rpc

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Side is an end of a call.
type Side string

// The sides of a call.
const (
	Server Side = "server"
	Client Side = "client"
)

// Std is the module of frameworks that are the standard library's: their version is Go's.
const Std = "std"

// Framework is what is known of one RPC framework.
type Framework struct {
	Name   string
	Module string // path of its module in a binary's build information
	// Script has a probe for each of Probes, by name. It says report((…)) where a
	// call has ended.
	Script string
	Probes []Probe
	Types  map[string]*types.Type // structs that Script names
	Facts  []Fact
	Tables []Table
	Oldest string // version from which on all this is so
	// Methods are names that stand among wanted fields where the program may have a method
	// of that name.
	Methods []string
}

// Probe is where a probe of the script stands.
type Probe struct {
	Name  string
	Sides []Side
	Funcs []Func
	// Wants are fields of rpc that the probe is for: without one of them it is left
	// out. None: it is always needed.
	Wants []string
	// Unless are fields with one of which other probes do what this one is for.
	Unless []string
	Any    bool // one of Funcs is enough
	// Lost is what is not seen in a binary that lacks the probe's functions. Without it the
	// probe's side is not seen at all.
	Lost string
}

// Func is a function with its parameters. Not every binary has every function of a
// probe: the linker drops what is never called.
type Func struct {
	Name     string
	Params   []Param
	Optional bool
	// Calling is a function, by the names that it has had: the probe stands wherever
	// Name calls it, and Params are its parameters.
	Calling []string
	Behind  bool // it stands behind these calls, Params are their results
	Returns bool // the probe stands at each return, Params are results
	// Since and Until are versions of the framework: from the one on, and before the other,
	// the function is as it is said here.
	Since, Until string
}

// Param is a parameter of a function: words in registers or, where they do not all
// fit, on the stack.
type Param struct {
	Name string
	Type *types.Type
}

// Fact is a number that Script takes from the binary's types: where a field lies or,
// without a Struct, the hash of a type in the tables of interfaces. Of facts of one name
// the first holds that the binary has.
type Fact struct {
	Name, Struct, Field string
	Otherwise           uint64 // where there is no such field
	Type                string // as %T prints it
	Pointer             bool   // of a field that is a pointer
	Module              string // 1 where the binary holds it, from version Since on, else 0
	Since               string
	Side                Side // "": of both; else only probes of that side ask for it
}

// of are facts that probes of one side ask for: a binary without that side may lack what
// they are about, and looking for that in its debug information takes time.
func of(side Side, facts []Fact) []Fact {
	for i := range facts {
		facts[i].Side = side
	}
	return facts
}

// Common is the script that all frameworks share: its macros are theirs, its maps
// belong to no one of them.
//
//go:embed common.bt
var Common string

// CommonFacts are those that Common needs.
func CommonFacts() []Fact {
	return []Fact{
		{Name: "fd_number", Struct: "net.netFD", Field: "pfd.Sysfd"},
		{Name: "fd_local", Struct: "net.netFD", Field: "laddr"},
		{Name: "fd_remote", Struct: "net.netFD", Field: "raddr"},
		{Name: "swiss_groups", Struct: "internal/runtime/maps.Map", Field: "dirPtr"},
		{Name: "swiss_tables", Struct: "internal/runtime/maps.Map", Field: "dirLen"},
		{Name: "table_groups", Struct: "internal/runtime/maps.table", Field: "groups"},
		{Name: "is_tcp_conn", Type: "*net.TCPConn"},
		{Name: "is_unix_conn", Type: "*net.UnixConn"},
		{Name: "is_ws_conn", Type: "*websocket.Conn"},
		{Name: "is_error", Type: "*errors.errorString"},
		{Name: "is_deadline", Type: "context.deadlineExceededError"},
		{Name: "is_value_ctx", Type: "*context.valueCtx"},
		{Name: "is_cancel_ctx", Type: "*context.cancelCtx"},
		{Name: "is_timer_ctx", Type: "*context.timerCtx"},
		{Name: "cancel_error", Struct: "context.cancelCtx", Field: "err"},
		{Name: "is_share_context", Type: "*share.Context"},
		{Name: "share_context", Struct: "github.com/smallnest/rpcx/share.Context", Field: "Context"},
	}
}

// HeaderMaps are Go's types for the headers of a call, maps of lists of texts: all lie
// alike.
func HeaderMaps() []string {
	return []string{"map[string][]string", "http.Header", "metadata.MD", "textproto.MIMEHeader", "url.Values"}
}

// SpanFields are the fields of rpc that say how calls hang together.
func SpanFields() []string { return []string{"trace_id", "span_id", "parent_span", "conn"} }

// Untimed stands among wanted fields for calls without a duration: it is wanted unless
// the user's body does nothing about them.
const Untimed = "untimed"

// Groups are names for several fields: want_NAME tells a script whether one of them is
// wanted.
func Groups() map[string][]string {
	spans := SpanFields()
	told := append(SpanFields(), "deadline")
	attempted := []string{"attempt", "call_span", "attempts"}
	return map[string][]string{
		"spans":     spans,
		"told":      told, // what the metadata of a request may tell
		"attempted": attempted,
		"calling":   append(SpanFields(), attempted...), // what is known where a request begins
		"named":     append(slices.Clone(told), attempted...),
		// what only the response of a call tells its server, and where a plugin of rpcx would
		// count as a part of the call else
		"answer":  {"status", "error", "resp_bytes", Untimed, postWrite},
		"request": append([]string{"req_bytes"}, told...),
		"sockets": append([]string{"peer", "peer_port", "local", "local_port"}, spans...),
		"caller":  append(append([]string{"goid", "parent"}, spans...), attempted...),
		// what only the messages of a call tell its client
		"message": append([]string{"seq", "status", "error", "req_bytes", "resp_bytes", "heartbeat", "late", "codec", "compressed", "metadata", "args", "reply",
			"transfer", Untimed}, append(slices.Clone(told), attempted...)...),
	}
}

// KernelTypes are the kernel's structs that Common reads. Without them calls have no
// ids that two sides agree on.
func KernelTypes() []string {
	return []string{"struct socket", "struct tcp_sock", "struct unix_sock", "struct socket_alloc"}
}

// All lists the frameworks.
func All() []*Framework { return []*Framework{rpcx(), netrpc(), nethttp(), grpcgo()} }

// At is f as it is in a version: without the functions of others.
func (f *Framework) At(version string) *Framework {
	at := *f
	at.Probes = nil
	for _, p := range f.Probes {
		funcs := slices.DeleteFunc(slices.Clone(p.Funcs), func(fn Func) bool {
			return Older(version, fn.Since) || fn.Until != "" && !Older(version, fn.Until)
		})
		if len(funcs) > 0 {
			p.Funcs = funcs
			at.Probes = append(at.Probes, p)
		}
	}
	return &at
}

// On returns the probes of f that sides and wanted fields need.
func (f *Framework) On(sides []Side, wanted map[string]bool) []Probe {
	var list []Probe
	for _, p := range f.Probes {
		on := slices.ContainsFunc(p.Sides, func(s Side) bool { return slices.Contains(sides, s) })
		named := func(field string) bool { return wanted[field] }
		needed := len(p.Wants) == 0 || slices.ContainsFunc(p.Wants, named)
		if on && needed && !slices.ContainsFunc(p.Unless, named) {
			list = append(list, p)
		}
	}
	return list
}

// Sides reads the last part of an rpc attach point.
func Sides(text string) ([]Side, error) {
	switch text {
	case string(Server), string(Client):
		return []Side{Side(text)}, nil
	case "*":
		return []Side{Server, Client}, nil
	}
	return nil, fmt.Errorf("an rpc probe is on the server's side, the client's or both: %q is none of server, client, *", text)
}

// registers are Go's integer registers for arguments, by reg()'s names.
var registers = map[string][]string{
	"amd64": {"ax", "bx", "cx", "di", "si", "r8", "r9", "r10", "r11"},
	"arm64": {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"},
}

// closures are the registers that hold what a function closes over where it begins.
var closures = map[string]string{"amd64": "dx", "arm64": "r26"}

// word is the size of a register and of a word of the stack.
const word = 8

// Args returns where the parameters of fn lie by Go's calling convention, and g.
// A value goes whole to registers or whole to the stack, whose first word above
// the stack pointer is the return address.
func (fn Func) Args(arch, g string) []prog.Arg {
	free := registers[arch]
	stack := int64(word)
	args := []prog.Arg{inRegister("g", g)}
	for _, p := range fn.Params {
		n := p.Type.Size / word
		var place prog.Place
		if n <= len(free) {
			for _, r := range free[:n] {
				place.Pieces = append(place.Pieces, prog.Piece{Reg: r, Size: word})
			}
			free = free[n:]
		} else {
			place.Pieces = []prog.Piece{{Off: stack, Size: p.Type.Size}}
			stack += int64(p.Type.Size)
		}
		args = append(args, prog.Arg{Name: p.Name, Type: p.Type, From: prog.FromPlace, Place: place})
	}
	if fn.Calling == nil && !fn.Returns {
		args = append(args, inRegister("closure", closures[arch]))
	}
	return args
}

func inRegister(name, reg string) prog.Arg {
	return prog.Arg{Name: name, Type: types.TUint64, From: prog.FromPlace, Place: prog.Place{Pieces: []prog.Piece{{Reg: reg, Size: word}}}}
}
