package rpcsummary

import (
	"cmp"
	"fmt"
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

// parts are those of a key that name a method: the status and the bucket follow.
const parts = 6

// summary makes a row for each method of the script's counts.
type summary struct {
	last time.Time // of the last report
}

// method is what the calls of a method have done since the last report.
type method struct {
	key           []events.Value
	calls, failed uint64
	times         histogram
}

// change implements tool.Plan.Change.
func (s *summary) change(e events.Event) events.Event {
	switch e := e.(type) {
	case *events.Attached:
		s.last = time.Now()
	case *events.Report:
		return s.report(e)
	}
	return e
}

// report makes the table's rows, those with most calls first.
func (s *summary) report(r *events.Report) events.Event {
	span := r.Wall.Sub(s.last)
	s.last = r.Wall
	out := &events.Report{Map: rows, Wall: r.Wall, AtExit: r.AtExit}
	for _, m := range methods(r) {
		row := append(m.key, number(types.TUint64, m.calls), number(types.TUint64, m.failed),
			number(optional, m.times.quantile(0.5)), number(optional, m.times.quantile(0.99)))
		out.Entries = append(out.Entries, events.Entry{Key: row, Value: rate(m.calls, span)})
	}
	return out
}

func rate(calls uint64, span time.Duration) events.Value {
	return events.Value{Type: float, Float: math.Round(float64(calls)*10/max(span.Seconds(), 1e-3)) / 10}
}

// methods joins the counts of each method.
func methods(r *events.Report) []*method {
	by := map[string]*method{}
	var list []*method
	for _, e := range r.Entries {
		key := keyOf(e.Key[:parts])
		m := by[key]
		if m == nil {
			m = &method{key: slices.Clone(e.Key[:parts])}
			by[key] = m
			list = append(list, m)
		}
		m.calls += e.Value.Int
		if e.Key[parts].Int != 0 {
			m.failed += e.Value.Int
		}
		m.times.add(int(e.Key[parts+1].Int), e.Value.Int)
	}
	slices.SortStableFunc(list, func(a, b *method) int { return cmp.Compare(b.calls, a.calls) })
	return list
}

func keyOf(values []events.Value) string {
	key := ""
	for _, k := range values {
		key += fmt.Sprintf("%s%s%d\x00", k.Str, k.Text, k.Int)
	}
	return key
}

func number(t *types.Type, n uint64) events.Value { return events.Value{Type: t, Int: n} }

// histogram counts calls by the bucket of how long they took.
type histogram map[int]uint64

// bits is the precision of buckets, as of hist(ns, bits).
const bits = 3

// add counts calls; those in bucket 0 are not timed.
func (h *histogram) add(bucket int, calls uint64) {
	if bucket == 0 {
		return
	}
	if *h == nil {
		*h = histogram{}
	}
	(*h)[bucket] += calls
}

// quantile is the upper bound of the bucket that the share q of all calls reaches;
// all ones without calls.
func (h histogram) quantile(q float64) uint64 {
	var buckets []int
	total := uint64(0)
	for b, n := range h {
		buckets = append(buckets, b)
		total += n
	}
	if total == 0 {
		return math.MaxUint64
	}
	slices.Sort(buckets)
	rank := uint64(math.Ceil(q * float64(total)))
	sum := uint64(0)
	for _, b := range buckets {
		if sum += h[b]; sum >= rank {
			_, high := types.HistRange(b, bits)
			return high
		}
	}
	panic("BUG: a rank behind the last value")
}
