package export

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rpcxray/rpcxray/internal/spans"
)

// Bounds of the queue of spans.
const (
	queueLimit = 20000 // spans that wait
	batchLimit = 512   // spans in a message
	batchEvery = time.Second
	firstPause = time.Second // before the second try; doubled for each further one
	longPause  = 30 * time.Second
	giveUp     = 5 * time.Minute // for one batch
)

// Counts tell what became of spans.
type Counts struct {
	Sent     uint64
	Dropped  uint64 // the queue was full
	Refused  uint64 // by the collector
	Failures uint64 // tries that did not succeed
}

// queue holds spans until a collector has taken them.
type queue struct {
	client *client
	batch  func([]*spans.Call) message
	health *health
	limit  int
	pause  time.Duration

	mu     sync.Mutex
	calls  []*spans.Call
	counts Counts
	more   chan struct{} // there are enough for a batch
}

func newQueue(c *client, batch func([]*spans.Call) message, h *health) *queue {
	return &queue{client: c, batch: batch, health: h, limit: queueLimit, pause: firstPause, more: make(chan struct{}, 1)}
}

// add takes a span; one for which there is no room is counted as dropped.
func (q *queue) add(c *spans.Call) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.calls) >= q.limit {
		q.counts.Dropped++
		return
	}
	q.calls = append(q.calls, c)
	if len(q.calls) >= batchLimit {
		select {
		case q.more <- struct{}{}:
		default:
		}
	}
}

// Counts returns what became of the spans so far.
func (q *queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts
}

// run sends spans until stop ends, and then what is left, until ctx ends.
func (q *queue) run(ctx context.Context, stop <-chan struct{}) {
	tick := time.NewTicker(batchEvery)
	defer tick.Stop()
	for stopped := false; ; {
		select {
		case <-stop:
			stopped = true
		case <-tick.C:
		case <-q.more:
		}
		for batch := q.next(); len(batch) > 0; batch = q.next() {
			q.deliver(ctx, batch)
		}
		if stopped {
			return
		}
	}
}

// next takes the oldest spans.
func (q *queue) next() []*spans.Call {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.calls), batchLimit)
	batch := q.calls[:n:n]
	if q.calls = q.calls[n:]; len(q.calls) == 0 {
		q.calls = nil
	}
	return batch
}

// deliver sends a batch, again and again if need be.
func (q *queue) deliver(ctx context.Context, batch []*spans.Call) {
	m := q.batch(batch)
	pause, began := q.pause, time.Now()
	for {
		rejected, why, err := q.client.send(ctx, traces, m)
		if err == nil {
			q.count(func(c *Counts) {
				n := min(uint64(rejected), uint64(len(batch)))
				c.Refused, c.Sent = c.Refused+n, c.Sent+uint64(len(batch))-n
			})
			q.health.well(rejected, why, q.Counts().Dropped)
			return
		}
		q.count(func(c *Counts) { c.Failures++ })
		after, again := retriable(err)
		if !again || time.Since(began) > giveUp || ctx.Err() != nil {
			q.count(func(c *Counts) { c.Refused += uint64(len(batch)) })
			q.health.ill(err, fmt.Sprintf("%d spans are given up", len(batch)))
			return
		}
		q.health.ill(err, fmt.Sprintf("up to %d spans wait for it", q.limit))
		select {
		case <-ctx.Done():
		case <-time.After(max(after, pause/2+rand.N(pause))):
		}
		pause = min(2*pause, longPause)
	}
}

func (q *queue) count(change func(*Counts)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change(&q.counts)
}

// health tells of a collector when it falls ill and when it is well again.
type health struct {
	name string
	tell func(text string)

	mu      sync.Mutex
	since   time.Time // zero: it is well
	dropped uint64    // spans when it was last well
	refused bool      // that it takes only parts has been told
}

func (h *health) ill(err error, means string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		h.since = time.Now()
		h.tell(fmt.Sprintf("collector %s: %v; %s", h.name, err, means))
	}
}

func (h *health) well(rejected int64, why string, dropped uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.since.IsZero() {
		h.tell(fmt.Sprintf("collector %s: it answers again after %v; spans dropped meanwhile: %d",
			h.name, time.Since(h.since).Round(time.Second), dropped-h.dropped))
		h.since = time.Time{}
	}
	h.dropped = dropped
	if rejected > 0 && !h.refused {
		h.refused = true
		h.tell(fmt.Sprintf("collector %s: it refuses a part of what it is sent: %s", h.name, why))
	}
}
