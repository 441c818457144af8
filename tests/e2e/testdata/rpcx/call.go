package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/protocol"
	"github.com/smallnest/rpcx/share"
)

// kind is one way to call.
type kind struct {
	name, service, method string
	option                func(*client.Option)
	args                  Args
	oneway                bool
	special               bool // only where it is named
	token                 string
	traceparent           string
	timeout               time.Duration
}

func allKinds() []kind {
	codec := func(t protocol.SerializeType) func(*client.Option) {
		return func(o *client.Option) { o.SerializeType = t }
	}
	return []kind{
		{name: "method", service: "Arith", method: "Mul"},
		{name: "json", service: "Arith", method: "Mul", option: codec(protocol.JSON)},
		{name: "slow", service: "Arith", method: "Mul", args: Args{Delay: 20}},
		{name: "function", service: "Funcs", method: "Double"},
		{name: "route", service: "Route", method: "Echo"},
		{name: "routefail", service: "Route", method: "Fail"},
		{name: "routepanic", service: "Route", method: "Panic"},
		{name: "fail", service: "Arith", method: "Fail"},
		{name: "panic", service: "Arith", method: "Panic"},
		{name: "nomethod", service: "Arith", method: "Nothing"},
		{name: "noservice", service: "Nobody", method: "Mul"},
		{name: "oneway", service: "Arith", method: "Mul", oneway: true, args: Args{Delay: 5}},
		{name: "gzip", service: "Arith", method: "Mul", args: Args{Blob: text(5000)},
			option: func(o *client.Option) { o.CompressType = protocol.Gzip }},
		{name: "auth", service: "Arith", method: "Mul", special: true, token: "wrong"},
		{name: "beat", service: "Arith", method: "Mul", special: true, args: Args{Delay: 700}}, // as long as some heartbeats
		{name: "hang", service: "Arith", method: "Hang", special: true},
		{name: "relay", service: "Arith", method: "Relay", special: true, args: Args{How: "plain"}},
		{name: "derived", service: "Arith", method: "Relay", special: true, args: Args{How: "derived"}},
		{name: "alone", service: "Arith", method: "Relay", special: true, args: Args{How: "alone"}},
		{name: "spawned", service: "Arith", method: "Relay", special: true, args: Args{How: "spawned"}},
		{name: "told", service: "Arith", method: "Relay", special: true, args: Args{How: "derived"},
			traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{name: "mistold", service: "Arith", method: "Mul", special: true,
			traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033zz-01"},
		{name: "late", service: "Arith", method: "Mul", args: Args{Delay: 400}, timeout: 150 * time.Millisecond},
	}
}

// Truth is what the client knows of a call.
type Truth struct {
	ID      int
	Kind    string
	Service string
	Method  string
	Error   string
	NS      int64
	OneWay  bool
	Late    bool
}

type calls struct {
	addr     string
	n        int
	inFlight int
	bare     bool
	warm     bool
}

// run makes the calls that a line on the standard input sets off, and prints the
// truth about each.
func (c calls) run(names string) {
	kinds := allKinds()
	conns := map[string]func(context.Context, string, string, any, any) error{}
	for _, k := range kinds {
		if !chosen(names, k) {
			continue
		}
		conns[k.name] = c.connect(k)
		if c.warm {
			call(k, conns[k.name], 0)
		}
	}
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	var mu sync.Mutex
	var all sync.WaitGroup
	out := json.NewEncoder(os.Stdout)
	slots := make(chan bool, c.inFlight)
	id := 0
	for range c.n {
		for _, k := range kinds {
			if !chosen(names, k) {
				continue
			}
			id++
			number := id
			slots <- true
			all.Add(1)
			go func() {
				defer all.Done()
				t := call(k, conns[k.name], number)
				<-slots
				mu.Lock()
				defer mu.Unlock()
				_ = out.Encode(t)
			}()
		}
	}
	all.Wait()
	fmt.Println("done")
	in.Scan()
}

// chosen tells whether names, parted by commas, has the kind.
func chosen(names string, k kind) bool {
	return names == "" && !k.special || strings.Contains(","+names+",", ","+k.name+",")
}

// connect opens the connection of a kind.
func (c calls) connect(k kind) func(context.Context, string, string, any, any) error {
	o := client.DefaultOption
	o.SerializeType = protocol.MsgPack
	o.Heartbeat, o.HeartbeatInterval = true, 50*time.Millisecond
	if k.option != nil {
		k.option(&o)
	}
	if c.bare {
		cl := client.NewClient(o)
		must(cl.Connect("tcp", c.addr))
		return cl.Call
	}
	d, err := client.NewPeer2PeerDiscovery("tcp@"+c.addr, "")
	must(err)
	x := client.NewXClient(k.service, client.Failfast, client.RandomSelect, d, o)
	return func(ctx context.Context, _, method string, args, reply any) error {
		return x.Call(ctx, method, args, reply)
	}
}

func call(k kind, send func(context.Context, string, string, any, any) error, id int) Truth {
	t := Truth{ID: id, Kind: k.name, Service: k.service, Method: k.method, OneWay: k.oneway}
	a := k.args
	a.A, a.B = id, 2
	meta := map[string]string{"other": "x", idKey: strconv.Itoa(id), share.AuthKey: "right"}
	if k.token != "" {
		meta[share.AuthKey] = k.token
	}
	if k.traceparent != "" {
		meta["traceparent"] = k.traceparent
	}
	ctx := context.WithValue(context.Background(), share.ReqMetaDataKey, meta)
	if k.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, k.timeout)
		defer cancel()
	}
	var reply any = new(Reply)
	if k.oneway {
		reply = nil
	}
	start := time.Now()
	err := send(ctx, k.service, k.method, &a, reply)
	t.NS = time.Since(start).Nanoseconds()
	if err != nil {
		t.Error = err.Error()
	}
	t.Late = errors.Is(err, context.DeadlineExceeded)
	return t
}
