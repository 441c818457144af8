package codegen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/types"
)

// hostTarget is this machine, with the features of a current kernel.
func hostTarget(t *testing.T) Target {
	t.Helper()
	if has := os.Getenv(testkit.EnvKernelHas); has != "" && !strings.Contains(has, kernel.FeatureLoop.String()) {
		t.Skip("the programs are for kernels with bpf_loop")
	}
	return machine(t)
}

// machine is hostTarget for tests that use nothing of a current kernel.
func machine(t *testing.T) Target {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loading eBPF programs needs root")
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		t.Fatal(err)
	}
	h := testTarget
	h.Arch, h.CPUs = runtime.GOARCH, cpus
	return h
}

// loaded is a unit in the kernel.
type loaded struct {
	t    *testing.T
	coll *ebpf.Collection
	obj  *Object
}

func loadUnit(t *testing.T, p *prog.Program, u *lower.Unit, target Target) *loaded {
	t.Helper()
	o, err := Compile(p, u, target)
	if err != nil {
		t.Fatal(err)
	}
	specs := Maps(p, []*lower.Unit{u}, target)
	for n, s := range UnitMaps(p, u, target) {
		specs[n] = s
	}
	c, err := ebpf.NewCollection(&ebpf.CollectionSpec{Maps: specs, Programs: map[string]*ebpf.ProgramSpec{"unit": o.Spec}})
	if err != nil {
		var v *ebpf.VerifierError
		if errors.As(err, &v) {
			log := v.Log
			if len(log) > 60 {
				log = log[len(log)-60:]
			}
			for _, l := range log {
				t.Log(l)
			}
		}
		t.Fatalf("%v\n%s\n%v", err, o.IR(), o.Insns())
	}
	t.Cleanup(c.Close)
	return &loaded{t, c, o}
}

// run runs the unit once, as user space runs BEGIN.
func (l *loaded) run() {
	l.t.Helper()
	_, err := l.coll.Programs["unit"].Run(&ebpf.RunOptions{Context: make([]byte, 96)})
	if err != nil {
		l.t.Fatalf("running the program: %v", err)
	}
}

// records reads the records that are in the ring buffer.
func (l *loaded) records() [][]byte {
	l.t.Helper()
	r, err := ringbuf.NewReader(l.coll.Maps[MapEvents])
	if err != nil {
		l.t.Fatal(err)
	}
	defer r.Close()
	r.SetDeadline(time.Now())
	var all [][]byte
	for {
		rec, err := r.Read()
		if err != nil {
			return all
		}
		all = append(all, rec.RawSample)
	}
}

// remarks returns what the programs counted of each kind at all places.
func (l *loaded) remarks() map[prog.RemarkKind]uint64 {
	l.t.Helper()
	sums := map[prog.RemarkKind]uint64{}
	var key [4]uint32
	var n uint64
	it := l.coll.Maps[MapRemarks].Iterate()
	for it.Next(&key, &n) {
		sums[prog.RemarkKind(key[0])] += n
	}
	if err := it.Err(); err != nil {
		l.t.Fatal(err)
	}
	return sums
}

func (l *loaded) losses() map[prog.Loss]uint64 {
	l.t.Helper()
	sums := map[prog.Loss]uint64{}
	for k := range prog.LossCount {
		var per []uint64
		if err := l.coll.Maps[MapLosses].Lookup(uint32(k), &per); err != nil {
			l.t.Fatal(err)
		}
		for _, n := range per {
			sums[k] += n
		}
		if sums[k] == 0 {
			delete(sums, k)
		}
	}
	return sums
}

// busy counts the scratch slots that are still claimed.
func (l *loaded) busy() int {
	n := 0
	m := l.coll.Maps[MapScratch]
	for i := range m.MaxEntries() {
		v, err := m.LookupBytes(i)
		if err != nil {
			l.t.Fatal(err)
		}
		n += int(v[0])
	}
	return n
}

// perCPUWords reads the words of an aggregate, summed over CPUs.
func (l *loaded) perCPUWords(name string, key any) []uint64 {
	l.t.Helper()
	m := l.coll.Maps[name]
	var per [][]byte
	if err := m.Lookup(key, &per); err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	sum := make([]uint64, m.ValueSize()/8)
	for _, v := range per {
		for i := range sum {
			sum[i] += binary.LittleEndian.Uint64(v[8*i:])
		}
	}
	return sum
}

// wire writes the images of values as a record has them.
func wire(id uint32, fault uint64, parts ...any) []byte {
	var b bytes.Buffer
	w := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	w(id)
	w(uint32(os.Getpid()))
	w(fault)
	for _, p := range parts {
		if s, ok := p.(string); ok {
			w(uint32(len(s)))
			b.WriteString(s)
			continue
		}
		w(p)
	}
	return b.Bytes()
}

func wantRecords(t *testing.T, l *loaded, want ...[]byte) {
	t.Helper()
	got := l.records()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d (losses %v)", len(got), len(want), l.losses())
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("record %d:\n got %x\nwant %x\n%s", i, got[i], want[i], l.obj.IR())
		}
	}
	if n := l.busy(); n != 0 {
		t.Errorf("%d scratch slots still claimed", n)
	}
}

func TestPrintf(t *testing.T) {
	target := hostTarget(t)
	v := &prog.Var{Name: "$s", Type: types.Str(64)}
	p, u := script(prog.KindBegin, nil,
		printf(1, i64(-5), num(types.TInt8, -1), num(types.TUint32, 7)),
		printf(2, lit("hello"), i64(3)),
		setVar(v, lit("a variable of more than eight bytes")),
		printf(3, ref(v), tuple(num(types.TInt8, 1), lit("xy"), u64(9)), lit("")),
		printf(4),
	)
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l,
		wire(1, 0, int64(-5), int8(-1), uint32(7)),
		wire(2, 0, "hello", int64(3)),
		wire(3, 0, "a variable of more than eight bytes", int8(1), "xy", uint64(9), ""),
		wire(4, 0),
	)
}

func TestAggregates(t *testing.T) {
	target := hostTarget(t)
	hist := &types.Type{Kind: types.Hist, Bits: 2}
	lhist := &types.Type{Kind: types.LHist, Low: 10, High: 50, Step: 10}
	kinds := map[string]*types.Type{
		"@count": {Kind: types.Count}, "@sum": {Kind: types.Sum}, "@min": {Kind: types.Min, Signed: true}, "@max": {Kind: types.Max, Signed: true},
		"@avg": {Kind: types.Avg}, "@hist": hist, "@lhist": lhist,
	}
	values := []int64{-3, 0, 1, 3, 4, 5, 9, 10, 11, 49, 50, 1 << 20, 1<<62 + 1}
	for name, k := range kinds {
		m := mapOf(name, types.TUint64, k)
		scalar := mapOf(name+"s", nil, k)
		var stmts []prog.Stmt
		for _, v := range values {
			x := i64(v)
			if k.Kind == types.Count {
				x = nil
			}
			stmts = append(stmts, agg(m, u64(5), x), agg(scalar, nil, x))
		}
		p, u := script(prog.KindBegin, []*prog.Map{m, scalar}, stmts...)
		l := loadUnit(t, p, u, target)
		l.run()
		want := make([]uint64, k.AggregateWords())
		for i, v := range values {
			feed(k, want, v, i == 0)
		}
		got := l.perCPUWords(name, uint64(5))
		gotScalar := l.perCPUWords(name+"s", uint32(0))
		for i := range want {
			if got[i] != want[i] || gotScalar[i] != want[i] {
				t.Errorf("%s word %d: %d and %d, want %d", name, i, got[i], gotScalar[i], want[i])
			}
		}
		if set := gotScalar[len(want)]; set != 1 {
			t.Errorf("%s: set word %d", name, set)
		}
	}
}

// feed does to words what a program does to an aggregate.
func feed(k *types.Type, words []uint64, v int64, first bool) {
	switch k.Kind {
	case types.Count:
		words[0]++
	case types.Sum:
		words[0] += uint64(v)
	case types.Avg:
		words[0] += uint64(v)
		words[1]++
	case types.Min, types.Max:
		if first || (k.Kind == types.Min) == (v < int64(words[0])) {
			words[0] = uint64(v)
		}
		words[1] = 1
	case types.Hist:
		words[types.HistIndex(v, k.Bits)]++
	case types.LHist:
		i := 0
		if v >= k.High {
			i = len(words) - 1
		} else if v >= k.Low {
			i = 1 + int((v-k.Low)/k.Step)
		}
		words[i]++
	}
}
