//go:build !rpcx16

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/protocol"
	"github.com/smallnest/rpcx/server"
	"github.com/smallnest/rpcx/share"
)

// feature is something that a program does with rpcx: servers and clients in one
// process. It says what calls both sides have to be seen of.
type feature struct {
	server  string // network and address, if it needs a server
	options []server.OptionFn
	prepare func(*server.Server)
	do      func(f *fixture)
}

// fixture is a feature while it runs.
type fixture struct {
	network, addr string
	server        *server.Server
	tls           *tls.Config
	dir           string
}

// unknown stands for a number of calls that chance decides.
const unknown = 100000

// expect prints a call that has to be seen, n times.
func expect(n int, side, service, method, status string, more ...string) {
	fmt.Println("call", n, side, service+"."+method, status, strings.Join(more, " "))
}

// both is a call that client and server see alike.
func both(n int, service, method, status string, more ...string) {
	expect(n, "client", service, method, status, more...)
	expect(n, "server", service, method, status, more...)
}

// whole says that a client's call has to be seen with so many attempts, n times.
func whole(n, attempts int, status string) { fmt.Println("whole", n, attempts, status) }

func (f *fixture) option() client.Option {
	o := client.DefaultOption
	o.SerializeType = protocol.MsgPack
	o.TLSConfig = f.tls
	return o
}

func (f *fixture) xclient(service string, mode client.FailMode, addrs ...string) client.XClient {
	var pairs []*client.KVPair
	for _, a := range append([]string{f.network + "@" + f.addr}, addrs...) {
		pairs = append(pairs, &client.KVPair{Key: a})
	}
	d, err := client.NewMultipleServersDiscovery(pairs)
	must(err)
	return client.NewXClient(service, mode, client.RoundRobin, d, f.option())
}

func (f *fixture) call(n int) {
	x := f.xclient("Arith", client.Failtry)
	for i := range n {
		var r Reply
		must(x.Call(context.Background(), "Mul", &Args{A: i, B: 2}, &r))
		if r.C != 2*i {
			panic(r)
		}
	}
	both(n, "Arith", "Mul", "ok")
	err := x.Call(context.Background(), "Fail", &Args{A: 7}, new(Reply))
	if err == nil {
		panic("no error")
	}
	both(1, "Arith", "Fail", "error")
	must(x.Close())
}

// informed tells all servers. The good one answers last: rpcx adds an attempt's error to
// the others after it has told that the attempt is over, so that of the last attempt may
// be missing.
func informed(x client.XClient, failures string) {
	_, err := x.Inform(context.Background(), "Mul", &Args{A: 1, Delay: 100}, new(Reply))
	if err == nil || err.Error() != failures {
		panic(err)
	}
}

// failing is a server that fails each call.
func failing() (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	s := server.NewServer()
	s.AddHandler("Arith", "Mul", func(c *server.Context) error { return errors.New("not here") })
	go func() { _ = s.ServeListener("tcp", ln) }()
	return ln.Addr().String()
}

// good is another server.
func good(plugins ...server.Plugin) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	s := newServer()
	for _, p := range plugins {
		s.Plugins.Add(p)
	}
	go func() { _ = s.ServeListener("tcp", ln) }()
	return ln.Addr().String()
}

// breaking is a server that takes a request and closes the connection.
func breaking() (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			_ = c.Close()
		}
	}()
	return ln.Addr().String()
}

func features() map[string]feature {
	plain := func(f *fixture) { f.call(5) }
	all := map[string]feature{
		"forks": {do: forks},
		"tcp":   {do: plain},
		"http":  {server: "http@127.0.0.1:0", do: plain},
		"ws":    {server: "ws@127.0.0.1:0", do: plain},
		"unix":  {server: "unix@/socket", do: plain},
		"memu":  {server: "memu@memory", do: plain},
		"tls":   {server: "tls@127.0.0.1:0", do: plain},
		"async": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failfast)
			done := make(chan *client.Call, 20)
			for i := range 20 {
				_, err := x.Go(context.Background(), "Mul", &Args{A: i}, new(Reply), done)
				must(err)
			}
			for range 20 {
				must((<-done).Error)
			}
			both(20, "Arith", "Mul", "ok")
		}},
		"oneshot": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failfast)
			for range 5 {
				must(oneshot(x, "Mul", &Args{A: 1}))
			}
			both(5, "Arith", "Mul", "ok", "oneway")
			must(oneshot(f.xclient("Route", client.Failfast), "Fail", &Args{A: 1}))
			expect(1, "client", "Route", "Fail", "ok", "oneway") // it does not hear of it
			expect(1, "server", "Route", "Fail", "error", "oneway")
			<-failed
		}},
		"failover": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failover, "tcp@"+breaking())
			for range 4 {
				must(x.Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)))
			}
			expect(4, "server", "Arith", "Mul", "ok")
			expect(4, "client", "Arith", "Mul", "ok")
			expect(unknown, "client", "Arith", "Mul", "error") // as often as the broken server's turn came
		}},
		"failtry": {do: func(f *fixture) {
			f.network, f.addr = "tcp", breaking()
			x := f.xclient("Arith", client.Failtry)
			if x.Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)) == nil {
				panic("no error")
			}
			expect(4, "client", "Arith", "Mul", "error")
			whole(1, 4, "error")
		}},
		"nobody": {do: func(f *fixture) {
			f.addr = "127.0.0.1:1"
			fails(f.xclient("Arith", client.Failover).Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)))
			whole(1, 0, "error")
		}},
		"failbackup": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failbackup)
			must(x.Call(context.Background(), "Mul", &Args{A: 1, Delay: 100}, new(Reply)))
			time.Sleep(200 * time.Millisecond) // the other answer comes
			both(2, "Arith", "Mul", "ok")
			whole(1, 2, "ok")
		}},
		"broadcast": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failfast, "tcp@"+good())
			must(x.Broadcast(context.Background(), "Mul", &Args{A: 1, Delay: 50}, new(Reply)))
			both(2, "Arith", "Mul", "ok")
			whole(1, 2, "ok")
		}},
		"fork": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failfast, "tcp@"+failing())
			must(x.Fork(context.Background(), "Mul", &Args{A: 1, Delay: 100}, new(Reply)))
			both(1, "Arith", "Mul", "error")
			both(1, "Arith", "Mul", "ok")
			whole(1, 2, "ok")
		}},
		"inform": {do: func(f *fixture) {
			informed(f.xclient("Arith", client.Failfast, "tcp@"+failing()), "[not here]")
			both(1, "Arith", "Mul", "error")
			both(1, "Arith", "Mul", "ok")
			whole(1, 2, "error")
		}},
		"several": {do: func(f *fixture) {
			informed(f.xclient("Arith", client.Failfast, "tcp@"+failing(), "tcp@"+failing()), "[not here not here]")
			both(2, "Arith", "Mul", "error")
			both(1, "Arith", "Mul", "ok")
			whole(1, 3, "error")
		}},
		"raw": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failfast)
			for i := range 3 {
				m := protocol.NewMessage()
				m.SetMessageType(protocol.Request)
				m.SetSeq(uint64(1000 + i))
				m.SetSerializeType(protocol.JSON)
				m.ServicePath, m.ServiceMethod, m.Payload = "Arith", "Mul", []byte(`{"A":3,"B":4}`)
				_, payload, err := x.SendRaw(context.Background(), m)
				must(err)
				if !strings.Contains(string(payload), "12") {
					panic(string(payload))
				}
			}
			both(3, "Arith", "Mul", "ok", "json")
			whole(3, 1, "ok")
		}},
		"gateway": {do: func(f *fixture) {
			ask := func(service, method, body string) {
				req, err := http.NewRequest("POST", "http://"+f.addr+"/", strings.NewReader(body))
				must(err)
				for k, v := range map[string]string{server.XMessageID: "77", server.XMessageType: "0", server.XSerializeType: "1",
					server.XServicePath: service, server.XServiceMethod: method} {
					req.Header.Set(k, v)
				}
				res, err := http.DefaultClient.Do(req)
				must(err)
				_, _ = io.Copy(io.Discard, res.Body)
				must(res.Body.Close())
			}
			for range 3 {
				ask("Arith", "Mul", `{"A":3,"B":4}`)
			}
			ask("Arith", "Fail", `{"A":3}`)
			ask("Funcs", "Double", `{"A":3}`)
			ask("Arith", "Nothing", `{}`)
			expect(3, "server", "Arith", "Mul", "ok", "json")
			expect(1, "server", "Arith", "Fail", "error", "json")
			expect(1, "server", "Funcs", "Double", "ok", "json")
			expect(1, "server", "Arith", "Nothing", "error", "json")
		}},
		"jsonrpc": {do: func(f *fixture) {
			ask := func(body string) {
				req, err := http.NewRequest("POST", "http://"+f.addr+"/", strings.NewReader(body))
				must(err)
				req.Header.Set("X-JSONRPC-2.0", "true")
				res, err := http.DefaultClient.Do(req)
				must(err)
				_, _ = io.Copy(io.Discard, res.Body)
				must(res.Body.Close())
			}
			for i := range 3 {
				ask(fmt.Sprintf(`{"jsonrpc":"2.0","method":"Arith.Mul","params":{"A":3},"id":"%d"}`, i))
			}
			ask(`{"jsonrpc":"2.0","method":"Arith.Fail","params":{"A":3},"id":"9"}`)
			ask(`{"jsonrpc":"2.0","method":"Arith.Mul","params":{"A":3}}`)
			time.Sleep(100 * time.Millisecond)
			expect(3, "server", "Arith", "Mul", "ok", "json")
			expect(1, "server", "Arith", "Fail", "error", "json")
			expect(1, "server", "Arith", "Mul", "ok", "oneway json")
		}},
		"push": {do: func(f *fixture) {
			ch := make(chan *protocol.Message, 10)
			d, err := client.NewPeer2PeerDiscovery(f.network+"@"+f.addr, "")
			must(err)
			x := client.NewBidirectionalXClient("Arith", client.Failtry, client.RandomSelect, d, f.option(), ch)
			must(x.Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)))
			both(1, "Arith", "Mul", "ok")
			conn := f.server.ActiveClientConn()[0]
			for i := range 4 {
				must(f.server.SendMessage(conn, "News", "Weather", map[string]string{"n": "1"}, []byte{byte(i)}))
				<-ch
			}
			both(4, "News", "Weather", "ok", "oneway push raw")
		}},
		"codecs": {do: codecs},
		"compressed": {do: func(f *fixture) {
			o := f.option()
			o.CompressType = protocol.Gzip
			d, err := client.NewPeer2PeerDiscovery(f.network+"@"+f.addr, "")
			must(err)
			x := client.NewXClient("Arith", client.Failtry, client.RandomSelect, d, o)
			for range 3 {
				must(x.Call(context.Background(), "Mul", &Args{Blob: text(5000)}, new(Reply)))
			}
			both(3, "Arith", "Mul", "ok", "compressed")
		}},
		"unsendable": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failfast)
			fails(x.Call(context.Background(), "Mul", make(chan int), new(Reply)))
			expect(1, "client", "Arith", "Mul", "error")
		}},
		"closed": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failfast)
			failed := make(chan error)
			go func() { failed <- x.Call(context.Background(), "Mul", &Args{Delay: 300}, new(Reply)) }()
			time.Sleep(100 * time.Millisecond)
			must(x.Close())
			fails(<-failed)
			time.Sleep(300 * time.Millisecond)
			expect(1, "client", "Arith", "Mul", "error")
			expect(1, "server", "Arith", "Mul", "ok")
		}},
		"stream": {prepare: func(s *server.Server) {
			s.EnableStreamService(share.StreamServiceName, server.NewStreamService("127.0.0.1:18971", func(c net.Conn, _ *share.StreamServiceArgs) {
				_, _ = io.Copy(c, c)
			}, nil, 100))
		}, do: func(f *fixture) {
			x := f.xclient(share.StreamServiceName, client.Failtry)
			c, err := x.Stream(context.Background(), map[string]string{"a": "b"})
			must(err)
			_, err = c.Write([]byte("hello\n"))
			must(err)
			line, err := bufio.NewReader(c).ReadString('\n')
			must(err)
			if line != "hello\n" {
				panic(line)
			}
			both(1, share.StreamServiceName, "Stream", "ok")
		}},
		"file": {prepare: func(s *server.Server) {
			s.EnableFileTransfer(share.SendFileServiceName, server.NewFileTransfer("127.0.0.1:18972", func(c net.Conn, _ *share.FileTransferArgs) {
				_, _ = io.Copy(io.Discard, c)
			}, func(c net.Conn, _ *share.DownloadFileArgs) {
				_, _ = c.Write([]byte("content"))
				_ = c.Close()
			}, 100))
		}, do: func(f *fixture) {
			name := filepath.Join(f.dir, "file")
			must(os.WriteFile(name, bytes.Repeat([]byte("x"), 100000), 0o600))
			x := f.xclient(share.SendFileServiceName, client.Failtry)
			must(x.SendFile(context.Background(), name, 0, nil))
			both(1, share.SendFileServiceName, "TransferFile", "ok")
			var out bytes.Buffer
			must(x.DownloadFile(context.Background(), "any", &out, nil))
			both(1, share.SendFileServiceName, "DownloadFile", "ok")
		}},
		"transfers": {prepare: prepareTransfers, do: transfers},
		"plugin": {prepare: func(s *server.Server) { s.Plugins.Add(refusing{}) }, do: func(f *fixture) {
			x := f.xclient("Arith", client.Failfast)
			must(x.Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)))
			if x.Call(context.Background(), "Mul", &Args{A: 13}, new(Reply)) == nil {
				panic("no error")
			}
			both(1, "Arith", "Mul", "ok")
			both(1, "Arith", "Mul", "error")
			must(f.xclient("Alias", client.Failfast).Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)))
			expect(1, "client", "Alias", "Mul", "ok")
			expect(1, "server", "Arith", "Mul", "ok")
		}},
		// What fails when another goroutine has written the response fails nothing.
		"apart": {options: []server.OptionFn{server.WithAsyncWrite()}, prepare: func(s *server.Server) { s.Plugins.Add(panicking{}) }, do: func(f *fixture) {
			must(f.xclient("Arith", client.Failfast).Call(context.Background(), "Mul", &Args{A: 1}, new(Reply)))
			both(1, "Arith", "Mul", "ok")
		}},
		"shutdown": {do: func(f *fixture) {
			x := f.xclient("Arith", client.Failfast)
			got := make(chan error)
			go func() { got <- x.Call(context.Background(), "Mul", &Args{Delay: 300}, new(Reply)) }()
			time.Sleep(100 * time.Millisecond)
			must(f.server.Shutdown(context.Background()))
			must(<-got)
			both(1, "Arith", "Mul", "ok")
		}},
	}
	transports(all)
	failures(all)
	return all
}

// refusing is a plugin that fails some calls, knows Arith by another name and puts
// connections in a type of its own.
type refusing struct{}

type ownConn struct{ net.Conn }

func (refusing) HandleConnAccept(c net.Conn) (net.Conn, bool) { return &ownConn{c}, true }

func (refusing) PostReadRequest(_ context.Context, m *protocol.Message, _ error) error {
	if m.ServicePath == "Alias" {
		m.ServicePath = "Arith"
	}
	return nil
}

func (refusing) PreCall(_ context.Context, _, _ string, args any) (any, error) {
	if a, ok := args.(*Args); ok && a.A == 13 {
		return args, errors.New("refused by a plugin")
	}
	return args, nil
}

// run starts the feature's server and returns what makes its calls.
func (f feature) run() (do func()) {
	dir, err := os.MkdirTemp("", "rpcx")
	must(err)
	network, addr, _ := strings.Cut(f.server, "@")
	if f.server == "" {
		network, addr = "tcp", "127.0.0.1:0"
	}
	fx := &fixture{network: network, addr: addr, dir: dir}
	if network == "unix" {
		fx.addr = dir + addr
	}
	opts := f.options
	if network == "tls" || network == "quic" {
		own := certificate()
		opts = append(opts, server.WithTLSConfig(own))
		fx.tls = &tls.Config{InsecureSkipVerify: true}
	}
	if network == "tls" {
		fx.network = "tcp"
	}
	fx.server = newServer(opts...)
	if f.prepare != nil {
		f.prepare(fx.server)
	}
	fx.serve()
	return func() {
		f.do(fx)
		_ = os.RemoveAll(dir)
	}
}

// serve listens; networks whose listeners rpcx makes take a port that was free.
func (f *fixture) serve() {
	if f.network == "tcp" && f.tls == nil {
		ln, err := net.Listen("tcp", f.addr)
		must(err)
		f.addr = ln.Addr().String()
		go func() { _ = f.server.ServeListener("tcp", ln) }()
		return
	}
	if strings.HasSuffix(f.addr, ":0") {
		ln, err := net.Listen("tcp", f.addr)
		must(err)
		f.addr = ln.Addr().String()
		must(ln.Close())
	}
	go func() { _ = f.server.Serve(f.network, f.addr) }()
	for range 100 {
		if f.network == "memu" || f.network == "quic" || f.network == "kcp" {
			time.Sleep(200 * time.Millisecond)
			return
		}
		network := "tcp"
		if f.network == "unix" {
			network = "unix"
		}
		if c, err := net.Dial(network, f.addr); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	panic("the server does not listen")
}

func certificate() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	must(err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// runFeatures runs features, by commas, when a line comes, and says which calls they
// make. Without any it lists them.
func runFeatures(names string) {
	all := features()
	if names == "" {
		_ = json.NewEncoder(os.Stdout).Encode(slices.Sorted(maps.Keys(all)))
		return
	}
	var todo []func()
	for _, name := range strings.Split(names, ",") {
		todo = append(todo, all[name].run())
	}
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	for _, do := range todo {
		do()
	}
	fmt.Println("done")
	in.Scan()
}
