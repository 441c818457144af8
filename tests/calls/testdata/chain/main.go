// Command chain is a chain of three rpcx services with fan-out, and the client that
// calls the first of them. Each call has a path in the metadata of its request: its
// root's number, and for each call below the number among its siblings.
//
// Front.Order calls Stock.Check, as often as its path says at once, and then
// Price.Get; each Stock.Check calls Store.Read twice, one after the other, or fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/protocol"
	"github.com/smallnest/rpcx/server"
	"github.com/smallnest/rpcx/share"
)

// Args are those of all methods.
type Args struct{ N int }

// Reply is that of all methods.
type Reply struct{ N int }

// Front is the first service.
type Front struct{ stock, price client.XClient }

// Order is called by the client.
func (f *Front) Order(ctx context.Context, args *Args, reply *Reply) error {
	path := pathOf(ctx)
	var group sync.WaitGroup
	for i := range fan(args.N) {
		group.Go(func() {
			// A Stock.Check that fails is no failure of the order.
			_ = call(ctx, f.stock, "Check", fmt.Sprint(path, ".", i), args.N+i)
		})
	}
	group.Wait()
	reply.N = args.N
	return call(ctx, f.price, "Get", path+".p", args.N)
}

// fan is how many Stock.Check an order makes.
func fan(n int) int { return 1 + n%4 }

// Stock is the second service.
type Stock struct{ store client.XClient }

// Check fails where its number is a multiple of 10.
func (s *Stock) Check(ctx context.Context, args *Args, reply *Reply) error {
	if args.N%10 == 0 {
		return errors.New("out of stock")
	}
	for i := range 2 {
		if err := call(ctx, s.store, "Read", fmt.Sprint(pathOf(ctx), ".", i), args.N); err != nil {
			return err
		}
	}
	reply.N = args.N
	return nil
}

// Price is a service beside Stock.
type Price struct{}

// Get answers at once.
func (Price) Get(_ context.Context, args *Args, reply *Reply) error {
	reply.N = args.N
	return nil
}

// Store is the third service.
type Store struct{}

// Read answers at once.
func (Store) Read(_ context.Context, args *Args, reply *Reply) error {
	reply.N = args.N
	return nil
}

const pathKey = "path"

func pathOf(ctx context.Context) string {
	m, _ := ctx.Value(share.ReqMetaDataKey).(map[string]string)
	return m[pathKey]
}

// call makes a call with a path, in the context of the call that it is made for.
func call(ctx context.Context, c client.XClient, method, path string, n int) error {
	ctx = context.WithValue(ctx, share.ReqMetaDataKey, map[string]string{pathKey: path})
	return c.Call(ctx, method, &Args{n}, &Reply{})
}

func dial(service, addr string) client.XClient {
	d, err := client.NewPeer2PeerDiscovery("tcp@"+addr, "")
	if err != nil {
		log.Fatal(err)
	}
	option := client.DefaultOption
	option.SerializeType = protocol.MsgPack
	option.Heartbeat = false
	return client.NewXClient(service, client.Failfast, client.RandomSelect, d, option)
}

func main() {
	log.SetFlags(0)
	fs := flag.NewFlagSet("chain", flag.ExitOnError)
	next := fs.String("next", "", "addresses of the services that are called, by commas")
	n := fs.Int("n", 1, "client: calls")
	inFlight := fs.Int("inflight", 1, "client: calls at one time")
	pause := fs.Duration("pause", 0, "client: between the calls of each worker")
	_ = fs.Parse(os.Args[2:])
	addrs := strings.Split(*next, ",")
	s := server.NewServer()
	var err error
	switch os.Args[1] {
	case "front":
		err = s.Register(&Front{dial("Stock", addrs[0]), dial("Price", addrs[0])}, "")
	case "stock":
		err = errors.Join(s.Register(&Stock{dial("Store", addrs[0])}, ""), s.Register(&Price{}, ""))
	case "store":
		err = s.Register(&Store{}, "")
	case "client":
		orders(dial("Front", addrs[0]), *n, *inFlight, *pause)
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready", listener.Addr())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	go func() {
		if err := s.ServeListener("tcp", listener); !errors.Is(err, server.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	go settle(s)
	<-stop
}

// settle ends what a server does when it is told to, but not the process, and tells when
// all its calls have ended.
func settle(s *server.Server) {
	var word string
	if _, err := fmt.Scanln(&word); err != nil {
		return
	}
	if err := s.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("served")
}

// orders makes n calls when it is told to, and says how many failed.
func orders(c client.XClient, n, inFlight int, pause time.Duration) {
	fmt.Println("ready")
	var word string
	if _, err := fmt.Scanln(&word); err != nil {
		log.Fatal(err)
	}
	work := make(chan int)
	var group sync.WaitGroup
	for range inFlight {
		group.Go(func() {
			for i := range work {
				if err := call(context.Background(), c, "Order", strconv.Itoa(i), i); err != nil {
					log.Printf("order %d: %v", i, err)
				}
				time.Sleep(pause)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	group.Wait()
	fmt.Println("done")
	_, _ = fmt.Scanln(&word)
}
