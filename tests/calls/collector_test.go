package calls

import (
	"fmt"
	"os"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// TestCollector tests that an OpenTelemetry Collector, built from its modules, takes
// what the agent sends: it sends it on to the receiver.
func TestCollector(t *testing.T) {
	testkit.Root(t)
	if !full() {
		t.Skip("RPCXRAY_FULL is not set: building a Collector takes minutes")
	}
	collector := testkit.Build(t, fixture.Spec{Dir: "tests/calls/testdata/collector"})
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			c := startChain(t, 300, "-inflight", "8")
			r := startReceiver(t)
			addr := freeAddr(t)
			p := testkit.Start(t, collector, "--config", fmt.Sprintf(`yaml:{receivers: {otlp: {protocols: {%s: {endpoint: "%s"}}}},
				exporters: {otlp_http: {endpoint: "http://%s", compression: none}},
				service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]},
				metrics: {receivers: [otlp], exporters: [otlp_http]}}}}`, protocol, addr, r.http))
			p.Stderr.WaitLine("Everything is ready")
			agent := tracer(t, "agent", "--otlp", protocol+"://"+addr, "--sample", "1", "-i", "1", c.path)
			by := paths(t, c)
			c.run(t)
			path := pathsSeen(t, by)
			stop(t, agent)
			_, _, all := c.truth()
			eventually(t, "all spans", func() bool { spans, _ := r.all(t); return len(spans) == 2*all })
			if code := p.Stop(os.Interrupt); code != 0 {
				t.Errorf("the Collector ended with %d", code)
			}
			spans, points := r.all(t)
			compareSpans(t, c, spans, path, 1)
			comparePoints(t, c, points, 1)
		})
	}
}
