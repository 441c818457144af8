// Command underway makes calls by all frameworks that do not end until a line comes, and
// says how many of each.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"strings"
	"sync"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// free lets the calls end; each tells that it has begun.
var (
	free  = make(chan struct{})
	begun = make(chan struct{}, 100)
)

func wait() {
	begun <- struct{}{}
	<-free
}

// Slow is a service of rpcx and of net/rpc.
type Slow struct{}

// Wait waits.
func (Slow) Wait(_ context.Context, _ *int, _ *int) error { wait(); return nil }

// Stay waits, too.
func (Slow) Stay(_ context.Context, _ *int, _ *int) error { wait(); return nil }

// Post is called by HTTP.
func (Slow) Post(_ context.Context, _ *int, _ *int) error { wait(); return nil }

// Old is a service of net/rpc.
type Old struct{}

// Rest waits.
func (Old) Rest(_ int, _ *int) error { wait(); return nil }

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func listen() (net.Listener, string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	return ln, ln.Addr().String()
}

// expect says how many calls are under way on a side, or none are that once were.
func expect(n int, side, framework, service, method string) {
	fmt.Println("calls", n, side, framework, service, method)
}

// calls makes n calls at once.
func calls(all *sync.WaitGroup, n int, call func() error) {
	for range n {
		all.Add(1)
		go func() {
			defer all.Done()
			must(call())
		}()
	}
}

// both makes n calls at once, which are on both sides of the framework.
func both(all *sync.WaitGroup, n int, framework, service, method string, call func() error) {
	calls(all, n, call)
	expect(n, "client", framework, service, method)
	expect(n, "server", framework, service, method)
}

// post calls rpcx by HTTP.
func post(addr string) error {
	req, err := http.NewRequest("POST", "http://"+addr, strings.NewReader("1"))
	must(err)
	for k, v := range map[string]string{server.XMessageID: "1", server.XMessageType: "0", server.XSerializeType: "1",
		server.XServicePath: "Slow", server.XServiceMethod: "Post"} {
		req.Header.Set(k, v)
	}
	return read(http.DefaultClient.Do(req))
}

func read(res *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.Body.Close()
}

func main() {
	var all sync.WaitGroup
	ln, gateway := listen()
	s := server.NewServer()
	must(s.Register(Slow{}, ""))
	go func() { _ = s.ServeListener("tcp", ln) }()
	d, err := client.NewPeer2PeerDiscovery("tcp@"+gateway, "")
	must(err)
	x := client.NewXClient("Slow", client.Failfast, client.RandomSelect, d, client.DefaultOption)

	old, addr := listen()
	must(rpc.Register(Old{}))
	go rpc.Accept(old)
	c, err := rpc.Dial("tcp", addr)
	must(err)

	web, host := listen()
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { wait() })
	go func() { _ = http.Serve(web, handler) }()

	gl, addr := listen()
	g := grpc.NewServer()
	g.RegisterService(&grpc.ServiceDesc{ServiceName: "demo.Slow", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{MethodName: "Wait",
		Handler: func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
			wait()
			return wrapperspb.Int64(1), nil
		}}}}, nil)
	go func() { _ = g.Serve(gl) }()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)

	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	in.Scan()
	both(&all, 3, "rpcx", "Slow", "Wait", func() error { return x.Call(context.Background(), "Wait", new(int), new(int)) })
	both(&all, 2, "rpcx", "Slow", "Stay", func() error { return x.Call(context.Background(), "Stay", new(int), new(int)) })
	both(&all, 4, "net/rpc", "Old", "Rest", func() error { return c.Call("Old.Rest", 1, new(int)) })
	both(&all, 5, "net/http", host, "GET", func() error { return read(http.Get("http://" + host + "/a")) })
	calls(&all, 7, func() error { return post(gateway) })
	expect(7, "server", "rpcx", "Slow", "Post")
	expect(7, "client", "net/http", gateway, "POST")
	both(&all, 6, "grpc", "demo.Slow", "Wait", func() error {
		return conn.Invoke(context.Background(), "/demo.Slow/Wait", wrapperspb.Int64(1), wrapperspb.Int64(0))
	})
	for range 3 + 2 + 4 + 5 + 7 + 6 {
		<-begun
	}
	fmt.Println("hanging")
	in.Scan()
	close(free)
	all.Wait()
	fmt.Println("free")
	in.Scan()
}
