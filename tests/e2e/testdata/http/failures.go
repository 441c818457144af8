package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"
)

// Errors of the program's own.
type (
	saying    struct{ code, text string }
	spelled   string
	wrapping  struct{ err error }
	around    struct{ error }
	counting  struct{ n int }
	following struct {
		n    int
		what string
		err  error
	}
	constant struct{}
)

func (e *saying) Error() string    { return e.text }
func (e spelled) Error() string    { return string(e) }
func (e wrapping) Error() string   { return "own: " + e.err.Error() }
func (e counting) Error() string   { return fmt.Sprint("number ", e.n) }
func (e *following) Error() string { return e.what + " (" + e.err.Error() + ")" }
func (constant) Error() string     { return "always so" }

// dialing is a client whose connections are made so.
func dialing(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: dial}}
}

// secured is a client that trusts a server, with more in its configuration.
func secured(s *httptest.Server, more func(*tls.Config)) *http.Client {
	t := s.Client().Transport.(*http.Transport).Clone()
	more(t.TLSClientConfig)
	return &http.Client{Transport: t}
}

// answering is a server that reads a little and answers each connection so.
func answering(do func(net.Conn)) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			c, err := ln.Accept()
			must(err)
			_, _ = c.Read(make([]byte, 16))
			do(c)
			_ = c.Close()
		}
	}()
	return ln.Addr().String()
}

// failures are requests that fail for one reason each, and with which texts.
func failures() {
	plain := httptest.NewServer(http.NotFoundHandler())
	strict := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	strict.EnableHTTP2 = true
	strict.StartTLS()
	asking := httptest.NewUnstartedServer(http.NotFoundHandler())
	asking.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	asking.StartTLS()
	reset := answering(func(c net.Conn) { must(c.(*net.TCPConn).SetLinger(0)) })
	garbage := answering(func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-none of TLS\r\n") })
	none := func(*tls.Config) {}

	fails("refused", http.DefaultClient, "http://127.0.0.1:1")
	fails("refused6", http.DefaultClient, "http://[::1]:1")
	fails("nosocket", dialing(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", "/nowhere/socket")
	}), "http://socket")
	fails("noname", dialing((&net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no server of names")
	}}}).DialContext), "http://nobody.invalid")
	fails("reset", http.DefaultClient, "http://"+reset)
	fails("untrusted", http.DefaultClient, strict.URL)
	named("notls", "tls: first record does not look like a TLS handshake", http.DefaultClient, "https"+plain.URL[len("http"):]) // a client has other words for it
	fails("garbage", http.DefaultClient, "https://"+garbage)
	fails("uncertified", secured(asking, none), asking.URL)
	fails("older", secured(strict, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }), strict.URL)
	fails("expired", secured(strict, func(c *tls.Config) { c.Time = func() time.Time { return time.Now().AddDate(200, 0, 0) } }), strict.URL)
	fails("stream", strict.Client(), strict.URL)
	for _, err := range []error{&saying{"1", "said"}, spelled("spelled"), wrapping{io.EOF}, around{spelled("in it")}, &around{&saying{"2", "deep in it"}},
		&following{1, "following", wrapping{spelled("the last")}}, constant{}, fmt.Errorf("formatted %d: %w", 7, io.EOF),
		&url.Error{Op: "Get", URL: "http://host/", Err: spelled("why")}} {
		fails("own", dialing(func(context.Context, string, string) (net.Conn, error) { return nil, err }), "http://host")
	}
	for name, err := range map[string]error{"main.counting": counting{3}, "*errors.joinError": errors.Join(io.EOF)} {
		named("own", name, dialing(func(context.Context, string, string) (net.Conn, error) { return nil, err }), "http://host")
	}
	named("host", "tls: failed to verify certificate: x509.HostnameError", secured(strict, func(c *tls.Config) { c.ServerName = "other" }), strict.URL)
}

// fails says with which text a request fails.
func fails(path string, c *http.Client, url string) { says(path, failure(c, url+"/"+path).Error()) }

// named says of a request that fails in which other words it is told why.
func named(path, text string, c *http.Client, url string) {
	_ = failure(c, url+"/"+path)
	says(path, text)
}

func says(path, text string) { fmt.Printf("failure GET /%s %s\n", path, text) }

func failure(c *http.Client, address string) error {
	_, err := c.Get(address)
	var of *url.Error
	if !errors.As(err, &of) {
		panic(fmt.Sprint(address, err))
	}
	return of.Err
}
