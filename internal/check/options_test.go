package check

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

func messages(l *diag.List) []string {
	var out []string
	for _, d := range l.All {
		out = append(out, d.Severity.String()+": "+d.Msg)
	}
	return out
}

func TestConfigComesFromScriptThenEnvironment(t *testing.T) {
	o := options()
	o.Env = map[string]string{"MAX_STRLEN": "32", "STACK_MODE": "perf", "BTF": "/x"}
	r, diags := checked(t, `config = { max_strlen = 64; BPFTRACE_MAX_MAP_KEYS = 7; print_maps_on_exit = false }
		begin { $p = nsecs; print(str($p)); @ = kstack; }`, &fakeWorld{}, o)
	if diags.HasErrors() {
		t.Fatal(messages(diags))
	}
	c := r.Program.Config
	got := []any{c.MaxStrlen, c.MaxMapKeys, c.PrintMapsOnExit, c.StackMode, c.License, c.Values["max_map_keys"]}
	want := []any{32, 7, false, types.StackPerf, "GPL", "7"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := r.Program.Actions[0].Args[0].Size; got != 32 {
		t.Errorf("str() has capacity %d, want 32", got)
	}
	if got := r.Program.Maps[0].Value.Mode; got != types.StackPerf {
		t.Errorf("stack mode %d, want perf", got)
	}
}

func TestNamedOptions(t *testing.T) {
	const script = `begin { $n = getopt("n", 5); $s = getopt("s", "x"); if (getopt("on")) { print($n); print($s) } }`
	for _, c := range []struct {
		named map[string]string
		want  string // types and values printed, or the message
	}{
		{map[string]string{}, ""},
		{map[string]string{"on": "true", "n": "300", "s": "long"}, "int16 string[5]"},
		{map[string]string{"on": "", "n": "-1"}, "int8 string[2]"},
		{map[string]string{"on": "maybe"}, "ERROR: program command line option --on expects a boolean (e.g. 'true') (value: maybe)"},
		{map[string]string{"n": "x"}, "ERROR: program command line option --n invalid integer (value: x)"},
		{map[string]string{"bb": "1"}, "ERROR: unexpected program command line options: --bb"},
	} {
		o := options()
		o.Named = c.named
		r, diags := checked(t, script, &fakeWorld{}, o)
		var got []string
		for _, a := range r.Program.Actions {
			got = append(got, a.Args[0].String())
		}
		if diags.HasErrors() {
			got = messages(diags)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%v: got %q, want %q", c.named, text, c.want)
		}
	}
}

func TestPIDFiltersKernelEventsOnly(t *testing.T) {
	o := options()
	o.PID = 42
	r, diags := checked(t, "tracepoint:sched:sched_switch { print(1) } uprobe:/bin/c:f { print(1) } interval:s:1 { print(1) }", &fakeWorld{}, o)
	if diags.HasErrors() {
		t.Fatal(messages(diags))
	}
	for i, want := range []bool{true, false, false} {
		_, got := r.Bodies[i].Stmts[0].(*prog.If)
		if got != want {
			t.Errorf("body %d: filter %v, want %v", i, got, want)
		}
	}
}

func TestUnsafeAndNoWarnings(t *testing.T) {
	o := options()
	o.Unsafe, o.NoWarnings = true, true
	_, diags := checked(t, `begin { system("ls %s", comm); signal("SIGUSR1"); signal("KILL"); signal(pid); strlen(comm); }`, &fakeWorld{}, o)
	if len(diags.All) > 0 {
		t.Error(messages(diags))
	}
	_, diags = checked(t, `begin { signal(65); signal("NOPE"); }`, &fakeWorld{}, o)
	want := []string{"ERROR: signal() accepts a string literal or an integer between 1 and 64 (inclusive)", "ERROR: Invalid string for signal: NOPE"}
	if diff := cmp.Diff(want, messages(diags)); diff != "" {
		t.Error(diff)
	}
}

func TestMissingProbes(t *testing.T) {
	for mode, want := range map[string][]string{
		"error": {"ERROR: No matches for uprobe:/none:x."},
		"warn": {"WARNING: No matches for uprobe:/none:x. Skipping.",
			"WARNING: Probe has no valid attach points. It is being removed which may cause issues with program behavior."},
		"ignore": nil,
	} {
		_, diags := checked(t, "config = { missing_probes = "+mode+" } uprobe:/none:x { print(1) }", &fakeWorld{}, options())
		if diff := cmp.Diff(want, messages(diags)); diff != "" {
			t.Errorf("%s: %s", mode, diff)
		}
	}
}

// A target that comes later gets bodies of its own; maps and actions that
// exist keep their numbers and types.
func TestBindLater(t *testing.T) {
	w := &fakeWorld{gone: true}
	r, diags := checked(t, `begin { @n = (int8)pid; @k[(uint32)1] = 1 } uprobe:./s:main.Greet { @c[args.name] = count(); @n = args.n; print(args.p.X) }`, w, options())
	if len(diags.All) > 0 || len(r.Bodies) != 1 || len(r.Program.Maps) != 2 {
		t.Fatalf("before: %v, %d bodies, %d maps", messages(diags), len(r.Bodies), len(r.Program.Maps))
	}
	point := r.Program.Probes[1].Points[0]
	w.gone = false
	gs, err := w.Groups(point)
	if err != nil {
		t.Fatal(err)
	}
	late := diag.NewList(diags.Source)
	bodies := r.Bind(point, gs, late)
	if len(late.All) > 0 || len(bodies) != 1 {
		t.Fatalf("bind: %v, %d bodies", messages(late), len(bodies))
	}
	var names []string
	for _, m := range r.Program.Maps {
		names = append(names, m.Name+" "+m.Value.String())
	}
	if diff := cmp.Diff([]string{"@n int8", "@k int8", "@c count_t"}, names); diff != "" {
		t.Error(diff)
	}
	before := len(r.Program.Actions)
	again, _ := w.Groups(point)
	r.Bind(point, again, late)
	if len(r.Program.Actions) != before {
		t.Errorf("a second target of the same layout made %d new actions", len(r.Program.Actions)-before)
	}
}

// TestTextsOfOtherFrameworks tests that a map whose key is chosen by what is a constant in
// one program has room for what the next chooses.
func TestTextsOfOtherFrameworks(t *testing.T) {
	r, diags := checked(t, `rpc:./s:client { @a[rpc.framework == "fw" ? "ours" : "another's"] = count(); if (rpc.framework != "fw") { @b["another's"] = 1 } else { @b["ours"] = 2 } }`,
		&fakeWorld{}, options())
	if diags.HasErrors() {
		t.Fatal(messages(diags))
	}
	for _, m := range r.Program.Maps {
		if m.Hidden {
			continue
		}
		if got := m.Key.String(); got != "string[10]" {
			t.Errorf("%s has keys of type %s", m.Name, got)
		}
	}
}

func TestBindCannotChangeMaps(t *testing.T) {
	w := &fakeWorld{gone: true}
	r, _ := checked(t, `begin { @n = (int8)pid; @k[(uint8)1] = 1 } uprobe:./s:main.Greet { @n = args.p.X; @k[args.p.X] = 1 }`, w, options())
	w.gone = false
	point := r.Program.Probes[1].Points[0]
	gs, _ := w.Groups(point)
	late := diag.NewList(&diag.Source{})
	r.Bind(point, gs, late)
	want := []string{
		"ERROR: Type mismatch for @n: this target has values of type 'int32', but the map was made for 'int8'",
		"ERROR: Argument mismatch for @k: this target has keys of type 'int32', but the map was made for 'uint8'",
	}
	if diff := cmp.Diff(want, messages(late)); diff != "" {
		t.Error(diff)
	}
	if got := r.Program.Maps[0].Value.String(); got != "int8" {
		t.Errorf("@n became %s", got)
	}
}

func TestLayoutsShareActionsUnlessTypesDiffer(t *testing.T) {
	r, diags := checked(t, `uprobe:./s:main.Greet, uprobe:./s:main.Map* { print(args.n); printf("%s", func); }`, &fakeWorld{}, options())
	if diags.HasErrors() {
		t.Fatal(messages(diags))
	}
	var got []string
	for _, a := range r.Program.Actions {
		got = append(got, a.Kind.String()+" "+a.Args[0].String())
	}
	want := []string{"print int8", "printf func_t", "print int64"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTablesAreSane(t *testing.T) {
	var names []string
	for _, b := range Builtins() {
		if b.Doc == "" || b.Type == "" || b.make == nil {
			t.Errorf("builtin %s is incomplete", b.Name)
		}
		names = append(names, b.Name)
	}
	for _, f := range Functions() {
		if built := f.call != nil || f.aggregate != nil; !built || f.Doc == "" {
			t.Errorf("function %s is incomplete", f.Name)
		}
		names = append(names, f.Name)
	}
	slices.Sort(names)
	if unique := slices.Compact(slices.Clone(names)); len(unique) != len(names) {
		t.Errorf("names appear twice: %v", names)
	}
}

// The predicate of a probe that is only tried for constants must not decide
// what depends on the probe, nor make maps.
func TestPredicatesAreNotDecidedEarly(t *testing.T) {
	r, diags := checked(t, `uprobe:/bin/c:f / probe == "uprobe:/bin/c:f" / { print(1) }
		uprobe:/bin/c:f / @later[tid] / { print(2) } begin { @later[(uint64)1] = "x"; }
		uprobe:/bin/c:f / getopt("no") && @never / { print(3) }
		tracepoint:sched:sched_switch / probe == "tracepoint:sched:sched_switch" / { print(4) }`, &fakeWorld{}, options())
	want := []string{"ERROR: Invalid condition: string[2]"}
	if diff := cmp.Diff(want, messages(diags)); diff != "" {
		t.Error(diff)
	}
	if len(r.Bodies) != 4 {
		t.Errorf("%d bodies, want 4", len(r.Bodies))
	}
}

// One place of the text sends different images at entry and at return.
func TestEntryAndReturnDoNotShareActions(t *testing.T) {
	r, _ := checked(t, "uprobe:./s:main.Greet, uretprobe:./s:main.Greet { print(args.name) }", &fakeWorld{}, options())
	if n := len(r.Program.Actions); n != 2 {
		t.Errorf("%d actions, want 2", n)
	}
}

func TestKindNames(t *testing.T) {
	if got := strings.Join(onReturn.Names(), " "); got != "uretprobe kretprobe fexit" {
		t.Errorf("return probes: %s", got)
	}
	if got := Kinds(0).Names(); got != nil {
		t.Errorf("every kind: %v", got)
	}
}

func TestVerbs(t *testing.T) {
	format := "a%5.3lld b%% %-10s 100%! %rx%08hhx%"
	var got []string
	for _, v := range Verbs(format) {
		got = append(got, format[v.Start:v.End]+" "+v.String())
	}
	want := []string{"%5.3lld %lld", "%-10s %s", "%rx %rx", "%08hhx %hhx"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPointNames(t *testing.T) {
	for script, want := range map[string]string{
		"uprobe:./bin:fn+4 { }":              "uprobe:./bin:fn+4",
		"uretprobe:./bin:\"main.(*T).M\" {}": "uretprobe:./bin:main.(*T).M",
		"i:ms:10 {}":                         "interval:ms:10",
		"p:hz:99 {}":                         "profile:hz:99",
		"software:cpu: {}":                   "software:cpu",
		"t:sched:sched_switch {}":            "tracepoint:sched:sched_switch",
		"END {}":                             "end",
		"self:signal:SIGUSR1 {}":             "self:signal:SIGUSR1",
	} {
		r, _ := checked(t, script, &fakeWorld{gone: true}, options())
		if got := PointName(r.Program.Probes[0].Points[0], "", ""); got != want {
			t.Errorf("%s: %q, want %q", script, got, want)
		}
	}
}

func TestEmptyParameterIsZero(t *testing.T) {
	o := options()
	o.Params = []string{""}
	r, diags := checked(t, `begin { print($1 + 5); print(str($1)) }`, &fakeWorld{}, o)
	if diff := cmp.Diff([]string{"WARNING: Positional parameter $1 is empty or not provided. "}, messages(diags)); diff != "" {
		t.Error(diff)
	}
	var printed []string
	for _, a := range r.Program.Actions {
		printed = append(printed, a.Args[0].String())
	}
	if diff := cmp.Diff([]string{"int8", "string[1]"}, printed); diff != "" {
		t.Error(diff)
	}
}
