package tcp

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// functions counts by the kernel's functions what tools see by its tracepoints. Since
// Linux 6.5 files are sent with tcp_sendmsg, too.
const functions = `config = { missing_probes = "ignore"; print_maps_on_exit = false; }
begin { @accepted = 0; @connects = 0; @states = 0; @sent = 0; }
kretprobe:inet_csk_accept /retval != 0/ { @accepted++; }
kprobe:tcp_v4_connect { @connects++; }
kprobe:tcp_set_state { @states++; }
kretprobe:tcp_sendmsg, kretprobe:tcp_sendpage /(int32)retval > 0/ { @sent += (uint64)(int32)retval; }
end { printf("{\"accepted\":%d,\"connects\":%d,\"states\":%d,\"sent\":%d}\n", @accepted, @connects, @states, @sent); }
`

// Where functions can be probed, they tell the same as the tools.
func TestFunctions(t *testing.T) {
	n := newNetns(t)
	testkit.Need(t, kernel.Detect().Require(kernel.FeatureKprobe))
	file := filepath.Join(t.TempDir(), "functions.bt")
	if err := os.WriteFile(file, []byte(functions), 0o644); err != nil {
		t.Fatal(err)
	}
	accepts, connects, states, top := n.trace("tcpaccept"), n.trace("tcpconnect"), n.trace("tcpstates"), n.trace("tcptop", "60")
	probes := testkit.StartCLI(t, "run", file)
	probes.WaitAttached()
	all := scenarioInC().play(t, n)
	await(states, len(all), `"newstate":"CLOSE"`)
	var sent int64
	for _, r := range rows[row](t, top) {
		sent += r.TxBytes
	}
	changes := 0
	for _, r := range rows[row](t, states) {
		if r.Newstate != "SYN_RECV" && r.Newstate != "LISTEN" { // these are set without that function
			changes++
		}
	}
	if code := probes.Stop(interrupt); code != 0 {
		t.Fatalf("the script ended with %d: %s", code, probes.Stderr.Text())
	}
	want := fmt.Sprintf(`{"accepted":%d,"connects":%d,"states":%d,"sent":%d}`,
		len(rows[row](t, accepts)), len(rows[row](t, connects)), changes, sent)
	if got := probes.Stdout.WaitLine(`^\{.*`)[0]; got != want {
		t.Errorf("functions: %s\n    tools: %s", got, want)
	}
}

func scenarioInC() scenario { return allScenarios()["C"] }
