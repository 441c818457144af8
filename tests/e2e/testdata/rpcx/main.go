// Command rpcx is an rpcx server and its client that know the truth about each
// call: its id travels in the metadata of request and response.
package main

import (
	"context"
	"flag"
	"log"
	"os"
)

// idKey is the key of the metadata that holds a call's number.
const idKey = "id"

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: rpcx serve|call|feature [flags]")
	}
	fs := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	addr := fs.String("addr", "127.0.0.1:0", "address")
	async := fs.Bool("async", false, "serve: write responses in other goroutines")
	pool := fs.Bool("pool", false, "serve: handle requests in a pool")
	pause := fs.Duration("pause", 0, "serve: a plugin waits so long when a response has been written")
	n := fs.Int("n", 1, "call: calls of each kind")
	inFlight := fs.Int("inflight", 1, "call: calls at one time")
	bare := fs.Bool("bare", false, "call: a client without plugins")
	warm := fs.Bool("warm", false, "call: open the connections, with a call on each, before ready")
	kinds := fs.String("kinds", "", "call: kinds of calls, by commas; all of them")
	name := fs.String("name", "", "feature: which, by commas; none: lists them")
	_ = fs.Parse(os.Args[2:])
	if os.Args[1] == "feature" {
		runFeatures(*name)
		return
	}
	if os.Args[1] == "serve" {
		serve(*addr, *async, *pool, *pause)
		return
	}
	calls{addr: *addr, n: *n, inFlight: *inFlight, bare: *bare, warm: *warm}.run(*kinds)
}

// idOf reads a call's number from the metadata in its context.
func idOf(ctx context.Context, key any) string {
	m, _ := ctx.Value(key).(map[string]string)
	return m[idKey]
}
