package events

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// fixture is one map of a script with the kernel's map behind it.
type fixture struct {
	t      *testing.T
	decl   *prog.Map
	kernel *ebpf.Map
	maps   *Maps
	print  *prog.Action
	clear  *prog.Action // stands behind print in one probe
	other  *prog.Action // a clear in another probe
}

func newFixture(t *testing.T, decl *prog.Map, entries uint32) *fixture {
	t.Helper()
	if os.Geteuid() != 0 || ebpf.MustPossibleCPU() < 2 {
		t.Skip("needs root and two CPUs")
	}
	size := decl.Value.Size
	if decl.Value.IsAggregate() {
		size = 8 * decl.Value.AggregateWords()
	}
	spec := &ebpf.MapSpec{Type: ebpf.Hash, MaxEntries: entries, ValueSize: uint32(size)}
	if decl.Value.IsAggregate() {
		spec.Type = ebpf.PerCPUHash
	}
	if decl.Key == nil {
		spec.Type, spec.MaxEntries, spec.KeySize = ebpf.Array, 1, 4
		spec.ValueSize = uint32((size+7)&^7 + 8)
		if decl.Value.IsAggregate() {
			spec.Type = ebpf.PerCPUArray
		}
	} else {
		spec.KeySize = uint32(decl.Key.Size)
	}
	kernel, err := ebpf.NewMap(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kernel.Close() })
	p := &prog.Program{Probes: []*prog.Probe{{Span: diag.Span{Start: 0, End: 100}}, {Span: diag.Span{Start: 100, End: 200}}}}
	f := &fixture{t: t, decl: decl, kernel: kernel, maps: NewMaps(p, testSymbols())}
	f.maps.Add(decl, kernel)
	f.print = &prog.Action{Kind: prog.ActPrintMap, Map: decl, Span: diag.Span{Start: 10, End: 20}}
	f.clear = &prog.Action{Kind: prog.ActClear, Map: decl, Span: diag.Span{Start: 30, End: 40}}
	f.other = &prog.Action{Kind: prog.ActClear, Map: decl, Span: diag.Span{Start: 130, End: 140}}
	return f
}

// put stores the words that CPU 0 and CPU 1 have under key; further words are
// on no CPU.
func (f *fixture) put(key []byte, cpus ...[]uint64) {
	f.t.Helper()
	if f.decl.Key == nil {
		key = make([]byte, 4)
	}
	per := make([][]byte, ebpf.MustPossibleCPU())
	for i := range per {
		per[i] = make([]byte, f.kernel.ValueSize())
		if i < len(cpus) {
			for w, v := range cpus[i] {
				binary.LittleEndian.PutUint64(per[i][8*w:], v)
			}
		}
	}
	var value any = per
	if !isPerCPU(f.kernel) {
		value = per[0]
	}
	if err := f.kernel.Put(key, value); err != nil {
		f.t.Fatal(err)
	}
}

// show prints the map as key=value pairs.
func (f *fixture) show() string {
	f.t.Helper()
	r, err := f.maps.Print(f.print)
	if err != nil {
		f.t.Fatal(err)
	}
	return entriesText(r)
}

func entriesText(r *Report) string {
	var parts []string
	for _, e := range r.Entries {
		var key []string
		for _, k := range e.Key {
			if k.Type.Kind == types.String {
				key = append(key, string(k.Str))
			} else {
				key = append(key, fmt.Sprint(int64(k.Int)))
			}
		}
		v := fmt.Sprint(int64(e.Value.Int))
		switch e.Value.Type.Kind {
		case types.Avg, types.Stats:
			v = fmt.Sprintf("%d/%d", e.Value.Total, e.Value.Int)
		case types.Hist:
			v = fmt.Sprint(e.Value.Buckets[:4])
		}
		parts = append(parts, strings.Join(key, ",")+"="+v)
	}
	return strings.Join(parts, " ")
}

func (f *fixture) want(text string) {
	f.t.Helper()
	if got := f.show(); got != text {
		f.t.Errorf("map is %q, want %q", got, text)
	}
}

func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) wantAtExit(text string) {
	f.t.Helper()
	reports, err := f.maps.AtExit()
	f.ok(err)
	var got string
	for _, r := range reports {
		got += r.Map.Name + ":" + entriesText(r)
	}
	if got != text {
		f.t.Errorf("at exit %q, want %q", got, text)
	}
}

func k(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

func TestPrintAndClearLoseNothing(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@c", Key: types.TInt64, KeyN: 1, Value: kind(types.Count, 0)}, 16)
	f.put(k(1), []uint64{2}, []uint64{3})
	f.put(k(2), []uint64{1})
	f.want("2=1 1=5")
	f.put(k(1), []uint64{4}, []uint64{3}) // comes between print and clear
	f.ok(f.maps.Clear(f.clear))
	f.want("1=2")
	f.ok(f.maps.Clear(f.clear))
	f.want("")
	f.wantAtExit("")
	f.put(k(2), []uint64{9})
	f.want("2=8")
}

func TestClearElsewhereClearsAll(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@c", Key: types.TInt64, KeyN: 1, Value: kind(types.Count, 0)}, 16)
	f.put(k(1), []uint64{2})
	f.want("1=2")
	f.put(k(1), []uint64{7})
	f.ok(f.maps.Clear(f.other))
	f.want("")
}

func TestZero(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@a", Key: types.TInt64, KeyN: 1, Value: signed(types.Avg)}, 16)
	f.put(k(1), []uint64{10, 2}, []uint64{2, 1})
	f.want("1=12/3")
	f.ok(f.maps.Zero(f.clear))
	f.want("1=0/0")
	f.put(k(1), []uint64{110, 3}, []uint64{2, 1})
	f.want("1=100/1")
}

func TestScalar(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@n", Value: kind(types.Count, 0)}, 1)
	f.want("=0")
	f.wantAtExit("")
	f.put(nil, []uint64{2, 1}, []uint64{0, 0})
	f.want("=2")
	f.wantAtExit("@n:=2")
	f.ok(f.maps.Clear(f.clear))
	f.want("=0")
	f.wantAtExit("")
	f.put(nil, []uint64{3, 1})
	f.wantAtExit("@n:=1")
	f.ok(f.maps.Zero(f.other))
	f.wantAtExit("@n:=0")
}

func TestScalarInt(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@x", Value: types.TInt32}, 1)
	f.wantAtExit("")
	f.put(nil, []uint64{0xffffffff, 1})
	f.wantAtExit("@x:=-1")
	f.ok(f.maps.Zero(f.other))
	f.wantAtExit("@x:=0")
	f.ok(f.maps.Clear(f.other))
	f.wantAtExit("")
}

func TestMinMax(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@m", Key: types.TInt64, KeyN: 1, Value: signed(types.Min)}, 16)
	f.put(k(1), []uint64{5, 1}, []uint64{^uint64(2), 1}) // 5 and -3
	f.put(k(2), []uint64{7, 1}, []uint64{0, 0})
	f.want("1=-3 2=7")
	f.ok(f.maps.Zero(f.other))
	f.want("1=0 2=0")
	f.ok(f.maps.Clear(f.other))
	f.want("")
	g := newFixture(t, &prog.Map{Name: "@m", Key: types.TInt64, KeyN: 1, Value: kind(types.Max, 0)}, 16)
	g.put(k(1), []uint64{5, 1}, []uint64{^uint64(0), 1})
	g.want("1=-1") // printed signed here
}

func TestHist(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@h", Key: types.Str(8), KeyN: 1, Value: &types.Type{Kind: types.Hist}}, 16)
	f.put([]byte("a\x00\x00\x00\x00\x00\x00\x00"), []uint64{0, 1, 2}, []uint64{0, 0, 1})
	f.put([]byte("b\x00\x00\x00\x00\x00\x00\x00"), []uint64{0, 1, 0})
	f.want("b=[0 1 0 0] a=[0 1 3 0]")
	f.ok(f.maps.Clear(f.clear))
	f.put([]byte("b\x00\x00\x00\x00\x00\x00\x00"), []uint64{0, 1, 1})
	f.want("b=[0 0 1 0]")
}

func TestPlainMapInKeyOrder(t *testing.T) {
	key := types.TupleOf(types.TInt32, types.Str(4))
	f := newFixture(t, &prog.Map{Name: "@s", Key: key, KeyN: 2, Value: types.Str(8)}, 16)
	for _, key := range []string{"\x02\x00\x00\x00aa\x00\x00", "\xff\xff\xff\xffzz\x00\x00", "\x02\x00\x00\x00Aa\x00\x00"} {
		f.put([]byte(key), []uint64{0})
	}
	f.want("-1,zz=0 2,Aa=0 2,aa=0")
	f.ok(f.maps.Clear(f.clear))
	f.want("")
}

func TestClearedKeysAreFreed(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@c", Key: types.TInt64, KeyN: 1, Value: kind(types.Count, 0)}, 16)
	for i := range 14 {
		f.put(k(i), []uint64{uint64(i + 1)})
	}
	f.ok(f.maps.Clear(f.other)) // hides all
	f.put(k(3), []uint64{10})   // is used again: stays
	f.ok(f.maps.Clear(f.other))
	left := 0
	var key, value []byte
	for it := f.kernel.Iterate(); it.Next(&key, &[][]byte{value}); {
		left++
	}
	if left != 1 {
		t.Errorf("%d keys left in the kernel, want 1", left)
	}
	f.put(k(5), []uint64{2})
	f.want("5=2")
}

// What comes between the read and the deletion of a key must not be lost.
func TestFreeKeepsLateCounts(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@c", Key: types.TInt64, KeyN: 1, Value: kind(types.Count, 0)}, 16)
	f.put(k(1), []uint64{5})
	f.ok(f.maps.Clear(f.other))
	st := f.maps.maps[f.decl]
	stale, err := st.read()
	f.ok(err)
	f.put(k(1), []uint64{5}, []uint64{2})
	f.ok(st.free(stale[0]))
	f.put(k(1), []uint64{1})
	f.want("1=3")
}

func TestDeletedKeysAreNoBase(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@c", Key: types.TInt64, KeyN: 1, Value: kind(types.Count, 0), Deleted: true}, 16)
	f.put(k(1), []uint64{50})
	f.ok(f.maps.Clear(f.clear))
	f.want("")
	f.put(k(1), []uint64{2})
	f.want("1=2")
}

func TestReadByKeyAgreesWithBatches(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@c", Key: types.TInt64, KeyN: 1, Value: kind(types.Count, 0)}, 3000)
	for i := range 2500 {
		f.put(k(i), []uint64{uint64(i)}, []uint64{1})
	}
	sums := func(pairs []pair, err error) map[string]uint64 {
		f.ok(err)
		m := map[string]uint64{}
		for _, p := range pairs {
			m[string(p.key)] += f.maps.maps[f.decl].cell("", p.value).words[0]
		}
		return m
	}
	single := sums(readByKey(f.kernel))
	if len(single) != 2500 {
		t.Fatalf("%d keys, want 2500", len(single))
	}
	for _, size := range []int{1, firstBatch, 4096} {
		if batches := sums(readBatches(f.kernel, size)); !maps.Equal(batches, single) {
			t.Errorf("by batches of %d at first: %d keys, %v, key by key %v", size, len(batches), batches, single)
		}
	}
}

func TestFull(t *testing.T) {
	f := newFixture(t, &prog.Map{Name: "@c", Key: types.TInt64, KeyN: 1, Value: types.TInt64}, 2)
	f.put(k(1), []uint64{1})
	if full := f.maps.Full(); full != nil {
		t.Errorf("half full: %v", full)
	}
	f.put(k(2), []uint64{1})
	if full := f.maps.Full(); len(full) != 1 || full[0] != (FullMap{"@c", 2}) {
		t.Errorf("full: %v", full)
	}
}

func TestLosses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("maps need root")
	}
	table, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: uint32(prog.LossCount)})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	l := NewLosses(table)
	read := func(want string) {
		t.Helper()
		news, err := l.Read()
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, n := range news {
			got += fmt.Sprintf("%v:%d ", n.Kind, n.Count)
		}
		if got != want {
			t.Errorf("losses %q, want %q", got, want)
		}
	}
	put := func(kind prog.Loss, first, last uint64) {
		t.Helper()
		per := make([]uint64, ebpf.MustPossibleCPU())
		per[0], per[len(per)-1] = first, per[0]+last
		if err := table.Put(uint32(kind), per); err != nil {
			t.Fatal(err)
		}
	}
	read("")
	put(prog.LossEvents, 3, 4)
	read("events:7 ")
	put(prog.LossEvents, 3, 6)
	put(prog.LossTurns, 1, 0)
	read("events:2 turns:1 ")
	read("")
	if l.Total() != 10 {
		t.Errorf("total %d", l.Total())
	}
}
