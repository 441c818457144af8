package export

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/rpcxray/rpcxray/internal/spans"
)

// collector gives a Registry to Prometheus.
type collector struct {
	registry *Registry
	counts   func() Counts // of spans; nil: none are sent
}

// Names of labels.
var (
	activeLabels = []string{"process", "rpc_system", "rpc_service", "rpc_method"}
	seriesLabels = append(slices.Clone(activeLabels), "error_type")
)

// families are the metrics of one side.
type families struct{ duration, requests, errors, inFlight *prometheus.Desc }

func sideFamilies(side spans.Side, doing string) families {
	name := "rpc_" + string(side) + "_"
	desc := func(suffix, help string) *prometheus.Desc {
		return prometheus.NewDesc(name+suffix, help, seriesLabels, nil)
	}
	return families{
		duration: desc("duration_seconds", "Time from the request to the response of calls "+doing+"."),
		requests: desc("requests_total", "Calls "+doing+"."),
		errors:   desc("errors_total", "Calls "+doing+" that failed."),
		inFlight: prometheus.NewDesc(name+"in_flight", "Calls "+doing+" that have begun and not ended.", activeLabels, nil),
	}
}

var (
	bySide = map[spans.Side]families{
		spans.Server: sideFamilies(spans.Server, "served"),
		spans.Client: sideFamilies(spans.Client, "made"),
	}
	lostDesc   = prometheus.NewDesc("rpcxray_lost_total", "What was not counted, by its kind.", []string{"kind"}, nil)
	mergedDesc = prometheus.NewDesc("rpcxray_series_merged_total", "Additions to series beyond the limit; they are in those called "+other+".", nil, nil)
	spansDesc  = prometheus.NewDesc("rpcxray_spans_total", "Spans for the collector, by what became of them.", []string{"result"}, nil)
	tryDesc    = prometheus.NewDesc("rpcxray_send_failures_total", "Messages that the collector did not take.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range bySide {
		ch <- f.duration
		ch <- f.requests
		ch <- f.errors
		ch <- f.inFlight
	}
	ch <- lostDesc
	ch <- mergedDesc
	ch <- spansDesc
	ch <- tryDesc
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	snap := c.registry.snapshot()
	for _, r := range snap.rows {
		f := bySide[r.Side]
		labels := r.labels()
		ch <- prometheus.MustNewConstMetric(f.requests, prometheus.CounterValue, float64(r.calls), labels...)
		if r.failed() {
			ch <- prometheus.MustNewConstMetric(f.errors, prometheus.CounterValue, float64(r.calls), labels...)
		}
		if len(r.times.buckets) > 0 {
			ch <- &histogram{desc: f.duration, labels: prometheus.MakeLabelPairs(f.duration, labels), times: r.times, begun: c.registry.begun}
		}
	}
	for _, a := range snap.active {
		ch <- prometheus.MustNewConstMetric(bySide[a.Side].inFlight, prometheus.GaugeValue, float64(a.calls), a.labels()[:len(activeLabels)]...)
	}
	for _, what := range lossNames(snap) {
		ch <- prometheus.MustNewConstMetric(lostDesc, prometheus.CounterValue, float64(snap.lost[what]), what)
	}
	ch <- prometheus.MustNewConstMetric(mergedDesc, prometheus.CounterValue, float64(snap.merged))
	if c.counts == nil {
		return
	}
	n := c.counts()
	for _, v := range []struct {
		result string
		n      uint64
	}{{"sent", n.Sent}, {"dropped", n.Dropped}, {"refused", n.Refused}} {
		ch <- prometheus.MustNewConstMetric(spansDesc, prometheus.CounterValue, float64(v.n), v.result)
	}
	ch <- prometheus.MustNewConstMetric(tryDesc, prometheus.CounterValue, float64(n.Failures))
}

func lossNames(snap snapshot) []string { return slices.Sorted(maps.Keys(snap.lost)) }

func (s Series) labels() []string {
	kind := ""
	if s.failed() {
		kind = s.Status
	}
	return []string{s.Process, s.Framework, s.Service, s.Method, kind}
}

// histogram is a metric with classic buckets and native ones: which of them count is
// Prometheus' choice.
type histogram struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair
	times  times
	begun  time.Time
}

// Desc implements prometheus.Metric.
func (h *histogram) Desc() *prometheus.Desc { return h.desc }

// Write implements prometheus.Metric.
func (h *histogram) Write(m *dto.Metric) error {
	count, sum := h.times.count(), h.times.seconds()
	first, counts, zero := h.times.exponential()
	out := &dto.Histogram{SampleCount: &count, SampleSum: &sum, Schema: ptr(int32(scale)), ZeroThreshold: ptr(0.0), ZeroCount: &zero}
	bounds, below := h.times.classic()
	for i := range bounds {
		out.Bucket = append(out.Bucket, &dto.Bucket{UpperBound: &bounds[i], CumulativeCount: &below[i]})
	}
	// Prometheus numbers a bucket by its upper bound.
	out.PositiveSpan = []*dto.BucketSpan{{Offset: ptr(int32(first + 1)), Length: ptr(uint32(len(counts)))}}
	before := int64(0)
	for _, n := range counts {
		out.PositiveDelta = append(out.PositiveDelta, int64(n)-before)
		before = int64(n)
	}
	m.Label, m.Histogram = h.labels, out
	return nil
}

func ptr[T any](v T) *T { return &v }
