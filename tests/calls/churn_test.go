package calls

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestChurn tests that an agent sees all calls of services and clients that start and
// die, and does not grow: for a few rounds, or for the minutes of RPCXRAY_CHURN.
func TestChurn(t *testing.T) {
	testkit.Root(t)
	const orders = 40
	minutes, _ := strconv.ParseFloat(os.Getenv("RPCXRAY_CHURN"), 64)
	begin := time.Now()
	half, end := begin.Add(time.Duration(minutes*float64(time.Minute)/2)), begin.Add(time.Duration(minutes*float64(time.Minute)))
	path := ownChain(t)
	first := startChainOf(t, path, orders)
	agent := tracer(t, "agent", "--prometheus", ":0", "-i", "1", first.path)
	calls, failed, all := first.truth()
	settled := 0
	round := 0
	for ; round < 4 || time.Now().Before(end); round++ {
		t.Run("", func(t *testing.T) { startChainOf(t, path, orders, "-inflight", "4").call(t) }) // its processes die behind it
		// What is kept of processes has a limit, which many have to reach.
		if settled == 0 && round >= 2 && time.Now().After(half) {
			settled = memory(t, agent)
		}
		if round%500 == 0 {
			t.Logf("round %d: %d kB", round, memory(t, agent))
		}
	}
	now := memory(t, agent)
	t.Logf("%d rounds; %d kB, then %d", round, settled, now)
	if now > settled*11/10+4096 {
		t.Errorf("it has grown from %d kB to %d", settled, now)
	}
	text, ended := "", 0
	defer func() {
		if t.Failed() {
			t.Logf("the agent says\n%s\nand has\n%s", agent.Stderr.Text(), text)
		}
	}()
	eventually(t, "the last calls", func() bool {
		text = get(t, metricsAt(t, agent))
		missing := 0
		for _, side := range []string{"client", "server"} {
			for name, n := range calls {
				service, method, _ := strings.Cut(name, ".")
				for kind, want := range map[string]int{"": n - failed[name], "error": failed[name]} {
					line := fmt.Sprintf("rpc_%s_requests_total{error_type=%q,process=\"chain\",rpc_method=%q,rpc_service=%q,rpc_system=\"rpcx\"} ", side, kind, method, service)
					_, after, _ := strings.Cut(text, line)
					value := 0.0 // large numbers have an exponent
					fmt.Sscan(after, &value)
					got, want := int(value), want*round
					if side == "client" && got != want || got > want {
						return false
					}
					missing += want - got
				}
			}
		}
		// A server may be killed before it is back from its last response.
		_, after, _ := strings.Cut(text, `rpcxray_lost_total{kind="ended"} `)
		ended = 0
		fmt.Sscan(after, &ended)
		return missing == ended
	})
	t.Logf("%d of %d calls were under way when their server ended", ended, round*all)
	stop(t, agent)
}

// memory is what a process has resident, in kB.
func memory(t *testing.T, p *testkit.Proc) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var kb int
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	fmt.Sscan(after, &kb)
	return kb
}
