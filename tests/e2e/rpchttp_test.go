package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// TestNetHTTP compares the calls of HTTP/1 and HTTP/2 with what a program says.
func TestNetHTTP(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct{ ldflags, toolchain string }{{}, {ldflags: "-s -w"}, {"-s -w", "go1.24.6"}, {"", "go1.27.0"}, {"-s -w", "go1.27.0"}} {
		t.Run("build"+c.ldflags+c.toolchain, func(t *testing.T) {
			if c.toolchain != "" {
				beyondCI(t)
			}
			spec := program("http")
			spec.LDFlags, spec.Toolchain = c.ldflags, c.toolchain
			want, calls := featureCalls(t, testkit.Build(t, spec), "net/http", "server")
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

// TestHTTPErrors tests with which texts requests fail that are not answered.
func TestHTTPErrors(t *testing.T) {
	testkit.Root(t)
	target := start(t, testkit.Build(t, program("http")))
	tracer := traceRun(t, `rpc:*:client /rpc.status != "ok"/ { @[rpc.method, rpc.error] = count(); }`, "-f", "json", "-p", strconv.Itoa(target.PID()))
	target.Send("go")
	target.Stdout.WaitLine(`^done$`)
	leave(t, target)
	maps := finishMaps(t, tracer)
	lossless(t, tracer)
	for key, n := range map[string]int64{"GET /nobody,dial tcp 127.0.0.1:1: connect: connection refused": 1, "GET /slow,context deadline exceeded": 2, "GET /panic,EOF": 1} {
		if got := maps.count("@", key); got != n {
			t.Errorf("%s: %d calls, want %d, of %v", key, got, n, maps["@"])
		}
	}
}

// TestErrorTexts tests that errors of a program's own, of the standard library and of gRPC
// have the texts that they give themselves, and others the names of their types.
func TestErrorTexts(t *testing.T) {
	testkit.Root(t)
	builds := map[string]fixture.Spec{"plain": {}, "stripped": {LDFlags: "-s -w"}, "pie": {Flags: []string{"-buildmode=pie"}}}
	if full() {
		builds["older"] = fixture.Spec{LDFlags: "-s -w", Toolchain: "go1.24.6"}
		builds["newer"] = fixture.Spec{Toolchain: "go1.27.0"}
	}
	for name, flags := range builds {
		t.Run(name, func(t *testing.T) {
			spec := program("http")
			spec.LDFlags, spec.Flags, spec.Toolchain = flags.LDFlags, flags.Flags, flags.Toolchain
			checkErrorTexts(t, testkit.Build(t, spec), 200)
		})
	}
	t.Run("grpc", func(t *testing.T) { checkErrorTexts(t, grpcBuild(t, "", ""), 7) })
}

// checkErrorTexts compares the texts of a program's requests that fail, n and more.
func checkErrorTexts(t *testing.T, path string, n int) {
	target := start(t, path, "failures")
	tracer := traceRun(t, `rpc:*:client /rpc.framework == "net/http" && rpc.status != "ok"/ { print((method=rpc.method, error=rpc.error)); }`,
		"-f", "json", "-p", strconv.Itoa(target.PID()))
	want, got := failures(t, target), []string(nil)
	for _, c := range values[featureCall](finish(t, tracer)) {
		got = append(got, c.Method+" "+strings.ReplaceAll(c.Error, "\n", "|"))
	}
	lossless(t, tracer)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < n {
		t.Errorf("of %d: %s", len(want), diff)
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
		again := c.Method == "GET /panic" && up.Side == "" // sent again, the client's side is that of the last time
		if c.Side == "server" && !again && (up.Side != "client" || up.Conn != c.Conn) {
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

// grpcBuild returns the path of the fixture with gRPC, of another version where mod
// names one.
func grpcBuild(t *testing.T, ldflags, mod string) string { return grpcBuildBy(t, ldflags, mod, "") }

// grpcBuildBy is grpcBuild by another toolchain.
func grpcBuildBy(t *testing.T, ldflags, mod, toolchain string) string {
	t.Helper()
	spec := program("grpc")
	spec.LDFlags, spec.Toolchain = ldflags, toolchain
	if mod != "" {
		spec.Flags = []string{"-modfile=" + mod}
	}
	path, err := fixture.Build(spec)
	testkit.Need(t, err)
	return path
}

// TestGRPC compares gRPC calls with what a program says.
func TestGRPC(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct {
		name, ldflags, mod, toolchain string
		full                          bool
	}{
		{name: "newest"}, {name: "stripped", ldflags: "-s -w", full: true}, {name: "1.68", mod: "grpc1.68.mod", full: true},
		{name: "1.60", mod: "grpc1.60.mod", full: true}, {name: "stripped 1.60", ldflags: "-s -w", mod: "grpc1.60.mod"},
		{name: "Go 1.27", toolchain: "go1.27.0", full: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.full {
				beyondCI(t)
			}
			want, calls := featureCalls(t, grpcBuildBy(t, c.ldflags, c.mod, c.toolchain), "grpc", "server")
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

// toldCall is a side of a call that is told its trace, and the value of a key of its
// metadata.
type toldCall struct {
	Side, Value     string
	Trace           string `json:"trace_id"`
	ID              string `json:"span_id"`
	Parent          string `json:"parent_span"`
	Deadline        int64
	Request         int64 `json:"req_bytes"`
	Response        int64 `json:"resp_bytes"`
	Compressed      bool
	Service, Method string
}

// toldCalls traces a fixture in its mode for such calls.
func toldCalls(t *testing.T, path, framework string) []toldCall {
	t.Helper()
	target := start(t, path, "told")
	script := "rpc:" + strconv.Quote(path) + `:* /rpc.framework == "` + framework + `"/ { print((side=rpc.side, value=rpc.metadata("x-number"),
		trace_id=rpc.trace_id, span_id=rpc.span_id, parent_span=rpc.parent_span, deadline=rpc.deadline,
		req_bytes=rpc.req_bytes, resp_bytes=rpc.resp_bytes, compressed=rpc.compressed)); }`
	tracer := traceRun(t, script, "-f", "json", "-p", strconv.Itoa(target.PID()))
	target.Send("go")
	target.Stdout.WaitLine(`^done$`)
	leave(t, target)
	all := values[toldCall](finish(t, tracer))
	lossless(t, tracer)
	return all
}

// checkTold tests that calls are of the traces that they were told: so many of each number
// below n, which is in the ids.
func checkTold(t *testing.T, calls []toldCall, n, each int) {
	t.Helper()
	clients := map[string]toldCall{}
	for _, c := range calls {
		if c.Side == "client" {
			clients[c.ID] = c
		}
	}
	got, want := map[string]int{}, map[string]int{}
	if len(calls) != 2*n*each {
		t.Errorf("%d sides of calls, want %d", len(calls), 2*n*each)
	}
	for _, c := range calls {
		if c.Side == "server" && clients[c.Parent].Trace == c.Trace {
			c.Parent = "client"
		}
		got[strings.Join([]string{c.Side, c.Value, c.Trace, c.Parent}, " ")]++
	}
	for i := range n {
		trace := fmt.Sprintf("0af7651916cd43dd8448eb211c80%04x", i)
		want[fmt.Sprintf("client %d0 %s b7ad6b716920%04x", i, trace, i)] = each
		want[fmt.Sprintf("server %d %s client", i, trace)] = each
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestHTTPHeaders reads headers of HTTP/1 and HTTP/2, few and many.
func TestHTTPHeaders(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct{ ldflags, toolchain string }{{}, {ldflags: "-s -w"}, {toolchain: "go1.24.6"}, {"-s -w", "go1.23.12"}} {
		t.Run("build"+c.ldflags+c.toolchain, func(t *testing.T) {
			if c.toolchain != "" {
				beyondCI(t)
			}
			spec := program("http")
			spec.LDFlags, spec.Toolchain = c.ldflags, c.toolchain
			checkTold(t, toldCalls(t, testkit.Build(t, spec), "net/http"), 12, 2)
		})
	}
}

// TestGRPCMetadata reads what gRPC calls tell beside their messages, and how long these
// are.
func TestGRPCMetadata(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct {
		name, ldflags, mod string
		full               bool
	}{
		{name: "newest"}, {name: "stripped", ldflags: "-s -w"}, {name: "1.68", mod: "grpc1.68.mod", full: true},
		{name: "1.60", mod: "grpc1.60.mod", full: true}, {name: "stripped 1.60", ldflags: "-s -w", mod: "grpc1.60.mod"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.full {
				beyondCI(t)
			}
			calls := toldCalls(t, grpcBuild(t, c.ldflags, c.mod), "grpc")
			checkTold(t, calls, 12, 1)
			for _, c := range calls {
				var i int64
				if _, err := fmt.Sscanf(c.Trace[28:], "%x", &i); err != nil {
					t.Fatal(err)
				}
				message := []byte{8, byte(i)} // a protobuf of one number
				if i == 0 {
					message = nil
				}
				size := 5 + int64(len(message))
				if i%3 == 2 {
					size = 5 + zipped(t, message)
				}
				if c.Request != size || c.Response != size || c.Compressed != (i%3 == 2) {
					t.Errorf("call %d: %d bytes asked, %d answered, want %d; compressed: %v", i, c.Request, c.Response, size, c.Compressed)
				}
				if limit := (i + 1) * 60e9; c.Deadline > limit || c.Deadline < limit-1e9 {
					t.Errorf("call %d: deadline %d, the caller waits %d", i, c.Deadline, limit)
				}
			}
		})
	}
}

// TestRPCPlaces tests that -v says by which means a framework's fields are found.
func TestRPCPlaces(t *testing.T) {
	testkit.Root(t)
	for ldflags, want := range map[string]string{"": "runtime types (fields: 27)", "-s -w": "runtime types (fields: 27)"} {
		path := grpcBuild(t, ldflags, "")
		target := start(t, path)
		p := testkit.StartCLI(t, "run", "-v", "-p", strconv.Itoa(target.PID()), "-e", "rpc:"+strconv.Quote(path)+":* { print(rpc.method); }")
		p.Stderr.WaitLine(`places of the fields of grpc v1\.85\.0 are told .*` + regexp.QuoteMeta(want))
		finish(t, p)
		leave(t, target)
	}
}

// zipped is the length of a message when it is compressed.
func zipped(t *testing.T, message []byte) int64 {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return int64(b.Len())
}
