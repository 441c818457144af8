// Command rpcx14 calls a server of its own, with a version of rpcx that rpcxray has no
// facts of.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/server"
)

// Args are what the methods take, Reply what they give.
type (
	Args  struct{ A, B int }
	Reply struct{ C int }
)

// Arith is the service.
type Arith int

// Mul multiplies.
func (t *Arith) Mul(_ context.Context, a *Args, r *Reply) error {
	r.C = a.A * a.B
	return nil
}

// Fail fails.
func (t *Arith) Fail(context.Context, *Args, *Reply) error { return errors.New("no luck") }

func main() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	addr := ln.Addr().String()
	must(ln.Close())
	s := server.NewServer()
	must(s.RegisterName("Arith", new(Arith), ""))
	go func() { _ = s.Serve("tcp", addr) }()
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	x := client.NewXClient("Arith", client.Failfast, client.RandomSelect, client.NewPeer2PeerDiscovery("tcp@"+addr, ""), client.DefaultOption)
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	in.Scan()
	for i := range 5 {
		r := new(Reply)
		must(x.Call(context.Background(), "Mul", &Args{i, 2}, r))
		if r.C != 2*i {
			panic(r)
		}
	}
	if x.Call(context.Background(), "Fail", &Args{}, new(Reply)) == nil {
		panic("no error")
	}
	must(x.Call(context.Background(), "Mul", &Args{}, nil)) // one-way
	must(x.Call(context.Background(), "Mul", &Args{}, new(Reply)))
	fmt.Println("done")
	in.Scan()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
