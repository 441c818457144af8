package render

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

var update = flag.Bool("update", false, "write the golden files anew")

var testWall = time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.FixedZone("", 3600))

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func printed(v events.Value) *events.Record {
	return &events.Record{Action: &prog.Action{Kind: prog.ActPrint}, Values: []events.Value{v}, Wall: testWall}
}

func report(name string, value *types.Type, entries ...events.Entry) *events.Report {
	m := &prog.Map{Name: name, Value: value}
	if len(entries) > 0 && entries[0].Key != nil {
		m.Key = entries[0].Key[0].Type
	}
	return &events.Report{Map: m, Entries: entries, Wall: testWall}
}

func entry(v events.Value, key ...events.Value) events.Entry { return events.Entry{Key: key, Value: v} }

func lhist(low, high, step int64, counts ...uint64) events.Value {
	return events.Value{Type: &types.Type{Kind: types.LHist, Low: low, High: high, Step: step}, Buckets: counts}
}

// scriptEvents is what a script of the language prints.
func scriptEvents() []events.Event {
	hello := &prog.Action{Kind: prog.ActPrintf, Format: "%s: %d\n"}
	clock := &prog.Action{Kind: prog.ActTime, Format: "%H:%M:%S\n"}
	join := &prog.Action{Kind: prog.ActJoin, Sep: " "}
	warn := &prog.Action{Kind: prog.ActWarnf, Format: "odd:\n%d\n", Span: diag.Span{Start: 8, End: 13}}
	hist2 := hist(map[int]uint64{1: 2, 2: 1, 5: 30, 12: 7, 33: 1})
	fine := events.Value{Type: &types.Type{Kind: types.Hist, Bits: 2}, Buckets: make([]uint64, types.HistBuckets(2))}
	for _, v := range []int64{-1, 3, 9, 1030, 5000} {
		fine.Buckets[types.HistIndex(v, 2)]++
	}
	count, stats := &types.Type{Kind: types.Count}, &types.Type{Kind: types.Stats}
	n := func(v int64) events.Value { return events.Value{Type: count, Int: uint64(v)} }
	topped := report("@top", count, entry(n(1), str("a")), entry(n(20), str("b")), entry(n(30), str("c")))
	topped.Top, topped.Div = 2, 10
	return []events.Event{
		&events.Attached{Probes: 2},
		&events.Record{Action: hello, Values: []events.Value{str("x"), num(types.TInt32, 5)}},
		&events.Record{Action: clock, Wall: testWall},
		&events.Record{Action: join, Values: []events.Value{str("ls"), str("-l"), str(""), str("gone")}},
		&events.Record{Action: warn, Values: []events.Value{num(types.TInt32, 5)}},
		&events.Output{Action: &prog.Action{Kind: prog.ActSystem}, Data: []byte("done\n")},
		printed(record([]string{"pid", "comm"}, num(types.TInt32, 7), str("cat"))),
		topped,
		&events.Loss{Kind: prog.LossEvents, Count: 12},
		&events.Message{Level: "warning", Text: "process 7 ended\x1b"},
		&events.Ended{},
		report("@c", count, entry(n(3))),
		report("@empty", count),
		report("@h", hist2.Type, entry(hist2)),
		report("@h2", fine.Type, entry(fine, str("k"))),
		report("@l", lhist(0, 30, 10).Type, entry(lhist(0, 30, 10, 1, 2, 0, 4, 5))),
		report("@lk", lhist(0, 1<<20, 1<<19).Type, entry(lhist(0, 1<<20, 1<<19, 0, 2, 1, 0))),
		report("@one", lhist(0, 3, 1).Type, entry(lhist(0, 3, 1, 0, 2, 1, 0, 0))),
		report("@s", stats, entry(events.Value{Type: stats, Int: 2, Total: 9}, tuple(num(types.TInt32, 1), str("b")))),
		report("@two", count, entry(n(1), num(types.TInt32, 4), str("a b"))),
	}
}

func play(t *testing.T, r Renderer, list []events.Event) {
	t.Helper()
	for _, e := range list {
		if err := r.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func testOptions(out, errs io.Writer) Options {
	src := &diag.Source{Name: "x.bt", Text: "BEGIN {\nwarnf()}"}
	return Options{Out: out, Err: errs, Trailer: "..", Source: src, MaxMapKeys: 4096}
}

func TestScriptGolden(t *testing.T) {
	var out, errs bytes.Buffer
	play(t, NewText(testOptions(&out, &errs)), scriptEvents())
	golden(t, "script.txt", out.Bytes())
	golden(t, "script.err", errs.Bytes())

	out.Reset()
	errs.Reset()
	play(t, NewJSON(testOptions(&out, &errs)), scriptEvents())
	golden(t, "script.json", out.Bytes())
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	if want := "WARNING: process 7 ended\\x1b\n"; errs.String() != want {
		t.Errorf("standard error %q, want %q", errs.String(), want)
	}
}

var slowerLayout = Layout{
	Columns: []Column{
		{Field: "comm", Title: "COMM", Width: 14},
		{Field: "pid", Title: "PID", Width: 6},
		{Field: "latency_ns", Title: "LAT(us)", Width: 7, Right: true, Div: 1000, Decimals: 2},
		{Field: "retval", Title: "RVAL", Width: 16, Right: true, Hex: true},
		{Field: "func", Title: "FUNC"},
		{Field: "goid", Hidden: true},
	},
	Clock: true,
	Maps: map[string]MapLayout{
		"@counts": {Columns: []Column{
			{Field: "func", Title: "FUNC", Width: 36}, {Field: "count", Title: "COUNT", Width: 8, Right: true}}},
		"@latency": {Section: "Function", Unit: "nsecs", Columns: []Column{{Field: "func"}, {Field: "pid"}}},
		"@wide":    {Unit: "nsecs"},
		"@avg":     {Footer: true, Unit: "nsecs"},
	},
}

func slowCall(comm string, pid, ns int64, fn string) *events.Record {
	return printed(record([]string{"comm", "pid", "latency_ns", "retval", "func", "goid", "ustack"},
		str(comm), num(types.TInt32, pid), num(types.TUint64, ns), num(types.TUint64, 0xc8), str(fn), num(types.TUint64, 18),
		stackOf(types.StackDefault, testFrames[1:2]...)))
}

// toolEvents is what a tool's script prints.
func toolEvents() []events.Event {
	count, stats := &types.Type{Kind: types.Count}, &types.Type{Kind: types.Stats}
	latency := hist(map[int]uint64{2: 1, 4: 4, 6: 2})
	wide := hist(map[int]uint64{1: 1, 36: 2})
	return []events.Event{
		&events.Record{Action: &prog.Action{Kind: prog.ActPrintf, Format: "Tracing... Hit Ctrl-C to end.\n"}},
		slowCall("server", 42, 1234567, "main.(*Arith).Mul"),
		slowCall("a\nb,\"c", 7, 999, "main.f"),
		report("@counts", count,
			entry(events.Value{Type: count, Int: 3}, str("main.f")),
			entry(events.Value{Type: count, Int: 40}, str("main.(*Arith).Mul"))),
		report("@latency", latency.Type,
			entry(latency, str("main.f"), num(types.TInt32, 42)), entry(latency, str("main.g"), num(types.TInt32, 7))),
		report("@wide", wide.Type, entry(wide)),
		report("@avg", stats, entry(events.Value{Type: stats, Int: 7, Total: 700})),
		&events.Loss{Kind: prog.LossReplaced, Count: 2},
	}
}

func TestToolGolden(t *testing.T) {
	for _, format := range []string{"table", "json", "jsonl", "csv"} {
		var out, errs bytes.Buffer
		r, err := New(format, testOptions(&out, &errs), slowerLayout)
		if err != nil {
			t.Fatal(err)
		}
		play(t, r, toolEvents())
		golden(t, "tool."+format, out.Bytes())
		wantErr := "WARNING: 2 calls have no return (panic, Goexit or still running)\n"
		if format != "table" {
			wantErr = "Tracing... Hit Ctrl-C to end.\n" + wantErr
		}
		if errs.String() != wantErr {
			t.Errorf("%s: standard error %q", format, errs.String())
		}
		switch format {
		case "json":
			var list []map[string]any
			if err := json.Unmarshal(out.Bytes(), &list); err != nil || len(list) != 8 {
				t.Errorf("array of %d: %v", len(list), err)
			}
		case "csv":
			c := csv.NewReader(&out)
			c.FieldsPerRecord = -1
			if rows, err := c.ReadAll(); err != nil || rows[2][0] != "a\nb,\"c" {
				t.Errorf("CSV %q: %v", rows, err)
			}
		}
	}
	if _, err := New("xml", Options{}, Layout{}); err == nil {
		t.Error("format xml is known")
	}
}

func TestEmptyJSONArray(t *testing.T) {
	var out bytes.Buffer
	r, _ := New("json", testOptions(&out, io.Discard), Layout{})
	play(t, r, nil)
	if out.String() != "[\n]\n" {
		t.Errorf("nothing printed is %q", out.String())
	}
}

func TestFolded(t *testing.T) {
	var out bytes.Buffer
	ustack := stackOf(types.StackDefault, testFrames...)
	kstack := stackOf(types.StackDefault, events.Frame{Func: "do_sleep"}, events.Frame{Func: "entry"})
	r := NewTable(testOptions(&out, io.Discard), Layout{Folded: []string{"comm", "ustack", "kstack"}})
	names := []string{"comm", "ustack", "kstack"}
	play(t, r, []events.Event{
		printed(record(names, str("server"), ustack, kstack)),
		printed(record(names, str("server"), stackOf(types.StackDefault), kstack)),
	})
	want := "server;0x99;main.outer;main.inner;-;entry;do_sleep 1\nserver;entry;do_sleep 1\n"
	if out.String() != want {
		t.Errorf("folded %q, want %q", out.String(), want)
	}
}

func TestLossTexts(t *testing.T) {
	tests := []struct {
		loss events.Loss
		want string
	}{
		{events.Loss{Kind: prog.LossEvents, Count: 12}, "lost 12 events"},
		{events.Loss{Kind: prog.LossEvents, Count: 1}, "lost 1 event"},
		{events.Loss{Kind: prog.LossMapFull, Count: 3, Full: []events.FullMap{{Name: "@x", Entries: 4096}}},
			"map @x was full: 3 updates not counted (raise max_map_keys, now 4096)"},
		{events.Loss{Kind: prog.LossMapFull, Count: 1, Full: []events.FullMap{{Name: "@x", Entries: 8}, {Name: "@y", Entries: 8}}},
			"maps @x, @y were full: 1 update not counted (raise max_map_keys, now 8)"},
		{events.Loss{Kind: prog.LossMapFull, Count: 3}, "a map was full: 3 updates not counted (raise max_map_keys, now 4096)"},
		{events.Loss{Kind: prog.LossReplaced, Count: 2}, "2 calls have no return (panic, Goexit or still running)"},
		{events.Loss{Kind: prog.LossEnded, Count: 1}, "1 call was under way when its process ended"},
		{events.Loss{Kind: prog.LossEnded, Count: 2}, "2 calls were under way when their process ended"},
		{events.Loss{Kind: prog.LossReplaced, Count: 1}, "1 call has no return (panic, Goexit or still running)"},
		{events.Loss{Kind: prog.LossTurns, Count: 1}, "1 loop ended after 8388608 turns"},
		{events.Loss{Kind: prog.LossBounded, Count: 2}, "2 loops ended early: without bpf_loop, which Linux 5.17 has, the kernel takes only so many turns"},
	}
	for _, tt := range tests {
		if got := lossText(&tt.loss, 4096); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	for kind := range prog.LossCount {
		if lossText(&events.Loss{Kind: kind, Count: 2}, 1) == "" {
			t.Errorf("loss %d has no text", kind)
		}
	}
}

// closedPipe is an output whose reader went away.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
}

func TestClosedPipe(t *testing.T) {
	r := NewText(testOptions(closedPipe{}, io.Discard))
	if err := r.Event(printed(str("x"))); err != nil {
		t.Errorf("before the buffer is full: %v", err)
	}
	var closed *ClosedError
	if err := r.Flush(); !errors.As(err, &closed) {
		t.Errorf("flush: %v", err)
	}
	if err := r.Event(printed(str(strings.Repeat("x", bufferSize)))); !errors.As(err, &closed) {
		t.Errorf("event: %v", err)
	}
}

func TestFullBufferIsWritten(t *testing.T) {
	var out bytes.Buffer
	r := NewText(testOptions(&out, io.Discard))
	if err := r.Event(printed(str(strings.Repeat("x", bufferSize)))); err != nil || out.Len() != bufferSize+1 {
		t.Errorf("%d bytes written, %v", out.Len(), err)
	}
}

func BenchmarkPrintf(b *testing.B) {
	args := []*types.Type{types.Str(16), types.Str(64), types.TInt32, types.TInt64}
	p := &prog.Program{Actions: []*prog.Action{{Format: "%s - %s: arg1: %d, arg2: %ld\n", Args: args}}}
	d := events.NewDecoder(p, events.NewSymbols(nil, nil))
	raw := make([]byte, types.HeaderSize)
	raw = append(raw, "\x06\x00\x00\x00server\x11\x00\x00\x00main.(*Arith).Mul\x0a\x00\x00\x00\x14\x00\x00\x00\x00\x00\x00\x00"...)
	r := NewText(Options{Out: io.Discard, Err: io.Discard})
	b.ReportAllocs()
	for b.Loop() {
		rec, err := d.Decode(raw, testWall)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Event(rec); err != nil {
			b.Fatal(err)
		}
	}
}
