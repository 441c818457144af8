// Command target is a program to trace: on each line of its input, a number, it
// makes that many calls. Its functions are what the tests look for.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"
)

type Arith int

type Args struct{ A, B int }

//go:noinline
func (t *Arith) Mul(args *Args) int { return args.A * args.B }

//go:noinline
func say(text string) int { return len(text) }

func inlined(n int) int {
	if n%3 == 0 {
		return n / 7
	}
	return n + 1
}

//go:noinline
func caller(n int) int { return inlined(n) * 2 }

// broken has bytes that are no instruction, locked begins with one that cannot
// carry a probe; they are never called.
func broken()

func locked(*int64)

func main() {
	if len(os.Args) > 1 {
		calls(os.Args[1])
		return
	}
	if time.Now().Unix() < 0 {
		broken()
		locked(new(int64))
	}
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		calls(in.Text())
	}
}

func calls(number string) {
	n, err := strconv.Atoi(number)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var t Arith
	sum := 0
	for i := range n {
		sum += t.Mul(&Args{i, 2}) + caller(i) + say("a\x1b[2Jb\n")
	}
	fmt.Println("done", sum)
}
