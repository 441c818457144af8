package run

import (
	le "encoding/binary"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/types"
)

// TestSweepCalls tests what is dropped from a table of calls: those of processes that
// have ended at once, others when they have not changed for long and the table fills.
func TestSweepCalls(t *testing.T) {
	testkit.Root(t)
	table, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 16, ValueSize: 8, MaxEntries: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	put := func(pid, call, value uint64) {
		t.Helper()
		key := le.LittleEndian.AppendUint64(le.LittleEndian.AppendUint64(nil, pid), call)
		if err := table.Put(key, le.LittleEndian.AppendUint64(nil, value)); err != nil {
			t.Fatal(err)
		}
	}
	m := &prog.Map{Name: "@rpcx:0:calls", Hidden: true, Key: types.TupleOf(types.TUint32, types.TUint64)}
	var seen map[string]sighting
	sweep := func(after time.Duration) (stale uint64, orphans int) {
		c := &callTable{m: m, table: table, before: seen, seen: map[string]sighting{}, now: time.Unix(1000, 0).Add(after)}
		stale, keys := c.sweep(func(pid uint32) bool { return pid == 9 })
		seen = c.seen
		return stale, len(keys)
	}
	expect := func(what string, after time.Duration, stale uint64, orphans, left int) {
		t.Helper()
		if s, o := sweep(after); s != stale || o != orphans || len(entries(table)) != left {
			t.Errorf("%s: %d are stale, %d of ended processes, %d are left; want %d, %d, %d", what, s, o, len(entries(table)), stale, orphans, left)
		}
	}
	put(1, 1, 10)
	put(9, 1, 10)
	put(9, 2, 10)
	expect("a process has ended", 0, 0, 2, 1)
	expect("few are old", 2*staleAfter, 0, 0, 1)
	for call := range uint64(4) {
		put(1, call+1, 10)
	}
	expect("they are seen first", 3*staleAfter, 0, 0, 4)
	expect("they are young", 4*staleAfter-1, 0, 0, 4)
	put(1, 4, 11)
	expect("one is another", 4*staleAfter, 3, 0, 1)
	put(9, 1, 10)
	expect("another process has ended", 5*staleAfter, 0, 1, 1)
}
