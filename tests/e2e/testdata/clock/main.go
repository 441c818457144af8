// Program clock measures calls of one function from inside and from outside, on
// goroutines that move between threads and whose stacks move. At its end it prints
// a line for each call: nanoseconds inside, nanoseconds outside, goroutine, and 1
// where the call ended on another thread.
//
//	clock WORKERS CALLS
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type record struct {
	inside, outside time.Duration
	moved           int
}

// measured spins or sleeps for about the time asked for; it is the function to
// trace.
//
//go:noinline
func measured(worker, call int, spin, sleep time.Duration, r *record) int {
	start := time.Now()
	thread := syscall.Gettid()
	n := deep(call % 24)
	for time.Since(start) < spin {
		n++
	}
	if sleep > 0 {
		time.Sleep(sleep)
	} else {
		runtime.Gosched()
	}
	if syscall.Gettid() != thread {
		r.moved = 1
	}
	r.inside = time.Since(start)
	return n
}

//go:noinline
func deep(n int) int {
	var room [1024]byte
	room[n] = byte(n)
	if n == 0 {
		return int(room[0])
	}
	return deep(n-1) + int(room[n])
}

// goid is the calling goroutine's number, as a panic shows it.
func goid() string {
	var text [64]byte
	return strings.Fields(string(text[:runtime.Stack(text[:], false)]))[1]
}

func main() {
	workers, _ := strconv.Atoi(os.Args[1])
	calls, _ := strconv.Atoi(os.Args[2])
	records, goids := make([][]record, workers), make([]string, workers)
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	in.ReadString('\n')
	var wg sync.WaitGroup
	for w := 0; w < workers; w++ {
		records[w] = make([]record, calls)
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			goids[w] = goid()
			for c := range records[w] {
				r := &records[w][c]
				spin, sleep := time.Duration(0), time.Duration(0)
				if (w+c)%4 > 0 {
					spin = time.Microsecond << uint((w*7+c)%9)
				} else {
					sleep = 50 * time.Microsecond << uint((w+c*3)%8)
				}
				start := time.Now()
				measured(w, c, spin, sleep, r)
				r.outside = time.Since(start)
			}
		}(w)
	}
	wg.Wait()
	for w := range records {
		for _, r := range records[w] {
			fmt.Println("call", int64(r.inside), int64(r.outside), goids[w], r.moved)
		}
	}
	fmt.Println("done")
	in.ReadString('\n')
}
