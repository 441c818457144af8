package export

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rpcxray/rpcxray/internal/spans"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Series is what calls have in common that are counted together.
type Series struct {
	Process   string
	Framework string
	Side      spans.Side
	Service   string
	Method    string
	Status    string // ok, error or timeout
}

// other stands for service and method of what is beyond the limit of series.
const other = "_other"

// Bits is the precision of the durations in a Registry, as of hist(ns, Bits).
const Bits = 3

// times are durations of calls.
type times struct {
	buckets []uint64 // of hist(ns, Bits)
	sum     uint64   // ns
}

// Registry sums what calls have done since rpcxray has started. It is safe for
// concurrent use.
type Registry struct {
	limit int
	begun time.Time

	mu     sync.Mutex
	series map[Series]*totals
	active map[Series]uint64 // calls under way, as of status ok
	merged uint64            // additions that went to the series called other
	lost   map[string]uint64
}

// totals are the sums of a series.
type totals struct {
	calls uint64
	times times
}

// NewRegistry returns a Registry of at most limit series.
func NewRegistry(limit int) *Registry {
	return &Registry{limit: limit, begun: time.Now(), series: map[Series]*totals{}, lost: map[string]uint64{}}
}

// Calls adds calls whose durations are in a bucket of hist(ns, Bits); 0: they are not
// timed.
func (r *Registry) Calls(s Series, bucket int, n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	to := r.of(s)
	to.calls += n
	if bucket == 0 {
		return
	}
	if more := bucket + 1 - len(to.times.buckets); more > 0 {
		to.times.buckets = append(to.times.buckets, make([]uint64, more)...)
	}
	to.times.buckets[bucket] += n
}

// Time adds the time in ns that calls took.
func (r *Registry) Time(s Series, ns uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of(s).times.sum += ns
}

// Lost adds to what was not counted, by what it is.
func (r *Registry) Lost(what string, n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost[what] += n
}

// UnderWay says which calls are under way, in series of status ok.
func (r *Registry) UnderWay(calls map[Series]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = map[Series]uint64{}
	for s, n := range calls {
		if len(r.active) >= r.limit {
			s.Process, s.Service, s.Method = "", other, other
		}
		r.active[s] += n
	}
}

// of returns the totals of a series; the lock is held.
func (r *Registry) of(s Series) *totals {
	t := r.series[s]
	if t == nil && len(r.series) >= r.limit {
		r.merged++
		s = Series{Framework: s.Framework, Side: s.Side, Service: other, Method: other, Status: s.Status}
		t = r.series[s]
	}
	if t == nil {
		t = &totals{}
		r.series[s] = t
	}
	return t
}

// row is a series with its sums at a time.
type row struct {
	Series
	calls uint64
	times times
}

// activity is how many calls of a series are under way.
type activity struct {
	Series
	calls uint64
}

// snapshot is a copy of what a Registry holds.
type snapshot struct {
	rows   []row
	active []activity
	merged uint64
	lost   map[string]uint64
}

// snapshot returns all sums, in order.
func (r *Registry) snapshot() snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := snapshot{merged: r.merged, lost: map[string]uint64{}}
	for k, t := range r.series {
		s.rows = append(s.rows, row{k, t.calls, times{slices.Clone(t.times.buckets), t.times.sum}})
	}
	s.active = r.activities()
	for what, n := range r.lost {
		s.lost[what] = n
	}
	slices.SortFunc(s.rows, func(a, b row) int { return compare(a.Series, b.Series) })
	return s
}

// activities are the calls under way, and zeros for series that have none now; the
// lock is held.
func (r *Registry) activities() []activity {
	all := maps.Clone(r.active)
	if all == nil {
		all = map[Series]uint64{}
	}
	for k := range r.series {
		k.Status = "ok"
		all[k] += 0
	}
	var list []activity
	for k, n := range all {
		list = append(list, activity{k, n})
	}
	slices.SortFunc(list, func(a, b activity) int { return compare(a.Series, b.Series) })
	return list
}

func compare(a, b Series) int {
	return cmp.Or(strings.Compare(a.Process, b.Process), strings.Compare(a.Framework, b.Framework), strings.Compare(string(a.Side), string(b.Side)),
		strings.Compare(a.Service, b.Service), strings.Compare(a.Method, b.Method), strings.Compare(a.Status, b.Status))
}

// count is how many durations there are.
func (t *times) count() uint64 {
	n := uint64(0)
	for _, b := range t.buckets {
		n += b
	}
	return n
}

// seconds is their sum.
func (t *times) seconds() float64 { return float64(t.sum) / 1e9 }

// Bounds of the classic histogram: powers of two in ns, for of those it is known
// exactly how many calls were faster.
const (
	firstBound = 14 // 16 µs
	lastBound  = 35 // 34 s
)

// classic returns the upper bounds of a classic histogram in seconds, with the
// numbers of calls below them.
func (t *times) classic() (bounds []float64, below []uint64) {
	i, n := 0, uint64(0)
	for b := firstBound; b <= lastBound; b++ {
		for ; i < len(t.buckets); i++ {
			if _, high := types.HistRange(i, Bits); i > 0 && high > 1<<b {
				break
			}
			n += t.buckets[i]
		}
		bounds = append(bounds, float64(uint64(1)<<b)/1e9)
		below = append(below, n)
	}
	return bounds, below
}

// scale is that of exponential histograms: 8 buckets a power of two, the width of
// which is about that of the kernel's.
const scale = 3

// exponential returns the numbers of calls by the exponent e of the bucket
// (2^(e/8), 2^((e+1)/8)] in seconds which holds the middle of the kernel's, and the
// number of those that took no time.
func (t *times) exponential() (first int, counts []uint64, zero uint64) {
	by := map[int]uint64{}
	low, high := math.MaxInt, math.MinInt
	for i, n := range t.buckets {
		if n == 0 {
			continue
		}
		if i <= 1 {
			zero += n
			continue
		}
		from, to := types.HistRange(i, Bits)
		middle := (float64(from) + float64(to)) / 2 / 1e9
		e := int(math.Ceil(math.Log2(middle)*(1<<scale))) - 1
		by[e] += n
		low, high = min(low, e), max(high, e)
	}
	if len(by) == 0 {
		return 0, nil, zero
	}
	counts = make([]uint64, high-low+1)
	for e, n := range by {
		counts[e-low] = n
	}
	return low, counts, zero
}
