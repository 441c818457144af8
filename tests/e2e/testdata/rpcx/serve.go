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

// Mul multiplies.
func (t *Arith) Mul(ctx context.Context, a *Args, r *Reply) error {
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

func double(ctx context.Context, a *Args, r *Reply) error {
	answerTo(ctx, a)
	r.C = 2 * a.A
	return nil
}

func serve(addr string, async, pool bool) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	opts := []server.OptionFn{server.WithAsyncWrite()}
	if !async {
		opts = nil
	}
	if pool {
		opts = append(opts, server.WithPool(8, 1000))
	}
	s := newServer(opts...)
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
	s.AddHandler("Route", "Echo", func(c *server.Context) error {
		var a Args
		if err := c.Bind(&a); err != nil {
			return err
		}
		if res, ok := c.Get(share.ResMetaDataKey).(map[string]string); ok {
			res[idKey] = c.Metadata()[idKey]
		}
		return c.Write(&Reply{C: a.A})
	})
	s.AddHandler("Route", "Fail", func(c *server.Context) error { return errors.New("no route") })
	s.AddHandler("Route", "Panic", func(c *server.Context) error { panic("lost on the way") })
	must(s.RegisterName("Codecs", Codecs{}, ""))
	return s
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// text is a payload that compression is used for.
func text(n int) []byte { return bytes.Repeat([]byte("compress me "), n/12+1)[:n] }
