package check

import (
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// An rpc point stands for the probes of a framework's script. Where that script
// says report((field=value, …)) a call has ended: the body that the user wrote is
// put there, and rpc.field is the value, evaluated in the framework's scope. What
// the body does not name costs nothing.

// CallField is a field of rpc.
type CallField struct {
	Name string
	Doc  string
	Type *types.Type
}

var (
	optionalNumber = &types.Type{Kind: types.Int, Size: 8, Optional: true}
	optionalText   = &types.Type{Kind: types.String, Size: 1, Optional: true}
	optionalInet   = &types.Type{Kind: types.Inet, Size: types.InetSize, Optional: true}
	someText       = &types.Type{Kind: types.String, Size: 1}
	word           = &types.Type{Kind: types.String, Size: 16} // of few letters: keys of maps stay alike
	optionalWord   = &types.Type{Kind: types.String, Size: 16, Optional: true}
	spanText       = &types.Type{Kind: types.String, Size: 24, Optional: true} // 16 and 32 digits
	traceText      = &types.Type{Kind: types.String, Size: 40, Optional: true}
	payload        = types.Payload(maxPayload)
	goText         = &types.Type{Kind: types.GoString, Size: 16, Name: "string"}
)

// maxPayload is how many bytes of a call's arguments or reply are read.
const maxPayload = 512

// metadataField is the field that takes a key.
const metadataField = "metadata"

// CallFields lists the fields of rpc in the order in which they are shown.
func CallFields() []CallField {
	return []CallField{
		{"framework", "name of the framework", word},
		{"side", "server or client", word},
		{"service", "service that is called", someText},
		{"method", "method that is called", someText},
		{"seq", "number of the call on its connection", optionalNumber},
		{"status", "ok, error, or timeout of the caller", word},
		{"error", "text of the error", optionalText},
		{"code", "status code of the protocol: HTTP's, gRPC's", optionalNumber},
		{"duration", "ns from the request to the response, as this side sees it", optionalNumber},
		{"handler_duration", "ns in the service's own method or function", optionalNumber},
		{"queue_duration", "ns of duration that are not the handler's: decoding, encoding, writing, waiting for a processor", optionalNumber},
		{"req_bytes", "bytes of the request on the wire", optionalNumber},
		{"resp_bytes", "bytes of the response on the wire", optionalNumber},
		{"oneway", "no response is wanted", types.TBool},
		{"push", "a request that the server sends to its client; it has no duration", types.TBool},
		{"heartbeat", "the call keeps the connection alive; only a body that names this field sees such calls", types.TBool},
		{"late", "the caller had given up before this response; only a body that names this field sees such responses", types.TBool},
		{"transfer", "the connection has ended that an earlier call has opened for a file or a stream, with the bytes that it carried behind its token; only a body that names this field sees such ends", types.TBool},
		{"codec", "how arguments are encoded", optionalWord},
		{"compressed", "the request is compressed", types.TBool},
		{"peer", "address of the other side", optionalInet},
		{"peer_port", "port of the other side", optionalNumber},
		{"local", "address of this side", optionalInet},
		{"local_port", "port of this side", optionalNumber},
		{"goid", "goroutine that serves the call, or makes it", optionalNumber},
		{"parent", "goroutine that started the one of goid", optionalNumber},
		{"start", "ns since boot when the request was sent or received", optionalNumber},
		{"deadline", "ns that the caller waits at most, as its request tells", optionalNumber},
		{"trace_id", "id of the trace: of the call in whose handler this one is made, or of a traceparent in the metadata, else its own", traceText},
		{"span_id", "id of this side of the call", spanText},
		{"parent_span", "on the server's side the span of the client's, on the client's that of the call in whose handler it is made, or what a traceparent names", spanText},
		{"attempt", "number of this attempt at a call of an XClient, from 1: with failtry, failover, failbackup, Broadcast, Fork and Inform one call may be several", optionalNumber},
		{"call_span", "span of the XClient's call that this is an attempt at", spanText},
		{"attempts", "attempts that a call of an XClient has made when it returns; only a body that names this field sees such calls, beside their attempts", optionalNumber},
		{"conn", "id of the TCP connection, on both sides the same", spanText},
		{"args", "the arguments as they were encoded, before compression, by name where the encoding has names: up to 512 bytes", payload},
		{"reply", "the reply, likewise", payload},
		{metadataField, "value of a key of the request's metadata, on the client's side of the response's: metadata(\"key\")", optionalText},
	}
}

// rpcCall is a call that a framework's script reports.
type rpcCall struct {
	values map[string]syntax.Expr
	names  names
	job    job
	scope  *scope
	calls  []expansion
}

// hook builds the body of a framework's probe.
func (b *body) hook() {
	h := b.group.Hook
	outer, user := b.checker.names, b.job
	b.checker.names = b.framework(h.Framework, h.Of)
	b.point = b.group.Point
	defer func() { b.checker.names, b.job = outer, user }()
	p := b.probes[h.Probe]
	if p == nil {
		panic("BUG: framework " + h.Framework.Name + " has no probe " + h.Probe)
	}
	b.user, b.userNames = user, outer
	b.scoped(func() { b.stmts(p.Body.Stmts) })
}

// framework reads a framework's script.
func (c *checker) framework(f *prog.Framework, of *prog.Point) names {
	if n, ok := c.frameworks[f]; ok {
		return n
	}
	n := newNames()
	n.owner = fmt.Sprintf("%s:%d:", f.Name, c.ordinal(of))
	for name, v := range f.Consts {
		n.enums[name] = enumConst{int64(v), types.TUint64}
	}
	for _, field := range CallFields() {
		wanted := int64(0)
		if f.Wanted[field.Name] {
			wanted = 1
		}
		n.enums["want_"+field.Name] = enumConst{wanted, types.TBool}
	}
	for name, t := range f.Types {
		n.ctypes["struct "+name] = t
	}
	n.enter(c.script(f.Name, f.Script), false)
	n.enter(c.script("common", f.Common), true)
	c.frameworks[f] = n
	return n
}

// ordinal numbers the rpc points of a script: each follows the calls by itself.
func (c *checker) ordinal(p *prog.Point) int {
	if _, ok := c.ordinals[p]; !ok {
		c.ordinals[p] = len(c.ordinals)
	}
	return c.ordinals[p]
}

// script reads a framework's script, each once.
func (c *checker) script(name, text string) *syntax.File {
	if file := c.scripts[text]; file != nil {
		return file
	}
	diags := diag.NewList(&diag.Source{Name: name, Text: text})
	file := syntax.Parse(diags.Source, diags)
	if err := diags.Err(); err != nil {
		panic(fmt.Sprintf("BUG: script %s of a framework: %v", name, diags.All[0].Msg))
	}
	syntax.Unplace(file) // its places are not in the user's text
	c.scripts[text] = file
	return file
}

// enter reads a text of a framework's; the maps of a shared one belong to all.
func (n *names) enter(file *syntax.File, shared bool) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *syntax.Macro:
			n.macros[d.Name] = append(n.macros[d.Name], d)
		case *syntax.MapDecl:
			n.decls["@"+d.Name] = d
			n.shared["@"+d.Name] = shared
		case *syntax.Probe:
			n.probes[d.Points[0].Name] = d
		}
	}
}

// mapName is the full name of a map that the text calls name.
func (n *names) mapName(name string) string {
	if n.shared["@"+name] {
		return "@rpc:" + name
	}
	return "@" + n.owner + name
}

// report puts the user's body where a call has ended.
func (b *body) report(e *syntax.CallExpr) prog.Expr {
	call := &rpcCall{values: map[string]syntax.Expr{}, names: b.checker.names, job: b.job, scope: b.scope, calls: b.calls}
	for _, f := range e.Args[0].(*syntax.RecordExpr).Fields {
		call.values[f.Name] = f.Value
	}
	outer := b.rpc
	b.rpc = call
	b.checker.names, b.job = b.userNames, b.user
	b.scope, b.calls = nil, nil
	stmts := b.collect(func() { b.scoped(func() { b.statements() }) })
	b.checker.names, b.job = call.names, call.job
	b.scope, b.calls, b.rpc = call.scope, call.calls, outer
	return sequence(stmts, nil, e.At)
}

// rpcNamed is rpc.name, or rpc.metadata("key").
func (b *body) rpcNamed(e *syntax.FieldExpr) prog.Expr {
	if b.rpc == nil {
		b.wrongBuiltin(e.X.Span(), "rpc")
		return bad(e.At)
	}
	for _, f := range CallFields() {
		if f.Name != e.Name {
			continue
		}
		if (e.Args != nil) != (f.Name == metadataField) || len(e.Args) > 1 {
			b.callArgs(e)
			return bad(e.At)
		}
		return b.callValue(f, e)
	}
	b.noSuchCallField(e)
	return bad(e.At)
}

// allOfCall is rpc as a whole: a record of its fields.
func (b *body) allOfCall(span diag.Span) prog.Expr {
	if b.rpc == nil {
		b.wrongBuiltin(span, "rpc")
		return bad(span)
	}
	out := &prog.Compose{Meta: meta(nil, span)}
	var fields []types.Field
	for _, f := range CallFields() {
		if f.Name == metadataField || f.Type == payload {
			continue
		}
		x := b.callValue(f, &syntax.FieldExpr{Loc: syntax.Loc{At: span}, Name: f.Name})
		out.Parts = append(out.Parts, x)
		fields = append(fields, types.Field{Name: f.Name, Type: x.Type()})
	}
	out.T = types.RecordOf(fields)
	return out
}

// callValue evaluates a field where the framework reported the call.
func (b *body) callValue(f CallField, e *syntax.FieldExpr) prog.Expr {
	value, ok := b.rpc.values[f.Name]
	if !ok {
		return absentValue(f.Type, e.At)
	}
	call, user := b.rpc, rpcCall{names: b.checker.names, job: b.job, scope: b.scope, calls: b.calls}
	b.checker.names, b.job, b.calls = call.names, call.job, call.calls
	b.scope = &scope{outer: call.scope, vars: map[string]*variable{}, params: map[string]param{}}
	if e.Args != nil {
		for name, key := range spellings(e.Args[0]) {
			b.scope.params[name] = param{arg: key, scope: user.scope, depth: len(user.calls)}
		}
	}
	x := b.expr(value)
	b.checker.names, b.job, b.scope, b.calls = user.names, user.job, user.scope, user.calls
	if isBad(x) {
		return x
	}
	if e.Args != nil && !b.opts.Secrets && b.isSecret(e.Args[0]) {
		return b.masked(b.fieldTyped(x, goText), e.At)
	}
	return b.fieldTyped(x, f.Type)
}

// spellings are the names by which a framework's script takes the key of metadata: as it
// is, and as HTTP and gRPC spell the names of headers, for which letters of both cases
// are alike.
func spellings(key syntax.Expr) map[string]syntax.Expr {
	s, ok := key.(*syntax.StringExpr)
	if !ok {
		return map[string]syntax.Expr{"key": key, "http_key": key, "grpc_key": key}
	}
	text := func(value string) syntax.Expr { return &syntax.StringExpr{Loc: s.Loc, Value: value} }
	return map[string]syntax.Expr{"key": key, "http_key": text(textproto.CanonicalMIMEHeaderKey(s.Value)), "grpc_key": text(strings.ToLower(s.Value))}
}

// masked is what is shown of a credential.
func (b *body) masked(x prog.Expr, span diag.Span) prog.Expr {
	x, wrap := b.single(x)
	there := &prog.Binary{Meta: meta(types.TBool, span), Op: prog.Ne, X: part(x, 8, types.TUint64), Y: integer(types.TUint64, 0, span)}
	t := &types.Type{Kind: types.String, Size: 16, Optional: true}
	return wrap(&prog.Cond{Meta: meta(t, span), C: there, A: &prog.Str{Meta: meta(t, span), Val: "<masked>"}, B: &prog.Str{Meta: meta(t, span)}})
}

// secrets are the keys of metadata that hold credentials.
func secrets() []string {
	return []string{"__auth", "authorization", "proxy-authorization", "cookie", "set-cookie", "token", "password", "x-api-key"}
}

// isSecret tells whether a key is that of a credential. One that is not a literal
// may be.
func (b *body) isSecret(key syntax.Expr) bool {
	s, ok := b.expr(key).(*prog.Str)
	return !ok || slices.Contains(secrets(), strings.ToLower(s.Val))
}

// fieldTyped is x as a value of the kind that the field has. A pair of numbers is a
// text in the process's memory, by address and length.
func (b *body) fieldTyped(x prog.Expr, t *types.Type) prog.Expr {
	if (t == someText || t == optionalText) && x.Type().Kind == types.String && x.Type().Size < keyStrlen {
		x = b.convert(x, types.Str(keyStrlen)) // keys are alike in binaries of all frameworks
	}
	switch {
	case t == word:
		return b.convert(x, types.Str(t.Size))
	case t == payload:
		return b.payloadOf(x)
	case t == spanText || t == traceText: // its digits, in a tuple of words
		return &prog.Cast{Meta: meta(t, x.Span()), X: x}
	case t.Kind == types.Int || t.Kind == types.Bool:
		if i, ok := x.(*prog.Int); ok {
			return integer(t, i.Val, i.At)
		}
	default:
		own := *x.Type()
		if own.Kind == types.Tuple {
			own = *goText
		}
		own.Optional = t.Optional
		if own.Optional == x.Type().Optional && own.Kind == x.Type().Kind {
			return x
		}
		t = &own
	}
	return &prog.Cast{Meta: meta(t, x.Span()), X: x}
}

// payloadOf is an encoded value: how, and a copy of its bytes or their address and number.
func (b *body) payloadOf(x prog.Expr) prog.Expr {
	x, wrap := b.single(x)
	at, second := x.Span(), x.Type().Fields[1].Type
	codec := &prog.Cast{Meta: meta(types.TUint8, at), X: part(x, 0, types.TUint64)}
	bytes := part(x, int64(x.Type().Fields[1].Offset), second)
	if second.Kind != types.Buffer {
		bytes = payloadBytes(at, bytes, part(x, 16, types.TUint64))
	}
	return wrap(&prog.Compose{Meta: meta(payload, at), Parts: []prog.Expr{codec, bytes}})
}

// payloadBytes is a copy of an encoded value.
func payloadBytes(at diag.Span, address, length prog.Expr) prog.Expr {
	p := &prog.Cast{Meta: meta(types.PointerTo(types.TUint8, types.SpaceUser), at), X: address}
	return invoke(prog.FnBuf, payload.Fields[1].Type, at, p, length)
}

// encoded is a copy that outlives the value, of its address and length.
func (b *body) encoded(e *syntax.CallExpr) prog.Expr {
	return payloadBytes(e.At, b.expr(e.Args[0]), b.expr(e.Args[1]))
}

// letters is the text whose bytes the words of a tuple are; one of them is a zero.
func (b *body) letters(e *syntax.CallExpr) prog.Expr {
	words := b.expr(e.Args[0])
	return &prog.Cast{Meta: meta(types.Str(words.Type().Size), e.At), X: words}
}

// absentValue is the value of a field that a call cannot have.
func absentValue(t *types.Type, at diag.Span) prog.Expr {
	m := meta(t, at)
	switch t.Kind {
	case types.Int:
		return &prog.Int{Meta: m, Val: ^uint64(0)}
	case types.String:
		return &prog.Str{Meta: m}
	case types.Inet:
		return &prog.Compose{Meta: m}
	case types.Tuple:
		return &prog.Compose{Meta: m, Parts: []prog.Expr{integer(types.TUint8, 0, at), &prog.Compose{Meta: meta(t.Fields[1].Type, at)}}}
	}
	return boolean(false, at)
}

func (b *body) noSuchCallField(e *syntax.FieldExpr) {
	var names []string
	for _, f := range CallFields() {
		names = append(names, f.Name)
	}
	b.errorf(e.NameSpan, "rpc has no field '%s'", e.Name).Hint = suggest(e.Name, names)
}

func (b *body) callArgs(e *syntax.FieldExpr) {
	if e.Name == metadataField {
		b.errorf(e.At, "rpc.metadata takes a key: rpc.metadata(\"traceparent\")")
		return
	}
	b.errorf(e.At, "rpc.%s takes no argument", e.Name)
}
