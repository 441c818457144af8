package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
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
	for _, err := range slices.Concat(certificateErrors(), libraryErrors()) {
		fails("other", dialing(func(context.Context, string, string) (net.Conn, error) { return nil, err }), "http://host")
	}
	for _, err := range []error{&saying{"1", "said"}, spelled("spelled"), wrapping{io.EOF}, around{spelled("in it")}, &around{&saying{"2", "deep in it"}},
		&following{1, "following", wrapping{spelled("the last")}}, constant{}, fmt.Errorf("formatted %d: %w", 7, io.EOF),
		&url.Error{Op: "Get", URL: "http://host/", Err: spelled("why")}} {
		fails("own", dialing(func(context.Context, string, string) (net.Conn, error) { return nil, err }), "http://host")
	}
	named("own", "main.counting", dialing(func(context.Context, string, string) (net.Conn, error) { return nil, counting{3} }), "http://host")
	for _, addr := range addresses() {
		fails("addr", dialing(func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Addr: addr, Err: io.EOF}
		}), "http://host")
	}
	joined := errors.Join(spelled("first"), &net.OpError{Op: "read", Net: "udp", Source: &net.UDPAddr{Port: 53}, Addr: addresses()[0], Err: io.EOF}, wrapping{io.EOF})
	for _, err := range []error{joined, errors.Join(io.EOF), errors.Join(errors.Join(constant{}, spelled("of two")), io.EOF)} {
		fails("joined", dialing(func(context.Context, string, string) (net.Conn, error) { return nil, err }), "http://host")
	}
	named("nested", "EOF\nfirst\nread udp ...", dialing(func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.Join(io.EOF, joined, io.EOF)
	}), "http://host")
	for _, last := range []uint32{1, 1<<31 - 1} {
		s := leaving(last)
		fails("away", secured(s, none), s.URL)
	}
	fails("host", secured(strict, func(c *tls.Config) { c.ServerName = "other" }), strict.URL)
}

// addresses are some of each kind and of each way to be written.
func addresses() (list []net.Addr) {
	for i, text := range []string{"10.0.200.199", "::", "::1", "1::", "fe80::1", "2001:db8::2:1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "2001:db8::1:0:0:1",
		"1:2:3:4:5:6:7:8", "0:0:1:2:3:4:5:6", "1:2:3:4:5:6:0:0", "::ffff:1.2.3.4", "::1.2.3.4", "64:ff9b::102:fffe"} {
		ip := net.ParseIP(text)
		list = append(list, &net.TCPAddr{IP: ip, Port: 65535 >> i}, &net.IPAddr{IP: ip})
	}
	return append(list, &net.TCPAddr{IP: net.IP{192, 0, 2, 10}, Port: 100}, &net.TCPAddr{Port: 80}, &net.TCPAddr{IP: net.ParseIP("fe80::2"), Port: 9, Zone: "eth0"},
		&net.UDPAddr{IP: net.ParseIP("ff02::1"), Port: 5353}, &net.UnixAddr{Name: "/run/x", Net: "unix"})
}

// leaving is a server that reads the first request of a connection of HTTP/2 and sends a
// GOAWAY, with the last stream that it would have served.
func leaving(last uint32) *httptest.Server {
	s := httptest.NewUnstartedServer(nil)
	s.EnableHTTP2 = true
	s.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) {
		const headers, settings, goAway, calm, debug = 1, 4, 7, 11, "too_many_pings"
		_, err := io.CopyN(io.Discard, c, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
		for frame := make([]byte, 9); err == nil && frame[3] != headers; {
			if _, err = io.ReadFull(c, frame); err == nil {
				_, err = io.CopyN(io.Discard, c, int64(frame[1])<<8|int64(frame[2]))
			}
		}
		must(err)
		frames := binary.BigEndian.AppendUint32([]byte{0, 0, 0, settings, 0, 0, 0, 0, 0, 0, 0, 8 + byte(len(debug)), goAway, 0, 0, 0, 0, 0}, last)
		_, err = c.Write(append(binary.BigEndian.AppendUint32(frames, calm), debug...))
		must(err)
	}}
	s.StartTLS()
	return s
}

// fails says with which text a request fails.
func fails(path string, c *http.Client, url string) { says(path, failure(c, url+"/"+path).Error()) }

// named says of a request that fails in which other words it is told why.
func named(path, text string, c *http.Client, url string) {
	_ = failure(c, url+"/"+path)
	says(path, text)
}

func says(path, text string) {
	fmt.Printf("failure GET /%s %s\n", path, strings.ReplaceAll(text, "\n", "|"))
}

func failure(c *http.Client, address string) error {
	_, err := c.Get(address)
	var of *url.Error
	if !errors.As(err, &of) {
		panic(fmt.Sprint(address, err))
	}
	return of.Err
}
