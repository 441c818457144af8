package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/rpc"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// truth is what the fixture's client knows of a call it made.
type truth struct {
	ID              int
	Kind            string
	Service, Method string
	Error           string
	NS              int64
	OneWay, Late    bool
}

// seen is a call as rpcxray prints it; what is absent is zero.
type seen struct {
	ID              string `json:"id"`
	Service         string `json:"service"`
	Method          string `json:"method"`
	Status          string `json:"status"`
	Error           string `json:"error"`
	Duration        *int64 `json:"duration"`
	HandlerDuration *int64 `json:"handler_duration"`
	ReqBytes        *int64 `json:"req_bytes"`
	RespBytes       *int64 `json:"resp_bytes"`
	OneWay          bool   `json:"oneway"`
	Compressed      bool   `json:"compressed"`
	Codec           string `json:"codec"`
	Peer            string `json:"peer"`
	PeerPort        int    `json:"peer_port"`
}

const callRecord = `print((id=rpc.metadata("id"), service=rpc.service, method=rpc.method, status=rpc.status, error=rpc.error,
	duration=rpc.duration, handler_duration=rpc.handler_duration, req_bytes=rpc.req_bytes, resp_bytes=rpc.resp_bytes,
	oneway=rpc.oneway, compressed=rpc.compressed, codec=rpc.codec, peer=rpc.peer, peer_port=rpc.peer_port));`

// maxErrorText is how much of an error's text is read.
const maxErrorText = maxGoString

// traceCalls starts rpcxray on one side of the fixture.
func traceCalls(t *testing.T, path, side string) *testkit.Proc {
	t.Helper()
	p := testkit.StartCLI(t, "run", "-f", "json", "--max-overhead", "none", "-e", "rpc:"+strconv.Quote(path)+":"+side+" { "+callRecord+" }")
	p.Stdout.WaitLine(`"attached_probes"`)
	return p
}

// callsSeen ends rpcxray and returns what it saw.
func callsSeen(t *testing.T, p *testkit.Proc) []seen {
	t.Helper()
	if code := p.Stop(syscall.SIGINT); code != 0 {
		t.Fatalf("rpcxray ended with %d\n%s", code, p.Stderr.Text())
	}
	lossless(t, p)
	var all []seen
	for _, line := range p.Stdout.Lines() {
		var v struct {
			Type string
			Data seen
		}
		if err := json.Unmarshal([]byte(line), &v); err == nil && v.Type == "value" {
			all = append(all, v.Data)
		} else if strings.Contains(line, "value") {
			t.Errorf("line %s: %v", line, err)
		}
	}
	return all
}

// rpcxBuild says how the fixture is built.
type rpcxBuild struct {
	strip   bool
	modfile string // with another version of rpcx
	noposts bool   // without a plugin that waits for responses
}

// old tells whether functions have no end of their own when they have been called.
func (b rpcxBuild) old() bool {
	return strings.HasPrefix(b.modfile, "rpcx1.6") || strings.HasPrefix(b.modfile, "rpcx1.7")
}

func (b rpcxBuild) String() string {
	name := "newest"
	if b.modfile != "" {
		name = strings.TrimSuffix(b.modfile, ".mod")
	}
	if b.strip {
		name += " stripped"
	}
	return name
}

func (b rpcxBuild) path(t *testing.T) string {
	t.Helper()
	s := fixture.Spec{Dir: "tests/e2e/testdata/rpcx"}
	if b.strip {
		s.LDFlags = "-s -w"
	}
	if b.modfile != "" {
		s.Flags = []string{"-modfile=" + b.modfile}
	}
	if b.noposts {
		s.Flags = append(s.Flags, "-tags=noposts")
	}
	for lacking, tag := range map[string]string{"rpcx1.6.": "rpcx16", "rpcx1.7.": "rpcx17"} {
		if strings.HasPrefix(b.modfile, lacking) {
			s.Flags = append(s.Flags, "-tags="+tag)
		}
	}
	path, err := fixture.Build(s)
	testkit.Need(t, err)
	return path
}

// pair starts the fixture's server, and a client of it that waits to make its calls.
func pair(t *testing.T, path string, serve, call []string) (server, client *testkit.Proc) {
	t.Helper()
	server = testkit.Start(t, path, append([]string{"serve"}, serve...)...)
	addr := server.Stdout.WaitLine(`^ready (.*)$`)[1]
	return server, start(t, path, append([]string{"call", "-addr", addr}, call...)...)
}

// callThrough lets a client make its calls while f has traced them.
func callThrough(t *testing.T, c *testkit.Proc) []truth {
	t.Helper()
	c.Send("go")
	c.Stdout.WaitLine(`^done$`)
	var all []truth
	for _, line := range c.Stdout.Lines() {
		var v truth
		if json.Unmarshal([]byte(line), &v) == nil {
			all = append(all, v)
		}
	}
	leave(t, c)
	return all
}

// The ways to call that old versions know. A router's handler that fails is not answered
// in 1.7.
const (
	kindsOf16 = "method,json,slow,function,fail,panic,nomethod,noservice,oneway,gzip,late"
	kindsOf17 = kindsOf16 + ",route"
)

func TestRPCXServer(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct {
		name  string
		serve []string
		call  []string
		build rpcxBuild
		full  bool // takes long
	}{
		{name: "one", call: []string{"-n", "5"}},
		{name: "hundred", call: []string{"-n", "200", "-inflight", "100"}},
		{name: "thousand", call: []string{"-n", "2000", "-inflight", "1000", "-kinds", "slow"}},
		{name: "ten thousand", full: true, call: []string{"-n", "30000", "-inflight", "10000", "-kinds", "slow"}},
		{name: "async", serve: []string{"-async"}, call: []string{"-n", "20", "-inflight", "20"}},
		{name: "pool", serve: []string{"-pool"}, call: []string{"-n", "20", "-inflight", "20"}},
		{name: "async pool", serve: []string{"-pool", "-async"}, call: []string{"-n", "20", "-inflight", "20"}},
		{name: "stripped", build: rpcxBuild{strip: true}, call: []string{"-n", "20", "-inflight", "20"}},
		{name: "rpcx 1.8", build: rpcxBuild{modfile: "rpcx1.8.mod"}, call: []string{"-n", "20", "-inflight", "20"}},
		{name: "stripped rpcx 1.8", build: rpcxBuild{strip: true, modfile: "rpcx1.8.mod"}, call: []string{"-n", "20", "-inflight", "20"}},
		{name: "rpcx 1.7.7", full: true, build: rpcxBuild{modfile: "rpcx1.7.7.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf17}},
		{name: "rpcx 1.7.5", full: true, build: rpcxBuild{modfile: "rpcx1.7.5.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf17}},
		{name: "stripped rpcx 1.7.5", full: true, build: rpcxBuild{strip: true, modfile: "rpcx1.7.5.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf17}},
		{name: "rpcx 1.6.2", full: true, build: rpcxBuild{modfile: "rpcx1.6.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf16}},
		{name: "stripped rpcx 1.6.2", full: true, build: rpcxBuild{strip: true, modfile: "rpcx1.6.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf16}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.full {
				beyondCI(t)
			}
			path := c.build.path(t)
			server, client := pair(t, path, c.serve, c.call)
			tracer := traceCalls(t, path, "server")
			want := callThrough(t, client)
			leave(t, server)
			compareServer(t, want, callsSeen(t, tracer), slices.Contains(c.serve, "-async"), c.build.old())
		})
	}
}

// compareServer holds each call that the server's side saw against the client's
// truth.
func compareServer(t *testing.T, want []truth, got []seen, async, old bool) {
	t.Helper()
	byID := map[string]seen{}
	for _, s := range got {
		if _, twice := byID[s.ID]; twice {
			t.Errorf("call %s was seen twice", s.ID)
		}
		byID[s.ID] = s
	}
	if len(got) != len(want) {
		t.Errorf("%d calls were seen, %d made", len(got), len(want))
	}
	for _, w := range want {
		s, ok := byID[strconv.Itoa(w.ID)]
		if !ok {
			t.Errorf("call %+v was not seen", w)
			continue
		}
		text := w.Error
		if w.Late {
			text = ""
		}
		expect := seen{ID: s.ID, Service: w.Service, Method: w.Method, Status: status(text), Error: shown(text), OneWay: w.OneWay,
			Compressed: w.Kind == "gzip", Codec: map[bool]string{true: "json", false: "msgpack"}[w.Kind == "json"], Peer: "127.0.0.1"}
		if async && w.Kind == "panic" {
			expect.Error = fmt.Sprintf("at %d", w.ID) // another goroutine writes the rest of it
		}
		have := s
		have.Duration, have.HandlerDuration, have.ReqBytes, have.RespBytes, have.PeerPort = nil, nil, nil, nil, 0
		if diff := cmp.Diff(expect, have); diff != "" {
			t.Errorf("call %d (%s): %s", w.ID, w.Kind, diff)
		}
		checkTimes(t, w, s, async, old)
	}
}

func status(failure string) string {
	if failure == "" {
		return "ok"
	}
	return "error"
}

func shown(text string) string { return text[:min(len(text), maxErrorText)] }

// delays are what the kinds wait in their handlers, in ns.
var delays = map[string]int64{"slow": 20e6, "late": 400e6, "oneway": 5e6}

func checkTimes(t *testing.T, w truth, s seen, async, old bool) {
	t.Helper()
	switch {
	case s.Duration == nil:
		t.Errorf("call %d (%s) has no duration", w.ID, w.Kind)
		return
	case *s.Duration < delays[w.Kind]:
		t.Errorf("call %d (%s) took %d ns on the server, its handler waits longer", w.ID, w.Kind, *s.Duration)
	case !w.OneWay && !w.Late && !async && *s.Duration > w.NS+lag:
		t.Errorf("call %d (%s) took %d ns on the server, %d ns for the client", w.ID, w.Kind, *s.Duration, w.NS)
	}
	served := w.Service == "Funcs" && !old || w.Service == "Arith" && w.Method != "Nothing"
	if (s.HandlerDuration != nil) != served {
		t.Errorf("call %d (%s): handler's duration %v", w.ID, w.Kind, s.HandlerDuration)
	} else if served && (*s.HandlerDuration < delays[w.Kind] || *s.HandlerDuration > *s.Duration) {
		t.Errorf("call %d (%s): the handler took %d ns of %d", w.ID, w.Kind, *s.HandlerDuration, *s.Duration)
	}
	if s.ReqBytes == nil || *s.ReqBytes < 40 || (s.RespBytes == nil) != (w.OneWay || async && *s.Duration >= 0 && s.RespBytes == nil) {
		t.Errorf("call %d (%s): %v bytes asked, %v answered", w.ID, w.Kind, s.ReqBytes, s.RespBytes)
	}
}

// lag is how much later than the client the server may notice that it has
// answered: its goroutine may have to wait for a processor.
const lag = 500e6

func TestRPCXClient(t *testing.T) {
	testkit.Root(t)
	for _, c := range []struct {
		name  string
		call  []string
		after bool // the client starts when the probes are there
		build rpcxBuild
		full  bool // takes long
	}{
		{name: "new connections", call: []string{"-n", "5"}, after: true},
		{name: "old connections", call: []string{"-n", "5", "-warm"}},
		{name: "hundred", call: []string{"-n", "200", "-inflight", "100"}},
		{name: "thousand", call: []string{"-n", "2000", "-inflight", "1000", "-kinds", "slow"}},
		{name: "ten thousand", full: true, call: []string{"-n", "30000", "-inflight", "10000", "-kinds", "slow"}},
		{name: "bare", call: []string{"-n", "20", "-inflight", "20", "-bare"}, after: true},
		{name: "stripped", build: rpcxBuild{strip: true}, call: []string{"-n", "20", "-inflight", "20"}},
		{name: "rpcx 1.8", build: rpcxBuild{modfile: "rpcx1.8.mod"}, call: []string{"-n", "20", "-inflight", "20"}},
		{name: "stripped rpcx 1.8", build: rpcxBuild{strip: true, modfile: "rpcx1.8.mod"}, call: []string{"-n", "20", "-inflight", "20"}},
		{name: "rpcx 1.7.7", full: true, build: rpcxBuild{modfile: "rpcx1.7.7.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf17}},
		{name: "rpcx 1.7.5", full: true, build: rpcxBuild{modfile: "rpcx1.7.5.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf17}},
		{name: "stripped rpcx 1.7.5", full: true, build: rpcxBuild{strip: true, modfile: "rpcx1.7.5.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf17}},
		{name: "rpcx 1.6.2", full: true, build: rpcxBuild{modfile: "rpcx1.6.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf16}},
		{name: "stripped rpcx 1.6.2", full: true, build: rpcxBuild{strip: true, modfile: "rpcx1.6.mod"}, call: []string{"-n", "20", "-inflight", "20", "-kinds", kindsOf16}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.full {
				beyondCI(t)
			}
			path := c.build.path(t)
			server := testkit.Start(t, path, "serve")
			addr := server.Stdout.WaitLine(`^ready (.*)$`)[1]
			args := append([]string{"call", "-addr", addr}, c.call...)
			var client, tracer *testkit.Proc
			if c.after {
				tracer = traceCalls(t, path, "client")
				client = start(t, path, args...)
			} else {
				client = start(t, path, args...)
				tracer = traceCalls(t, path, "client")
			}
			slack := int64(0)
			if slices.Contains(c.call, "-bare") {
				slack = lag // the call ends when the connection's goroutine is back
			}
			compareClient(t, callThrough(t, client), callsSeen(t, tracer), slack)
			leave(t, server)
		})
	}
}

// lostTexts are rpcx's errors of calls that wait when their connection ends, as one
// does now and then whose server refuses many calls at once. The client that is closed for
// one of them puts the first in place of the second, before its callers look or after.
var lostTexts = []string{"connection is shut down", "unexpected EOF"}

// lostText is the text of an error, one of all those.
func lostText(text string) string {
	if slices.Contains(lostTexts, text) {
		return "connection lost"
	}
	return shown(text)
}

// compareClient compares what the client's side saw with the truth: of calls whose
// response has no id, how many there were of each kind.
func compareClient(t *testing.T, want []truth, got []seen, slack int64) {
	t.Helper()
	kinds, times := map[string]int{}, map[string]int64{}
	for _, w := range want {
		state := status(w.Error)
		if w.Late {
			state = "timeout"
		}
		kinds[fmt.Sprint(w.Service, ".", w.Method, " ", state, " ", w.OneWay, " ", lostText(w.Error))]++
		times[strconv.Itoa(w.ID)] = w.NS
	}
	found := map[string]int{}
	for _, s := range got {
		found[fmt.Sprint(s.Service, ".", s.Method, " ", s.Status, " ", s.OneWay, " ", lostText(s.Error))]++
		if s.PeerPort == 0 || s.Peer != "127.0.0.1" {
			t.Errorf("call %+v: peer", s)
		}
		switch ns, ok := times[s.ID]; {
		case s.OneWay && s.Duration != nil:
			t.Errorf("one-way call with duration %d", *s.Duration)
		case !s.OneWay && s.Duration == nil:
			t.Errorf("call %+v has no duration", s)
		case ok && *s.Duration > ns+slack:
			t.Errorf("call %s took %d ns, for its caller %d", s.ID, *s.Duration, ns)
		}
	}
	if diff := cmp.Diff(kinds, found); diff != "" {
		t.Error(diff)
	}
}

// TestRPCXFacts holds the places that the framework's data names against what the
// binaries say.
func TestRPCXFacts(t *testing.T) {
	for _, b := range []rpcxBuild{{}, {modfile: "rpcx1.8.mod"}} {
		f, err := gobin.Open(b.path(t))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rpcx := rpc.All()[0]
		const protocol = "github.com/smallnest/rpcx/protocol."
		for field, name := range map[string]string{"header": "Header", "names": "ServicePath", "data": "data"} {
			said, _ := rpcx.Types["message"].FieldNamed(field)
			if off := offsetOf(t, f, protocol+"Message", name); off != said.Offset {
				t.Errorf("Message.%s lies at %d in %v, %d is said", name, off, b, said.Offset)
			}
		}
		for field, name := range map[string]string{"service": "ServicePath", "method": "ServiceMethod"} {
			said, _ := rpcx.Types["names"].FieldNamed(field)
			if off := offsetOf(t, f, "github.com/smallnest/rpcx/client.Call", name); off != said.Offset {
				t.Errorf("Call.%s lies at %d in %v, %d is said", name, off, b, said.Offset)
			}
			names, _ := rpcx.Types["message"].FieldNamed("names")
			if off := offsetOf(t, f, protocol+"Message", name); off != names.Offset+said.Offset {
				t.Errorf("Message.%s lies at %d in %v, %d is said", name, off, b, names.Offset+said.Offset)
			}
		}
	}
}

// TestOffsets holds the table of where fields lie against what binaries say.
func TestOffsets(t *testing.T) {
	paths := []string{rpcxBuild{}.path(t), rpcxBuild{modfile: "rpcx1.8.mod"}.path(t), grpcBuild(t, "", ""), grpcBuild(t, "", "grpc1.60.mod"),
		testkit.Build(t, program("http")), testkit.Build(t, program("netrpc"))}
	held, quick := 0, 0
	for _, path := range paths {
		f, err := gobin.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		versions := map[string]string{rpc.Std: f.Go.Version}
		for _, d := range f.Go.BuildInfo.Deps {
			versions[d.Path] = d.Version
		}
		facts := rpc.CommonFacts()
		for _, framework := range rpc.All() {
			facts = append(facts, framework.Facts...)
		}
		for _, fact := range facts {
			said, of, _, ok := fact.Tabled(func(module string) string { return versions[module] })
			if fact.Struct == "" {
				continue
			}
			if fact.Owner() == "" {
				t.Errorf("%s is not in the table: go generate ./internal/rpc writes it", fact.Key())
			}
			structure, from, err := f.FindType(fact.Struct)
			if err != nil || from != gobin.FromDWARF {
				continue
			}
			held++
			soon, by, err := f.FindSoon(fact.Struct)
			if err != nil {
				t.Fatal(err)
			}
			if by == gobin.FromRuntime {
				quick++
			}
			there, had := fact.In(soon)
			if off, has := fact.In(structure); off != there || has != had {
				t.Errorf("%s: %s lies at %d (%v), the runtime says %d (%v)", path, fact.Key(), off, has, there, had)
			}
			if off, has := fact.In(structure); has != ok || has && off != said {
				t.Errorf("%s: %s lies at %d (%v), the table of %s says %d (%v)", path, fact.Key(), off, has, of, said, ok)
			}
		}
	}
	if held < 100 || quick < 100 {
		t.Errorf("only %d places were held against the table, %d against the runtime's types", held, quick)
	}
}

func offsetOf(t *testing.T, f *gobin.File, structure, field string) int {
	t.Helper()
	s, err := f.LookupType(structure)
	if err != nil {
		t.Fatal(err)
	}
	off := 0
	for _, name := range strings.Split(field, ".") {
		fl, ok := s.FieldNamed(name)
		if !ok {
			t.Fatalf("%s has no %s", structure, field)
		}
		off, s = off+fl.Offset, fl.Type
	}
	return off
}
