// Command receiver takes traces and metrics as an OpenTelemetry collector does, by
// the services that OpenTelemetry publishes, and prints them: a JSON object a line.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	metricsservice "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traceservice "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Line is a span, or a point of a metric.
type Line struct {
	Name       string            `json:"name"`
	Process    string            `json:"process"`
	Attributes map[string]string `json:"attributes"`

	Trace  string `json:"trace,omitempty"`
	Span   string `json:"span,omitempty"`
	Parent string `json:"parent,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Start  uint64 `json:"start,omitempty"`
	NS     uint64 `json:"ns,omitempty"`
	Status string `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`

	Metric bool    `json:"metric"`
	Value  int64   `json:"value,omitempty"` // of histograms: how many values
	Sum    float64 `json:"sum,omitempty"`
}

var (
	mu  sync.Mutex
	out = json.NewEncoder(os.Stdout)
)

func show(l Line) {
	mu.Lock()
	defer mu.Unlock()
	if err := out.Encode(l); err != nil {
		log.Fatal(err)
	}
}

func attributes(list []*common.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range list {
		switch v := kv.Value.GetValue().(type) {
		case *common.AnyValue_StringValue:
			m[kv.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			m[kv.Key] = fmt.Sprint(v.IntValue)
		case *common.AnyValue_BoolValue:
			m[kv.Key] = fmt.Sprint(v.BoolValue)
		}
	}
	return m
}

func showTraces(list []*trace.ResourceSpans) {
	for _, r := range list {
		process := attributes(r.Resource.GetAttributes())["service.name"]
		for _, scope := range r.ScopeSpans {
			for _, s := range scope.Spans {
				show(Line{Name: s.Name, Process: process, Attributes: attributes(s.Attributes), Trace: hex.EncodeToString(s.TraceId),
					Span: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId), Kind: s.Kind.String(),
					Start: s.StartTimeUnixNano, NS: s.EndTimeUnixNano - s.StartTimeUnixNano, Status: s.Status.GetCode().String(), Error: s.Status.GetMessage()})
			}
		}
	}
}

func showMetrics(list []*metrics.ResourceMetrics) {
	for _, r := range list {
		process := attributes(r.Resource.GetAttributes())["service.name"]
		for _, scope := range r.ScopeMetrics {
			for _, m := range scope.Metrics {
				for _, p := range m.GetSum().GetDataPoints() {
					show(Line{Metric: true, Name: m.Name, Process: process, Attributes: attributes(p.Attributes), Value: p.GetAsInt()})
				}
				for _, p := range m.GetExponentialHistogram().GetDataPoints() {
					show(Line{Metric: true, Name: m.Name, Process: process, Attributes: attributes(p.Attributes), Value: int64(p.Count), Sum: p.GetSum()})
				}
			}
		}
	}
}

type traces struct {
	traceservice.UnimplementedTraceServiceServer
}

func (traces) Export(_ context.Context, r *traceservice.ExportTraceServiceRequest) (*traceservice.ExportTraceServiceResponse, error) {
	showTraces(r.ResourceSpans)
	return &traceservice.ExportTraceServiceResponse{}, nil
}

type points struct {
	metricsservice.UnimplementedMetricsServiceServer
}

func (points) Export(_ context.Context, r *metricsservice.ExportMetricsServiceRequest) (*metricsservice.ExportMetricsServiceResponse, error) {
	showMetrics(r.ResourceMetrics)
	return &metricsservice.ExportMetricsServiceResponse{}, nil
}

// post handles OTLP/HTTP.
func post[T any, M interface {
	*T
	proto.Message
}](path string, show func(M), response proto.Message) {
	http.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		request := M(new(T))
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = proto.Unmarshal(body, request)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		show(request)
		answer, err := proto.Marshal(response)
		if err != nil {
			log.Fatal(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(answer)
	})
}

func main() {
	log.SetFlags(0)
	grpcAddr := flag.String("grpc", "127.0.0.1:0", "address for OTLP/gRPC")
	httpAddr := flag.String("http", "127.0.0.1:0", "address for OTLP/HTTP")
	flag.Parse()
	g, err := net.Listen("tcp", *grpcAddr)
	if err != nil {
		log.Fatal(err)
	}
	h, err := net.Listen("tcp", *httpAddr)
	if err != nil {
		log.Fatal(err)
	}
	s := grpc.NewServer()
	traceservice.RegisterTraceServiceServer(s, traces{})
	metricsservice.RegisterMetricsServiceServer(s, points{})
	go func() { log.Fatal(s.Serve(g)) }()
	post("/v1/traces", func(r *traceservice.ExportTraceServiceRequest) { showTraces(r.ResourceSpans) }, &traceservice.ExportTraceServiceResponse{})
	post("/v1/metrics", func(r *metricsservice.ExportMetricsServiceRequest) { showMetrics(r.ResourceMetrics) }, &metricsservice.ExportMetricsServiceResponse{})
	fmt.Println("ready", g.Addr(), h.Addr())
	log.Fatal(http.Serve(h, nil))
}
