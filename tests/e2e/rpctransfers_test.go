package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// transfer is the end of a connection for a file or a stream, or a side of the call that
// has opened it.
type transfer struct {
	Side, Service, Method, Peer string
	Transfer                    bool
	Up                          int    `json:"req_bytes"`
	Down                        int    `json:"resp_bytes"`
	Span                        string `json:"span_id"`
	Trace                       string `json:"trace_id"`
	Port                        int    `json:"peer_port"`
	Duration                    int
}

const transferScript = `rpc:PATH:* { print((side=rpc.side, service=rpc.service, method=rpc.method, transfer=rpc.transfer, req_bytes=rpc.req_bytes,
	resp_bytes=rpc.resp_bytes, span_id=rpc.span_id, trace_id=rpc.trace_id, peer=rpc.peer, peer_port=rpc.peer_port, duration=rpc.duration)); }`

// TestRPCXTransfers tests how much the connections carry that calls open for files and
// streams, and that each names its call.
func TestRPCXTransfers(t *testing.T) {
	testkit.Root(t)
	for _, b := range []rpcxBuild{{}, {modfile: "rpcx1.8.mod", strip: true}} {
		t.Run(b.String(), func(t *testing.T) {
			path := copied(t, b.path(t))
			target := start(t, path, "feature", "-name", "transfers")
			tracer := testkit.StartCLI(t, "run", "-f", "json", "--max-overhead", "none", "-e", strings.ReplaceAll(transferScript, "PATH", strconv.Quote(path)))
			tracer.Stdout.WaitLine(`"attached_probes"`)
			target.Send("go")
			target.Stdout.WaitLine(`^done$`)
			want := map[string]int{}
			for _, line := range target.Stdout.Lines() {
				if rest, ok := strings.CutPrefix(line, "moved "); ok {
					number, key, _ := strings.Cut(rest, " ")
					n, _ := strconv.Atoi(number)
					want[key] += n
				}
			}
			leave(t, target)
			got, calls := map[string]int{}, map[string]transfer{}
			var ends []transfer
			for _, line := range finish(t, tracer) {
				var v struct {
					Type string
					Data transfer
				}
				if json.Unmarshal([]byte(line), &v) != nil || v.Type != "value" {
					continue
				}
				if c := v.Data; c.Transfer {
					got[fmt.Sprint(c.Side, " ", c.Service, " ", c.Method, " ", c.Up, " ", c.Down)]++
					ends = append(ends, c)
				} else {
					calls[c.Span] = c
				}
			}
			lossless(t, tracer)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			for _, e := range ends {
				c := calls[e.Span]
				if c.Side != e.Side || c.Service != e.Service || c.Method != e.Method || c.Trace != e.Trace || c.Port == e.Port ||
					e.Peer != "127.0.0.1" || e.Duration <= 0 {
					t.Errorf("%+v was opened by %+v", e, c)
				}
			}
		})
	}
}
