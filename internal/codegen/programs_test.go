package codegen

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

func TestControl(t *testing.T) {
	target := hostTarget(t)
	for _, loop := range []bool{true, false} {
		target.Loop = loop
		t.Run(fmt.Sprint(loop), func(t *testing.T) { control(t, target) })
	}
}

func control(t *testing.T, target Target) {
	i, sum, w := &prog.Var{Type: types.TInt64}, &prog.Var{Type: types.TInt64}, &prog.Var{Type: types.TInt64}
	add := func(v *prog.Var, e prog.Expr) prog.Stmt { return setVar(v, bin(prog.Add, ref(v), e)) }
	when := func(c prog.Expr, then ...prog.Stmt) prog.Stmt { return &prog.If{At: at(), Cond: c, Then: then} }
	p, u := script(prog.KindBegin, nil,
		setVar(sum, i64(0)),
		&prog.ForRange{At: at(), Var: i, Lo: i64(2), Hi: i64(20), Body: []prog.Stmt{
			when(bin(prog.Eq, bin(prog.Mod, ref(i), i64(2)), i64(0)), &prog.Continue{At: at()}),
			when(bin(prog.Gt, ref(i), i64(11)), &prog.Break{At: at()}),
			add(sum, ref(i)),
		}},
		setVar(w, i64(0)),
		&prog.While{At: at(), Cond: bin(prog.Lt, ref(w), i64(10)), Body: []prog.Stmt{
			add(w, i64(3)),
			when(bin(prog.Eq, ref(w), i64(6)), printf(1, lit("six"), ref(w))),
		}},
		printf(2, ref(sum), ref(w)),
		when(bin(prog.Eq, ref(sum), i64(3+5+7+9+11)), &prog.Return{At: at()}),
		printf(3, i64(0)),
	)
	u.Bodies = append(u.Bodies, &prog.Body{Group: u.Bodies[0].Group, Stmts: []prog.Stmt{printf(4, lit("next body"))}})
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l, wire(1, 0, "six", int64(6)), wire(2, 0, int64(35), int64(12)), wire(4, 0, "next body"))
}

// TestConditionalScratch claims the slot in one branch only and uses it after.
func TestConditionalScratch(t *testing.T) {
	target := hostTarget(t)
	in := mapOf("@in", nil, types.TInt64)
	x := func() prog.Expr { return get(in, nil, types.TInt64) }
	p, u := script(prog.KindBegin, []*prog.Map{in},
		&prog.If{At: at(), Cond: bin(prog.Eq, x(), i64(1)), Then: []prog.Stmt{printf(1, lit("a"), x())}},
		&prog.If{At: at(), Cond: bin(prog.Lt, x(), i64(2)), Then: []prog.Stmt{printf(2, lit("b"))}, Else: []prog.Stmt{&prog.Return{At: at()}}},
		printf(3, lit("c")),
		&prog.AddMap{At: at(), Map: in, X: i64(1)},
	)
	l := loadUnit(t, p, u, target)
	for range 3 {
		l.run()
	}
	wantRecords(t, l, wire(2, 0, "b"), wire(3, 0, "c"),
		wire(1, 0, "a", int64(1)), wire(2, 0, "b"), wire(3, 0, "c"))
}

func TestUnreadable(t *testing.T) {
	target := hostTarget(t)
	counts := mapOf("@c", types.TInt64, &types.Type{Kind: types.Count})
	v := &prog.Var{Type: types.TInt64}
	bad := func(addr uint64) prog.Expr { return load(types.TInt64, userPtr(addr), 0, true) }
	p, u := script(prog.KindBegin, []*prog.Map{counts},
		agg(counts, bad(8), nil),
		agg(counts, i64(5), nil),
		setVar(v, bin(prog.Add, bad(16), i64(2))),
		printf(1, ref(v), bad(24), i64(4), load(types.TInt64, userPtr(32), 0, false)),
		printf(2, lit("text"), bad(24)),
	)
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l, wire(1, 1<<1, int64(2), int64(0), int64(4), int64(0)), wire(2, 1<<1, "text", int64(0)))
	if n := l.losses(); n[prog.LossUnreadable] != 2 || len(n) != 1 {
		t.Errorf("losses %v, want 2 unreadable", n)
	}
	var per []uint64
	if err := l.coll.Maps["@c"].Lookup(int64(0), &per); err == nil {
		t.Errorf("counted under a key that could not be read")
	}
}

// TestAbsent tests that a statement whose number is absent is left out, without a
// loss, and that nothing is left out where it is there.
func TestAbsent(t *testing.T) {
	target := hostTarget(t)
	counts := mapOf("@c", types.TUint64, &types.Type{Kind: types.Count})
	optional := &types.Type{Kind: types.Int, Size: 8, Optional: true}
	v := &prog.Var{Type: types.TUint64}
	must := func(n uint64) prog.Expr {
		number := num(types.TUint64, 0)
		number.(*prog.Int).Val = n
		return &prog.Must{Meta: meta(types.TUint64), X: cast(optional, bin(prog.Add, number, builtin(prog.BGid, types.TUint64)))}
	}
	none := ^uint64(0)
	p, u := script(prog.KindBegin, []*prog.Map{counts},
		agg(counts, must(none), nil),
		agg(counts, must(5), nil),
		&prog.If{At: at(), Cond: bin(prog.Lt, must(none), u64(9)), Then: []prog.Stmt{printf(1)}, Else: []prog.Stmt{printf(1)}},
		&prog.If{At: at(), Cond: bin(prog.Lt, must(8), u64(9)), Then: []prog.Stmt{printf(2, must(8), must(none), i64(3))}},
		setVar(v, bin(prog.Add, must(none), u64(2))),
		printf(3, ref(v)),
	)
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l, wire(2, 1<<1, uint64(8), uint64(0), int64(3)), wire(3, 0, uint64(2)))
	if n := l.losses(); len(n) != 0 {
		t.Errorf("losses %v, want none", n)
	}
	var per []uint64
	if err := l.coll.Maps["@c"].Lookup(none, &per); err == nil {
		t.Errorf("counted under a key that is absent")
	}
	if err := l.coll.Maps["@c"].Lookup(uint64(5), &per); err != nil {
		t.Errorf("not counted under a key that is there: %v", err)
	}
}

func TestMapFullAndReads(t *testing.T) {
	target := hostTarget(t)
	counts := mapOf("@c", types.TInt64, &types.Type{Kind: types.Count})
	plain := mapOf("@p", types.TInt64, types.TInt64)
	avg := mapOf("@a", nil, &types.Type{Kind: types.Avg})
	low := mapOf("@l", types.TInt64, &types.Type{Kind: types.Min, Signed: true})
	i := &prog.Var{Type: types.TInt64}
	p, u := script(prog.KindBegin, []*prog.Map{counts, plain, avg, low},
		&prog.ForRange{At: at(), Var: i, Lo: i64(0), Hi: i64(20), Body: []prog.Stmt{
			agg(counts, ref(i), nil), agg(counts, ref(i), nil),
			&prog.AddMap{At: at(), Map: plain, Key: ref(i), X: ref(i)},
			&prog.AddMap{At: at(), Map: plain, Key: ref(i), X: i64(-100)},
			agg(avg, nil, ref(i)),
			agg(low, i64(1), bin(prog.Sub, i64(3), ref(i))),
		}},
		printf(1, get(counts, i64(4), types.TInt64), get(plain, i64(4), types.TInt64), get(avg, nil, types.TInt64),
			get(low, i64(1), types.TInt64), get(low, i64(2), types.TInt64)),
		&prog.Delete{At: at(), Map: avg},
		printf(2, get(avg, nil, types.TInt64)),
	)
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l, wire(1, 0, int64(2), int64(-96), int64(9), int64(-16), int64(0)), wire(2, 0, int64(0)))
	if n := l.losses()[prog.LossMapFull]; n != 2*4+2*4 {
		t.Errorf("%d updates lost, want 16", n)
	}
}

// TestFrame does what a framed call does: insert under a tuple, find in
// another body, read in place, delete.
func TestFrame(t *testing.T) {
	target := hostTarget(t)
	table := &prog.Map{Name: "frames", Hidden: true, Entries: 2, Key: types.TupleOf(types.TUint64, types.TUint64),
		Value: types.TupleOf(types.TUint64, types.Str(40))}
	key := func(n uint64) prog.Expr { return tuple(u64(n), u64(2)) }
	ptr := &prog.Var{Type: types.PointerTo(table.Value, types.SpaceMap)}
	k := &prog.Var{Type: table.Key}
	at2 := func(n uint64) []prog.Stmt {
		return []prog.Stmt{
			setVar(k, key(n)),
			setVar(ptr, &prog.MapPtr{Meta: meta(ptr.Type), Map: table, Key: ref(k)}),
			&prog.If{At: at(), Cond: bin(prog.Eq, ref(ptr), u64(0)), Then: []prog.Stmt{
				&prog.Count{At: at(), Loss: prog.LossUnpaired}, &prog.Return{At: at()}}},
			printf(int(n), load(types.TUint64, ref(ptr), 0, false), load(types.Str(40), ref(ptr), 8, false)),
			&prog.Delete{At: at(), Map: table, Key: ref(k)},
		}
	}
	insert := func(n uint64) prog.Stmt {
		return setMap(table, key(n), compose(table.Value, u64(n*10), cast(types.Str(40), lit("kept"))))
	}
	p, u := script(prog.KindBegin, nil, insert(1), insert(2), insert(3))
	u.Maps = []*prog.Map{table}
	for _, n := range []uint64{1, 1, 3, 2} {
		u.Bodies = append(u.Bodies, &prog.Body{Group: u.Bodies[0].Group, Stmts: at2(n)})
	}
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l, wire(1, 0, uint64(10), "kept"), wire(2, 0, uint64(20), "kept"))
	if n := l.losses(); n[prog.LossFrames] != 1 || n[prog.LossUnpaired] != 2 {
		t.Errorf("losses %v, want one frame without room and two unpaired", n)
	}
}

func TestStacks(t *testing.T) {
	target := hostTarget(t)
	word := u64(0xabc)
	kernel := &types.Type{Kind: types.Stack, Size: types.StackSize, Frames: 5}
	push := func() prog.Expr { return call(prog.FnStackPush, kernel, builtin(prog.BKstack, kernel), word) }
	p, u := script(prog.KindBegin, nil,
		printf(1, builtin(prog.BKstack, kernel), push(), call(prog.FnLen, types.TInt64, builtin(prog.BKstack, kernel))))
	l := loadUnit(t, p, u, target)
	l.run()
	l.run()
	recs := l.records()
	if len(recs) != 2 {
		t.Fatalf("%d records, losses %v", len(recs), l.losses())
	}
	if !bytes.Equal(recs[0], recs[1]) {
		t.Errorf("one place gave two stacks: %x, %x", recs[0], recs[1])
	}
	type stack struct {
		id           uint64
		tgid, frames uint32
	}
	read := func(i int) stack {
		b := recs[0][types.HeaderSize+16*i:]
		return stack{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])}
	}
	frames := func(s stack) []uint64 {
		v, err := l.coll.Maps[MapStacks].LookupBytes(s.id)
		if err != nil || len(v) != StackValueSize {
			t.Fatalf("stack %#x: %v", s.id, err)
		}
		if n := binary.LittleEndian.Uint32(v); n != s.frames {
			t.Errorf("stack %#x has %d frames in the table, %d in the record", s.id, n, s.frames)
		}
		list := make([]uint64, s.frames)
		for i := range list {
			list[i] = binary.LittleEndian.Uint64(v[StackHead+8*i:])
		}
		return list
	}
	plain, pushed := read(0), read(1)
	if plain.frames == 0 || plain.tgid != 0 || pushed.id == plain.id {
		t.Fatalf("stacks %+v, %+v", plain, pushed)
	}
	a, b := frames(plain), frames(pushed)
	if n := binary.LittleEndian.Uint64(recs[0][types.HeaderSize+32:]); n != uint64(plain.frames) {
		t.Errorf("len() is %d of %d frames", n, plain.frames)
	}
	// Frame 0 is the call of the helper and differs; arm64 has it twice.
	if b[1] != 0xabc || len(b) != 5 || a[2] != b[3] || a[3] != b[4] {
		t.Errorf("frames %x became %x", a, b)
	}
}

func TestErrors(t *testing.T) {
	series := mapOf("@t", types.TInt64, &types.Type{Kind: types.TSeries})
	cases := map[string]prog.Stmt{
		"BUG: no code for this aggregate":       agg(series, i64(1), i64(2)),
		"\"r99\" is no register of amd64":       printf(1, reg("r99")),
		"a probe of this kind has no registers": printf(1, reg("di")),
		"the length has to be a constant":       printf(1, call(prog.FnStrncmp, types.TInt64, lit("a"), lit("b"), builtin(prog.BRand, types.TUint32))),
	}
	for want, s := range cases {
		p, u := script(prog.KindBegin, nil, s)
		if _, err := Compile(p, u, testTarget); err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	big := &prog.Var{Type: types.Str(60000)}
	p, u := script(prog.KindBegin, nil, setVar(big, lit("x")), printf(1, ref(big)))
	if _, err := Compile(p, u, testTarget); err == nil || !strings.Contains(err.Error(), "too large for a program of the kernel: its values take 120024 bytes") {
		t.Errorf("error %v, want one about its values", err)
	}
}

// TestSpans finds the text of an instruction by its raw offset.
func TestSpans(t *testing.T) {
	p, u := script(prog.KindBegin, nil, printf(1, u64(1<<40)))
	o, err := Compile(p, u, testTarget)
	if err != nil {
		t.Fatal(err)
	}
	raw := 0
	for i := range o.Spec.Instructions {
		in := &o.Spec.Instructions[i]
		span, ok := o.SpanAt(raw)
		if in.Reference() == MapEvents && (!ok || span != at().Pos) {
			t.Errorf("instruction %d: span %v, %v", raw, span, ok)
		}
		raw += int(in.Width())
	}
	if _, ok := o.SpanAt(raw); ok {
		t.Errorf("a span behind the end")
	}
	if _, ok := o.SpanAt(-1); ok {
		t.Errorf("a span before the start")
	}
}

// TestReuse reads a key again after everything that may have changed it.
func TestReuse(t *testing.T) {
	target := hostTarget(t)
	m := mapOf("@m", types.TUint64, types.TInt64)
	v, i := &prog.Var{Type: types.TInt64}, &prog.Var{Type: types.TUint64}
	read := func() prog.Expr { return get(m, u64(1), types.TInt64) }
	set := func(n int64) prog.Stmt { return setMap(m, u64(1), i64(n)) }
	del := &prog.Delete{At: at(), Map: m, Key: u64(1)}
	p, u := script(prog.KindBegin, []*prog.Map{m},
		printf(1, read(), read()),
		set(5),
		printf(2, read(), bin(prog.Add, read(), read())),
		&prog.If{At: at(), Cond: bin(prog.Eq, read(), i64(5)), Then: []prog.Stmt{del}},
		printf(3, read()),
		set(7),
		setVar(v, read()),
		&prog.ForRange{At: at(), Var: i, Lo: u64(0), Hi: u64(3), Body: []prog.Stmt{
			printf(4, get(m, ref(i), types.TInt64), get(m, ref(i), types.TInt64)),
			setMap(m, bin(prog.Add, ref(i), u64(1)), bin(prog.Add, ref(v), cast(types.TInt64, ref(i)))),
		}},
		printf(5, read()),
	)
	l := loadUnit(t, p, u, target)
	if n := strings.Count(l.obj.IR(), "MapLookupElem(map @m"); n != 6 {
		t.Errorf("%d look-ups, want 6\n%s", n, l.obj.IR())
	}
	l.run()
	wantRecords(t, l, wire(1, 0, int64(0), int64(0)), wire(2, 0, int64(5), int64(10)), wire(3, 0, int64(0)),
		wire(4, 0, int64(0), int64(0)), wire(4, 0, int64(7), int64(7)), wire(4, 0, int64(8), int64(8)),
		wire(5, 0, int64(7)))
}

// TestHistogramEdges feeds every power of two and its neighbours.
func TestHistogramEdges(t *testing.T) {
	target := hostTarget(t)
	for _, k := range []int{0, 1, 5} {
		ht := &types.Type{Kind: types.Hist, Bits: k}
		m := mapOf("@h", nil, ht)
		in := mapOf("@in", nil, types.TInt64)
		p, u := script(prog.KindBegin, []*prog.Map{m, in}, agg(m, nil, get(in, nil, types.TInt64)))
		l := loadUnit(t, p, u, target)
		want := make([]uint64, ht.AggregateWords())
		for bit := range 64 {
			for d := int64(-1); d <= 1; d++ {
				v := int64(1)<<bit + d
				want[types.HistIndex(v, k)]++
				b := make([]byte, 16)
				binary.LittleEndian.PutUint64(b, uint64(v))
				if err := l.coll.Maps["@in"].Put(uint32(0), b); err != nil {
					t.Fatal(err)
				}
				l.run()
			}
		}
		got := l.perCPUWords("@h", uint32(0))
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("hist(x, %d) bucket %d: %d, want %d", k, i, got[i], want[i])
			}
		}
	}
}

func TestForMap(t *testing.T) {
	target := hostTarget(t)
	counts := mapOf("@c", types.Str(8), &types.Type{Kind: types.Count})
	nums := mapOf("@n", types.TUint64, types.TInt64)
	kv := &prog.Var{Type: types.TupleOf(types.Str(8), types.TInt64)}
	n := &prog.Var{Type: types.TupleOf(types.TUint64, types.TInt64)}
	sum, turns, pid := &prog.Var{Type: types.TInt64}, &prog.Var{Type: types.TInt8}, &prog.Var{Type: types.TUint32}
	part := func(v *prog.Var, i int) prog.Expr {
		f := v.Type.Fields[i]
		return &prog.Member{Meta: meta(f.Type), X: ref(v), Off: int64(f.Offset)}
	}
	add := func(v *prog.Var, e prog.Expr) prog.Stmt { return setVar(v, bin(prog.Add, ref(v), e)) }
	when := func(c prog.Expr, then ...prog.Stmt) prog.Stmt { return &prog.If{At: at(), Cond: c, Then: then} }
	loop := func(v *prog.Var, m *prog.Map, body ...prog.Stmt) prog.Stmt {
		return &prog.ForMap{At: at(), Var: v, Map: m, Body: body}
	}
	p, u := script(prog.KindBegin, []*prog.Map{counts, nums},
		agg(counts, cast(types.Str(8), lit("one")), nil),
		agg(counts, cast(types.Str(8), lit("two")), nil),
		agg(counts, cast(types.Str(8), lit("two")), nil),
		setMap(nums, u64(1), i64(10)), setMap(nums, u64(2), i64(20)), setMap(nums, u64(3), i64(30)),
		setVar(sum, i64(0)), setVar(turns, num(types.TInt8, 0)),
		loop(kv, counts, when(bin(prog.Eq, part(kv, 0), lit("one")), &prog.Continue{At: at()}), printf(1, part(kv, 0), part(kv, 1))),
		loop(n, nums,
			when(bin(prog.Eq, part(n, 0), u64(2)), &prog.Continue{At: at()}),
			setVar(pid, builtin(prog.BPid, types.TUint32)),
			add(sum, part(n, 1)), add(turns, num(types.TInt8, 1))),
		printf(2, ref(sum), ref(turns), ref(pid), &prog.Call{Meta: meta(types.TInt64), Fn: prog.FnLen, Map: nums}),
		loop(n, nums, add(sum, i64(1)), &prog.Break{At: at()}),
		printf(3, ref(sum)),
		loop(n, nums, loop(kv, counts, add(sum, i64(100)))),
		printf(4, ref(sum)),
		loop(n, nums, &prog.Return{At: at()}),
		printf(5, ref(sum)),
	)
	u.Bodies = append(u.Bodies, &prog.Body{Group: u.Bodies[0].Group, Stmts: []prog.Stmt{printf(6)}})
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l, wire(1, 0, "two", int64(2)), wire(2, 0, int64(40), int8(2), uint32(os.Getpid()), int64(3)),
		wire(3, 0, int64(41)), wire(4, 0, int64(641)), wire(6, 0))
}

// TestManyBlobs sends more than a scratch slot could hold.
func TestManyBlobs(t *testing.T) {
	target := hostTarget(t)
	addr := inMemory(t, strings.Repeat("x", 5000))
	e := &prog.Emit{At: at(), Action: &prog.Action{ID: 9}}
	var want []any
	for i := range types.MaxBlobs {
		e.Items = append(e.Items, prog.Item{Arg: i, Ptr: userPtr(addr), Len: i64(int64(i * 80)), Max: types.MaxGoString})
		want = append(want, strings.Repeat("x", min(i*80, 256)))
	}
	p, u := script(prog.KindBegin, nil, e)
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l, wire(9, 0, want...))
	for _, sleepable := range []bool{false, true} {
		p, u = script(prog.KindUprobe, nil, e)
		u.Sleepable = sleepable
		loadUnit(t, p, u, target)
	}
}

// TestManyExtremes keeps more values alive than there are registers while each
// is compared and exchanged.
func TestManyExtremes(t *testing.T) {
	target := hostTarget(t)
	var maps []*prog.Map
	var first, second []prog.Stmt
	for i := range 8 {
		v := &prog.Var{Type: types.TInt64}
		m := mapOf(fmt.Sprintf("@m%d", i), nil, &types.Type{Kind: types.Max, Signed: true})
		maps = append(maps, m)
		first = append(first, setVar(v, bin(prog.Add, cast(types.TInt64, builtin(prog.BCPU, types.TUint32)), i64(int64(100*i)))))
		second = append(second, agg(m, nil, i64(-1)), agg(m, nil, ref(v)), agg(m, nil, i64(3)))
	}
	p, u := script(prog.KindBegin, maps, append(append(first, second...), second...)...)
	l := loadUnit(t, p, u, target)
	l.run()
	for i, m := range maps {
		got := l.perCPUWords(m.Name, uint32(0))
		if least := uint64(100 * i); i > 0 && (got[0] < least || got[0] > least+uint64(target.CPUs)) || got[1] != 1 {
			t.Errorf("%s: %v", m.Name, got)
		}
	}
}

// TestScratchBusy finds slots taken by programs that this one interrupted.
func TestScratchBusy(t *testing.T) {
	target := hostTarget(t)
	p, u := script(prog.KindBegin, nil, printf(1, lit("text")))
	for _, free := range []int{1, 0} {
		l := loadUnit(t, p, u, target)
		slots := l.coll.Maps[MapScratch]
		taken := make([]byte, slots.ValueSize())
		taken[slotBusy] = 1
		for i := range slots.MaxEntries() {
			if int(i)%slotsPerCPU < slotsPerCPU-free {
				if err := slots.Put(i, taken); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := l.busy()
		l.run()
		if n := len(l.records()); n != free {
			t.Errorf("%d records with %d free slots a CPU", n, free)
		}
		if n := l.losses()[prog.LossScratch]; n != uint64(1-free) {
			t.Errorf("%d losses with %d free slots a CPU", n, free)
		}
		if n := l.busy(); n != before {
			t.Errorf("%d slots claimed after the run, %d before", n, before)
		}
	}
}

func TestGate(t *testing.T) {
	target := hostTarget(t)
	target.SelfTGID = uint32(os.Getpid()) + 1
	for _, closed := range []bool{true, false} {
		p, u := script(prog.KindRawTracepoint, nil, &prog.If{At: at(),
			Cond: bin(prog.Eq, builtin(prog.BPid, types.TUint32), num(types.TUint32, int64(os.Getpid()))),
			Then: []prog.Stmt{printf(1)}})
		u.Bodies[0].Group.Funcs[0].Name = "sys_enter"
		l := loadUnit(t, p, u, target)
		if !closed {
			if err := l.coll.Maps[MapGate].Put(uint32(0), uint32(1)); err != nil {
				t.Fatal(err)
			}
		}
		lk, err := link.AttachTracing(link.TracingOptions{Program: l.coll.Programs["unit"]})
		if err != nil {
			t.Fatal(err)
		}
		os.Getppid()
		if err := lk.Close(); err != nil {
			t.Fatal(err)
		}
		if got := len(l.records()) > 0; got == closed {
			t.Errorf("gate closed %v: records %v", closed, got)
		}
	}
}

func TestRegOffset(t *testing.T) {
	for _, c := range []struct {
		arch, name string
		off        int
		ok         bool
	}{{"amd64", "di", 112, true}, {"amd64", "r14", 8, true}, {"arm64", "r28", 224, true}, {"arm64", "sp", 248, true}, {"arm64", "di", 0, false}} {
		if off, ok := RegOffset(c.arch, c.name); off != c.off || ok != c.ok {
			t.Errorf("%s %s: %d, %v", c.arch, c.name, off, ok)
		}
	}
}

// TestFuncIP: where a program has one site the kernel is not asked which it is, since
// older ones cannot tell.
func TestFuncIP(t *testing.T) {
	const addr = 0xffffffff81234560
	asks := func(u *lower.Unit, p *prog.Program) bool {
		o, err := Compile(p, u, testTarget)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(fmt.Sprint(o.Spec.Instructions), asm.FnGetFuncIp.String())
	}
	p, u := script(prog.KindKprobe, nil, printf(1, builtin(prog.BFuncIP, types.TUint64)))
	u.Sites[0].Addr = addr
	if asks(u, p) {
		t.Error("the kernel is asked for the only function")
	}
	u.Sites[0].Addr = 0
	if !asks(u, p) {
		t.Error("the kernel is not asked where its symbols have no addresses")
	}
	u.Sites = append(u.Sites, prog.Site{Func: 8, Addr: addr + 64})
	if !asks(u, p) {
		t.Error("the kernel is not asked which of two functions it is")
	}
	p, u = script(prog.KindBegin, nil, printf(1, builtin(prog.BFuncIP, types.TUint64)))
	u.Sites[0].Addr = addr
	l := loadUnit(t, p, u, machine(t))
	l.run()
	wantRecords(t, l, wire(1, 0, uint64(addr)))
}
