// Command client calls Arith.Mul once a second, or as fast and as often in
// parallel as its flags say.
package main

import (
	"context"
	"flag"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/protocol"
)

var (
	addr    = flag.String("addr", "localhost:8972", "address of the server")
	rate    = flag.Float64("rate", 1, "calls a second over all workers; 0: as many as possible")
	workers = flag.Int("concurrency", 1, "callers in parallel")
	count   = flag.Int64("n", 0, "calls to make; 0: until stopped")
	quiet   = flag.Bool("quiet", false, "do not log each product")
)

// Args are the factors.
type Args struct {
	A int
	B int
}

// Reply is the product.
type Reply struct {
	C int
}

func main() {
	flag.Parse()
	d, err := client.NewPeer2PeerDiscovery("tcp@"+*addr, "")
	if err != nil {
		log.Fatal(err)
	}
	option := client.DefaultOption
	option.SerializeType = protocol.JSON
	x := client.NewXClient("Arith", client.Failtry, client.RandomSelect, d, option)
	defer x.Close()

	var made, failed atomic.Int64
	tick := ticks()
	var all sync.WaitGroup
	for range *workers {
		all.Go(func() {
			for *count == 0 || made.Add(1) <= *count {
				<-tick
				if !call(x) {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	log.Printf("%d calls, %d failed", *count, failed.Load())
}

// ticks paces the calls of all workers. Calls that are late are made at once, so that
// the rate is kept.
func ticks() <-chan struct{} {
	tick := make(chan struct{})
	if *rate <= 0 {
		close(tick)
		return tick
	}
	go func() {
		start := time.Now()
		for n := 1.0; ; n++ {
			due := time.Duration(n / *rate * float64(time.Second))
			if early := due - time.Since(start); early > 0 {
				time.Sleep(max(early, time.Millisecond))
			}
			tick <- struct{}{}
		}
	}()
	return tick
}

func call(x client.XClient) bool {
	args, reply := Args{A: 10, B: 20}, Reply{}
	if err := x.Call(context.Background(), "Mul", args, &reply); err != nil {
		log.Printf("call failed: %v", err)
		return false
	}
	if !*quiet {
		log.Printf("%d * %d = %d", args.A, args.B, reply.C)
	}
	return true
}
