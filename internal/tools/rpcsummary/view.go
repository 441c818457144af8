package rpcsummary

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// rows is the map that the tool's table is the report of.
var rows = &prog.Map{Name: "@rpc", Value: float}

var float = &types.Type{Kind: types.Float, Size: 8}

// optional is a number that a method without timed calls does not have.
var optional = &types.Type{Kind: types.Int, Size: 8, Optional: true}

// summary joins the reports of the script's maps to one.
type summary struct {
	last    time.Time // of the last report
	failed  map[string]uint64
	latency map[string]events.Value
}

// change implements tool.Plan.Change: the maps come in the order of the script.
func (s *summary) change(e events.Event) events.Event {
	r, ok := e.(*events.Report)
	if !ok {
		if _, ok := e.(*events.Attached); ok {
			s.last = time.Now()
		}
		return e
	}
	switch r.Map.Name {
	case "@failed":
		s.failed = map[string]uint64{}
		for _, entry := range r.Entries {
			s.failed[keyOf(entry)] = entry.Value.Int
		}
	case "@latency":
		s.latency = map[string]events.Value{}
		for _, entry := range r.Entries {
			v := entry.Value
			v.Buckets = slices.Clone(v.Buckets)
			s.latency[keyOf(entry)] = v
		}
	case "@calls":
		return s.report(r)
	}
	return nil
}

func keyOf(e events.Entry) string {
	key := ""
	for _, k := range e.Key {
		key += string(k.Str) + k.Text + "\x00" + string(rune(k.Int))
	}
	return key
}

// report makes the table's rows, those with most calls first.
func (s *summary) report(r *events.Report) events.Event {
	span := r.Wall.Sub(s.last)
	s.last = r.Wall
	out := &events.Report{Map: rows, Wall: r.Wall, AtExit: r.AtExit}
	slices.SortStableFunc(r.Entries, func(a, b events.Entry) int { return cmp.Compare(b.Value.Int, a.Value.Int) })
	for _, e := range r.Entries {
		key := keyOf(e)
		rate := math.Round(float64(e.Value.Int)*10/max(span.Seconds(), 1e-3)) / 10
		times := s.latency[key]
		row := append(slices.Clone(e.Key), number(types.TUint64, e.Value.Int), number(types.TUint64, s.failed[key]),
			number(optional, quantile(times, 0.5)), number(optional, quantile(times, 0.99)))
		out.Entries = append(out.Entries, events.Entry{Key: row, Value: events.Value{Type: float, Float: rate}})
	}
	return out
}

func number(t *types.Type, n uint64) events.Value { return events.Value{Type: t, Int: n} }

// quantile is the upper bound of the bucket that the share q of all values reaches;
// all ones without values.
func quantile(v events.Value, q float64) uint64 {
	total := uint64(0)
	for _, n := range v.Buckets {
		total += n
	}
	if total == 0 {
		return math.MaxUint64
	}
	rank := uint64(math.Ceil(q * float64(total)))
	sum := uint64(0)
	for i, n := range v.Buckets {
		if sum += n; sum >= rank {
			_, high := types.HistRange(i, v.Type.Bits)
			return high
		}
	}
	panic("BUG: a rank behind the last value")
}
