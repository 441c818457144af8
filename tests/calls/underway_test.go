package calls

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// TestUnderWay tests that calls that hang are under way for an agent, those of each
// framework, and that none is when they have ended.
func TestUnderWay(t *testing.T) {
	testkit.Root(t)
	for _, ldflags := range []string{"", "-s -w"} {
		t.Run("build"+ldflags, func(t *testing.T) {
			path := testkit.Build(t, fixture.Spec{Dir: "tests/calls/testdata/underway", LDFlags: ldflags})
			p := testkit.Start(t, path)
			p.Stdout.WaitLine("^ready$")
			agent := tracer(t, "agent", "--prometheus", ":0", "-i", "1", "-p", fmt.Sprint(p.PID()))
			p.Send("go")
			p.Stdout.WaitLine("^hanging$")
			want, none := map[string]int{}, map[string]int{}
			for _, line := range p.Stdout.Lines() {
				var n int
				var side, framework, service, method string
				if _, err := fmt.Sscanf(line, "calls %d %s %s %s %s", &n, &side, &framework, &service, &method); err == nil {
					key := strings.Join([]string{side, framework, service, method}, " ")
					want[key], none[key] = n, 0
				}
			}
			var got map[string]int
			defer func() {
				if t.Failed() {
					t.Logf("under way were %v, want %v", got, want)
				}
			}()
			eventually(t, "the calls under way", func() bool { got = underWay(t, agent); return cmp.Equal(got, want) })
			p.Send("free")
			p.Stdout.WaitLine("^free$")
			want = none
			eventually(t, "their end", func() bool { got = underWay(t, agent); return cmp.Equal(got, want) })
			stop(t, agent)
		})
	}
}

// TestEnded tests that the calls are counted that were under way when their process was
// killed, and that nothing is kept of it.
func TestEnded(t *testing.T) {
	testkit.Root(t)
	path := testkit.Build(t, fixture.Spec{Dir: "tests/calls/testdata/underway"})
	p := testkit.Start(t, path)
	p.Stdout.WaitLine("^ready$")
	agent := tracer(t, "agent", "--prometheus", ":0", "-i", "1", path)
	p.Send("go")
	p.Stdout.WaitLine("^hanging$")
	eventually(t, "the calls under way", func() bool {
		all := 0
		for _, n := range underWay(t, agent) {
			all += n
		}
		return all == 2*hanging
	})
	p.Stop(syscall.SIGKILL)
	eventually(t, "their end", func() bool {
		return len(underWay(t, agent)) == 0 && strings.Contains(get(t, metricsAt(t, agent)), fmt.Sprintf("rpcxray_lost_total{kind=\"ended\"} %d\n", 2*hanging))
	})
	stop(t, agent)
	if text := agent.Stderr.Text(); !strings.Contains(text, fmt.Sprintf("%d calls were under way when their process ended", 2*hanging)) {
		t.Errorf("it says\n%s", text)
	}
}

// hanging are the calls of the program that hang.
const hanging = 27

// underWay is what an agent says of the calls under way.
func underWay(t *testing.T, agent *testkit.Proc) map[string]int {
	t.Helper()
	calls := map[string]int{}
	for _, line := range strings.Split(get(t, metricsAt(t, agent)), "\n") {
		name, rest, _ := strings.Cut(line, "_in_flight{")
		labels, value, ok := strings.Cut(rest, "} ")
		if !ok {
			continue
		}
		l := map[string]string{}
		for _, pair := range strings.Split(labels, ",") {
			key, quoted, _ := strings.Cut(pair, "=")
			l[key] = strings.Trim(quoted, `"`)
		}
		var n int
		fmt.Sscan(value, &n)
		calls[strings.Join([]string{strings.TrimPrefix(name, "rpc_"), l["rpc_system"], l["rpc_service"], l["rpc_method"]}, " ")] = n
	}
	return calls
}
