// Package export sends calls to where people keep them: traces and metrics to an
// OpenTelemetry collector by OTLP, metrics to a Prometheus that comes for them. No
// values of arguments are sent.
package export

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Collector says where OTLP goes.
type Collector struct {
	// URL is http or https for OTLP/HTTP with protobuf, whose path /v1/… is added;
	// grpc or grpcs for OTLP/gRPC.
	URL     string
	Headers map[string]string
	TLS     *tls.Config // nil: the system's
}

// signal is a kind of telemetry.
type signal struct {
	path   string // of OTLP/HTTP
	method string // of OTLP/gRPC
}

var (
	traces  = signal{"/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"}
	metrics = signal{"/v1/metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"}
)

// client sends OTLP messages.
type client struct {
	name    string // the URL without a password
	base    string
	grpc    bool
	headers http.Header
	http    http.Client
}

// sendTimeout is how long a collector may take to answer.
const sendTimeout = 10 * time.Second

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

func newClient(c Collector) (*client, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("collector: its URL cannot be read; one such as http://127.0.0.1:4318 or grpc://127.0.0.1:4317 is needed")
	}
	scheme, ok := map[string]string{"http": "http", "https": "https", "grpc": "http", "grpcs": "https"}[u.Scheme]
	if !ok || u.Host == "" {
		return nil, fmt.Errorf("collector %q: a URL such as http://127.0.0.1:4318 or grpc://127.0.0.1:4317 is needed", u.Redacted())
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("collector %q: its port is one of 1 to 65535", u.Redacted())
		}
	}
	cl := &client{name: u.Redacted(), grpc: strings.HasPrefix(u.Scheme, "grpc"), headers: http.Header{}}
	cl.base = scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/")
	for name, value := range c.Headers {
		cl.headers.Set(name, value)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		r := http.Request{Header: cl.headers}
		r.SetBasicAuth(u.User.Username(), password)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(!cl.grpc)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(cl.grpc)
	cl.http = http.Client{Timeout: sendTimeout, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: c.TLS, Protocols: &protocols, IdleConnTimeout: time.Minute,
	}}
	return cl, nil
}

// refusal is an answer that is not a success.
type refusal struct {
	text  string
	retry bool
	after time.Duration // before it is worth a try; 0: not said
}

func (r *refusal) Error() string { return r.text }

// retriable tells whether err may be gone at the next try: what is not an answer
// may.
func retriable(err error) (after time.Duration, ok bool) {
	var r *refusal
	if errors.As(err, &r) {
		return r.after, r.retry
	}
	return 0, true
}

// send sends m and returns how many of its items the collector refused. The error
// is a *refusal where the collector has answered.
func (c *client) send(ctx context.Context, s signal, m proto.Message) (rejected int64, why string, err error) {
	body, err := proto.Marshal(m)
	if err != nil {
		return 0, "", &refusal{text: "encoding: " + err.Error()}
	}
	to, kind := c.base+s.path, "application/x-protobuf"
	if c.grpc {
		to, kind = c.base+s.method, "application/grpc"
		body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, "", &refusal{text: err.Error()}
	}
	req.Header = c.headers.Clone()
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", "rpcxray")
	if c.grpc {
		req.Header.Set("TE", "trailers")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the caller names the collector
		}
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, "", err
	}
	if err := c.verdict(resp, answer); err != nil {
		return 0, "", err
	}
	if c.grpc {
		answer = answer[min(len(answer), 5):]
	}
	rejected, why = partialSuccess(answer)
	return rejected, why, nil
}

// verdict is nil for an answer that is a success.
func (c *client) verdict(resp *http.Response, answer []byte) error {
	if resp.StatusCode/100 != 2 {
		r := &refusal{text: resp.Status}
		if kind := resp.Header.Get("Content-Type"); len(answer) > 0 && strings.HasPrefix(kind, "text/plain") {
			r.text += ": " + string(answer[:min(len(answer), 200)])
		}
		switch resp.StatusCode {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			r.retry = true
			if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
				r.after = time.Duration(min(n, 3600)) * time.Second
			}
		}
		return r
	}
	if !c.grpc {
		return nil
	}
	status, message := resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
	if status == "" {
		status, message = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	if status == "0" {
		return nil
	}
	if text, err := url.PathUnescape(message); err == nil {
		message = text
	}
	return &refusal{text: fmt.Sprintf("gRPC status %s: %s", status, message), retry: grpcRetry[status]}
}

// grpcRetry are the codes at which OTLP sends again: cancelled, deadline exceeded,
// resource exhausted, aborted, out of range, unavailable, data loss.
//
// codes: opentelemetry.io/docs/specs/otlp/#failures
var grpcRetry = map[string]bool{"1": true, "4": true, "8": true, "10": true, "11": true, "14": true, "15": true}

// partialSuccess reads an Export…ServiceResponse, which is alike for all signals:
// field 1 holds the number of items that were refused, and why.
func partialSuccess(answer []byte) (rejected int64, why string) {
	eachField(answer, func(n protowire.Number, _ uint64, partial []byte) {
		if n != 1 {
			return
		}
		eachField(partial, func(n protowire.Number, v uint64, text []byte) {
			switch n {
			case 1:
				rejected = int64(v)
			case 2:
				why = string(text)
			}
		})
	})
	return max(rejected, 0), why
}

// eachField calls do for the numbers and bytes of a message, up to what is none.
func eachField(b []byte, do func(n protowire.Number, v uint64, bytes []byte)) {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return
		}
		b = b[n:]
		var v uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, kind, b)
		}
		if n < 0 {
			return
		}
		do(num, v, data)
		b = b[n:]
	}
}
