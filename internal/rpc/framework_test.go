package rpc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

func TestArgs(t *testing.T) {
	one := types.TUint64
	two := types.TupleOf(one, one)
	twelve := &types.Type{Kind: types.Struct, Name: "twelve", Size: 96}
	regs := func(names ...string) prog.Place {
		var p prog.Place
		for _, n := range names {
			p.Pieces = append(p.Pieces, prog.Piece{Reg: n, Size: 8})
		}
		return p
	}
	stack := func(off int64, size int) prog.Place { return prog.Place{Pieces: []prog.Piece{{Off: off, Size: size}}} }
	for _, c := range []struct {
		name, arch string
		params     []Param
		want       []prog.Place
	}{
		{"in registers", "amd64", []Param{{"a", one}, {"b", two}, {"c", one}}, []prog.Place{regs("ax"), regs("bx", "cx"), regs("di")}},
		{"too large", "amd64", []Param{{"m", twelve}, {"a", one}}, []prog.Place{stack(8, 96), regs("ax")}},
		{"none are left", "amd64", []Param{{"a", two}, {"b", two}, {"c", two}, {"d", two}, {"e", two}, {"f", one}},
			[]prog.Place{regs("ax", "bx"), regs("cx", "di"), regs("si", "r8"), regs("r9", "r10"), stack(8, 16), regs("r11")}},
		{"two on the stack", "amd64", []Param{{"m", twelve}, {"n", twelve}}, []prog.Place{stack(8, 96), stack(104, 96)}},
		{"on arm64", "arm64", []Param{{"m", twelve}, {"a", two}}, []prog.Place{
			regs("r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"), regs("r12", "r13")}},
	} {
		args := Func{Params: c.params}.Args(c.arch, "g")
		if args[0].Name != "g" || !cmp.Equal(args[0].Place, regs("g")) {
			t.Errorf("%s: g is %+v", c.name, args[0])
		}
		for i, want := range c.want {
			if diff := cmp.Diff(want, args[1+i].Place); diff != "" || args[1+i].Name != c.params[i].Name {
				t.Errorf("%s: %s: %s", c.name, args[1+i].Name, diff)
			}
		}
	}
}

// TestScripts tests that each framework's script and its list of probes are of the
// same probes, that no two of a side are on one function for the same calls, and that facts have places.
func TestScripts(t *testing.T) {
	for _, f := range All() {
		diags := diag.NewList(&diag.Source{Name: f.Name, Text: f.Script})
		file := syntax.Parse(diags.Source, diags)
		if err := diags.Err(); err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		var inScript, listed, functions []string
		for _, p := range file.Probes() {
			inScript = append(inScript, p.Points[0].Name)
		}
		for _, p := range f.Probes {
			listed = append(listed, p.Name)
			for _, fn := range p.Funcs {
				functions = append(functions, fn.Name+fmt.Sprint(fn.Calling, fn.Behind, fn.Returns, fn.Since, p.Sides, p.Unless != nil))
			}
		}
		slices.Sort(inScript)
		slices.Sort(listed)
		if diff := cmp.Diff(inScript, listed); diff != "" {
			t.Errorf("%s: script and list differ: %s", f.Name, diff)
		}
		slices.Sort(functions)
		if one := slices.Compact(slices.Clone(functions)); len(one) != len(functions) {
			t.Errorf("%s: a function is listed twice: %v", f.Name, functions)
		}
	}
}

// TestTables tests that the tables of calls are maps of the scripts, some of each side,
// and that the facts of their names are there.
func TestTables(t *testing.T) {
	for _, f := range All() {
		sides := map[Side]bool{}
		for _, table := range f.Tables {
			sides[table.Side] = true
			if !strings.Contains(f.Script, "let @"+table.Map+" = hash(") {
				t.Errorf("%s has no map %s", f.Name, table.Map)
			}
			for _, step := range append(slices.Clone(table.Service), table.Method...) {
				if step.Fact != "" && !slices.ContainsFunc(f.Facts, func(fact Fact) bool { return fact.Name == step.Fact }) {
					t.Errorf("%s has no fact %s", f.Name, step.Fact)
				}
			}
		}
		if len(sides) != 2 {
			t.Errorf("%s has tables of the sides %v", f.Name, sides)
		}
	}
}

func TestOn(t *testing.T) {
	f := rpcx().At("v1.9.1")
	names := func(sides []Side, wanted ...string) []string {
		w := map[string]bool{}
		for _, name := range wanted {
			w[name] = true
		}
		var list []string
		for _, p := range f.On(sides, w) {
			list = append(list, p.Name)
		}
		return list
	}
	for _, c := range []struct {
		sides  []Side
		wanted []string
		want   []string
	}{
		{[]Side{Server}, nil, []string{"request", "gateway", "notify", "notified", "answered", "recovered", "done"}},
		{[]Side{Server}, []string{"handler_duration"}, []string{"request", "invoke", "answer", "gateway", "notify", "notified", "answered", "failure", "recovered", "done"}},
		{[]Side{Server}, []string{postWrite}, []string{"request", "gateway", "notify", "notified", "answered", "push", "refuse", "written", "recovered", "handed", "done"}},
		{[]Side{Client}, nil, []string{"time", "time_raw", "timed_raw", "timed"}},
		{[]Side{Client}, []string{Untimed}, []string{"send", "raw", "encode", "abandon", "abandon_raw", "close", "fail", "failed", "lose", "over", "receive", "received"}},
		{[]Side{Client}, []string{"req_bytes"}, []string{"send", "raw", "encode", "buffer", "abandon", "abandon_raw", "close", "fail", "failed", "lose", "over", "receive", "received"}},
	} {
		if diff := cmp.Diff(c.want, names(c.sides, c.wanted...)); diff != "" {
			t.Errorf("%v %v: %s", c.sides, c.wanted, diff)
		}
	}
}

// TestAt tests which probes an older version and one that is not known have.
func TestAt(t *testing.T) {
	for version, want := range map[string]string{
		"v1.6.2":  "come handle read refusing handled freed routed",
		"v1.7.5":  "request read refusing handled freed done",
		"v1.7.7":  "request refuse freed done",
		"v1.8.0":  "request refuse done",
		"(devel)": "request refuse done",
	} {
		var got []string
		for _, p := range rpcx().At(version).Probes {
			if slices.Contains(strings.Fields("request refuse done come handle read refusing handled freed routed"), p.Name) {
				got = append(got, p.Name)
			}
		}
		slices.Sort(got)
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s: %s", version, diff)
		}
	}
}

func TestSides(t *testing.T) {
	for text, want := range map[string][]Side{"server": {Server}, "client": {Client}, "*": {Server, Client}, "both": nil, "": nil} {
		got, err := Sides(text)
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
