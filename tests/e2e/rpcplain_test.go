package e2e

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// TestRPCXPlain looks into a server and a client that are apart and hold only what they
// need of rpcx: the linker has dropped most functions that a framework's script probes.
func TestRPCXPlain(t *testing.T) {
	testkit.Root(t)
	dir, addr := rpcxService(t)
	server := filepath.Join(dir, "server")
	client := built(t, fixture.Spec{Dir: "examples/rpcx", Package: "./client"})
	const n = 5
	var tracers []*testkit.Proc
	for _, path := range []string{server, client} {
		p := testkit.StartCLI(t, "rpc", "trace", "--format", "jsonl", "--max-overhead", "none", path)
		p.Stderr.WaitLine(`^Tracing `)
		tracers = append(tracers, p)
		every := "rpc:" + strconv.Quote(path) + ":* { print((rpc.heartbeat, rpc.late, rpc.attempts, rpc.transfer, rpc.args, rpc.reply, rpc.call_span, rpc.metadata(\"key\"))) }"
		if r := testkit.RunCLI(t, "run", "--dry-run", "-e", every); r.Code != 0 {
			t.Error(r.Stderr)
		}
	}
	p := testkit.Start(t, client, "-quiet", "-rate", "0", "-n", strconv.Itoa(n), "-addr", addr)
	if code := p.Wait(); code != 0 {
		t.Fatalf("the client ended with %d: %s", code, p.Stderr.Text())
	}
	for i, side := range []string{"server", "client"} {
		waitLines(tracers[i], n, `"Mul"`)
		var rows []map[string]any
		for _, line := range finish(t, tracers[i]) {
			row := map[string]any{}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Errorf("line %s: %v", line, err)
			}
			rows = append(rows, row)
		}
		lossless(t, tracers[i])
		want := map[string]int{side + " Arith Mul ok json": n}
		if diff := cmp.Diff(want, countRows(rows, "side", "service", "method", "status", "codec")); diff != "" {
			t.Error(diff)
		}
	}
}
