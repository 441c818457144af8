package calls

import (
	"encoding/json"
	"strconv"
	"syscall"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestEach has nobody read while more calls end than there is room for: each is printed
// or told as lost.
func TestEach(t *testing.T) {
	testkit.Root(t)
	c := startChain(t, 2000)
	_, _, all := c.truth()
	p := testkit.StartCLI(t, "run", "-f", "json", "--max-overhead", "none", "-e", `config = { perf_rb_pages = 1; }
		rpc:`+strconv.Quote(c.path)+`:server { print((service=rpc.service, method=rpc.method, seq=rpc.seq, ns=rpc.duration, status=rpc.status,
			req=rpc.req_bytes, resp=rpc.resp_bytes, peer=rpc.peer, port=rpc.peer_port, error=rpc.error)); }`)
	p.Stdout.WaitLine(`"attached_probes"`)
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := syscall.Kill(p.PID(), sig); err != nil {
			t.Fatal(err)
		}
		if sig == syscall.SIGSTOP {
			c.run(t)
		}
	}
	if code := p.Stop(syscall.SIGINT); code != 0 {
		t.Errorf("rpcxray ended with %d\n%s", code, p.Stderr.Text())
	}
	printed, lost := 0, 0
	for _, line := range p.Stdout.Lines() {
		var event struct {
			Type string
			Data json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		switch event.Type {
		case "value":
			printed++
		case "lost_events":
			var n struct{ Events int }
			if err := json.Unmarshal(event.Data, &n); err != nil {
				t.Fatal(err)
			}
			lost += n.Events
		}
	}
	if printed+lost != all {
		t.Errorf("%d calls are printed and %d told as lost, of %d", printed, lost, all)
	}
	if printed == 0 || lost == 0 {
		t.Errorf("%d calls are printed and %d told as lost: there was room for some", printed, lost)
	}
}
