// Command calls calls one function a known number of times, from goroutines whose
// stacks grow and that change threads. It begins at a line on standard input and
// ends with standard input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
)

// work is what is counted: label is a string of n%4 as text, and the result n+1.
//
//go:noinline
func work(n int, label string) int {
	var pad [64]byte
	pad[n%len(pad)] = label[0]
	if n%64 == 0 {
		deep(16)
	}
	if n%16 == 0 {
		runtime.Gosched()
	}
	return n + int(pad[n%len(pad)]-label[0]) + 1
}

// deep makes the stack grow.
//
//go:noinline
func deep(n int) byte {
	var pad [512]byte
	if n > 0 {
		pad[n] = deep(n - 1)
	}
	return pad[n/2]
}

func main() {
	goroutines, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	calls, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	in.Scan()
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for n := range calls {
				work(n, strconv.Itoa(n%4))
			}
		})
	}
	wg.Wait()
	fmt.Println("done")
	in.Scan()
}
