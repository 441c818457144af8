//go:build !rpcx16

package main

import (
	"context"
	"sync"
	"time"

	"github.com/smallnest/rpcx/client"
)

// forks makes calls to three servers at once, from several goroutines: each returns with
// the first answer, when other attempts may not even have begun.
func forks(f *fixture) {
	const goroutines, each, servers = 8, 25, 3
	var written writes
	f.server.Plugins.Add(&written)
	x := f.xclient("Arith", client.Failfast, "tcp@"+good(&written), "tcp@"+good(&written))
	all := func() { must(x.Broadcast(context.Background(), "Mul", &Args{A: 1}, new(Reply))) }
	all() // the connections are made, and their first calls have ended
	var wg sync.WaitGroup
	for range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				must(x.Fork(context.Background(), "Mul", &Args{A: 1}, new(Reply)))
			}
		}()
	}
	wg.Wait()
	for written.n.Load() < servers*(1+goroutines*each) {
		time.Sleep(time.Millisecond)
	}
	all() // whose answers come behind those of the calls before
	whole(2, servers, "ok")
	whole(goroutines*each, servers, "ok")
}
