// Command http serves and makes HTTP calls and says which: calls over HTTP/1 and
// HTTP/2, through a proxy, that fail, panic, hang and take the connection over.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

func expect(n int, side, method, status string, code int) {
	fmt.Println("call", n, side, "any."+method, status, code)
}

func both(n int, path, pattern, status, serverStatus string, code int) {
	expect(n, "client", "GET "+path, status, code)
	expect(n, "server", "GET "+pattern, serverStatus, code)
}

// panics are how often a handler has: newer clients send such a request again.
var panics atomic.Int32

func main() {
	log.SetOutput(io.Discard)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /user/{id}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "user %s", r.PathValue("id")) })
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) {
		panics.Add(1)
		panic("lost")
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/user/3", http.StatusFound) })
	mux.HandleFunc("/told", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Number", r.Header.Get("X-Number")+"0") })
	mux.HandleFunc("/taken", func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		must(err)
		_, _ = io.WriteString(c, "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = c.Close()
	})
	one := httptest.NewServer(mux)
	two := httptest.NewUnstartedServer(mux)
	two.EnableHTTP2 = true
	two.Config.ErrorLog = log.New(io.Discard, "", 0)
	two.StartTLS()
	to, err := url.Parse(one.URL)
	must(err)
	proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(to))
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	if len(os.Args) > 1 && os.Args[1] == "failures" {
		failures()
		fmt.Println("done")
		in.Scan()
		return
	}
	if len(os.Args) > 1 {
		for i := range 12 {
			told(one.Client(), one.URL, i)
			told(two.Client(), two.URL, i)
		}
		fmt.Println("done")
		in.Scan()
		return
	}
	calls(one, one.Client(), false)
	calls(two, two.Client(), true)
	for range 5 {
		get(proxy.Client(), proxy.URL+"/user/9")
	}
	expect(5, "client", "GET /user/9", "ok", 200) // of this program, of the proxy
	expect(5, "client", "GET /user/9", "ok", 200)
	expect(5, "server", "GET /user/9", "ok", 200)
	expect(5, "server", "GET /user/{id}", "ok", 200)
	get(http.DefaultClient, "http://127.0.0.1:1/nobody")
	expect(1, "client", "GET /nobody", "error", 0)
	fmt.Println("done")
	in.Scan()
}

func calls(s *httptest.Server, c *http.Client, second bool) {
	for i := range 5 {
		get(c, fmt.Sprintf("%s/user/%d", s.URL, i%2))
	}
	both(3, "/user/0", "/user/{id}", "ok", "ok", 200)
	both(2, "/user/1", "/user/{id}", "ok", "ok", 200)
	get(c, s.URL+"/fail")
	both(1, "/fail", "/fail", "error", "error", 500)
	get(c, s.URL+"/nothing")
	both(1, "/nothing", "/nothing", "error", "ok", 404)
	get(c, s.URL+"/moved")
	both(1, "/moved", "/moved", "ok", "ok", 302)
	both(1, "/user/3", "/user/{id}", "ok", "ok", 200)
	res, err := c.Post(s.URL+"/fail", "text/plain", strings.NewReader("body"))
	must(err)
	_ = res.Body.Close()
	expect(1, "client", "POST /fail", "error", 500)
	expect(1, "server", "POST /fail", "error", 500)
	get(c, s.URL+"/panic")
	expect(1, "client", "GET /panic", "error", 0)
	expect(int(panics.Swap(0)), "server", "GET /panic", "error", 0)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/slow", nil)
	must(err)
	if _, err := c.Do(req); err == nil {
		panic("no error")
	}
	expect(1, "client", "GET /slow", "timeout", 0)
	expect(1, "server", "GET /slow", "ok", 200)
	time.Sleep(100 * time.Millisecond)
	if !second {
		get(c, s.URL+"/taken")
		expect(1, "client", "GET /taken", "error", 418)
		expect(1, "server", "GET /taken", "ok", 0)
	}
}

// told makes a call that is told its trace, beside more headers from time to time.
func told(c *http.Client, url string, i int) {
	req, err := http.NewRequest("GET", url+"/told", nil)
	must(err)
	for n := range 7 * i {
		req.Header.Set(fmt.Sprintf("X-Other-%d", n), "text")
	}
	req.Header.Set("X-Number", fmt.Sprint(i))
	req.Header.Set("traceparent", fmt.Sprintf("00-0af7651916cd43dd8448eb211c80%04x-b7ad6b716920%04x-01", i, i))
	res, err := c.Do(req)
	must(err)
	_ = res.Body.Close()
}

func get(c *http.Client, url string) {
	res, err := c.Get(url)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

func must(err error) {
	if err != nil {
		log.SetOutput(os.Stderr)
		log.Fatal(err)
	}
}
