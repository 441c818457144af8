package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// TestNetHTTP compares the calls of HTTP/1 and HTTP/2 with what a program says.
func TestNetHTTP(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct{ ldflags, toolchain string }{{}, {ldflags: "-s -w"}, {"-s -w", "go1.24.6"}} {
		t.Run("build"+c.ldflags+c.toolchain, func(t *testing.T) {
			if c.toolchain != "" && !full() {
				t.Skip("RPCXRAY_FULL is not set")
			}
			spec := program("http")
			spec.LDFlags, spec.Toolchain = c.ldflags, c.toolchain
			want, calls := featureCalls(t, testkit.Build(t, spec), "net/http")
			got := map[string]int{}
			for _, c := range calls {
				if !strings.Contains(c.Service, ":") {
					t.Errorf("host of %+v", c)
				}
				c.Service = "any"
				got[fmt.Sprint(c, " ", c.Code)]++
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			checkHTTPSpans(t, calls)
		})
	}
}

// checkHTTPSpans tests that each server's side is below a client's, and what a proxy
// calls below what it serves.
func checkHTTPSpans(t *testing.T, calls []featureCall) {
	t.Helper()
	byID := map[string]featureCall{}
	for _, c := range calls {
		byID[c.SpanID] = c
	}
	proxied := 0
	for _, c := range calls {
		up := byID[c.ParentSpan]
		if c.Side == "server" && (up.Side != "client" || up.Conn != c.Conn) {
			t.Errorf("%+v is below %+v", c, up)
		}
		if c.Side == "client" && up.Side == "server" {
			proxied++
		}
		if (c.Peer == "127.0.0.1" && c.PeerPort > 0) == (c.Method == "GET /nobody") {
			t.Errorf("peer of %+v", c)
		}
	}
	if proxied != 5 || len(byID) != len(calls) {
		t.Errorf("%d calls of the proxy in calls to it, %d ids of %d", proxied, len(byID), len(calls))
	}
}

// TestGRPC compares gRPC calls with what a program says.
func TestGRPC(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct {
		name, ldflags, mod string
		full               bool
	}{
		{name: "newest"}, {name: "stripped", ldflags: "-s -w", full: true}, {name: "1.68", mod: "grpc1.68.mod", full: true},
		{name: "1.60", mod: "grpc1.60.mod", full: true}, {name: "stripped 1.60", ldflags: "-s -w", mod: "grpc1.60.mod"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.full && !full() {
				t.Skip("RPCXRAY_FULL is not set")
			}
			spec := program("grpc")
			spec.LDFlags = c.ldflags
			if c.mod != "" {
				spec.Flags = []string{"-modfile=" + c.mod}
			}
			path, err := fixture.Build(spec)
			testkit.Need(t, err)
			want, calls := featureCalls(t, path, "grpc")
			got, byID := map[string]int{}, map[string]featureCall{}
			for _, c := range calls {
				got[fmt.Sprint(c, " ", c.Code)]++
				byID[c.SpanID] = c
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			inside := 0
			for _, c := range calls {
				up := byID[c.ParentSpan]
				if c.Side == "server" && (up.Side != "client" || up.Conn != c.Conn || up.Method != c.Method) {
					t.Errorf("%+v is below %+v", c, up)
				}
				if c.Side == "client" && up.Method == "Relay" && up.Side == "server" {
					inside++
				}
				if c.Peer != "127.0.0.1" || c.PeerPort == 0 || c.Error == "" != (c.Status == "ok") {
					t.Errorf("peer or error of %+v", c)
				}
			}
			if inside != 5 || len(byID) != len(calls) {
				t.Errorf("%d calls in calls, %d ids of %d", inside, len(byID), len(calls))
			}
		})
	}
}
