// Package calls tests what stands on calls: trees across processes, the agent with a
// collector and a Prometheus, the live screen.
package calls

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func full() bool { return os.Getenv("RPCXRAY_FULL") == "1" }

// chain is three services that call each other, and their client.
type chain struct {
	path    string
	servers []*testkit.Proc
	client  *testkit.Proc
	orders  int
}

// startChain starts a chain whose client makes orders when it is told to.
func startChain(t *testing.T, orders int, flags ...string) *chain {
	t.Helper()
	return startChainOf(t, ownChain(t), orders, flags...)
}

// ownChain is a binary that nothing else runs: what is traced is a binary, whoever has
// started it.
func ownChain(t *testing.T) string {
	t.Helper()
	binary, err := os.ReadFile(testkit.Build(t, fixture.Spec{Dir: "tests/calls/testdata/chain"}))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "chain")
	if err := os.WriteFile(path, binary, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func startChainOf(t *testing.T, path string, orders int, flags ...string) *chain {
	t.Helper()
	addr := ""
	c := &chain{path: path, orders: orders}
	for _, role := range []string{"store", "stock", "front"} {
		p := testkit.Start(t, path, role, "-next", addr)
		addr = p.Stdout.WaitLine(`^ready (.*)$`)[1]
		c.servers = append(c.servers, p)
	}
	c.client = testkit.Start(t, path, append([]string{"client", "-next", addr, "-n", strconv.Itoa(orders)}, flags...)...)
	c.client.Stdout.WaitLine("^ready$")
	return c
}

// run has the client make its calls, and the servers end what they do for them: a server is
// done with a call a moment after its caller.
func (c *chain) run(t *testing.T) {
	t.Helper()
	c.call(t)
	for _, p := range c.servers {
		p.Send("settle")
		p.Stdout.WaitLine("^served$")
	}
}

// call has the client make its calls.
func (c *chain) call(t *testing.T) {
	t.Helper()
	c.client.Send("go")
	c.client.Stdout.WaitLine("^done$")
	if text := c.client.Stderr.Text(); text != "" {
		t.Errorf("the client says\n%s", text)
	}
}

// truth is how often each method is called, and how often it fails.
func (c *chain) truth() (calls, failed map[string]int, all int) {
	calls, failed = map[string]int{}, map[string]int{}
	for n := range c.orders {
		calls["Front.Order"]++
		calls["Price.Get"]++
		for i := range 1 + n%4 {
			calls["Stock.Check"]++
			if (n+i)%10 == 0 {
				failed["Stock.Check"]++
			} else {
				calls["Store.Read"] += 2
			}
		}
	}
	for _, n := range calls {
		all += n
	}
	return calls, failed, all
}

// tracer starts a tool and waits until it traces.
func tracer(t *testing.T, args ...string) *testkit.Proc {
	t.Helper()
	p := testkit.StartCLI(t, append(args, "--max-overhead", "none")...)
	p.Stderr.WaitLine("Tracing RPC calls")
	return p
}

// stop ends rpcxray, which must not have lost anything.
func stop(t *testing.T, p *testkit.Proc) {
	t.Helper()
	if code := p.Stop(syscall.SIGINT); code != 0 {
		t.Errorf("rpcxray ended with %d\n%s", code, p.Stderr.Text())
	}
	if text := p.Stderr.Text(); strings.Contains(text, "lost ") || strings.Contains(text, "not counted") {
		t.Errorf("rpcxray says\n%s", text)
	}
}

// paths starts a script that tells the path of each call by its server's span.
func paths(t *testing.T, c *chain) *testkit.Proc {
	t.Helper()
	p := testkit.StartCLI(t, "run", "-f", "json", "--max-overhead", "none", "-e",
		"rpc:"+strconv.Quote(c.path)+`:* /rpc.side == "server"/ { print((span=rpc.span_id, path=rpc.metadata("path"))); }`)
	p.Stdout.WaitLine(`"attached_probes"`)
	return p
}

// pathsSeen are the paths by the server's span.
func pathsSeen(t *testing.T, p *testkit.Proc) map[string]string {
	t.Helper()
	stop(t, p)
	of := map[string]string{}
	for _, line := range p.Stdout.Lines() {
		var v struct {
			Type string
			Data struct{ Span, Path string }
		}
		if json.Unmarshal([]byte(line), &v) == nil && v.Type == "value" {
			of[v.Data.Span] = v.Data.Path
		}
	}
	return of
}

// joined is a call as a tree shows it: its server's span, and that of the call that
// caused it.
type joined struct{ name, server, cause string }

// inPlace is the share of calls that are promised to be below the call that caused them.
const inPlace = 0.999

// compareTree holds joined calls against the paths that they really had: at least the
// share in its place, though never more than is promised.
func compareTree(t *testing.T, c *chain, got []joined, path map[string]string, share float64) {
	t.Helper()
	_, _, all := c.truth()
	seen := map[string]bool{}
	told := false
	wrong := func(format string, args ...any) {
		if !told {
			t.Logf(format, args...) // one is enough
		}
		told = true
	}
	for _, j := range got {
		p, ok := path[j.server]
		if !ok {
			wrong("%+v: no such call was served", j)
			continue
		}
		cause, _, below := cutLast(p)
		switch {
		case below != (j.cause != ""):
			wrong("%+v has path %s, and a cause: %v", j, p, j.cause != "")
		case below && path[j.cause] != cause:
			wrong("%+v has path %s, but was put below %s", j, p, path[j.cause])
		default:
			seen[j.server] = true
		}
	}
	right := len(seen)
	if len(got) > all || float64(right) < min(share, inPlace)*float64(all) {
		t.Errorf("of %d calls %d were seen, %d of them in their place", all, len(got), right)
	}
	t.Logf("of %d calls %d were seen, %d of them in their place", all, len(got), right)
}

func cutLast(path string) (before, after string, found bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// calls100k are orders that make 100,000 calls.
const calls100k = 12500

func orders() (n int, share float64) {
	if full() {
		return calls100k, 0.999
	}
	return 200, 1
}

func TestTree(t *testing.T) {
	testkit.Root(t)
	n, share := orders()
	c := startChain(t, n, "-inflight", "8")
	page := t.TempDir() + "/out.html"
	tree := tracer(t, "rpc", "tree", "--format", "jsonl", "--html", page, "--chrome", page+".json", c.path)
	by := paths(t, c)
	c.run(t)
	path := pathsSeen(t, by)
	stop(t, tree)
	var got []joined
	names, failed := map[string]int{}, map[string]int{}
	for _, line := range tree.Stdout.Lines() {
		var v struct {
			Service, Method, Status string
			Server                  string `json:"server_span"`
			Parent                  string `json:"parent_span"`
			Latency                 int64  `json:"latency_ns"`
			Served                  int64  `json:"served_ns"`
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		name := v.Service + "." + v.Method
		names[name]++
		if v.Status != "ok" {
			failed[name]++
		}
		if v.Latency <= 0 || v.Served <= 0 {
			t.Errorf("%s took %d ns, was served in %d", name, v.Latency, v.Served)
		}
		got = append(got, joined{name, v.Server, v.Parent})
	}
	compareTree(t, c, got, path, share)
	calls, fails, all := c.truth()
	if share == 1 && (fmt.Sprint(names) != fmt.Sprint(calls) || fmt.Sprint(failed) != fmt.Sprint(fails)) {
		t.Errorf("calls %v, failed %v; want %v, %v", names, failed, calls, fails)
	}
	if share == 1 && !strings.Contains(tree.Stderr.Text(), fmt.Sprintf("%d calls in %d trees: of %d both sides were seen, of 0 only", all, n, all)) {
		t.Errorf("told:\n%s", tree.Stderr.Text())
	}
	checkPage(t, page, all, share)
	checkChrome(t, page+".json", all, share)
}

// TestTraceFiles tests that a line for each side and the files with trees come of one
// run.
func TestTraceFiles(t *testing.T) {
	testkit.Root(t)
	c := startChain(t, 20)
	page := t.TempDir() + "/out.html"
	trace := tracer(t, "rpc", "trace", "--format", "jsonl", "--html", page, "--chrome", page+".json", c.path)
	c.run(t)
	stop(t, trace)
	_, _, all := c.truth()
	if n := len(trace.Stdout.Lines()); n != 2*all {
		t.Errorf("%d lines of %d calls", n, all)
	}
	checkPage(t, page, all, 1)
	checkChrome(t, page+".json", all, 1)
}
