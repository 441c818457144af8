package tools

import (
	"bytes"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
	"github.com/rpcxray/rpcxray/internal/types"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// self is a function of a program that tells its parameters, for plans that
// nobody runs; see inFixture.
const self = "./generic:main.main"

// inFixture makes the folder of the generic fixture the working directory.
func inFixture(t *testing.T) {
	t.Helper()
	t.Chdir(filepath.Dir(testkit.Build(t, generic)))
}

var generic = fixture.Spec{Dir: "internal/tools/testdata/generic"}

var wall = time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)

// plan is the plan of a tool for a command line.
func plan(t *testing.T, name string, o tool.Options, args ...string) *tool.Plan {
	t.Helper()
	for _, tt := range append(All(), RPC()...) {
		if tt.Name != name {
			continue
		}
		c := tt.New()
		cmd := &cobra.Command{}
		c.Flags(cmd)
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		p, err := c.Plan(o, cmd.Flags().Args())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Fatalf("no tool %s", name)
	return nil
}

func funcName(name string) events.Value {
	return events.Value{Type: &types.Type{Kind: types.Func, Size: 8}, Text: name}
}

func number(n uint64) events.Value { return events.Value{Type: types.TUint64, Int: n} }

func text(s string) events.Value { return events.Value{Type: types.Str(16), Str: []byte(s)} }

func stack(mode types.StackMode, frames ...events.Frame) events.Value {
	return events.Value{Type: &types.Type{Kind: types.Stack, Mode: mode}, Frames: frames}
}

func frame(name string, off uint64) events.Frame { return events.Frame{Func: name, Offset: off} }

// counts is a report of funccount.
func counts(entries map[string]uint64, order ...string) *events.Report {
	r := &events.Report{Map: &prog.Map{Name: "@calls", Value: &types.Type{Kind: types.Count}}, Wall: wall}
	for _, name := range order {
		v := events.Value{Type: r.Map.Value, Int: entries[name]}
		r.Entries = append(r.Entries, events.Entry{Key: []events.Value{funcName(name)}, Value: v})
	}
	return r
}

// latencies is a report of funclatency: a histogram, and the line below all.
func latencies(unit uint64, keyed bool, ns ...int64) []events.Event {
	h := events.Value{Type: &types.Type{Kind: types.Hist}, Buckets: make([]uint64, types.HistBuckets(0))}
	s := events.Value{Type: &types.Type{Kind: types.Stats}}
	for _, n := range ns {
		h.Buckets[types.HistIndex(n/int64(unit), 0)]++
		s.Int++
		s.Total += n
	}
	entry := events.Entry{Value: h}
	if keyed {
		entry.Key = []events.Value{funcName("main.(*Arith).Mul"), number(4711)}
	}
	return []events.Event{
		&events.Report{Map: &prog.Map{Name: "@latency", Value: h.Type}, Entries: []events.Entry{entry}, Wall: wall},
		&events.Report{Map: &prog.Map{Name: "@total", Value: s.Type}, Entries: []events.Entry{{Value: s}}, Wall: wall},
	}
}

// call is a row of funcslower.
func call(members ...any) *events.Record {
	v := events.Value{}
	var fields []types.Field
	for i := 0; i < len(members); i += 2 {
		value := members[i+1].(events.Value)
		fields = append(fields, types.Field{Name: members[i].(string), Type: value.Type})
		v.Elems = append(v.Elems, value)
	}
	v.Type = types.RecordOf(fields)
	return &events.Record{Action: &prog.Action{Kind: prog.ActPrint}, Values: []events.Value{v}, Wall: wall}
}

func tuple(words ...uint64) events.Value {
	v := events.Value{Type: &types.Type{Kind: types.Tuple}}
	for _, w := range words {
		v.Elems = append(v.Elems, number(w))
	}
	return v
}

func record(members ...any) events.Value { return call(members...).Values[0] }

// calls are rows of all kinds: the second one is of another function, whose
// arguments are known as words only.
func calls() []events.Event {
	user := func() events.Value {
		inlined := events.Frame{Func: "main.product", Inlined: true}
		return stack(types.StackDefault, inlined, frame("main.main", 92), frame("runtime.call64.abi0", 58), frame("reflect.Value.call", 3852))
	}
	return []events.Event{
		call("elapsed_ns", number(5e9), "comm", text("server"), "pid", number(4711), "latency_ns", number(31_978), "rval", number(0),
			"func", funcName("main.main"), "args", record("a", number(10), "b", number(20), "s", text("two\nlines")),
			"kstack", stack(types.StackDefault, frame("do_syscall_64", 1)), "ustack", user()),
		call("elapsed_ns", number(5e9+1_500_000), "comm", text("server"), "pid", number(4711), "latency_ns", number(1_234_567), "rval", number(0xdead),
			"func", funcName("read"), "args", tuple(3, 0xc000012000, 16), "kstack", stack(types.StackDefault), "ustack", stack(types.StackDefault, frame("read", 1), frame("main", 2))),
	}
}

func TestViews(t *testing.T) {
	later := counts(nil)
	later.Wall = wall.Add(5 * time.Second)
	gc := counts(map[string]uint64{"runtime.gcStart": 1, "main.(*Arith).Mul": 10, `main.f[struct { A int; B string }]`: 123456}, "runtime.gcStart", "main.(*Arith).Mul", `main.f[struct { A int; B string }]`)
	tests := []struct {
		name   string
		tool   string
		format string
		args   []string
		events []events.Event
	}{
		{"funccount", "funccount", "table", []string{"-d", "10", self}, []events.Event{gc}},
		{"funccount-T", "funccount", "table", []string{"-Ti", "5", self}, []events.Event{gc, later}},
		{"funccount-jsonl", "funccount", "jsonl", []string{self}, []events.Event{gc}},
		{"funccount-csv", "funccount", "csv", []string{self}, []events.Event{gc}},
		{"funclatency", "funclatency", "table", []string{"-d", "10", self}, latencies(1, true, 31_978, 40_000, 9_000, 70_000)},
		{"funclatency-uT", "funclatency", "table", []string{"-uT", self}, latencies(1000, false, 31_978, 40_000, 9_000, 70_999)},
		{"funclatency-m-json", "funclatency", "json", []string{"-m", self}, latencies(1e6, true, 31_978, 2_500_000)},
		{"funcslower-u", "funcslower", "table", []string{"-u", "10", self}, calls()},
		{"funcslower-UK", "funcslower", "table", []string{"-UK", "-u10", self}, calls()},
		{"funcslower-t-a2", "funcslower", "table", []string{"-ta", "2", self}, calls()},
		{"funcslower-f", "funcslower", "table", []string{"-UKf", self}, calls()},
		{"funcslower-jsonl", "funcslower", "jsonl", []string{"-U", self}, calls()},
		{"funcslower-csv", "funcslower", "csv", []string{"-m", "0.5", self}, calls()[:1]},
	}
	golden, err := filepath.Abs(filepath.Join("testdata", "views"))
	if err != nil {
		t.Fatal(err)
	}
	inFixture(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			o := tool.Options{Format: tt.format, Out: &out, Err: &errOut}
			v, err := plan(t, tt.tool, o, tt.args...).View(o, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			all := append([]events.Event{&events.Attached{Probes: 1}}, tt.events...)
			for _, e := range append(all, &events.Ended{}) {
				if err := v.Event(e); err != nil {
					t.Fatal(err)
				}
			}
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			testkit.Golden(t, filepath.Join(golden, tt.name+".txt"), append(out.Bytes(), "-- standard error\n"+errOut.String()...))
		})
	}
}

// TestSummaryView tests that the reports of rpc's maps become one table: an address
// absent, nothing failed, no timed call, and the order.
func TestSummaryView(t *testing.T) {
	optional := &types.Type{Kind: types.Int, Size: 8, Optional: true}
	key := func(method string) []events.Value {
		return []events.Value{number(4711), text("server"), text("rpcx"), text("server"), text("Arith"), text(method)}
	}
	entry := func(method string, failed bool, bucket int, n uint64) events.Entry {
		bad := events.Value{Type: types.TBool}
		if failed {
			bad.Int = 1
		}
		return events.Entry{Key: append(key(method), bad, number(uint64(bucket))), Value: events.Value{Type: &types.Type{Kind: types.Count}, Int: n}}
	}
	report := &events.Report{Map: &prog.Map{Name: "@calls"}, Wall: wall, Entries: []events.Entry{entry("Once", false, 0, 1)}}
	for n := range int64(100) {
		report.Entries = append(report.Entries, entry("Mul", n < 7, types.HistIndex(1000*(n+1), 3), 1))
	}
	change := plan(t, "rpc", tool.Options{Format: "table"}, "./server").Change
	change(&events.Attached{Probes: 1})
	got := change(report).(*events.Report)
	row := func(method string, calls, failed, p50, p99 uint64) []events.Value {
		return append(key(method), number(calls), number(failed), events.Value{Type: optional, Int: p50}, events.Value{Type: optional, Int: p99})
	}
	want := [][]events.Value{row("Mul", 100, 7, 53_248, 106_496), row("Once", 1, 0, math.MaxUint64, math.MaxUint64)}
	for i, e := range got.Entries {
		if diff := cmp.Diff(want[i], e.Key); diff != "" {
			t.Errorf("row %d: %s", i, diff)
		}
	}
	if len(got.Entries) != len(want) {
		t.Errorf("%d rows, want %d", len(got.Entries), len(want))
	}
}

// TestRPCScripts compares the scripts that the tools for calls run.
func TestRPCScripts(t *testing.T) {
	for _, c := range []struct {
		name, tool string
		pid        int
		args       []string
	}{
		{"rpc", "rpc", 0, []string{"-i", "5", "-d", "20"}},
		{"rpc-trace", "trace", 0, []string{"--side", "server", "./my server"}},
		{"rpc-trace-pid", "trace", 4711, nil},
		{"rpc-slow", "slow", 0, []string{"-u", "500", "--service", "Arith", "--method", "Mul", "./server"}},
		{"rpc-latency", "latency", 0, []string{"-m", "--handler", "./server"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := plan(t, c.tool, tool.Options{Format: "table", PID: c.pid}, c.args...)
			testkit.Golden(t, filepath.Join("testdata", "scripts", c.name+".bt"), []byte(p.Script(c.tool, c.pid).Text))
		})
	}
}

// TestTracepointNames tests that events are called as bcc calls them.
func TestTracepointNames(t *testing.T) {
	testkit.Root(t)
	sched := counts(map[string]uint64{"tracepoint:sched:sched_switch": 5}, "tracepoint:sched:sched_switch")
	sched.Entries[0].Key[0].Type = &types.Type{Kind: types.Probe}
	p := plan(t, "funccount", tool.Options{Format: "table"}, "t:sched:sched_switch")
	if got := p.Change(sched).(*events.Report).Entries[0].Key[0].Text; got != "sched:sched_switch" {
		t.Errorf("the event is called %q", got)
	}
}

// TestScriptsAreCanonical tests that every tool's script reads back as what was
// printed, for many flags.
func TestScriptsAreCanonical(t *testing.T) {
	inFixture(t)
	for _, line := range [][]string{
		{"funccount", self}, {"funccount", "-Ti5", "-d", "20", "-c", "0", self}, {"funccount", "-r", "./generic:^runtime\\.m"},
		{"funclatency", self}, {"funclatency", "-Fui1", "-d3", self}, {"funclatency", "./generic:*"},
		{"funcslower", self, "./generic:runtime.main"}, {"funcslower", "-TUKv", "-u0.5", self}, {"funcslower", "-tf", "-m1", "-u", "4", self},
	} {
		p := plan(t, line[0], tool.Options{Format: "table"}, line[1:]...)
		for _, pid := range []int{0, 42} {
			src := p.Script(line[0], pid)
			diags := diag.NewList(src)
			file := syntax.Parse(src, diags)
			if err := diags.Err(); err != nil {
				t.Errorf("%v: %v\n%s", line, err, src.Text)
				continue
			}
			var again bytes.Buffer
			if err := syntax.Print(&again, file); err != nil {
				t.Fatal(err)
			}
			if again.String() != src.Text {
				t.Errorf("%v: the script reads back as another one\n%s\n%s", line, src.Text, again.String())
			}
		}
	}
}
