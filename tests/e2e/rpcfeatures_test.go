package e2e

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// featureCall is a side of a call with what features differ in.
type featureCall struct {
	Framework, Side, Service, Method, Status, Error, Codec, Peer string
	OneWay, Push, Compressed                                     bool
	PeerPort                                                     int `json:"peer_port"`
	Code                                                         int
	SpanID                                                       string `json:"span_id"`
	TraceID                                                      string `json:"trace_id"`
	ParentSpan                                                   string `json:"parent_span"`
	Conn                                                         string
}

// String is the line that the fixture says of such a call.
func (c featureCall) String() string {
	words := []string{c.Side, c.Service + "." + c.Method, c.Status}
	for word, on := range map[string]bool{"oneway": c.OneWay, "push": c.Push, "compressed": c.Compressed} {
		if on {
			words = append(words, word)
		}
	}
	slices.Sort(words[3:])
	if c.Codec != "msgpack" && c.Codec != "" {
		words = append(words, c.Codec)
	}
	return strings.Join(words, " ")
}

const featureScript = `rpc:PATH:* { if (rpc.framework == "FRAMEWORK") {
	print((framework=rpc.framework, side=rpc.side, service=rpc.service, method=rpc.method, status=rpc.status, error=rpc.error,
	oneway=rpc.oneway, push=rpc.push, compressed=rpc.compressed, codec=rpc.codec, code=rpc.code, peer=rpc.peer, peer_port=rpc.peer_port,
	span_id=rpc.span_id, parent_span=rpc.parent_span, conn=rpc.conn)); } }`

// featureCalls runs a feature of a fixture and returns what was said and seen of its calls.
// As many of the last side's are waited for as servers have answered.
func featureCalls(t *testing.T, path, framework, last string, args ...string) (want map[string]int, got []featureCall) {
	t.Helper()
	target := start(t, path, args...)
	script := strings.NewReplacer("PATH", strconv.Quote(path), "FRAMEWORK", framework).Replace(featureScript)
	tracer := testkit.StartCLI(t, "run", "-f", "json", "--max-overhead", "none", "-e", script)
	tracer.Stdout.WaitLine(`"attached_probes"`)
	target.Send("go")
	target.Stdout.WaitLine(`^done$`)
	want = said(target)
	for call, n := range want {
		if strings.HasPrefix(call, "server ") {
			waitLines(tracer, n, `"side": "`+last+`"`)
		}
	}
	leave(t, target)
	got = values[featureCall](finish(t, tracer))
	lossless(t, tracer)
	return want, got
}

// waitLines waits for n lines: a server is done with its last call after its client.
func waitLines(p *testkit.Proc, n int, pattern string) {
	for range n {
		p.Stdout.WaitLine(pattern)
	}
}

// said are the calls that a fixture says it has made.
func said(target *testkit.Proc) map[string]int {
	calls := map[string]int{}
	for _, line := range target.Stdout.Lines() {
		if rest, ok := strings.CutPrefix(line, "call "); ok {
			n, call, _ := strings.Cut(rest, " ")
			number, _ := strconv.Atoi(n)
			calls[strings.TrimSpace(call)] += number
		}
	}
	return calls
}

// TestRPCXFeatures makes calls in every way that rpcx knows.
func TestRPCXFeatures(t *testing.T) {
	testkit.Root(t)
	for _, mod := range []string{"", "rpcx1.8.mod"} {
		path := rpcxBuild{modfile: mod}.path(t)
		out, err := exec.Command(path, "feature").Output()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		if err := json.Unmarshal(out, &names); err != nil || len(names) < 20 {
			t.Fatal(names, err)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == "forks" || name == "transfers" }) // they have tests of their own
		if full() {                                                                                                // one by one, to see which fails
			for _, name := range names {
				t.Run(name+mod, func(t *testing.T) { testFeatures(t, path, name) })
			}
		}
		t.Run("all"+mod, func(t *testing.T) { testFeatures(t, path, strings.Join(names, ",")) })
	}
}

// failures lets a program make its calls and end, and returns in order how it says that
// they failed.
func failures(t *testing.T, target *testkit.Proc) (list []string) {
	t.Helper()
	target.Send("go")
	target.Stdout.WaitLine(`^done$`)
	for _, line := range target.Stdout.Lines() {
		if text, ok := strings.CutPrefix(line, "failure "); ok {
			list = append(list, text)
		}
	}
	leave(t, target)
	slices.Sort(list)
	return list
}

// TestRPCXErrors tests that a client's call has the text that its caller gets, and a server's
// the one that it sends.
func TestRPCXErrors(t *testing.T) {
	testkit.Root(t)
	const script = `rpc:PATH:* { if (rpc.framework == "rpcx" && rpc.status != "ok") { print((error=rpc.error, attempts=rpc.attempts)); } }`
	for _, b := range []rpcxBuild{{}, {modfile: "rpcx1.8.mod", strip: true}} {
		path := b.path(t)
		target := start(t, path, "feature", "-name", "ended,dialed,rawended,lost,shut,unsendable,unreadable,closed,nobody")
		tracer := traceRun(t, strings.ReplaceAll(script, "PATH", strconv.Quote(path)), "-f", "json")
		want, got := failures(t, target), []string(nil)
		for _, v := range values[attempt](finish(t, tracer)) {
			if v.Attempts == nil || *v.Attempts == 0 {
				got = append(got, v.Error)
			}
		}
		lossless(t, tracer)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 14 {
			t.Errorf("%+v: %s", b, diff)
		}
	}
}

// TestRPCXGateway tests that a call that comes by HTTP is one call on its server's side,
// of rpcx and below the HTTP client's.
func TestRPCXGateway(t *testing.T) {
	testkit.Root(t)
	for _, b := range []rpcxBuild{{}, {modfile: "rpcx1.8.mod", strip: true}} {
		path := copied(t, b.path(t))
		want, calls := featureCalls(t, path, "rpcx", "server", "feature", "-name", "gateway,jsonrpc")
		_, web := featureCalls(t, path, "net/http", "client", "feature", "-name", "gateway,jsonrpc")
		got, asked := map[string]int{}, 0
		for _, c := range calls {
			got[c.String()]++
			if c.Conn == "" || c.ParentSpan == "" || c.Peer != "127.0.0.1" || c.PeerPort == 0 {
				t.Errorf("connection of %+v", c)
			}
		}
		for _, c := range web {
			if asked++; c.Side == "server" {
				t.Errorf("a call is seen twice: %+v", c)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || asked != len(calls) {
			t.Errorf("%d requests: %s", asked, diff)
		}
	}
}

// TestRPCXGatewayValues tests that arguments and replies of such calls are shown.
func TestRPCXGatewayValues(t *testing.T) {
	testkit.Root(t)
	path := copied(t, rpcxBuild{}.path(t))
	target := start(t, path, "feature", "-name", "gateway,jsonrpc")
	tracer := traceRun(t, "rpc:"+strconv.Quote(path)+`:server /rpc.framework == "rpcx"/ { printf("%s %s -> %s\n", rpc.method, rpc.args, rpc.reply) }`)
	target.Send("go")
	target.Stdout.WaitLine(`^done$`)
	want := map[string]int{`Mul {"A":3,"B":4} -> {"C":12,"Blob":null}`: 3, `Fail {"A":3} -> -`: 2, `Double {"A":3} -> {"C":6,"Blob":null}`: 1,
		`Nothing {} -> -`: 1, `Mul {"A":3} -> {"C":0,"Blob":null}`: 3, `Mul {"A":3} -> -`: 1}
	for _, n := range want {
		waitLines(tracer, n, " -> ")
	}
	leave(t, target)
	got := map[string]int{}
	for _, line := range finish(t, tracer) {
		got[line]++
	}
	lossless(t, tracer)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRPCXTransports tests those that rpcx has with build tags only.
func TestRPCXTransports(t *testing.T) {
	testkit.Root(t)
	path, err := fixture.Build(fixture.Spec{Dir: "tests/e2e/testdata/rpcx", Flags: []string{"-tags=kcp,quic"}})
	testkit.Need(t, err)
	testFeatures(t, path, "kcp,quic")
}

func testFeatures(t *testing.T, path, names string) {
	t.Helper()
	want, calls := featureCalls(t, path, "rpcx", "server", "feature", "-name", names)
	got, clients := map[string]int{}, map[string]bool{}
	for _, c := range calls {
		got[c.String()]++
		if c.Side == "client" || c.Push {
			clients[c.SpanID] = true
		}
	}
	// How often a broken server's turn comes is not known.
	for call, n := range want {
		if n >= 100000 {
			delete(want, call)
			delete(got, call)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%v", diff, calls)
	}
	for _, c := range calls {
		if c.Conn == "" { // HTTP's, KCP's, QUIC's, or not sent
			continue
		}
		if c.Side == "server" && !c.Push && !clients[c.ParentSpan] && c.Codec != "json" { // HTTP's clients are of another framework
			t.Errorf("no client's span is the parent of %+v", c)
		}
		if unix := strings.HasPrefix(c.Conn, "756e6978"); unix == (c.Peer == "127.0.0.1" && c.PeerPort > 0) {
			t.Errorf("peer of %+v", c)
		}
	}
	if strings.Contains(names, "tls") && strings.Contains(names, "memu") {
		checkJoined(t, names, calls)
	}
}

// checkJoined tests that calls over sockets name their connection.
func checkJoined(t *testing.T, names string, calls []featureCall) {
	t.Helper()
	without := map[string]int{}
	for _, c := range calls {
		if c.Conn == "" {
			without[c.String()]++
		}
		if c.OneWay && c.Status == "error" && c.Error == "" {
			t.Errorf("no error of %+v", c)
		}
	}
	want := map[string]int{
		"server Arith.Mul ok": 5, "client Arith.Mul ok": 5, "server Arith.Fail error": 1, "client Arith.Fail error": 1, // in memory
		"client Arith.Mul error": 2, // not sent
	}
	if strings.Contains(names, "dismissed") {
		want["server Arith.Mul error oneway"] = 1
	}
	if diff := cmp.Diff(want, without); diff != "" {
		t.Errorf("calls without a connection: %s", diff)
	}
}

// TestRPCXTimed tests that a script that wants nothing but how long a client's calls take
// counts the calls that others count, each once.
func TestRPCXTimed(t *testing.T) {
	testkit.Root(t)
	for _, b := range []rpcxBuild{{}, {modfile: "rpcx1.8.mod", strip: true}} {
		testTimed(t, b.path(t), "tcp,unix,memu,tls,async,oneshot,failtry,failbackup,broadcast,fork,inform,raw,push,codecs,compressed,unsendable,"+
			"ended,dialed,rawended,lost,closed,stream,file,plugin,shutdown")
	}
}

func testTimed(t *testing.T, path, names string) {
	t.Helper()
	target := start(t, path, "feature", "-name", names)
	tracer := traceRun(t, "rpc:"+strconv.Quote(path)+`:client /rpc.framework == "rpcx"/ { @[rpc.service, rpc.method] = hist(rpc.duration); }`, "-f", "json")
	target.Send("go")
	target.Stdout.WaitLine(`^done$`)
	want, got := map[string]int64{}, map[string]int64{}
	for call, n := range said(target) {
		words := strings.Fields(call) // side, service.method, status, what is special
		if words[0] == "client" && !slices.Contains(words, "oneway") {
			want[strings.Replace(words[1], ".", ",", 1)] += int64(n)
		}
	}
	leave(t, target)
	maps := finishMaps(t, tracer)
	for key := range maps["@"] {
		got[key] = maps.total("@", key)
	}
	lossless(t, tracer)
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("%s: %s", path, diff)
	}
}
