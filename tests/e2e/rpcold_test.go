package e2e

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// TestRPCXOlder makes calls in the ways that rpcx 1.7 shares with later ones. Not
// Inform, which there waits for ever.
func TestRPCXOlder(t *testing.T) {
	testkit.Root(t)
	for _, mod := range []string{"rpcx1.7.mod", "rpcx1.7.7.mod", "rpcx1.7.5.mod"} {
		t.Run(mod, func(t *testing.T) {
			if mod != "rpcx1.7.mod" {
				beyondCI(t)
			}
			names := "gateway,jsonrpc,codecs,compressed,async,push,raw,plugin,tls,unix,memu,unsendable,shut,ended,rawended"
			if mod != "rpcx1.7.5.mod" { // there refusals are told otherwise
				names += ",dismissed"
			}
			testFeatures(t, rpcxBuild{modfile: mod}.path(t), names)
			testTimed(t, rpcxBuild{modfile: mod}.path(t), names)
		})
	}
}

// TestRPCXOldRefused tests that a call is seen that an old server refuses.
func TestRPCXOldRefused(t *testing.T) {
	testkit.Root(t)
	for _, mod := range []string{"rpcx1.6.mod", "rpcx1.7.5.mod", "rpcx1.7.7.mod"} {
		t.Run(mod, func(t *testing.T) {
			if mod != "rpcx1.7.7.mod" {
				beyondCI(t)
			}
			lines, _ := callsOf(t, rpcxBuild{modfile: mod}.path(t), "auth",
				`{ printf("%s %s.%s %d %s %s\n", rpc.side, rpc.service, rpc.method, rpc.seq, rpc.status, rpc.error) }`)
			want := []string{"client Arith.Mul 0 error nobody knows you", "server Arith.Mul 0 error nobody knows you"}
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// callsOf lets a client make a call of each of some kinds, and returns what a probe's
// body prints of both sides, and what rpcxray warns of.
func callsOf(t *testing.T, path, kinds, body string) (lines, warnings []string) {
	t.Helper()
	server := testkit.Start(t, path, "serve")
	addr := server.Stdout.WaitLine(`^ready (.*)$`)[1]
	client := start(t, path, "call", "-addr", addr, "-kinds", kinds)
	tracer := traceRun(t, "rpc:"+strconv.Quote(path)+":* "+body)
	callThrough(t, client)
	leave(t, server)
	for _, line := range finish(t, tracer) {
		lines = append(lines, strings.ReplaceAll(line, "<unreadable>", "-")) // what compares a field that is absent
	}
	slices.Sort(lines)
	for _, line := range tracer.Stderr.Lines() {
		if text, ok := strings.CutPrefix(line, "WARNING: "+path+": "); ok {
			warnings = append(warnings, text)
		}
	}
	return lines, warnings
}

// TestRPCXLacking traces a program that lacks functions which rpcxray knows of: what
// does not need them is seen, and the rest is told.
func TestRPCXLacking(t *testing.T) {
	testkit.Root(t)
	const body = `/!rpc.heartbeat/ { printf("%s.%s %s %s %s %s %s %s\n", rpc.side, rpc.method, rpc.status, rpc.error,
		rpc.req_bytes > 40 ? "asked" : "-", rpc.resp_bytes > 40 ? "answered" : "-", rpc.deadline > 0 ? "deadline" : "-", rpc.oneway ? "oneway" : "-") }`
	for _, c := range []struct{ lacks, lost, want string }{
		{"", "", "client.Mul ok - asked answered - -,client.Mul timeout context deadline exceeded asked - deadline -,client.Fail error no luck with 2 asked answered - -,client.Mul ok - asked - - oneway," +
			"server.Mul ok - asked answered - -,server.Mul ok - asked answered deadline -,server.Fail error no luck with 2 asked answered - -,server.Mul ok - asked - - oneway"},
		{"util.(*LimitedPool).Put", "not seen are what is answered", "client.Mul ok - asked answered - -,client.Mul timeout context deadline exceeded asked - deadline -,client.Fail error no luck with 2 asked answered - -," +
			"client.Mul ok - asked - - oneway,server.Mul ok - asked - - -,server.Mul ok - asked - deadline -,server.Fail error no luck with 2 asked - - -,server.Mul ok - asked - - oneway"},
		{"util.(*LimitedPool).Get", "not seen are sizes of requests", "client.Mul ok - - answered - -,client.Mul timeout context deadline exceeded - - - -,client.Fail error no luck with 2 - answered - -," +
			"client.Mul ok - - - - oneway,server.Mul ok - asked answered - -,server.Mul ok - asked answered deadline -,server.Fail error no luck with 2 asked answered - -,server.Mul ok - asked - - oneway"},
		{"server.(*Server).processOneRequest.func1", "not seen are calls that nothing is answered to", "client.Mul ok - asked answered - -,client.Mul timeout context deadline exceeded asked - deadline -," +
			"client.Fail error no luck with 2 asked answered - -,client.Mul ok - asked - - oneway,server.Mul ok - asked answered - -,server.Mul ok - asked answered deadline -,server.Fail error no luck with 2 asked answered - -"},
		{"protocol.(*Message).Decode", "not seen are calls on the client's side", "server.Mul ok - asked answered - -,server.Mul ok - asked answered deadline -,server.Fail error no luck with 2 asked answered - -,server.Mul ok - asked - - oneway"},
	} {
		t.Run(c.lacks, func(t *testing.T) {
			path := rpcxBuild{}.path(t)
			if c.lacks != "" {
				path = without(t, path, "github.com/smallnest/rpcx/"+c.lacks)
			}
			lines, warnings := callsOf(t, path, "method,fail,oneway,late", body)
			want := strings.Split(c.want, ",")
			slices.Sort(want)
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Error(diff)
			}
			if told := strings.Join(warnings, "\n"); (c.lost == "") != (told == "") || !strings.Contains(told, c.lost) || !strings.Contains(told, c.lacks) {
				t.Errorf("rpcxray warns of %q, not of %q", warnings, c.lost)
			}
		})
	}
}

// without is a copy of a program whose function has another name.
func without(t *testing.T, path, name string) string {
	t.Helper()
	path = copied(t, path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := name[:len(name)-1] + "_"
	text = bytes.ReplaceAll(text, append([]byte(name), 0), append([]byte(other), 0))
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRPCXUnknown traces a version that there are no facts of: what it shares with others
// is seen, and it is told what is not.
func TestRPCXUnknown(t *testing.T) {
	testkit.Root(t)
	path, err := fixture.Build(program("rpcx14"))
	testkit.Need(t, err)
	target := start(t, path)
	tracer := traceRun(t, "rpc:"+strconv.Quote(path)+`:* { @n++; printf("%d %s %s.%s %s %s %s %s %s %d\n", @n, rpc.side, rpc.service, rpc.method, rpc.status, rpc.error,
		rpc.oneway ? "oneway" : "-", rpc.resp_bytes > 0 ? "answered" : "-", rpc.peer, rpc.peer_port > 0) }`)
	target.Send("go")
	target.Stdout.WaitLine(`^done$`)
	tracer.Stdout.WaitLine(`^8 `) // the server is done after its callers
	leave(t, target)
	got := map[string]int{}
	for _, line := range finish(t, tracer) {
		if _, call, ok := strings.Cut(line, " server "); ok {
			got[call]++
		}
	}
	const none = "<unreadable>" // a field that is absent is compared
	want := map[string]int{"Arith.Mul ok - - " + none + " 127.0.0.1 1": 6, "Arith.Mul ok - oneway " + none + " 127.0.0.1 1": 1,
		"Arith.Fail error no luck - " + none + " 127.0.0.1 1": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	told := tracer.Stderr.Text()
	for _, gap := range []string{"it is older than v1.6.2", "EncodeSlicePointer: not seen are calls on the client's side", "Put: not seen are what is answered"} {
		if !strings.Contains(told, fmt.Sprintf("%s: its rpcx v1.4.1: ", path)) || !strings.Contains(told, gap) {
			t.Errorf("rpcxray does not warn of %q: %s", gap, told)
		}
	}
}

// TestRPCEverywhere traces all services that run: each from the first call behind the start
// on, and what one lacks is told.
func TestRPCEverywhere(t *testing.T) {
	testkit.Root(t)
	const n = 3
	whole := rpcxBuild{}.path(t)
	var servers, clients []*testkit.Proc
	for _, path := range []string{copied(t, whole), without(t, whole, "github.com/smallnest/rpcx/util.(*LimitedPool).Put"), copied(t, whole)} {
		s, c := pair(t, path, nil, []string{"-n", strconv.Itoa(n), "-kinds", "method,fail"})
		servers, clients = append(servers, s), append(clients, c)
	}
	tracer := traceRun(t, `rpc:*:server /comm == "rpcx" && !rpc.heartbeat/ { @[pid, rpc.method, rpc.status] = count(); }`, "-f", "json")
	want, got := map[string]int64{}, map[string]int64{}
	for i, c := range clients {
		callThrough(t, c)
		leave(t, servers[i])
		for _, call := range []string{"Mul,ok", "Fail,error"} {
			want[fmt.Sprintf("%d,%s", servers[i].PID(), call)] = n
		}
	}
	maps := finishMaps(t, tracer)
	lossless(t, tracer)
	for key := range maps["@"] {
		pid, _, _ := strings.Cut(key, ",")
		if slices.ContainsFunc(servers, func(s *testkit.Proc) bool { return strconv.Itoa(s.PID()) == pid }) {
			got[key] = maps.count("@", key)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if told := strings.Join(tracer.Stdout.Lines(), "\n") + tracer.Stderr.Text(); !strings.Contains(told, "it lacks github.com/smallnest/rpcx/util.(*LimitedPool).Put") {
		t.Errorf("what a service lacks is not told:\n%s", told)
	}
}
