package export

import (
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// metrics makes a message of sums, a resource a process name.
func (s source) metrics(snap snapshot, begun, now time.Time) message {
	b := metricsOf{source: s, begun: uint64(begun.UnixNano()), now: uint64(now.UnixNano()), of: map[string]*byProcess{}}
	for _, r := range snap.rows {
		b.row(r)
	}
	for _, a := range snap.active {
		b.activity(a)
	}
	b.lost(snap)
	return b.data()
}

// metricsOf builds a message.
type metricsOf struct {
	source
	begun, now uint64 // ns since 1970
	of         map[string]*byProcess
	order      []*byProcess
}

// byProcess are the metrics of one process name, by theirs.
type byProcess struct {
	name  string
	of    map[string]*metricspb.Metric
	order []*metricspb.Metric
}

func (b *metricsOf) process(name string) *byProcess {
	p := b.of[name]
	if p == nil {
		p = &byProcess{name: name, of: map[string]*metricspb.Metric{}}
		b.of[name] = p
		b.order = append(b.order, p)
	}
	return p
}

// metric returns the metric of a name; it is made where there is none.
func (p *byProcess) metric(name, unit, about string) *metricspb.Metric {
	m := p.of[name]
	if m == nil {
		m = &metricspb.Metric{Name: name, Unit: unit, Description: about}
		p.of[name] = m
		p.order = append(p.order, m)
	}
	return m
}

const cumulative = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE

func (p *byProcess) sum(name, unit, about string, grows bool) *metricspb.Sum {
	m := p.metric(name, unit, about)
	if m.Data == nil {
		m.Data = &metricspb.Metric_Sum{Sum: &metricspb.Sum{AggregationTemporality: cumulative, IsMonotonic: grows}}
	}
	return m.GetSum()
}

func (b *metricsOf) row(r row) {
	p := b.process(r.Process)
	requests := p.sum("rpc."+string(r.Side)+".requests", "{request}", "calls that have ended", true)
	requests.DataPoints = append(requests.DataPoints, b.point(r.Series, int64(r.calls)))
	if len(r.times.buckets) == 0 {
		return
	}
	m := p.metric("rpc."+string(r.Side)+".duration", "s", "time from the request to the response")
	if m.Data == nil {
		m.Data = &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: &metricspb.ExponentialHistogram{AggregationTemporality: cumulative}}
	}
	h := m.GetExponentialHistogram()
	first, counts, zero := r.times.exponential()
	sum := r.times.seconds()
	h.DataPoints = append(h.DataPoints, &metricspb.ExponentialHistogramDataPoint{
		Attributes: seriesAttributes(r.Series), StartTimeUnixNano: b.begun, TimeUnixNano: b.now,
		Count: r.times.count(), Sum: &sum, Scale: scale, ZeroCount: zero,
		Positive: &metricspb.ExponentialHistogramDataPoint_Buckets{Offset: int32(first), BucketCounts: counts},
	})
}

// activity adds the calls of a series that are under way.
func (b *metricsOf) activity(a activity) {
	s := b.process(a.Process).sum("rpc."+string(a.Side)+".active_requests", "{request}", "calls that have begun and not ended", false)
	s.DataPoints = append(s.DataPoints, b.point(a.Series, int64(a.calls)))
}

// lost adds what rpcxray itself did not count.
func (b *metricsOf) lost(snap snapshot) {
	s := b.process("rpcxray").sum("rpcxray.lost", "1", "what was not counted", true)
	for _, what := range lossNames(snap) {
		p := b.point(Series{}, int64(snap.lost[what]))
		p.Attributes = []*commonpb.KeyValue{text("kind", what)}
		s.DataPoints = append(s.DataPoints, p)
	}
}

func (b *metricsOf) point(s Series, n int64) *metricspb.NumberDataPoint {
	return &metricspb.NumberDataPoint{Attributes: seriesAttributes(s), StartTimeUnixNano: b.begun, TimeUnixNano: b.now,
		Value: &metricspb.NumberDataPoint_AsInt{AsInt: n}}
}

func seriesAttributes(s Series) []*commonpb.KeyValue {
	list := []*commonpb.KeyValue{text("rpc.system", s.Framework), text("rpc.service", s.Service), text("rpc.method", s.Method)}
	if s.failed() {
		list = append(list, text("error.type", s.Status))
	}
	return list
}

// failed tells whether the calls of s did not end well.
func (s Series) failed() bool { return s.Status != "ok" }

func (b *metricsOf) data() message {
	d := &metricspb.MetricsData{}
	for _, p := range b.order {
		d.ResourceMetrics = append(d.ResourceMetrics, &metricspb.ResourceMetrics{
			Resource:     b.resource(process{name: p.name}),
			ScopeMetrics: []*metricspb.ScopeMetrics{{Scope: b.scope(), Metrics: p.order}},
		})
	}
	return d
}
