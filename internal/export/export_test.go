package export

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/rpcxray/rpcxray/internal/spans"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var t0 = time.Unix(1800000000, 0)

func call(span spans.ID) *spans.Call {
	return &spans.Call{Trace: spans.TraceID{1, 2}, Span: span, Parent: 7, PID: 42, Process: "shop", Side: spans.Client, Framework: "rpcx",
		Service: "Arith", Method: "Mul", Status: "error", Error: "no", Start: t0, Duration: 5 * time.Millisecond, Handler: spans.None,
		ReqBytes: 64, RespBytes: spans.None, Peer: netip.MustParseAddrPort("10.0.0.2:8972"), Local: netip.MustParseAddrPort("10.0.0.1:5000")}
}

// receiver is a collector that answers as a test wants.
type receiver struct {
	*httptest.Server
	answer atomic.Value // func(http.ResponseWriter)
	mu     sync.Mutex
	spans  []*tracepb.Span
	last   *http.Request
}

func newReceiver(t *testing.T, grpc bool) *receiver {
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		if grpc {
			if len(body) < 5 || int(binary.BigEndian.Uint32(body[1:])) != len(body)-5 {
				t.Errorf("frame %x", body[:min(len(body), 5)])
			}
			body = body[5:]
		}
		if answer, ok := r.answer.Load().(func(http.ResponseWriter)); ok && answer != nil {
			answer(w)
			return
		}
		var data tracepb.TracesData
		if err := proto.Unmarshal(body, &data); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.last = req
		for _, rs := range data.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				r.spans = append(r.spans, ss.Spans...)
			}
		}
		if grpc {
			w.Header().Set("Trailer", "Grpc-Status")
			w.Write([]byte{0, 0, 0, 0, 0})
			w.Header().Set("Grpc-Status", "0")
		}
	}))
	if grpc {
		r.Config.Protocols = new(http.Protocols)
		r.Config.Protocols.SetUnencryptedHTTP2(true)
	}
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) url(grpc bool) string {
	if grpc {
		return strings.Replace(r.URL, "http://", "grpc://", 1)
	}
	return r.URL
}

// told collects what users are told.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (l *told) tell(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, text)
}

func (l *told) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

func TestSend(t *testing.T) {
	for _, grpc := range []bool{false, true} {
		t.Run(fmt.Sprint("grpc ", grpc), func(t *testing.T) {
			r := newReceiver(t, grpc)
			e, err := Start(Options{Collector: &Collector{URL: r.url(grpc), Headers: map[string]string{"X-Tenant": "a"}}, Every: time.Hour,
				Host: "h", Version: "v", Tell: func(text string) { t.Error(text) }})
			if err != nil {
				t.Fatal(err)
			}
			for i := range spans.ID(1000) {
				e.Span(call(1 + i))
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if n := e.Spans(); n != (Counts{Sent: 1000}) || len(r.spans) != 1000 {
				t.Fatalf("%+v, %d were received", n, len(r.spans))
			}
			if r.last.Header.Get("X-Tenant") != "a" {
				t.Errorf("headers %v", r.last.Header)
			}
			want := map[string]string{"rpc.system": "rpcx", "rpc.service": "Arith", "rpc.method": "Mul", "error.type": "error",
				"server.address": "10.0.0.2", "server.port": "8972", "network.peer.address": "10.0.0.2", "network.peer.port": "8972", "rpcxray.req_bytes": "64"}
			s := r.spans[0]
			if diff := cmp.Diff(want, attributes(s.Attributes)); diff != "" {
				t.Error(diff)
			}
			got := fmt.Sprintf("%s %x %x %x %v %d %d %v %s", s.Name, s.TraceId, s.SpanId, s.ParentSpanId, s.Kind,
				s.StartTimeUnixNano, s.EndTimeUnixNano-s.StartTimeUnixNano, s.Status.Code, s.Status.Message)
			if got != "Arith/Mul 01020000000000000000000000000000 0000000000000001 0000000000000007 SPAN_KIND_CLIENT 1800000000000000000 5000000 STATUS_CODE_ERROR no" {
				t.Error(got)
			}
		})
	}
}

func attributes(list []*commonpb.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range list {
		switch v := kv.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			m[kv.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			m[kv.Key] = fmt.Sprint(v.IntValue)
		default:
			m[kv.Key] = fmt.Sprint(v)
		}
	}
	return m
}

// TestRecovers tests a collector that refuses for a while, in all ways.
func TestRecovers(t *testing.T) {
	for name, c := range map[string]struct {
		grpc   bool
		answer func(http.ResponseWriter)
	}{
		"503": {false, func(w http.ResponseWriter) { w.WriteHeader(503) }},
		"429": {false, func(w http.ResponseWriter) { w.WriteHeader(429) }},
		"gRPC unavailable": {true, func(w http.ResponseWriter) {
			w.Header().Set("Grpc-Status", "14")
			w.Header().Set("Grpc-Message", "not%20now")
		}},
		"no answer": {false, func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, c.grpc)
			r.answer.Store(c.answer)
			var l told
			cl, err := newClient(Collector{URL: r.url(c.grpc)})
			if err != nil {
				t.Fatal(err)
			}
			q := newQueue(cl, source{}.traces, &health{name: "C", tell: l.tell})
			q.limit, q.pause = 100, time.Millisecond
			stop, done := make(chan struct{}), make(chan struct{})
			go func() { q.run(context.Background(), stop); close(done) }()
			q.add(call(1))
			eventually(t, "a failure", func() bool { return q.Counts().Failures > 2 })
			for i := range spans.ID(150) {
				q.add(call(2 + i))
			}
			if n := q.Counts().Dropped; n != 50 {
				t.Errorf("%d spans were dropped, want 50", n)
			}
			r.answer.Store((func(http.ResponseWriter))(nil))
			eventually(t, "the rest", func() bool { return q.Counts().Sent == 101 })
			close(stop)
			<-done
			if len(r.spans) != 101 {
				t.Errorf("%d spans arrived", len(r.spans))
			}
			text := l.text()
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, "up to 100 spans wait for it") || !strings.Contains(text, "spans dropped meanwhile: 50") {
				t.Errorf("told:\n%s", text)
			}
		})
	}
}

// TestRefuses tests answers after which nothing is sent again.
func TestRefuses(t *testing.T) {
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), "too old")
	partial = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
	for name, c := range map[string]struct {
		grpc    bool
		answer  func(http.ResponseWriter)
		refused uint64
		told    string
	}{
		"400":                   {false, func(w http.ResponseWriter) { http.Error(w, "bad", 400) }, 2, "400 Bad Request: bad\n; 2 spans are given up"},
		"gRPC unimplemented":    {true, func(w http.ResponseWriter) { w.Header().Set("Grpc-Status", "12") }, 2, "gRPC status 12: ; 2 spans are given up"},
		"gRPC without a status": {true, func(w http.ResponseWriter) { w.WriteHeader(200) }, 2, "gRPC status : ; 2 spans are given up"},
		"a part":                {false, func(w http.ResponseWriter) { w.Write(partial) }, 1, "too old"},
		"no message":            {false, func(w http.ResponseWriter) { w.Write([]byte("\xff\xff\xff")) }, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, c.grpc)
			r.answer.Store(c.answer)
			var l told
			e, err := Start(Options{Collector: &Collector{URL: r.url(c.grpc)}, Every: time.Hour, Tell: l.tell})
			if err != nil {
				t.Fatal(err)
			}
			e.Span(call(1))
			e.Span(call(2))
			err = e.Close()
			if n := e.Spans(); n.Refused != c.refused || n.Sent != 2-c.refused || (err != nil) != (c.refused > 0) {
				t.Errorf("%+v, %v", n, err)
			}
			if !strings.HasSuffix(l.text(), c.told) {
				t.Errorf("told %q", l.text())
			}
		})
	}
}

// TestCloseBounded tests that a collector which does not answer does not keep us.
func TestCloseBounded(t *testing.T) {
	gone := make(chan struct{})
	r := newReceiver(t, false)
	t.Cleanup(func() { close(gone) })
	r.answer.Store(func(http.ResponseWriter) { <-gone })
	e, err := Start(Options{Collector: &Collector{URL: r.URL}, Every: time.Hour, Tell: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	e.Span(call(1))
	began := time.Now()
	if err := e.Close(); err == nil || !strings.Contains(err.Error(), "1 that it did not take") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > lastSend+5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// TestAttempts tests the spans of a call in several attempts.
func TestAttempts(t *testing.T) {
	whole, attempt := call(1), call(2)
	whole.Whole, whole.Attempts, attempt.Attempt = true, 3, 2
	for c, want := range map[*spans.Call][3]string{
		whole:   {"SPAN_KIND_INTERNAL", "3", ""},
		attempt: {"SPAN_KIND_CLIENT", "", "2"},
		call(3): {"SPAN_KIND_CLIENT", "", ""},
	} {
		s := span(c)
		has := attributes(s.Attributes)
		if got := [3]string{s.Kind.String(), has["rpcxray.attempts"], has["rpcxray.attempt"]}; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestBadURL(t *testing.T) {
	for _, u := range []string{"http://host:99999", "grpc://host:0", "", "localhost:4317", "ftp://x", "http://", "http://a b", "grpc:///x"} {
		if _, err := newClient(Collector{URL: u}); err == nil {
			t.Errorf("%q is taken", u)
		}
	}
}

func TestRetriable(t *testing.T) {
	if _, ok := retriable(errors.New("connection refused")); !ok {
		t.Error("what is not an answer is not tried again")
	}
	if after, ok := retriable(&refusal{retry: true, after: time.Second}); !ok || after != time.Second {
		t.Error("Retry-After is not heeded")
	}
}

func FuzzPartialSuccess(f *testing.F) {
	f.Add([]byte{0x0a, 0x02, 0x08, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, _ := partialSuccess(b); n < 0 {
			t.Errorf("%d items were refused", n)
		}
	})
}
