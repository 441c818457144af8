package run

import (
	"fmt"
	"iter"
	"maps"
	"sort"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rpcxray/rpcxray/internal/attach"
	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// handful is how many functions are probed without a word about what it costs.
const handful = 16

// guardEvery is how often hits are weighed.
const guardEvery = time.Second

// guard keeps probes from becoming an outage: it weighs the hits of every
// function by what a hit costs here, and takes the probes off the hottest
// functions when the sum is above the limit.
type guard struct {
	s     *session
	hits  *ebpf.Map
	costs attach.Costs // measured at the first need
	last  map[uint32]uint64
	at    time.Time
	shed  map[uint32]bool
}

func newGuard(s *session) (*guard, error) {
	g := &guard{s: s, hits: s.kernel.Map(codegen.MapHits), last: map[uint32]uint64{}, shed: map[uint32]bool{}, at: time.Now()}
	if s.opts.MaxOverhead == 0 || g.functions() <= handful {
		return g, nil
	}
	if err := g.measure(); err != nil {
		return g, err
	}
	fast, slow := g.sites()
	return g, s.info("%d probe sites: a hit costs the traced process about %v at %d of them and %v at %d; the limit is %.0f%% of a CPU (--max-overhead)",
		fast+slow, g.costs.Emulated.Round(10*time.Nanosecond), fast, g.costs.Stepped.Round(100*time.Nanosecond), slow, 100*s.opts.MaxOverhead)
}

func (g *guard) functions() int {
	seen := map[uint32]bool{}
	g.eachSite(func(site prog.Site) { seen[site.Func] = true })
	return len(seen)
}

func (g *guard) sites() (fast, slow int) {
	g.eachSite(func(site prog.Site) {
		if site.Fast {
			fast++
		} else {
			slow++
		}
	})
	return fast, slow
}

func (g *guard) eachSite(f func(prog.Site)) {
	for _, u := range g.s.kernel.Units() {
		if u.Plan.Target == nil {
			continue
		}
		for _, site := range u.Plan.Sites {
			f(site)
		}
	}
}

// measure finds what a hit costs on this machine, on rpcxray's own code.
func (g *guard) measure() error {
	if g.costs != (attach.Costs{}) {
		return nil
	}
	var err error
	g.costs, err = g.s.kernel.MeasureCosts()
	return err
}

// tick weighs the hits since the last one.
func (g *guard) tick(now time.Time) error {
	elapsed := now.Sub(g.at)
	if g.s.opts.MaxOverhead == 0 || elapsed < guardEvery {
		return nil
	}
	g.at = now
	loads, err := g.loads()
	if err != nil || g.sum(loads) == 0 {
		return err
	}
	// The dearest a hit can be is some 15 µs; below that no need to measure.
	limit := time.Duration(g.s.opts.MaxOverhead * float64(elapsed) * float64(g.processes()))
	if time.Duration(g.sum(loads))*15*time.Microsecond < limit {
		return nil
	}
	if err := g.measure(); err != nil {
		return err
	}
	return g.shedHottest(loads, limit, elapsed)
}

// load is how often a function was hit since the last tick.
type load struct {
	fn   uint32
	hits uint64
}

func (g *guard) sum(loads []load) uint64 {
	n := uint64(0)
	for _, l := range loads {
		n += l.hits
	}
	return n
}

// loads reads the hit counters, which programs keep by function id, and returns
// what came since the last time.
func (g *guard) loads() ([]load, error) {
	seen := map[uint32]bool{}
	g.eachSite(func(site prog.Site) { seen[site.Func] = true })
	counts, err := g.counts(maps.Keys(seen))
	if err != nil {
		return nil, err
	}
	var loads []load
	for fn := range seen {
		total := counts.of(fn)
		if n := total - g.last[fn]; n > 0 {
			loads = append(loads, load{fn, n})
			g.last[fn] = total
		}
	}
	return loads, nil
}

// hitCounts are the hits of all CPUs together, by page and slot; pages of which no
// function was asked for are empty.
type hitCounts [codegen.HitSlots / codegen.HitPage][]uint64

func (h *hitCounts) of(fn uint32) uint64 {
	slot := fn % codegen.HitSlots
	return h[slot/codegen.HitPage][slot%codegen.HitPage]
}

// counts reads the hit counters of functions.
func (g *guard) counts(fns iter.Seq[uint32]) (*hitCounts, error) {
	counts := &hitCounts{}
	for fn := range fns {
		page := fn % codegen.HitSlots / codegen.HitPage
		if counts[page] != nil {
			continue
		}
		var cpus [][codegen.HitPage]uint64
		if err := g.hits.Lookup(page, &cpus); err != nil {
			return nil, fmt.Errorf("hit counters: %w", err)
		}
		counts[page] = make([]uint64, codegen.HitPage)
		for i := range cpus {
			for slot, n := range cpus[i] {
				counts[page][slot] += n
			}
		}
	}
	return counts, nil
}

// total is the number of all hits and what they cost the traced processes.
func (g *guard) total() (hits uint64, cost time.Duration, err error) {
	costs := g.costPerHit()
	counts, err := g.counts(maps.Keys(costs))
	if err != nil {
		return 0, 0, err
	}
	for fn, per := range costs {
		n := counts.of(fn)
		hits += n
		cost += time.Duration(n) * per
	}
	return hits, cost, nil
}

// processes is how many processes the limit is for: that of -p, or those that
// run a traced binary.
func (g *guard) processes() int {
	if g.s.opts.PID != 0 {
		return 1
	}
	return max(g.s.bins.processes(), 1)
}

// shedHottest detaches functions, the dearest first, until the rest is below
// the limit.
func (g *guard) shedHottest(loads []load, limit, elapsed time.Duration) error {
	per := g.costPerHit()
	cost := func(l load) time.Duration { return time.Duration(l.hits) * per[l.fn] }
	total := time.Duration(0)
	for _, l := range loads {
		total += cost(l)
	}
	if total <= limit {
		return nil
	}
	sort.Slice(loads, func(i, j int) bool { return cost(loads[i]) > cost(loads[j]) })
	before := total
	drop := map[uint32]bool{}
	for _, l := range loads {
		if total <= limit {
			break
		}
		drop[l.fn] = true
		total -= cost(l)
	}
	return g.drop(drop, float64(before)/float64(elapsed))
}

// costPerHit is the mean cost of a hit of each function over its sites.
func (g *guard) costPerHit() map[uint32]time.Duration {
	sum, n := map[uint32]time.Duration{}, map[uint32]int{}
	g.eachSite(func(site prog.Site) {
		c := g.costs.Stepped
		if site.Fast {
			c = g.costs.Emulated
		}
		sum[site.Func] += c
		n[site.Func]++
	})
	for fn := range sum {
		sum[fn] /= time.Duration(n[fn])
	}
	return sum
}

func (g *guard) drop(fns map[uint32]bool, share float64) error {
	for _, u := range g.s.kernel.Units() {
		if u.Plan.Target == nil {
			continue
		}
		if err := u.Without(fns); err != nil {
			return err
		}
	}
	for fn := range fns {
		g.shed[fn] = true
		msg := "probes cost %.0f%% of a CPU, more than the limit of %.0f%%: %s is no longer probed, its numbers are partial (--max-overhead none lifts the limit)"
		if err := g.s.warning(msg, 100*share, 100*g.s.opts.MaxOverhead, g.s.bins.name(fn).name); err != nil {
			return err
		}
	}
	return nil
}
