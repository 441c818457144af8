package codegen

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/types"
)

// golden compares text with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	testkit.Golden(t, filepath.Join("testdata", name), []byte(got))
}

func TestGolden(t *testing.T) {
	hist := mapOf("@ns", types.TUint64, &types.Type{Kind: types.Hist})
	start := mapOf("@start", types.TUint32, types.TUint64)
	counts := mapOf("@", types.Str(16), &types.Type{Kind: types.Count})
	tid := func() prog.Expr { return builtin(prog.BTid, types.TUint32) }
	now := func() prog.Expr { return builtin(prog.BNsecs, types.TUint64) }
	cases := []struct {
		name  string
		kind  prog.ProbeKind
		maps  []*prog.Map
		stmts []prog.Stmt
	}{
		{"count_comm", prog.KindUprobe, []*prog.Map{counts},
			[]prog.Stmt{agg(counts, builtin(prog.BComm, types.Str(16)), nil)}},
		{"printf_ints", prog.KindUprobe, nil,
			[]prog.Stmt{printf(3, reg("ax"), cast(types.TInt32, reg("bx")))}},
		{"printf_string", prog.KindTracepoint, nil,
			[]prog.Stmt{printf(3, call(prog.FnStr, types.Str(64), &prog.CtxLoad{Meta: meta(types.PointerTo(nil, types.SpaceUser)), Off: 24}))}},
		{"latency", prog.KindUretprobe, []*prog.Map{hist, start}, []prog.Stmt{
			&prog.If{At: at(), Cond: bin(prog.Ne, get(start, tid(), types.TUint64), u64(0)), Then: []prog.Stmt{
				agg(hist, builtin(prog.BFunc, types.TUint64), bin(prog.Sub, now(), get(start, tid(), types.TUint64))),
				&prog.Delete{At: at(), Map: start, Key: tid()},
			}}}},
		{"constants", prog.KindBegin, nil, []prog.Stmt{
			&prog.If{At: at(), Cond: bin(prog.Gt, i64(3), i64(4)), Then: []prog.Stmt{printf(1, i64(1))}},
			printf(2, bin(prog.Div, bin(prog.Mul, i64(6), i64(-7)), i64(2)), bin(prog.Mul, tid(), num(types.TUint32, 8)))}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, u := script(c.kind, c.maps, c.stmts...)
			o, err := Compile(p, u, testTarget)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.name+".ir", o.IR())
			golden(t, c.name+".insns", o.Insns())
			again, err := Compile(p, u, testTarget)
			if err != nil {
				t.Fatal(err)
			}
			if again.Insns() != o.Insns() {
				t.Errorf("compiling twice gave two programs")
			}
		})
	}
}

// TestMapSpecs writes the specs of a session's maps.
func TestMapSpecs(t *testing.T) {
	all := []*prog.Map{
		mapOf("@count", types.Str(64), &types.Type{Kind: types.Count}),
		mapOf("@total", nil, &types.Type{Kind: types.Avg}),
		mapOf("@h", types.TUint64, &types.Type{Kind: types.Hist, Bits: 5}),
		mapOf("@x", nil, types.TInt32),
		{Name: "@lru", Key: types.TUint64, Value: types.Str(20), LRU: true, Entries: 10},
		{Name: "@per", Key: types.TUint64, Value: types.TInt64, PerCPU: true, LRU: true},
	}
	p, _ := script(prog.KindBegin, all)
	p.Config.MaxMapKeys = 0
	var b bytes.Buffer
	wide := testTarget
	wide.CPUs = 64
	writeSpecs(&b, Maps(p, nil, wide))
	golden(t, "maps.txt", b.String())
}

// TestHiddenMaps tests that hidden maps are there for units that mention them.
func TestHiddenMaps(t *testing.T) {
	hidden := []*prog.Map{mapOf("@read", nil, types.TInt64), mapOf("@set", nil, types.TInt64), mapOf("@asked", nil, types.TInt64), mapOf("@no", nil, types.TInt64)}
	for _, m := range hidden {
		m.Hidden = true
	}
	read, set, asked := hidden[0], hidden[1], hidden[2]
	has := &prog.Call{Fn: prog.FnLen, Map: asked, Meta: prog.Meta{T: types.TUint64}}
	p, u := script(prog.KindBegin, hidden, &prog.If{At: at(), Cond: bin(prog.Lt, has, u64(1)),
		Then: []prog.Stmt{&prog.SetMap{At: at(), Map: set, X: get(read, nil, types.TInt64)}}})
	specs := Maps(p, []*lower.Unit{u}, testTarget)
	var got []string
	for _, m := range hidden {
		if specs[MapName(m)] != nil {
			got = append(got, m.Name)
		}
	}
	if diff := cmp.Diff([]string{"@read", "@set", "@asked"}, got); diff != "" {
		t.Error(diff)
	}
}

func writeSpecs(b *bytes.Buffer, specs map[string]*ebpf.MapSpec) {
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		s := specs[name]
		fmt.Fprintf(b, "%-10s %-12v %-15s key %d value %d entries %d flags %d\n",
			name, s.Type, s.Name, s.KeySize, s.ValueSize, s.MaxEntries, s.Flags)
	}
}
