//go:build !rpcx16

package main

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/protocol"
	"github.com/smallnest/rpcx/server"
)

// fails says with which text a client's call has failed.
func fails(err error) {
	if err == nil {
		panic("no error")
	}
	fmt.Printf("failure %s\n", err)
}

// within are contexts that end while a call is under way.
func within(ms int) (deadline, canceled context.Context) {
	type key struct{}
	d := time.Duration(ms) * time.Millisecond
	deadline, stop := context.WithTimeout(context.Background(), d)
	context.AfterFunc(deadline, stop)
	canceled, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "value"))
	time.AfterFunc(d, cancel)
	return deadline, canceled
}

// handling makes calls and waits until the server is done with n of them.
func handling(n int64, calls func()) {
	n += handled.Load()
	calls()
	for handled.Load() < n {
		time.Sleep(time.Millisecond)
	}
}

// failures are ways in which a client's calls fail.
func failures(all map[string]feature) {
	all["ended"] = feature{do: func(f *fixture) {
		x := f.xclient("Arith", client.Failfast)
		must(x.Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)))
		handling(2, func() {
			deadline, canceled := within(100)
			fails(x.Call(deadline, "Mul", &Args{A: 1, Delay: 300}, new(Reply)))
			fails(x.Call(canceled, "Mul", &Args{A: 1, Delay: 300}, new(Reply)))
		})
		both(1, "Arith", "Mul", "ok")
		expect(2, "server", "Arith", "Mul", "ok")
		expect(1, "client", "Arith", "Mul", "timeout")
		expect(1, "client", "Arith", "Mul", "error")
	}}
	// The connection is there when the context has ended.
	all["dialed"] = feature{do: func(f *fixture) {
		client.ConnFactories["slow"] = func(_ *client.Client, _, address string) (net.Conn, error) {
			time.Sleep(200 * time.Millisecond) // the dial is that slow
			return net.Dial("tcp", address)
		}
		deadline, canceled := within(100)
		for _, ctx := range []context.Context{deadline, canceled} {
			d, err := client.NewPeer2PeerDiscovery("slow@"+f.addr, "")
			must(err)
			x := client.NewXClient("Arith", client.Failfast, client.RandomSelect, d, f.option())
			handling(1, func() { fails(x.Call(ctx, "Mul", &Args{A: 1}, new(Reply))) })
			must(x.Call(context.Background(), "Mul", &Args{A: 1}, new(Reply))) // by the same goroutine
		}
		expect(2, "client", "Arith", "Mul", "ok")
		expect(1, "client", "Arith", "Mul", "timeout")
		expect(1, "client", "Arith", "Mul", "error")
		expect(4, "server", "Arith", "Mul", "ok")
	}}
	all["rawended"] = feature{do: func(f *fixture) {
		x := f.xclient("Arith", client.Failtry) // Failfast forgets the error
		deadline, _ := within(100)
		m := protocol.NewMessage()
		m.SetMessageType(protocol.Request)
		m.SetSeq(7)
		m.SetSerializeType(protocol.JSON)
		m.ServicePath, m.ServiceMethod, m.Payload = "Arith", "Mul", []byte(`{"A":3,"B":4,"Delay":300}`)
		handling(1, func() {
			_, _, err := x.SendRaw(deadline, m)
			fails(err)
		})
		expect(1, "client", "Arith", "Mul", "timeout")
		expect(1, "server", "Arith", "Mul", "ok", "json")
	}}
	all["unreadable"] = feature{do: func(f *fixture) {
		for _, codec := range []protocol.SerializeType{protocol.MsgPack, protocol.JSON} {
			d, err := client.NewPeer2PeerDiscovery(f.network+"@"+f.addr, "")
			must(err)
			o := f.option()
			o.SerializeType = codec
			err = client.NewXClient("Arith", client.Failtry, client.RandomSelect, d, o).Call(context.Background(), "Mul", "no arguments", new(Reply))
			fails(err)
			fails(err) // the server says the same
		}
		both(1, "Arith", "Mul", "error")
		both(1, "Arith", "Mul", "error", "json")
	}}
	all["shut"] = feature{do: func(f *fixture) {
		c := client.NewClient(f.option())
		must(c.Connect("tcp", f.addr))
		must(c.Call(context.Background(), "Arith", "Mul", &Args{A: 1}, new(Reply)))
		must(c.Close())
		fails(c.Call(context.Background(), "Arith", "Mul", &Args{A: 1}, new(Reply)))
		if c.Call(context.Background(), "", "", new(int64), new(int64)) == nil { // a heartbeat
			panic("no error")
		}
		both(1, "Arith", "Mul", "ok")
		expect(1, "client", "Arith", "Mul", "error")
	}}
	// A client without plugins is connected before anybody looks.
	var old *client.Client
	all["old"] = feature{prepare: func(*server.Server) {
		old = client.NewClient((&fixture{}).option())
		must(old.Connect("tcp", good()))
	}, do: func(f *fixture) {
		must(old.Call(context.Background(), "Arith", "Mul", &Args{A: 1}, new(Reply)))
		must(old.Call(context.Background(), "Arith", "Mul", &Args{A: 1}, new(Reply)))
		must(old.Close())
		both(2, "Arith", "Mul", "ok")
	}}
	all["dismissed"] = feature{do: func(f *fixture) {
		x := f.xclient("Arith", client.Failfast)
		x.Auth("wrong")
		_ = oneshot(x, "Mul", &Args{A: 1}) // the connection is closed
		expect(1, "client", "Arith", "Mul", "ok", "oneway")
		expect(1, "server", "Arith", "Mul", "error", "oneway")
	}}
	// The memory of a client whose connection is lost becomes that of another.
	all["reused"] = feature{do: func(f *fixture) {
		const n = 40
		for range n {
			lossy := fixture{network: "tcp", addr: breaking()}
			if lossy.xclient("Arith", client.Failfast).Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)) == nil {
				panic("no error")
			}
			runtime.GC()
			x := f.xclient("Arith", client.Failfast)
			handling(1, func() {
				deadline, _ := within(5)
				if x.Call(deadline, "Mul", &Args{A: 1, Delay: 10}, new(Reply)) == nil {
					panic("no error")
				}
			})
		}
		expect(n, "client", "Arith", "Mul", "error")
		expect(n, "client", "Arith", "Mul", "timeout")
		expect(n, "server", "Arith", "Mul", "ok")
	}}
	all["lost"] = feature{do: func(f *fixture) {
		f.network, f.addr = "tcp", breaking()
		fails(f.xclient("Arith", client.Failfast).Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)))
		expect(1, "client", "Arith", "Mul", "error")
	}}
}
