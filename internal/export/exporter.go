package export

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rpcxray/rpcxray/internal/spans"
)

// Options say what an Exporter serves.
type Options struct {
	Collector *Collector // nil: none
	Listen    *Listen    // nil: no Prometheus comes
	Every     time.Duration
	Host      string
	Version   string
	// Tell is told what becomes of the collector. It may be called from any goroutine.
	Tell func(text string)
}

// Exporter sends spans and what is in its Registry to where they are wanted.
type Exporter struct {
	*Registry
	o      Options
	source source
	client *client
	queue  *queue
	health *health // of metrics
	server *server

	stop   chan struct{}
	cancel context.CancelFunc // of what is under way
	work   sync.WaitGroup
}

// seriesLimit is how many series a Registry holds.
const seriesLimit = 5000

// lastSend is how long the collector may take for what is left at the end.
const lastSend = 3 * time.Second

// Start returns an Exporter at work. Errors are those of the options: a collector
// that does not answer is none.
func Start(o Options) (*Exporter, error) {
	e := &Exporter{Registry: NewRegistry(seriesLimit), o: o, source: source{o.Host, o.Version}, stop: make(chan struct{})}
	prom := collector{registry: e.Registry}
	if o.Collector != nil {
		var err error
		if e.client, err = newClient(*o.Collector); err != nil {
			return nil, err
		}
		e.queue = newQueue(e.client, e.source.traces, &health{name: e.client.name, tell: o.Tell})
		e.health = &health{name: e.client.name + " (metrics)", tell: o.Tell}
		prom.counts = e.queue.Counts
	}
	if o.Listen != nil {
		var err error
		if e.server, err = listen(*o.Listen, prom); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	if e.client != nil {
		e.work.Go(func() { e.queue.run(ctx, e.stop) })
		e.work.Go(func() { e.sendMetrics(ctx) })
	}
	return e, nil
}

// Collector is the collector's name for people, "" if there is none.
func (e *Exporter) Collector() string {
	if e.client == nil {
		return ""
	}
	return e.client.name
}

// Addr is where the Prometheus finds the metrics, nil if it is not expected.
func (e *Exporter) Addr() net.Addr {
	if e.server == nil {
		return nil
	}
	return e.server.addr
}

// Span sends a span; without a collector nothing happens.
func (e *Exporter) Span(c *spans.Call) {
	if e.queue != nil {
		e.queue.add(c)
	}
}

// Spans tells what became of the spans.
func (e *Exporter) Spans() Counts {
	if e.queue == nil {
		return Counts{}
	}
	return e.queue.Counts()
}

// sendMetrics sends the sums periodically, and at the end. They are sums from the
// start on, so that none is missed where the collector was away.
func (e *Exporter) sendMetrics(ctx context.Context) {
	tick := time.NewTicker(e.o.Every)
	defer tick.Stop()
	for stopped := false; !stopped; {
		select {
		case <-e.stop:
			stopped = true
		case <-tick.C:
		}
		snap := e.snapshot()
		if len(snap.rows) == 0 && len(snap.active) == 0 && len(snap.lost) == 0 {
			continue
		}
		rejected, why, err := e.client.send(ctx, metrics, e.source.metrics(snap, e.begun, time.Now()))
		if err != nil {
			e.health.ill(err, "metrics are sent again")
		} else {
			e.health.well(rejected, why, 0)
		}
	}
}

// Close sends what is left, for a while, and ends. It tells of spans that were not
// sent.
func (e *Exporter) Close() error {
	close(e.stop)
	timer := time.AfterFunc(lastSend, e.cancel)
	e.work.Wait()
	timer.Stop()
	e.cancel()
	var err error
	if e.server != nil {
		err = e.server.close()
	}
	if n := e.Spans(); n.Dropped+n.Refused > 0 {
		err = errors.Join(err, fmt.Errorf("collector %s: %d spans were sent; not sent: %d for which there was no room, %d that it did not take",
			e.client.name, n.Sent, n.Dropped, n.Refused))
	}
	return err
}
