package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestRPCTools runs the tools over calls that are known.
func TestRPCTools(t *testing.T) {
	testkit.Root(t)
	path := rpcxBuild{}.path(t)
	const n = 10
	kinds := []string{"method", "fail", "late", "oneway", "slow"}
	for _, c := range []struct {
		name  string
		args  []string
		check func(t *testing.T, rows []map[string]any, late int)
	}{
		{"trace", []string{"rpc", "trace"}, func(t *testing.T, rows []map[string]any, late int) {
			want := map[string]int{"server ok": 4 * n, "server error": n, "client ok": 4*n - late, "client error": n, "client timeout": late}
			if diff := cmp.Diff(want, countRows(rows, "side", "status")); diff != "" {
				t.Error(diff)
			}
		}},
		{"slow", []string{"rpc", "slow", "-m", "15", "--side", "client"}, func(t *testing.T, rows []map[string]any, late int) {
			got := countRows(rows, "status")
			if got["error"] != n || got["timeout"] != late || got["ok"] < n {
				t.Errorf("calls by status: %v", got)
			}
			for _, r := range rows {
				if r["status"] == "ok" && r["latency_ns"].(float64) < 15e6 {
					t.Errorf("row %v is not slow", r)
				}
			}
		}},
		{"summary", []string{"rpc", "--side", "client"}, func(t *testing.T, rows []map[string]any, late int) {
			got := map[string]any{}
			for _, r := range rows {
				got[fmt.Sprint(r["service"], ".", r["method"])] = []any{r["framework"], r["calls"], r["failed"]}
			}
			want := map[string]any{"Arith.Mul": []any{"rpcx", 4.0 * n, float64(late)}, "Arith.Fail": []any{"rpcx", 1.0 * n, 1.0 * n}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}},
		{"latency", []string{"rpc", "latency", "-m", "--side", "client", "--method", "Mul"}, func(t *testing.T, rows []map[string]any, _ int) {
			if len(rows) != 1 || rows[0]["service"] != "Arith" {
				t.Fatalf("rows %v", rows)
			}
			sum := 0
			for _, m := range regexp.MustCompile(`count:(\d+)`).FindAllStringSubmatch(fmt.Sprint(rows[0]), -1) {
				count, _ := strconv.Atoi(m[1])
				sum += count
			}
			if sum != 3*n { // one-way calls have no latency
				t.Errorf("%d calls in %v, want %d", sum, rows[0], 3*n)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := testkit.Start(t, path, "serve")
			addr := server.Stdout.WaitLine(`^ready (.*)$`)[1]
			client := start(t, path, "call", "-addr", addr, "-n", strconv.Itoa(n), "-kinds", strings.Join(kinds, ","))
			p := testkit.StartCLI(t, append(c.args, "--format", "jsonl", "--max-overhead", "none", path)...)
			p.Stderr.WaitLine(`^Tracing `)
			late := 0 // calls whose caller has given up: on a busy machine a response may come first
			for _, call := range callThrough(t, client) {
				if call.Late {
					late++
				}
			}
			leave(t, server)
			var rows []map[string]any
			for _, line := range finish(t, p) {
				row := map[string]any{}
				if err := json.Unmarshal([]byte(line), &row); err != nil {
					t.Errorf("line %s: %v", line, err)
				}
				rows = append(rows, row)
			}
			lossless(t, p)
			c.check(t, rows, late)
		})
	}
}

// countRows counts rows by members.
func countRows(rows []map[string]any, members ...string) map[string]int {
	counted := map[string]int{}
	for _, r := range rows {
		var key []string
		for _, m := range members {
			key = append(key, fmt.Sprint(r[m]))
		}
		counted[strings.Join(key, " ")]++
	}
	return counted
}

// TestRPCRefusals tests what is said of programs without calls.
func TestRPCRefusals(t *testing.T) {
	testkit.Root(t)
	values := testkit.Build(t, program("values"))
	spec := program("http")
	spec.GOARCH = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	foreign := testkit.Build(t, spec)
	for _, c := range []struct{ point, want string }{
		{"rpc:" + strconv.Quote(foreign) + ":server", foreign + " is built for " + spec.GOARCH + ": this machine runs " + runtime.GOARCH},
		{"uprobe:" + strconv.Quote(foreign) + ":main.main", foreign + " is built for " + spec.GOARCH + ": this machine runs " + runtime.GOARCH},
		{"usdt:" + strconv.Quote(foreign) + ":*", foreign + " is built for " + spec.GOARCH + ": this machine runs " + runtime.GOARCH},
		{"rpc:/bin/sh:server", "is not a Go binary"},
		{"rpc:" + strconv.Quote(values) + ":server", "holds no RPC framework that is known: rpcx"},
		{"rpc:" + strconv.Quote(values) + ":both", `"both" is none of server, client, *`},
		{"rpc:/nonexistent:server", "'/nonexistent' does not exist"},
		{"rpc:server", "no binary is named and no process given with -p"},
	} {
		r := testkit.RunCLI(t, "run", "-e", c.point+" { print(rpc.service) }")
		if r.Code != 1 || !strings.Contains(r.Stderr, c.want) {
			t.Errorf("%s: status %d, %s", c.point, r.Code, r.Stderr)
		}
	}
}

// TestRPCOtherProcessor tests that of a process that rpcxray cannot read it is told why, without
// a place in the tool's script.
func TestRPCOtherProcessor(t *testing.T) {
	testkit.Root(t)
	spec := program("http")
	spec.GOARCH = "386"
	target := start(t, testkit.Build(t, spec))
	r := testkit.RunCLI(t, "rpc", "trace", "-p", strconv.Itoa(target.PID()))
	want := regexp.MustCompile(fmt.Sprintf(`^ERROR: process %d: .*: 386 \(32-bit x86\) binaries are not served, only amd64 and arm64\n$`, target.PID()))
	if r.Code != 1 || !want.MatchString(r.Stderr) {
		t.Errorf("status %d, %q", r.Code, r.Stderr)
	}
}

// TestRPCXLost tests that calls end whose connection does.
func TestRPCXLost(t *testing.T) {
	testkit.Root(t)
	const n = 20
	path := rpcxBuild{}.path(t)
	server := testkit.Start(t, path, "serve")
	addr := server.Stdout.WaitLine(`^ready (.*)$`)[1]
	client := start(t, path, "call", "-addr", addr, "-kinds", "hang", "-n", strconv.Itoa(n), "-inflight", strconv.Itoa(n))
	tracer := traceCalls(t, path, "client")
	client.Send("go")
	for range n {
		server.Stdout.WaitLine(`^hang$`)
	}
	server.Stop(syscall.SIGKILL)
	client.Stdout.WaitLine(`^done$`)
	want, got := map[string]int{}, map[string]int{}
	for _, line := range client.Stdout.Lines() {
		var v truth
		if json.Unmarshal([]byte(line), &v) == nil {
			want["Hang error "+lostText(v.Error)]++
		}
	}
	leave(t, client)
	for _, s := range callsSeen(t, tracer) {
		got[s.Method+" "+s.Status+" "+lostText(s.Error)]++
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Error(diff)
	}
}

// callOf starts a server, traces a call of each of some kinds with a script and
// returns what the script prints.
func callOf(t *testing.T, kinds, script string, args ...string) []string {
	t.Helper()
	return callServed(t, nil, "", kinds, script, args...)
}

// callServed is callOf with flags of the server, which is done when a line has come that
// matches last: it may be so after its client.
func callServed(t *testing.T, serve []string, last, kinds, script string, args ...string) []string {
	t.Helper()
	testkit.Root(t)
	path := rpcxBuild{}.path(t)
	server, client := pair(t, path, serve, []string{"-kinds", kinds, "-inflight", "2"})
	tracer := traceRun(t, strings.ReplaceAll(script, "PATH", strconv.Quote(path)), args...)
	callThrough(t, client)
	if last != "" {
		tracer.Stdout.WaitLine(last)
	}
	leave(t, server)
	lines := finish(t, tracer)
	lossless(t, tracer)
	return lines
}

func TestRPCXRefused(t *testing.T) {
	lines := callOf(t, "auth", `rpc:PATH:server { printf("%s.%s %d %s %s\n", rpc.service, rpc.method, rpc.seq, rpc.status, rpc.error) }`)
	if want := "Arith.Mul 0 error nobody knows you"; !slices.Contains(lines, want) || len(lines) != 1 {
		t.Errorf("lines %q, want %q", lines, want)
	}
}

// TestRPCXSecrets tests that credentials are masked unless they are asked for.
func TestRPCXSecrets(t *testing.T) {
	const script = `rpc:PATH:server { printf("%s %s %s\n", rpc.metadata("__AUTH"), rpc.metadata("other"), rpc.metadata("cookie")) }`
	for want, args := range map[string][]string{"<masked> x -": nil, "right x -": {"--show-secrets"}} {
		if lines := callServed(t, nil, " x ", "method", script, args...); len(lines) != 1 || lines[0] != want {
			t.Errorf("%v: %q, want %q", args, lines, want)
		}
	}
}

// TestRPCXValues tests that arguments and replies are shown by name, on both sides alike.
func TestRPCXValues(t *testing.T) {
	const script = `rpc:PATH:* { printf("%s %s %s -> %s %s\n", rpc.side, rpc.status, rpc.args, rpc.reply,
		rpc.side == "client" || rpc.oneway ? "" : rpc.duration == rpc.handler_duration + rpc.queue_duration ? "sum" : "no sum") }`
	const args = `{"A":1,"B":2,"Delay":0,"Blob":null,"How":""} -> `
	long := strings.Repeat("compress me ", 50)
	asked, answered := `{"A":1,"B":2,"Delay":0,"Blob":"`, `{"C":2,"Blob":"`
	packed := asked + long[:512-len("\x85\xa1A\x01\xa1B\x02\xa5Delay\x00\xa4Blob\xc5\x13\x88")] + `"}.. -> ` +
		answered + long[:512-len("\x82\xa1C\x02\xa4Blob\xc5\x13\x88")] + `"}.. `
	for _, c := range []struct {
		kind  string
		serve []string
		want  []string
	}{
		{"method", nil, []string{`client ok ` + args + `{"C":2,"Blob":null} `, `server ok ` + args + `{"C":2,"Blob":null} sum`}},
		{"method", []string{"-async"}, []string{`client ok ` + args + `{"C":2,"Blob":null} `, `server ok ` + args + `{"C":2,"Blob":null} sum`}},
		{"method", []string{"-async", "-pool"}, []string{`client ok ` + args + `{"C":2,"Blob":null} `, `server ok ` + args + `{"C":2,"Blob":null} sum`}},
		{"json", nil, []string{`client ok ` + args + `{"C":2,"Blob":null} `, `server ok ` + args + `{"C":2,"Blob":null} sum`}},
		{"fail", nil, []string{`client error ` + args + `{"C":0,"Blob":null} `, `server error ` + args + `{"C":0,"Blob":null} sum`}},
		{"gzip", nil, []string{`client ok ` + packed, `server ok ` + packed + "sum"}},
		{"gzip", []string{"-async"}, []string{`client ok ` + packed, `server ok ` + packed + "sum"}},
		{"oneway", nil, []string{`client ok {"A":1,"B":2,"Delay":5,"Blob":null,"How":""} -> - `, `server ok {"A":1,"B":2,"Delay":5,"Blob":null,"How":""} -> - `}},
		{"late", nil, []string{`client timeout {"A":1,"B":2,"Delay":400,"Blob":null,"How":""} -> - `,
			`server ok {"A":1,"B":2,"Delay":400,"Blob":null,"How":""} -> {"C":2,"Blob":null} sum`}},
	} {
		lines := callServed(t, c.serve, "^server ", c.kind, script)
		slices.Sort(lines)
		if diff := cmp.Diff(c.want, lines); diff != "" {
			t.Errorf("%s %v: %s", c.kind, c.serve, diff)
		}
	}
}

// TestRPCXNamed tests calls that come only to scripts that name them.
func TestRPCXNamed(t *testing.T) {
	lines := callOf(t, "late,beat", `rpc:PATH:client { printf("%s %d %s\n", rpc.status, rpc.late, rpc.codec) }`)
	if want := []string{"timeout 0 -", "ok 1 msgpack", "ok 0 msgpack"}; !slices.Equal(lines, want) {
		t.Errorf("late responses: %q, want %q", lines, want)
	}
	lines = callOf(t, "beat", `rpc:PATH:* /rpc.heartbeat/ { @[rpc.side, rpc.service, rpc.method, rpc.status] = count() }`)
	got := map[string]int{}
	for _, line := range lines {
		name, n, _ := strings.Cut(line, ": ")
		got[name], _ = strconv.Atoi(n)
	}
	if got["@[client, , , ok]"] < 1 || got["@[server, , , ok]"] < got["@[client, , , ok]"] || len(got) != 2 {
		t.Errorf("heartbeats: %v", lines)
	}
}

// TestRPCXLater tests that services are seen that start behind the probes.
func TestRPCXLater(t *testing.T) {
	testkit.Root(t)
	path := rpcxBuild{}.path(t)
	own := t.TempDir() + "/later"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, text, 0o755); err != nil {
		t.Fatal(err)
	}
	tracer := traceRun(t, `rpc:*:server /comm == "later"/ { printf("%s.%s\n", rpc.service, rpc.method); }`, "-v")
	server := testkit.Start(t, own, "serve")
	addr := server.Stdout.WaitLine(`^ready (.*)$`)[1]
	seen := func() bool { return slices.Contains(tracer.Stdout.Lines(), "Arith.Mul") }
	for deadline := time.Now().Add(time.Minute); !seen(); {
		if time.Now().After(deadline) {
			t.Fatalf("a call of a service that came later is not among %q", tracer.Stdout.Lines())
		}
		callThrough(t, start(t, path, "call", "-addr", addr, "-kinds", "slow", "-n", "20"))
	}
	leave(t, server)
	finish(t, tracer)
}

func TestRPCXListed(t *testing.T) {
	testkit.Root(t)
	path := rpcxBuild{}.path(t)
	r := testkit.RunCLI(t, "run", "-lv", "rpc:"+path)
	for _, want := range []string{"rpc:" + path + ":client", "rpc:" + path + ":server", "    uint64 duration", "    string service"} {
		if !slices.Contains(strings.Split(r.Stdout, "\n"), want) {
			t.Errorf("%q is not in the list\n%s%s", want, r.Stdout, r.Stderr)
		}
	}
}

// TestNetRPC counts the calls of both sides over gob and JSON, and tests that they hang
// together.
func TestNetRPC(t *testing.T) {
	testkit.Root(t)
	const n = 25
	for _, ldflags := range []string{"", "-s -w"} {
		spec := program("netrpc")
		spec.LDFlags = ldflags
		path := testkit.Build(t, spec)
		target := start(t, path)
		tracer := traceRun(t, "rpc:"+strconv.Quote(path)+`:* {
			@[rpc.framework, rpc.side, rpc.service, rpc.method, rpc.status, rpc.error] = count();
			@numbers[rpc.side] = sum(rpc.seq);
			if (rpc.method == "Mul" && rpc.duration >= 20000000) { @slow[rpc.side] = count(); }
			print((side=rpc.side, method=rpc.method, span_id=rpc.span_id, parent_span=rpc.parent_span, trace_id=rpc.trace_id,
				conn=rpc.conn, peer=rpc.peer, peer_port=rpc.peer_port, codec=rpc.codec));
		}`, "-f", "json", "-p", strconv.Itoa(target.PID()))
		target.Send(strconv.Itoa(n))
		target.Stdout.WaitLine(`^done$`)
		leave(t, target)
		spans, got := spansAndMaps(t, tracer)
		lossless(t, tracer)
		counts, numbers := map[string]int64{}, map[string]int64{}
		for _, side := range []string{"client", "server"} {
			name := "net/rpc," + side + ","
			counts[name+"Arith,Mul,ok,"] = 4 * n // of them 2 n in those of Relay
			counts[name+"Arith,Relay,ok,"] = 2 * n
			counts[name+"Arith,Nothing,error,rpc: can't find method Arith.Nothing"] = 2 * n
			counts[name+"Nobody,Mul,error,rpc: can't find service Nobody.Mul"] = 2 * n
			for i := range n {
				counts[fmt.Sprint(name, "Arith,Fail,error,no luck with ", i)] = 2
			}
			gob, json := int64(7*n), int64(5*n)
			numbers[side] = gob*(gob-1)/2 + json*(json-1)/2
			if slow := got.count("@slow", side); slow < 2*n {
				t.Errorf("%d calls of the %s took as long as their handler, at least %d did", slow, side, 2*n)
			}
		}
		for name, want := range map[string]map[string]int64{"@": counts, "@numbers": numbers} {
			have := map[string]int64{}
			for key := range got[name] {
				have[key] = got.count(name, key)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("%s %s: %s", ldflags, name, diff)
			}
		}
		checkNetRPC(t, spans, n)
	}
}

// spansAndMaps ends a run whose format is JSON and returns the spans that it printed,
// and its maps.
func spansAndMaps(t *testing.T, p *testkit.Proc) ([]featureCall, mapValues) {
	t.Helper()
	maps := finishMaps(t, p)
	all := values[featureCall](p.Stdout.Lines())
	return all, maps
}

// checkNetRPC tests that each server's side is below its client's, and n calls of each
// codec below those in whose handler they were made.
func checkNetRPC(t *testing.T, spans []featureCall, n int) {
	t.Helper()
	byID := map[string]featureCall{}
	for _, c := range spans {
		byID[c.SpanID] = c
	}
	codecs, inside := map[string]int{}, 0
	for _, c := range spans {
		up := byID[c.ParentSpan]
		codecs[c.Side+" "+c.Codec]++
		if c.Side == "server" && (up.Side != "client" || up.Conn != c.Conn || up.Method != c.Method || up.TraceID != c.TraceID) {
			t.Errorf("%+v is below %+v", c, up)
		}
		if c.Side == "client" && up.Side == "server" && up.Method == "Relay" && c.Method == "Mul" {
			inside++
		}
		if c.Peer != "127.0.0.1" || c.PeerPort == 0 {
			t.Errorf("peer of %+v", c)
		}
	}
	want := map[string]int{"client gob": 7 * n, "server gob": 7 * n, "client json": 5 * n, "server json": 5 * n}
	if diff := cmp.Diff(want, codecs); diff != "" || inside != 2*n || len(byID) != len(spans) {
		t.Errorf("%d calls in calls, %d ids of %d; %s", inside, len(byID), len(spans), diff)
	}
}
