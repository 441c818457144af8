package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/protocol"
	"github.com/smallnest/rpcx/server"
	"github.com/smallnest/rpcx/share"
)

// Args are what all methods take, Reply what they give.
type Args struct {
	A, B  int
	Delay int // ms
	Blob  []byte
	How   string // Relay: how the next call is made
}

// Reply is the answer.
type Reply struct {
	C    int
	Blob []byte
}

// Arith is the service.
type Arith int

// answerTo puts the request's id into the response and waits.
func answerTo(ctx context.Context, a *Args) {
	if res, ok := ctx.Value(share.ResMetaDataKey).(map[string]string); ok {
		res[idKey] = idOf(ctx, share.ReqMetaDataKey)
	}
	if a.Delay > 0 {
		time.Sleep(time.Duration(a.Delay) * time.Millisecond)
	}
}

// writes is a plugin that counts the responses of a server, and waits before each.
type writes struct {
	n     atomic.Int64
	pause time.Duration
}

// panicking is a plugin that panics when a call is over.
type panicking struct{}

// handled is how many calls of Mul are over.
var handled atomic.Int64

// Mul multiplies.
func (t *Arith) Mul(ctx context.Context, a *Args, r *Reply) error {
	defer handled.Add(1)
	answerTo(ctx, a)
	r.C, r.Blob = a.A*a.B, a.Blob
	return nil
}

// next calls the server itself.
var next client.XClient

// Relay calls Mul, in its own goroutine or another, with its context or another.
func (t *Arith) Relay(ctx context.Context, a *Args, r *Reply) error {
	answerTo(ctx, a)
	meta := ctx.Value(share.ReqMetaDataKey)
	with := context.WithValue(context.Background(), share.ReqMetaDataKey, meta)
	switch a.How {
	case "derived":
		var cancel context.CancelFunc
		with, cancel = context.WithTimeout(context.WithValue(ctx, share.ReqMetaDataKey, meta), time.Minute)
		defer cancel()
	case "alone":
		done := make(chan error)
		go func() {
			inner := make(chan error)
			go func() { inner <- next.Call(ctx, "Mul", a, r) }()
			done <- <-inner
		}()
		return <-done
	case "spawned":
		done := make(chan error)
		go func() { done <- next.Call(with, "Mul", a, r) }()
		return <-done
	}
	return next.Call(with, "Mul", a, r)
}

// Hang tells that it was called and never answers.
func (t *Arith) Hang(ctx context.Context, a *Args, r *Reply) error {
	fmt.Println("hang")
	select {}
}

// Fail fails.
func (t *Arith) Fail(ctx context.Context, a *Args, r *Reply) error {
	answerTo(ctx, a)
	return fmt.Errorf("no luck with %d", a.A)
}

// Panic panics.
func (t *Arith) Panic(ctx context.Context, a *Args, r *Reply) error {
	answerTo(ctx, a)
	panic(fmt.Sprintf("at %d", a.A))
}

// failed tells that the handler Route.Fail was called.
var failed = make(chan bool, 1)

func double(ctx context.Context, a *Args, r *Reply) error {
	answerTo(ctx, a)
	r.C = 2 * a.A
	return nil
}

func serve(addr string, async, pool bool, pause time.Duration) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	s := newServer(options(async, pool)...)
	if pause > 0 {
		s.Plugins.Add(&writes{pause: pause})
	}
	d, err := client.NewPeer2PeerDiscovery("tcp@"+ln.Addr().String(), "")
	must(err)
	next = client.NewXClient("Arith", client.Failfast, client.RandomSelect, d, client.DefaultOption)
	go func() { _ = s.ServeListener("tcp", ln) }()
	fmt.Println("ready", ln.Addr())
	_ = bufio.NewScanner(os.Stdin).Scan()
	must(s.Shutdown(context.Background())) // when all requests are handled
}

func newServer(opts ...server.OptionFn) *server.Server {
	s := server.NewServer(opts...)
	s.AuthFunc = func(_ context.Context, _ *protocol.Message, token string) error {
		if token == "wrong" {
			return errors.New("nobody knows you")
		}
		return nil
	}
	must(s.RegisterName("Arith", new(Arith), ""))
	must(s.RegisterFunctionName("Funcs", "Double", double, ""))
	register(s)
	return s
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// text is a payload that compression is used for.
func text(n int) []byte { return bytes.Repeat([]byte("compress me "), n/12+1)[:n] }
