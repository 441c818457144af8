package run

import (
	le "encoding/binary"
	"sort"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// sweepEvery is how often frames are looked through for calls that will never
// return: a panic or Goexit leaves their frames behind.
const sweepEvery = 10 * time.Second

// openFrame is an entry of a frame table: a call under way, or one that ended
// without a return.
type openFrame struct {
	table    *ebpf.Map
	key      string
	tgid     uint32
	g        uint64
	distance uint64 // from the top of g's stack: deeper calls are farther
	start    uint64
}

// sweep drops frames of processes that ended, and frames that are older than a
// shallower one of their goroutine: a caller runs longer than what it calls. The
// tables change while they are read, and a call may take a frame's key between its
// reading and its end, so what looks stale once is dropped when it does so again;
// at once if final, when no program writes any more.
func (s *session) sweep(final bool) error {
	frames, err := s.openFrames()
	if err != nil {
		return err
	}
	suspects := map[openFrame]bool{}
	dropped := uint64(0)
	for _, f := range staleFrames(frames, processEnded) {
		if !final && !s.suspects[f] {
			suspects[f] = true
			continue
		}
		if err := f.table.Delete([]byte(f.key)); err == nil {
			dropped++
		}
	}
	s.suspects = suspects
	if dropped == 0 {
		return nil
	}
	return s.opts.Sink.Event(&events.Loss{Kind: prog.LossReplaced, Count: dropped})
}

func processEnded(tgid uint32) bool { return unix.Kill(int(tgid), 0) == unix.ESRCH }

func (s *session) openFrames() ([]openFrame, error) {
	var frames []openFrame
	seen := map[*ebpf.Map]bool{}
	for _, u := range s.kernel.Units() {
		for _, m := range u.Plan.Maps {
			table := s.kernel.Map(codegen.MapName(m))
			if !m.Frames || seen[table] {
				continue
			}
			seen[table] = true
			key, value := make([]byte, table.KeySize()), make([]byte, table.ValueSize())
			for it := table.Iterate(); it.Next(&key, &value); {
				frames = append(frames, parseFrame(table, key, value))
			}
		}
	}
	return frames, nil
}

// parseFrame reads an entry as lower lays it out: process and function, g,
// distance; the time of the entry.
func parseFrame(table *ebpf.Map, key, value []byte) openFrame {
	word := func(b []byte, i int) uint64 { return le.LittleEndian.Uint64(b[8*i:]) }
	return openFrame{table: table, key: string(key), tgid: uint32(word(key, 0) >> 32),
		g: word(key, 1), distance: word(key, 2), start: word(value, 0)}
}

// staleFrames picks the frames whose calls are over.
func staleFrames(frames []openFrame, ended func(tgid uint32) bool) []openFrame {
	sort.Slice(frames, func(i, j int) bool {
		a, b := frames[i], frames[j]
		if a.tgid != b.tgid {
			return a.tgid < b.tgid
		}
		if a.g != b.g {
			return a.g < b.g
		}
		return a.distance < b.distance
	})
	var stale []openFrame
	gone := map[uint32]bool{}
	newest, here := uint64(0), uint64(0) // starts: of shallower frames, of those as deep as f
	for i, f := range frames {
		if i == 0 || frames[i-1].tgid != f.tgid {
			gone[f.tgid] = ended(f.tgid)
		}
		switch {
		case i == 0 || frames[i-1].tgid != f.tgid || frames[i-1].g != f.g:
			newest, here = 0, 0
		case frames[i-1].distance != f.distance: // several tables have frames of one call
			newest = max(newest, here)
		}
		if gone[f.tgid] || f.start < newest {
			stale = append(stale, f)
			continue
		}
		here = max(here, f.start)
	}
	return stale
}
