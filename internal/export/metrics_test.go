package export

import (
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/rpcxray/rpcxray/internal/spans"
	"github.com/rpcxray/rpcxray/internal/types"
)

var mul = Series{Process: "shop", Framework: "rpcx", Side: spans.Server, Service: "Arith", Method: "Mul", Status: "ok"}

// timesOf counts durations in ns as the kernel does.
func timesOf(ns ...uint64) *times {
	r := NewRegistry(1)
	add(r, mul, ns...)
	return &r.series[mul].times
}

func add(r *Registry, s Series, ns ...uint64) {
	for _, n := range ns {
		r.Calls(s, types.HistIndex(int64(n), Bits), 1)
		r.Time(s, n)
	}
}

func TestClassic(t *testing.T) {
	times := timesOf(0, 1000, 1<<14-1, 1<<14, 1<<20, 1<<20+1, 1<<36)
	bounds, below := times.classic()
	for i, bound := range bounds {
		want := uint64(0)
		for _, n := range []uint64{0, 1000, 1<<14 - 1, 1 << 14, 1 << 20, 1<<20 + 1, 1 << 36} {
			if float64(n)/1e9 < bound {
				want++
			}
		}
		if below[i] != want {
			t.Errorf("%d calls are below %g s, want %d", below[i], bound, want)
		}
	}
	if n := times.count(); n != 7 {
		t.Errorf("%d calls in all", n)
	}
}

// TestExponential tests that the buckets' quantiles are near the true ones.
func TestExponential(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var all []uint64
	for range 10000 {
		all = append(all, uint64(math.Exp(rng.NormFloat64()*2+12)))
	}
	times := timesOf(all...)
	first, counts, zero := times.exponential()
	n := zero
	for _, c := range counts {
		n += c
	}
	if n != 10000 {
		t.Fatalf("%d durations are in buckets", n)
	}
	sorted := append([]uint64(nil), all...)
	slices.Sort(sorted)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99} {
		rank, sum := uint64(q*10000), zero
		for i, c := range counts {
			if sum += c; sum > rank {
				low, high := math.Exp2(float64(first+i)/8), math.Exp2(float64(first+i+1)/8)
				if true := float64(sorted[rank]) / 1e9; true < low*0.9 || true > high*1.1 {
					t.Errorf("quantile %g is %g s, in the bucket from %g to %g", q, true, low, high)
				}
				break
			}
		}
	}
}

func TestRegistryBounds(t *testing.T) {
	r := NewRegistry(3)
	for i := range 10 {
		s := mul
		s.Method = fmt.Sprint(i)
		r.Calls(s, 0, 2)
	}
	snap := r.snapshot()
	total := uint64(0)
	for _, row := range snap.rows {
		total += row.calls
	}
	if len(snap.rows) != 4 || total != 20 || snap.merged != 7 {
		t.Errorf("%d series, %d calls, %d merged", len(snap.rows), total, snap.merged)
	}
	if last := snap.rows[0]; last.Service != other || last.calls != 14 {
		t.Errorf("%+v", last)
	}
}

// TestUnderWay tests that calls that have ended are no longer under way, in all series
// that there are.
func TestUnderWay(t *testing.T) {
	r := NewRegistry(2)
	add(r, mul, 1000)
	hang := mul
	hang.Method = "Hang"
	for _, c := range []struct {
		calls map[Series]uint64
		want  string
	}{
		{nil, "Mul 0 "},
		{map[Series]uint64{hang: 7}, "Hang 7 Mul 0 "},
		{map[Series]uint64{mul: 2}, "Mul 2 "},
		{map[Series]uint64{}, "Mul 0 "},
	} {
		r.UnderWay(c.calls)
		got := ""
		for _, a := range r.snapshot().active {
			got += fmt.Sprint(a.Method, " ", a.calls, " ")
		}
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.calls, got, c.want)
		}
	}
	many := map[Series]uint64{}
	for i := range 10 {
		s := mul
		s.Method = fmt.Sprint(i)
		many[s] = 1
	}
	r.UnderWay(many)
	total := uint64(0)
	for _, a := range r.snapshot().active {
		total += a.calls
	}
	if n := len(r.snapshot().active); total != 10 || n > 4 {
		t.Errorf("%d calls in %d series", total, n)
	}
}

func filled() *Registry {
	r := NewRegistry(100)
	add(r, mul, 1000, 20000, 20000, 3e6)
	failed := mul
	failed.Status = "error"
	add(r, failed, 5e6)
	r.UnderWay(map[Series]uint64{mul: 3})
	r.Lost("events", 7)
	return r
}

// scrape reads the metrics as Prometheus would.
func scrape(t *testing.T, s *server, c *http.Client, token string) (int, string) {
	t.Helper()
	scheme := "http://"
	if c.Transport != nil {
		scheme = "https://"
	}
	req, err := http.NewRequest("GET", scheme+s.addr.String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer c.CloseIdleConnections()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestPrometheus(t *testing.T) {
	s, err := listen(Listen{Addr: ":0"}, collector{registry: filled(), counts: func() Counts { return Counts{1, 2, 3, 4} }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if !strings.HasPrefix(s.addr.String(), "127.0.0.1:") {
		t.Errorf("it listens on %s", s.addr)
	}
	status, text := scrape(t, s, &http.Client{}, "")
	labels := `process="shop",rpc_method="Mul",rpc_service="Arith",rpc_system="rpcx"`
	for _, want := range []string{
		`rpc_server_requests_total{error_type="",` + labels + `} 4`,
		`rpc_server_requests_total{error_type="error",` + labels + `} 1`,
		`rpc_server_errors_total{error_type="error",` + labels + `} 1`,
		`rpc_server_in_flight{` + labels + `} 3`,
		`rpc_server_duration_seconds_count{error_type="",` + labels + `} 4`,
		`rpc_server_duration_seconds_sum{error_type="",` + labels + `} 0.003041`,
		`rpc_server_duration_seconds_bucket{error_type="",` + labels + `,le="1.6384e-05"} 1`,
		`rpc_server_duration_seconds_bucket{error_type="",` + labels + `,le="3.2768e-05"} 3`,
		`rpc_server_duration_seconds_bucket{error_type="",` + labels + `,le="+Inf"} 4`,
		`rpcxray_lost_total{kind="events"} 7`, `rpcxray_spans_total{result="sent"} 1`, `rpcxray_spans_total{result="dropped"} 2`,
		`rpcxray_spans_total{result="refused"} 3`, `rpcxray_send_failures_total 4`, `rpcxray_series_merged_total 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("status %d: there is no %s in\n%s", status, want, text)
		}
	}
}

// The durations are the middles of the kernel's buckets.
func TestNativeHistogram(t *testing.T) {
	h := &histogram{desc: bySide[spans.Server].duration, times: *timesOf(992, 19456, 19456, 3014656), begun: t0}
	var m dto.Metric
	if err := h.Write(&m); err != nil {
		t.Fatal(err)
	}
	// The counts of the buckets by their upper bound, from the spans and differences.
	at, n, i := int32(0), int64(0), 0
	got := map[int32]int64{}
	for _, s := range m.Histogram.PositiveSpan {
		at += s.GetOffset()
		for range s.GetLength() {
			if n += m.Histogram.PositiveDelta[i]; n > 0 {
				got[at] = n
			}
			at, i = at+1, i+1
		}
	}
	want := map[int32]int64{}
	for _, ns := range []float64{992, 19456, 19456, 3014656} {
		want[int32(math.Ceil(math.Log2(ns/1e9)*8))]++
	}
	if diff := cmp.Diff(want, got); diff != "" || m.Histogram.GetSchema() != 3 || m.Histogram.GetSampleCount() != 4 {
		t.Errorf("%s%v", diff, m.Histogram)
	}
}

// TestGuards tests who may read the metrics.
func TestGuards(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
		"-subj", "/CN=x", "-keyout", key, "-out", cert).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	c := collector{registry: filled()}
	for _, l := range []Listen{
		{Addr: "0.0.0.0:0"}, {Addr: "[::]:0"}, {Addr: "0.0.0.0:0", Token: "x"}, {Addr: "0.0.0.0:0", CertFile: cert, KeyFile: key},
		{Addr: "nonsense"}, {Addr: ":0", CertFile: cert}, {Addr: ":0", CertFile: cert, KeyFile: os.DevNull},
	} {
		if s, err := listen(l, c); err == nil {
			s.close()
			t.Errorf("%+v is taken", l)
		}
	}
	s, err := listen(Listen{Addr: "0.0.0.0:0", Open: true}, c)
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	s, err = listen(Listen{Addr: "0.0.0.0:0", CertFile: cert, KeyFile: key, Token: "secret"}, c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for token, want := range map[string]int{"": 401, "wrong": 401, "secret": 200} {
		if status, _ := scrape(t, s, client, token); status != want {
			t.Errorf("token %q: status %d", token, status)
		}
	}
}

func TestMetricsMessage(t *testing.T) {
	r := filled()
	m := source{host: "h", version: "v"}.metrics(r.snapshot(), t0, t0.Add(time.Minute)).(*metricspb.MetricsData)
	var got []string
	for _, rm := range m.ResourceMetrics {
		for _, x := range rm.ScopeMetrics[0].Metrics {
			for _, p := range x.GetSum().GetDataPoints() {
				got = append(got, fmt.Sprintf("%s %s %v %d", attributes(rm.Resource.Attributes)["service.name"], x.Name, x.GetSum().IsMonotonic, p.GetAsInt()))
			}
			for _, p := range x.GetExponentialHistogram().GetDataPoints() {
				n := p.ZeroCount
				for _, c := range p.Positive.BucketCounts {
					n += c
				}
				got = append(got, fmt.Sprintf("%s %s %d %d %g %s", attributes(rm.Resource.Attributes)["service.name"], x.Name, p.Count, n, p.GetSum(), attributes(p.Attributes)["error.type"]))
			}
		}
	}
	want := []string{"shop rpc.server.requests true 1", "shop rpc.server.requests true 4",
		"shop rpc.server.duration 1 1 0.005 error", "shop rpc.server.duration 4 4 0.003041 ",
		"shop rpc.server.active_requests false 3", "rpcxray rpcxray.lost true 7"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
