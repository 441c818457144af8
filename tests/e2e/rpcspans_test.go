package e2e

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// span is a side of a call with what ties it to others.
type span struct {
	Side     string `json:"side"`
	Method   string `json:"method"`
	Seq      int    `json:"seq"`
	Trace    string `json:"trace_id"`
	ID       string `json:"span_id"`
	Parent   string `json:"parent_span"`
	Conn     string `json:"conn"`
	Deadline int64  `json:"deadline"`
	Start    int64  `json:"start"`
	Duration int64  `json:"duration"`
}

const spanScript = `rpc:PATH:* { print((side=rpc.side, method=rpc.method, seq=rpc.seq, trace_id=rpc.trace_id, span_id=rpc.span_id,
	parent_span=rpc.parent_span, conn=rpc.conn, deadline=rpc.deadline, start=rpc.start, duration=rpc.duration)); }`

// spansOf makes calls of some kinds and returns what both of their sides are, by id.
func spansOf(t *testing.T, build rpcxBuild, serve, call []string) map[string]span {
	t.Helper()
	testkit.Root(t)
	path := build.path(t)
	server, client := pair(t, path, serve, call)
	tracer := testkit.StartCLI(t, "run", "-f", "json", "--max-overhead", "none", "-e", strings.ReplaceAll(spanScript, "PATH", strconv.Quote(path)))
	tracer.Stdout.WaitLine(`"attached_probes"`)
	callThrough(t, client)
	leave(t, server)
	all := map[string]span{}
	for _, line := range finish(t, tracer) {
		var v struct {
			Type string
			Data span
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.Type != "value" {
			continue
		}
		if _, twice := all[v.Data.ID]; twice || len(v.Data.ID) != 16 || len(v.Data.Trace) != 32 {
			t.Errorf("ids of %+v", v.Data)
		}
		all[v.Data.ID] = v.Data
	}
	lossless(t, tracer)
	return all
}

// TestRPCXSpans tests that calls and the calls that they cause hang together.
func TestRPCXSpans(t *testing.T) {
	const n, told, toldSpan = 10, "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, c := range []struct {
		kind  string
		serve []string
		build rpcxBuild
		trace string // "": the root's own
		root  string // parent of the root
		full  bool   // takes long
	}{
		{kind: "relay"}, {kind: "derived"}, {kind: "alone"}, {kind: "spawned"},
		{kind: "derived", serve: []string{"-pool"}},
		{kind: "relay", build: rpcxBuild{modfile: "rpcx1.8.mod"}},
		{kind: "derived", build: rpcxBuild{strip: true}},
		{kind: "relay", build: rpcxBuild{modfile: "rpcx1.7.5.mod"}, full: true},
		{kind: "relay", build: rpcxBuild{modfile: "rpcx1.6.mod"}, full: true},
		{kind: "derived", build: rpcxBuild{modfile: "rpcx1.6.mod", strip: true}, full: true},
		{kind: "told", trace: told, root: toldSpan},
	} {
		t.Run(strings.Join(append([]string{c.kind}, c.serve...), " ")+c.build.modfile, func(t *testing.T) {
			if c.full {
				beyondCI(t)
			}
			all := spansOf(t, c.build, c.serve, []string{"-kinds", c.kind, "-n", strconv.Itoa(n), "-inflight", "4"})
			chains := 0
			for _, end := range all {
				if end.Side != "server" || end.Method != "Mul" {
					continue
				}
				caller := all[end.Parent]
				relay := all[caller.Parent]
				root := all[relay.Parent]
				if caller.Side != "client" || caller.Method != "Mul" || relay.Side != "server" || relay.Method != "Relay" ||
					root.Side != "client" || root.Method != "Relay" || root.Parent != c.root {
					t.Errorf("%+v\n  is called by %+v\n  in %+v\n  called by %+v", end, caller, relay, root)
					continue
				}
				for _, s := range []span{end, caller, relay} {
					if s.Trace != root.Trace || c.trace != "" && s.Trace != c.trace {
						t.Errorf("%+v is of another trace than %+v", s, root)
					}
				}
				if end.Conn != caller.Conn || relay.Conn != root.Conn || end.Conn == root.Conn || len(end.Conn) != 16 {
					t.Errorf("connections of %+v, %+v, %+v, %+v", end, caller, relay, root)
				}
				if !(root.Start < relay.Start && relay.Start < caller.Start && caller.Start < end.Start) {
					t.Errorf("times of %+v, %+v, %+v, %+v", end, caller, relay, root)
				}
				chains++
			}
			if chains != n || len(all) != 4*n {
				t.Errorf("%d chains, %d spans of %d", chains, len(all), n)
			}
		})
	}
}

// TestRPCXDeadline tests what a caller's time and a traceparent that is none are taken for.
func TestRPCXDeadline(t *testing.T) {
	for _, s := range spansOf(t, rpcxBuild{}, nil, []string{"-kinds", "late,mistold", "-n", "2"}) {
		switch {
		case (s.Parent == "") != (s.Side == "client"):
			t.Errorf("parent of %+v", s)
		case s.Deadline != 0 && (s.Deadline < 100e6 || s.Deadline > 150e6):
			t.Errorf("deadline of %+v", s)
		case strings.HasPrefix(s.Trace, "0af7"):
			t.Errorf("trace of %+v", s)
		}
	}
}
