package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestNetHTTP compares the calls of HTTP/1 and HTTP/2 with what a program says.
func TestNetHTTP(t *testing.T) {
	testkit.Root(t)
	for _, ldflags := range []string{"", "-s -w"} {
		t.Run("build"+ldflags, func(t *testing.T) {
			spec := program("http")
			spec.LDFlags = ldflags
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
