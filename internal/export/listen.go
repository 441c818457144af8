package export

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Listen says where a Prometheus finds the metrics.
type Listen struct {
	Addr     string // host:port; without a host: this machine only
	CertFile string // with KeyFile: TLS
	KeyFile  string
	Token    string // what a client has to show as its bearer; "": nothing
	Open     bool   // other hosts may come without TLS and token
}

// server answers a Prometheus.
type server struct {
	http http.Server
	addr net.Addr
	done chan error
}

// listen starts a server for what c collects.
func listen(l Listen, c prometheus.Collector) (*server, error) {
	addr, err := l.address()
	if err != nil {
		return nil, err
	}
	var cfg *tls.Config
	if l.CertFile != "" || l.KeyFile != "" {
		cert, err := tls.LoadX509KeyPair(l.CertFile, l.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("certificate for %s: %w", l.Addr, err)
		}
		cfg = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("waiting for Prometheus: %w", err)
	}
	s := &server{addr: listener.Addr(), done: make(chan error, 1)}
	if cfg != nil {
		listener = tls.NewListener(listener, cfg)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", l.guarded(promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4})))
	s.http = http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 1 << 16, ErrorLog: nil}
	go func() { s.done <- s.http.Serve(listener) }()
	return s, nil
}

// address is where to listen; what other hosts reach has to be guarded.
func (l Listen) address() (string, error) {
	host, port, err := net.SplitHostPort(l.Addr)
	if err != nil {
		return "", fmt.Errorf("address %q: host:port or :port is needed", l.Addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	if !local && !l.Open && (l.CertFile == "" || l.Token == "") {
		return "", fmt.Errorf("address %q: other hosts reach it: give a certificate and a token, or --open", l.Addr)
	}
	return net.JoinHostPort(host, port), nil
}

// guarded asks for the token before next.
func (l Listen) guarded(next http.Handler) http.Handler {
	if l.Token == "" {
		return next
	}
	want := sha256.Sum256([]byte(l.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(token))
		if !ok || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a token is needed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if serve := <-s.done; !errors.Is(serve, http.ErrServerClosed) {
		return errors.Join(err, serve)
	}
	return err
}
