package calls

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// received is a line of the receiver.
type received struct {
	Name, Process       string
	Attributes          map[string]string
	Trace, Span, Parent string
	Kind, Status, Error string
	NS                  int64
	Metric              bool
	Value               int64
	Sum                 float64
}

// receiver takes what the agent sends.
type receiver struct {
	*testkit.Proc
	grpc, http string // addresses
}

func startReceiver(t *testing.T, args ...string) *receiver {
	t.Helper()
	p := testkit.Start(t, testkit.Build(t, fixture.Spec{Dir: "tests/calls/testdata/receiver"}), args...)
	m := p.Stdout.WaitLine(`^ready (\S+) (\S+)$`)
	return &receiver{p, m[1], m[2]}
}

// all returns what has come.
func (r *receiver) all(t *testing.T) (spans, points []received) {
	t.Helper()
	for _, line := range r.Stdout.Lines()[1:] {
		var v received
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if v.Metric {
			points = append(points, v)
		} else {
			spans = append(spans, v)
		}
	}
	return spans, points
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

// get is the body of a page.
func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, resp.Status, err, text)
	}
	return string(text)
}

var metricsLine = regexp.MustCompile(`metrics are at (\S+/metrics)`)

// metricsAt is where an agent that traces says that its metrics are.
func metricsAt(t *testing.T, p *testkit.Proc) string {
	t.Helper()
	m := metricsLine.FindStringSubmatch(p.Stderr.Text())
	if m == nil {
		t.Fatalf("it does not say where the metrics are:\n%s", p.Stderr.Text())
	}
	return "http://" + m[1]
}

// TestAgent tests what a collector and a Prometheus get: all calls, with the spans in
// their places.
func TestAgent(t *testing.T) {
	testkit.Root(t)
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			n, share := orders()
			// A receiver that cannot keep up loses spans, as is told.
			c := startChain(t, n, "-inflight", "8", "-pause", map[bool]string{true: "25ms", false: "0"}[full()])
			r := startReceiver(t)
			url := map[string]string{"grpc": "grpc://" + r.grpc, "http": "http://" + r.http}[protocol]
			agent := tracer(t, "agent", "--otlp", url, "--prometheus", ":0", "--sample", "1", "-i", "1", c.path)
			prom := startPrometheus(t, metricsAt(t, agent))
			by := paths(t, c)
			c.run(t)
			path := pathsSeen(t, by)
			_, _, all := c.truth()
			eventually(t, "all spans", func() bool {
				return strings.Contains(get(t, metricsAt(t, agent)), fmt.Sprintf("rpcxray_spans_total{result=\"sent\"} %d\n", 2*all)) || share < 1
			})
			prom.compare(t, c, share)
			stop(t, agent)
			spans, points := r.all(t)
			compareSpans(t, c, spans, path, share)
			comparePoints(t, c, points, share)
		})
	}
}

// compareSpans holds exported spans against the truth: of each call both sides, the
// server's below the client's.
func compareSpans(t *testing.T, c *chain, spans []received, path map[string]string, share float64) {
	t.Helper()
	bySpan := map[string]received{}
	for _, s := range spans {
		bySpan[s.Span] = s
	}
	var got []joined
	for _, s := range spans {
		if s.Kind != "SPAN_KIND_SERVER" {
			continue
		}
		client := bySpan[s.Parent]
		if client.Name != s.Name || client.Trace != s.Trace || client.NS < 1 {
			t.Logf("span %+v is below %+v", s, client)
			continue
		}
		if cause, ok := bySpan[client.Parent]; ok && cause.Trace != client.Trace {
			t.Errorf("one tree has two traces: %+v, %+v", client, cause)
		}
		got = append(got, joined{s.Name, s.Span, client.Parent})
	}
	compareTree(t, c, got, path, share)
	_, failed, _ := c.truth()
	want := map[string]string{"rpc.system": "rpcx", "rpc.service": "Stock", "rpc.method": "Check", "error.type": "error", "network.peer.address": "127.0.0.1"}
	bad := 0
	for _, s := range spans {
		if s.Status != "STATUS_CODE_ERROR" {
			continue
		}
		bad++
		for key, value := range want {
			if s.Attributes[key] != value {
				t.Fatalf("%s is %q in %+v", key, s.Attributes[key], s)
			}
		}
		if s.Name != "Stock/Check" || s.Error != "out of stock" || s.Process != "chain" || s.Attributes["server.port"] == "" {
			t.Fatalf("%+v", s)
		}
	}
	if want := 2 * failed["Stock.Check"]; float64(bad) < share*float64(want) || bad > want {
		t.Errorf("%d sides of calls failed, want %d", bad, want)
	}
}

// comparePoints holds the last metrics against the truth.
func comparePoints(t *testing.T, c *chain, points []received, share float64) {
	t.Helper()
	last, timed, sum := map[string]int{}, map[string]int{}, map[string]float64{}
	for _, p := range points {
		key := p.Name + " " + p.Attributes["rpc.service"] + "." + p.Attributes["rpc.method"] + " " + p.Attributes["error.type"]
		last[key] = int(p.Value)
		if strings.HasSuffix(p.Name, ".duration") {
			timed[key], sum[key] = int(p.Value), p.Sum
		}
	}
	calls, failed, _ := c.truth()
	for _, side := range []string{"client", "server"} {
		for name, n := range calls {
			for _, metric := range []string{".requests ", ".duration "} {
				ok, bad := last["rpc."+side+metric+name+" "], last["rpc."+side+metric+name+" error"]
				if float64(ok+bad) < share*float64(n) || ok+bad > n || share == 1 && bad != failed[name] {
					t.Errorf("%s%s%s: %d calls, %d failed; want %d, %d", side, metric, name, ok+bad, bad, n, failed[name])
				}
			}
		}
	}
	for key, n := range timed {
		if mean := sum[key] / float64(n); n > 0 && (mean < 1e-6 || mean > 1) {
			t.Errorf("%s took %g s on average", key, mean)
		}
	}
}

// installed is the path of a program that a part of a test needs; "" where a developer's
// machine lacks it.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(err)
	case err != nil:
		t.Logf("without %s: %v", name, err)
	}
	return path
}

// prometheus is a real one, that reads the agent.
type prometheus struct{ addr string }

// startPrometheus starts Debian's; nil where there is none.
func startPrometheus(t *testing.T, target string) *prometheus {
	t.Helper()
	path := installed(t, "prometheus")
	if path == "" {
		return nil
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs: [{job_name: rpcxray, static_configs: [{targets: ['" + strings.TrimSuffix(strings.TrimPrefix(target, "http://"), "/metrics") + "']}]}]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	p := testkit.Start(t, path, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr,
		"--enable-feature=native-histograms")
	p.Stderr.WaitLine("Server is ready to receive web requests")
	return &prometheus{addr}
}

// freeAddr is an address where nobody listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// query returns the values of an instant query by method and error.
func (p *prometheus) query(t *testing.T, query string) map[string]float64 {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+p.addr+"/api/v1/query", nil)
	if err != nil {
		t.Fatal(err)
	}
	q := req.URL.Query()
	q.Set("query", query)
	req.URL.RawQuery = q.Encode()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  []any
			}
		}
	}
	if err := json.Unmarshal([]byte(get(t, req.URL.String())), &answer); err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, r := range answer.Data.Result {
		var v float64
		fmt.Sscan(r.Value[1].(string), &v)
		values[r.Metric["rpc_service"]+"."+r.Metric["rpc_method"]] = v
	}
	return values
}

// compare holds what Prometheus has read against the truth.
func (p *prometheus) compare(t *testing.T, c *chain, share float64) {
	t.Helper()
	if p == nil {
		return
	}
	calls, failed, _ := c.truth()
	want := map[string]float64{}
	for name, n := range calls {
		want[name] = float64(n)
	}
	near := func(got map[string]float64) bool {
		for name, n := range want {
			if got[name] < share*n || got[name] > n {
				return false
			}
		}
		return len(got) == len(want)
	}
	for _, side := range []string{"client", "server"} {
		requests := "sum by (rpc_service, rpc_method) (rpc_" + side + "_requests_total)"
		eventually(t, requests, func() bool { return near(p.query(t, requests)) })
		// Of a histogram with native buckets Prometheus keeps those only.
		timed := "histogram_count(sum by (rpc_service, rpc_method) (rpc_" + side + "_duration_seconds))"
		if got := p.query(t, timed); !near(got) {
			t.Errorf("%s: %v, want %v", timed, got, want)
		}
		errors := p.query(t, "sum by (rpc_service, rpc_method) (rpc_"+side+"_errors_total)")
		if diff := cmp.Diff(map[string]float64{"Stock.Check": float64(failed["Stock.Check"])}, errors); diff != "" && share == 1 {
			t.Error(diff)
		}
		for name, v := range p.query(t, "histogram_quantile(0.5, sum by (rpc_service, rpc_method) (rpc_"+side+"_duration_seconds))") {
			if v < 1e-6 || v > 1 {
				t.Errorf("half of the calls of %s take less than %g s", name, v)
			}
		}
	}
}

// TestAgentAlone tests that calls are counted, and spans wait, while there is no
// collector, and that what is behind a full queue is told.
func TestAgentAlone(t *testing.T) {
	testkit.Root(t)
	c := startChain(t, 50, "-inflight", "4")
	addr := freeAddr(t)
	agent := tracer(t, "agent", "--otlp", "grpc://"+addr, "--prometheus", ":0", "--sample", "1", "-i", "1", c.path)
	c.run(t)
	_, _, all := c.truth()
	agent.Stderr.WaitLine(`WARNING: collector grpc://\S+: .*connection refused; up to 20000 spans wait for it`)
	eventually(t, "the metrics", func() bool {
		return strings.Contains(get(t, metricsAt(t, agent)), `rpc_server_requests_total{error_type="",process="chain",rpc_method="Order",rpc_service="Front",rpc_system="rpcx"} 50`)
	})
	r := startReceiver(t, "-grpc", addr)
	agent.Stderr.WaitLine(`it answers again after \S+; spans dropped meanwhile: 0`)
	eventually(t, "all spans", func() bool { spans, _ := r.all(t); return len(spans) == 2*all })
	stop(t, agent)
}

// TestAgentEverywhere tests that the calls of all services are counted, also of those that
// have other frameworks than the first that is found.
func TestAgentEverywhere(t *testing.T) {
	testkit.Root(t)
	testkit.Start(t, testkit.Build(t, fixture.Spec{Dir: "tests/e2e/testdata/http"})).Stdout.WaitLine("^ready$")
	path := filepath.Join(t.TempDir(), "everywhere")
	if err := os.Rename(ownChain(t), path); err != nil {
		t.Fatal(err)
	}
	c := startChainOf(t, path, 50)
	agent := tracer(t, "agent", "--prometheus", ":0", "-i", "1")
	c.run(t)
	calls, failed, _ := c.truth()
	text := ""
	defer func() {
		if t.Failed() {
			t.Logf("the agent says\n%s\nand has\n%s", agent.Stderr.Text(), text)
		}
	}()
	eventually(t, "the metrics", func() bool {
		text = get(t, metricsAt(t, agent))
		for name, n := range calls {
			service, method, _ := strings.Cut(name, ".")
			line := fmt.Sprintf("rpc_server_requests_total{error_type=\"\",process=\"everywhere\",rpc_method=%q,rpc_service=%q,rpc_system=\"rpcx\"} %d\n", method, service, n-failed[name])
			if !strings.Contains(text, line) {
				return false
			}
		}
		return true
	})
	stop(t, agent)
}

// TestAgentSlow tests that only calls that are slow or fail are sent when no trace is
// to be sent whole.
func TestAgentSlow(t *testing.T) {
	testkit.Root(t)
	c := startChain(t, 100)
	r := startReceiver(t)
	agent := tracer(t, "agent", "--otlp", "http://"+r.http, "--sample", "0", "-m", "1000", "-i", "1", c.path)
	c.run(t)
	stop(t, agent)
	spans, points := r.all(t)
	_, failed, _ := c.truth()
	if len(spans) != 2*failed["Stock.Check"] {
		t.Errorf("%d spans, want those of %d failed calls", len(spans), failed["Stock.Check"])
	}
	comparePoints(t, c, points, 1)
}

// TestAgentSample tests that a share of the traces is sent, each whole.
func TestAgentSample(t *testing.T) {
	testkit.Root(t)
	c := startChain(t, 400, "-inflight", "4")
	r := startReceiver(t)
	agent := tracer(t, "agent", "--otlp", "http://"+r.http, "--sample", "0.25", "-m", "100000", c.path)
	by := paths(t, c)
	c.run(t)
	path := pathsSeen(t, by)
	stop(t, agent)
	spans, _ := r.all(t)
	want, got := map[string]int{}, map[string]int{}
	for _, p := range path {
		root, _, _ := strings.Cut(p, ".")
		want[root]++
	}
	for _, s := range spans {
		if root, _, _ := strings.Cut(path[s.Span], "."); s.Kind == "SPAN_KIND_SERVER" && s.Status != "STATUS_CODE_ERROR" {
			got[root]++
		}
	}
	whole := 0
	for n := range c.orders {
		root, failed := fmt.Sprint(n), 0
		for i := range 1 + n%4 {
			if (n+i)%10 == 0 {
				failed++
			}
		}
		switch got[root] {
		case 0:
		case want[root] - failed:
			whole++
		default:
			t.Errorf("of trace %s with %d calls, %d of them failed, %d were sent", root, want[root], failed, got[root])
		}
	}
	if whole < 60 || whole > 140 {
		t.Errorf("%d of 400 traces were sent", whole)
	}
}

func TestAgentUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--otlp", "collector:4317"}, `collector "collector:4317": a URL such as`},
		{[]string{"--prometheus", "0.0.0.0:0"}, "other hosts reach it: give a certificate and a token"},
		{[]string{"--sample", "2"}, "a share from 0 to 1"},
		{[]string{"--otlp-header", "a=b"}, "they go with --otlp"},
		{[]string{"--otlp", "http://x", "--otlp-header", "secret"}, "NAME=VALUE is needed"},
		{[]string{"--otlp", "http://x", "--otlp-header", "a=@/nowhere"}, "/nowhere: no such file"},
		{[]string{"--otlp", "http://x", "--tls-cert", "x"}, "they go with --prometheus"},
		{[]string{"--prometheus", ":0", "--token-file", "/dev/null"}, "its first line is empty"},
	} {
		r := testkit.RunCLI(t, append([]string{"agent"}, c.args...)...)
		if r.Code != 1 || !strings.Contains(r.Stderr, c.want) {
			t.Errorf("%v: status %d, %s", c.args, r.Code, r.Stderr)
		}
	}
}
