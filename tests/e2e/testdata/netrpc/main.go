// Command netrpc serves and makes calls with net/rpc, over gob and over JSON.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"strconv"
	"sync"
	"time"
)

// Args are the factors; Delay is in milliseconds.
type Args struct{ A, B, Delay int }

// Arith is the service.
type Arith int

// Mul multiplies.
func (t *Arith) Mul(a *Args, c *int) error {
	time.Sleep(time.Duration(a.Delay) * time.Millisecond)
	*c = a.A * a.B
	return nil
}

// Fail fails.
func (t *Arith) Fail(a *Args, c *int) error { return errors.New("no luck with " + strconv.Itoa(a.A)) }

// inner is the client that handlers make calls with.
var inner *rpc.Client

// Relay lets another call multiply.
func (t *Arith) Relay(a *Args, c *int) error { return inner.Call("Arith.Mul", a, c) }

func main() {
	gob, json := listen(), listen()
	must(rpc.Register(new(Arith)))
	go rpc.Accept(gob)
	go func() {
		for {
			c, err := json.Accept()
			if err != nil {
				return
			}
			go jsonrpc.ServeConn(c)
		}
	}()
	g, err := rpc.Dial("tcp", gob.Addr().String())
	must(err)
	inner = g
	j, err := jsonrpc.Dial("tcp", json.Addr().String())
	must(err)
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		n, err := strconv.Atoi(in.Text())
		must(err)
		calls(g, n)
		calls(j, n)
		fmt.Println("done")
	}
}

func listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	return l
}

// calls makes n calls of each kind at one time.
func calls(c *rpc.Client, n int) {
	var all sync.WaitGroup
	for i := range n {
		for method, delay := range map[string]int{"Arith.Mul": 20, "Arith.Fail": 0, "Arith.Relay": 0, "Arith.Nothing": 0, "Nobody.Mul": 0} {
			all.Go(func() {
				var reply int
				_ = c.Call(method, &Args{i, 2, delay}, &reply)
			})
		}
	}
	all.Wait()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
