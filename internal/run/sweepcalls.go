package run

import (
	le "encoding/binary"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/rpc"
)

// staleAfter is how long an entry of a table of calls may stay as it is once the
// table is half full.
const staleAfter = 2 * time.Minute

// callTables remembers what the tables of frameworks' scripts looked like: of calls
// under way, of connections. A call whose end no probe sees, as of a connection that
// is forgotten with its calls, would stay for ever.
type callTables struct {
	seen  map[string]sighting // by table and key
	facts map[factKey]uint64  // where names of calls lie
}

// sighting is an entry as it was found first.
type sighting struct {
	value string
	since time.Time
}

// sweepCalls drops entries of processes that ended and, of tables that are half
// full, those that have not changed for long. A call under way that is dropped so
// is counted.
func (s *session) sweepCalls(now time.Time) error {
	seen := map[string]sighting{}
	lost := map[prog.Loss]uint64{}
	gone := map[uint32]bool{}
	ended := func(pid uint32) bool {
		if _, ok := gone[pid]; !ok {
			gone[pid] = processEnded(pid)
		}
		return gone[pid]
	}
	inner := map[string]bool{}
	for _, m := range s.innerFirst() {
		if !m.Hidden || m.Frames || m.Key == nil || m.Name == rpc.ErrorTable || m.Name == prog.ProbeNames {
			continue
		}
		t := &callTable{m: m, table: s.kernel.Map(codegen.MapName(m)), before: s.calls.seen, seen: seen, now: now}
		stale, orphans := t.sweep(ended)
		_, calls := tableOf(m)
		if calls == nil {
			continue
		}
		lost[prog.LossReplaced] += stale
		for _, key := range orphans {
			if !calls.Outer || !inner[key] {
				lost[prog.LossEnded]++
			}
			inner[key] = inner[key] || calls.Side == rpc.Server
		}
	}
	s.calls.seen = seen
	for _, kind := range []prog.Loss{prog.LossReplaced, prog.LossEnded} {
		if lost[kind] == 0 {
			continue
		}
		if err := s.opts.Sink.Event(&events.Loss{Kind: kind, Count: lost[kind]}); err != nil {
			return err
		}
	}
	return nil
}

// callTable is one table while it is swept.
type callTable struct {
	m            *prog.Map
	table        *ebpf.Map
	before, seen map[string]sighting
	now          time.Time
}

// sweep drops entries and returns how many of them were those of living processes, and
// the keys of the others.
func (t *callTable) sweep(ended func(uint32) bool) (stale uint64, orphans []string) {
	if t.table == nil {
		return 0, nil
	}
	var all []entry
	for _, e := range entries(t.table) {
		if !t.byProcess() || !ended(le.LittleEndian.Uint32([]byte(e.key))) {
			all = append(all, e)
		} else if t.table.Delete([]byte(e.key)) == nil {
			orphans = append(orphans, e.key)
		}
	}
	if uint32(len(all)) < t.table.MaxEntries()/2 {
		return 0, orphans
	}
	for _, e := range all {
		name := t.m.Name + e.key
		was, ok := t.before[name]
		switch {
		case !ok || was.value != e.value:
			t.seen[name] = sighting{e.value, t.now}
		case t.now.Sub(was.since) < staleAfter:
			t.seen[name] = was
		case t.table.Delete([]byte(e.key)) == nil:
			stale++
		}
	}
	return stale, orphans
}

// byProcess tells whether keys begin with a process.
func (t *callTable) byProcess() bool {
	return len(t.m.Key.Fields) > 0 && t.m.Key.Fields[0].Type.Size == 4
}
