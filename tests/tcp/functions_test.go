package tcp

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// functions counts by the kernel's functions what tools see by its tracepoints. Since
// Linux 6.5 files are sent with tcp_sendmsg, too; since 6.11 a packet is dropped with
// the socket that it was for. Compilers split __tcp_retransmit_skb, so that its callers
// pass its entry by; only probes for a lost tail do not come through its caller.
const functions = `config = { missing_probes = "ignore"; print_maps_on_exit = false; trace_self = true; }
begin { @accepted = 0; @connects = 0; @states = 0; @sent = 0; @again = 0; @full = 0; @refused = 0; }
EXIT:inet_csk_accept /retval != 0/ { @accepted++; }
ENTRY:tcp_v4_connect { @connects++; }
ENTRY:tcp_set_state { @states++; }
EXIT:tcp_sendmsg, EXIT:tcp_sendpage /(int32)retval > 0/ { @sent += (uint64)(int32)retval; }
EXIT:tcp_retransmit_skb /(int32)retval == 0/ { @again++; }
EXIT:bfifo_enqueue /(int32)retval == 1/ { @full++; }
ENTRY:kfree_skb_reason /REASON1 == SKB_DROP_REASON_NO_SOCKET/ { @refused++; }
ENTRY:sk_skb_reason_drop /REASON2 == SKB_DROP_REASON_NO_SOCKET/ { @refused++; }
end {
	printf("{\"accepted\":%d,\"connects\":%d,\"states\":%d,\"sent\":%d,\"again\":%d,\"full\":%d,\"refused\":%d}\n",
		@accepted, @connects, @states, @sent, @again, @full, @refused);
}
`

// Where functions can be probed, they tell the same as the tools, by kprobes and by
// fentry and fexit.
func TestFunctions(t *testing.T) {
	n := newNetns(t)
	ways := map[string]*testkit.Proc{}
	for _, way := range []struct {
		feature kernel.FeatureID
		words   []string
	}{
		{kernel.FeatureKprobe, []string{"ENTRY", "kprobe", "EXIT", "kretprobe", "REASON1", "(uint32)arg1", "REASON2", "(uint32)arg2"}},
		{kernel.FeatureFentry, []string{"ENTRY", "fentry", "EXIT", "fexit", "REASON1", "args.reason", "REASON2", "args.reason"}},
	} {
		testkit.Need(t, kernel.Detect().Require(way.feature))
		file := filepath.Join(t.TempDir(), way.words[1]+".bt")
		if err := os.WriteFile(file, []byte(strings.NewReplacer(way.words...).Replace(functions)), 0o644); err != nil {
			t.Fatal(err)
		}
		ways[way.words[1]] = testkit.StartCLI(t, "run", file)
		ways[way.words[1]].WaitAttached()
	}
	n.inside(slowLoopback)
	accepts, connects, states, top := n.trace("tcpaccept"), n.trace("tcpconnect"), n.trace("tcpstates"), n.trace("tcptop", "60")
	retransmits, drops := n.trace("tcpretrans"), n.trace("tcpdrop")
	refused := n.clientC("127.0.0.1", 9)
	refused.Send("0 0 client")
	finish(t, refused)
	all := scenarioInC().play(t, n)
	// Until the link has lost something that its sender does not notice.
	for len(retransmits.Stdout.Lines()) == 0 {
		all = append(all, scenario{"127.0.0.1", "127.0.0.1", []string{"800000 1 client"}, true}.play(t, n)...)
	}
	await(states, len(all)+1, `"newstate":"CLOSE"`)
	var sent int64
	for _, r := range rows[row](t, top) {
		sent += r.TxBytes
	}
	var changes int64
	for _, r := range rows[row](t, states) {
		if r.Newstate != "SYN_RECV" && r.Newstate != "LISTEN" { // these are set without that function
			changes++
		}
	}
	reasons := map[string]int64{}
	for _, r := range rows[drop](t, drops) {
		reasons[r.Reason]++
	}
	if reasons["QDISC_DROP"] == 0 || reasons["NO_SOCKET"] != 1 {
		t.Errorf("drops: %v, want some of a full queue and one of a port that nobody listens on", reasons)
	}
	again := slices.DeleteFunc(rows[row](t, retransmits), func(r row) bool { return r.Kind == "probe" })
	want := map[string]int64{
		"accepted": int64(len(rows[row](t, accepts))), "connects": int64(len(rows[row](t, connects))),
		"states": changes, "sent": sent, "again": int64(len(again)),
		"full": reasons["QDISC_DROP"], "refused": reasons["NO_SOCKET"],
	}
	for way, p := range ways {
		if code := p.Stop(interrupt); code != 0 {
			t.Fatalf("%s: the script ended with %d: %s", way, code, p.Stderr.Text())
		}
		got := map[string]int64{}
		if err := json.Unmarshal([]byte(p.Stdout.WaitLine(`^\{.*`)[0]), &got); err != nil {
			t.Fatal(err)
		}
		missed := strings.Contains(p.Stderr.Text(), " missed: ") // by a program that an interrupt came into
		for name, count := range want {
			if got[name] != count && !(missed && got[name] < count) {
				t.Errorf("%s, %s: %d, the tools have %d", way, name, got[name], count)
			}
		}
	}
}

func scenarioInC() scenario { return allScenarios()["C"] }
