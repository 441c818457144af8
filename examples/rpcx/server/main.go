// Command server is the rpcx service of the walkthrough: one service Arith with
// one method Mul. It knows nothing of rpcxray; its flags only make it slow or
// faulty on purpose, so that there is something to find.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	"github.com/smallnest/rpcx/server"
)

var (
	addr      = flag.String("addr", "localhost:8972", "address to listen on")
	delay     = flag.Duration("delay", 0, "time each call takes in the handler")
	errorRate = flag.Float64("errors", 0, "share of calls that fail, 0 to 1")
	quiet     = flag.Bool("quiet", false, "do not print each product")
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

// Arith is the service.
type Arith int

var errUnlucky = errors.New("unlucky call")

// Mul multiplies.
func (t *Arith) Mul(ctx context.Context, args Args, reply *Reply) error {
	if *delay > 0 {
		time.Sleep(*delay)
	}
	if *errorRate > 0 && rand.Float64() < *errorRate {
		return errUnlucky
	}
	reply.C = args.A * args.B
	if !*quiet {
		fmt.Println("C=", reply.C)
	}
	return nil
}

func main() {
	flag.Parse()
	s := server.NewServer()
	if err := s.RegisterName("Arith", new(Arith), ""); err != nil {
		log.Fatal(err)
	}
	if err := s.Serve("tcp", *addr); err != nil {
		log.Fatal(err)
	}
}
