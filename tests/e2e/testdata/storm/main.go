// Program storm makes life hard for whoever traces it: thousands of goroutines
// whose stacks grow and shrink, recursion, panics that are recovered at several
// levels, runtime.Goexit, a profiling signal a thousand times a second, and calls
// into C where it is built with cgo. It counts its calls itself and ends with a
// checksum that depends on nothing but its argument.
//
//	storm CALLS    about so many calls of traced functions
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
)

// goroutines is how many are alive at one time.
const goroutines = 2000

// tally counts the calls of one function, and those that came back.
type tally struct{ entered, returned uint64 }

func (t *tally) enter() { atomic.AddUint64(&t.entered, 1) }
func (t *tally) back()  { atomic.AddUint64(&t.returned, 1) }

var grow, work, recurse, risky, recovers, nested, leaves, foreign tally

var checksum uint64

// mix is a step of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// tracedGrow uses about n kilobytes of stack. Where there is none left, it starts
// twice.
//
//go:noinline
func tracedGrow(n int, x uint64) uint64 {
	grow.enter()
	var room [1024]byte
	room[x%1024] = byte(x)
	if n > 0 {
		x = tracedGrow(n-1, mix(x))
	}
	grow.back() // it will
	return x + uint64(room[x%1024])
}

//go:noinline
func tracedWork(seq uint64) uint64 {
	work.enter()
	if seq%64 == 0 {
		runtime.Gosched() // to go on on another thread
		return tracedGrow(int(seq%48), seq)
	}
	return mix(seq)
}

//go:noinline
func tracedRecurse(seq uint64, depth int) uint64 {
	recurse.enter()
	if depth == 0 {
		runtime.Gosched()
		return tracedGrow(int(seq%3), seq)
	}
	r := tracedRecurse(mix(seq), depth-1) + 1
	recurse.back()
	return r
}

//go:noinline
func tracedRisky(seq uint64) uint64 {
	risky.enter()
	if seq%2 == 0 {
		panic(seq)
	}
	return mix(seq)
}

// tracedRecovers comes back by itself from a panic below it.
//
//go:noinline
func tracedRecovers(seq uint64) (r uint64) {
	recovers.enter()
	defer func() {
		if v := recover(); v != nil {
			r = tracedGrow(int(seq%5), v.(uint64))
		}
	}()
	r = tracedRisky(seq)
	risky.back()
	return r
}

// tracedNested panics again while it recovers, and its second deferred call
// recovers that.
//
//go:noinline
func tracedNested(seq uint64) (r uint64) {
	nested.enter()
	defer func() { r += recover().(uint64) }()
	defer func() {
		v := recover().(uint64)
		func() {
			defer func() { r = recover().(uint64) }()
			tracedRisky(v &^ 1)
		}()
		panic(mix(v))
	}()
	tracedRisky(seq &^ 1)
	return 0
}

// tracedLeaves ends its goroutine.
//
//go:noinline
func tracedLeaves(seq uint64) {
	leaves.enter()
	defer func() { atomic.AddUint64(&checksum, tracedGrow(int(seq%7), seq)) }()
	runtime.Goexit()
}

//go:noinline
func tracedForeign(seq uint64) uint64 {
	foreign.enter()
	return twice(seq) + 1
}

// turn makes a handful of calls and returns their sum.
func turn(seq uint64) uint64 {
	sum := uint64(0)
	for i := uint64(0); i < 8; i++ {
		sum += tracedWork(seq + i)
		work.back()
	}
	depth := int(seq % 6)
	sum += tracedRecurse(seq, depth)
	recurse.back()
	sum += tracedRecovers(seq)
	recovers.back()
	if seq%4 == 0 {
		sum += tracedNested(seq)
		nested.back()
	}
	if seq%8 == 0 {
		sum += tracedForeign(seq)
		foreign.back()
	}
	return sum
}

// live is one goroutine of a wave: turns from seed on, of which a wave has as many
// as its goroutines share.
func live(seed uint64, turns int, wg *sync.WaitGroup) {
	defer wg.Done()
	for i := 0; i < turns; i++ {
		atomic.AddUint64(&checksum, turn(mix(seed+uint64(i))))
	}
	if (seed>>20)%16 == 0 {
		tracedLeaves(seed)
		leaves.back()
	}
}

func wave(n, turns int) {
	var wg sync.WaitGroup
	wg.Add(goroutines)
	for i := 0; i < goroutines; i++ {
		go live(uint64(n*goroutines+i)<<20, turns, &wg)
	}
	wg.Wait()
	runtime.GC() // shrinks what is left, frees what is not
}

func collect(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
			runtime.GC()
			runtime.Gosched()
		}
	}
}

func main() {
	calls, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	debug.SetGCPercent(20)
	runtime.SetCPUProfileRate(1000)
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	in.ReadString('\n')
	stop := make(chan struct{})
	go collect(stop)
	const turns, callsInTurn = 2, 14
	for n := 0; n < max1(calls/(goroutines*turns*callsInTurn)); n++ {
		wave(n, turns)
		fmt.Println("wave", n)
	}
	close(stop)
	for _, t := range []struct {
		name string
		*tally
	}{{"Grow", &grow}, {"Work", &work}, {"Recurse", &recurse}, {"Risky", &risky}, {"Recovers", &recovers}, {"Nested", &nested},
		{"Leaves", &leaves}, {"Foreign", &foreign}} {
		fmt.Println("calls", "main.traced"+t.name, t.entered, t.returned)
	}
	fmt.Println("checksum", checksum)
	in.ReadString('\n')
}

func max1(n int) int {
	if n < 1 {
		return 1
	}
	return n
}
