// Program values calls one function for each kind of value that Go has, always
// with the same arguments, on goroutines whose stacks move while the garbage
// collector runs. It waits for a line on standard input before it begins and for
// the end of standard input before it ends.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

type point struct{ X, Y int }

type pair struct {
	Name string
	At   point
	Next *point
}

type mixed struct {
	A int8
	B string
	C bool
	D [2]int16
	E []byte
}

type reals struct {
	F32 float32
	F64 float64
	C   complex128
}

type weekday uint8

func (d weekday) String() string { return "day" + strconv.Itoa(int(d)) }

type refusal struct {
	Text string
	Code int
}

func (r *refusal) Error() string { return r.Text }

type number int

func (n number) Error() string { return "number " + strconv.Itoa(int(n)) }

type counter struct{ N int }

//go:noinline
func (c *counter) Add(by int) int { stir(); c.N += by; return c.N }

//go:noinline
func (p point) Plus(q point) point { stir(); return point{p.X + q.X, p.Y + q.Y} }

type box[T any] struct{ Held T }

//go:noinline
func (b *box[T]) Put(v T, n int) (T, int) { stir(); old := b.Held; b.Held = v; return old, n + 1 }

//go:noinline
func keep[K comparable, V any](k K, v V, n int) (V, int) { stir(); return v, n * 2 }

// stir has the calling goroutine's stack grow, so that it is copied.
//
//go:noinline
func stir() { sink.Add(int64(deep(12))) }

var sink atomic64

// atomic64 is atomic.Int64 with an address that the collector does not look at.
type atomic64 struct{ n int64 }

func (a *atomic64) Add(d int64) { atomic.AddInt64(&a.n, d) }

//go:noinline
func deep(n int) int {
	var room [512]byte
	room[n] = byte(n)
	if n == 0 {
		return int(room[0])
	}
	return deep(n-1) + int(room[n])
}

//go:noinline
func ints(a int8, b int16, c int32, d int64, e int) (int8, int16, int32, int64, int) {
	stir()
	a, b = a+1, b+1
	return a, b, c + 1, d + 1, e + 1
}

//go:noinline
func uints(a uint8, b uint16, c uint32, d uint64, e uintptr) (uint8, uint16, uint32, uint64, uintptr) {
	stir()
	return a - 1, b - 1, c - 1, d - 1, e - 1
}

//go:noinline
func bools(yes, no bool) (bool, bool) { stir(); return no, yes }

//go:noinline
func texts(empty, short, odd string) (string, string) { stir(); return odd + short, empty }

//go:noinline
func long(s string) string { stir(); return s[1:] }

//go:noinline
func slices(a []int, b []byte, c []string) ([]int, []byte) { stir(); return a[1:], b[:2] }

//go:noinline
func structSlices(a []point, none []int, empty []string) []point { stir(); return a[:1] }

//go:noinline
func arrays(a [3]int, b [1]string, c [2]point) [2]string { stir(); return [2]string{b[0], "end"} }

//go:noinline
func byValue(p pair, m mixed) pair { stir(); p.Name += "!"; p.At.X++; return p }

// reused overwrites the bytes of its parameter's name.
//
//go:noinline
func reused(p pair, name []byte) string { stir(); copy(name, "gone"); return p.Name }

//go:noinline
func byPointer(p *pair, none *pair) *point { stir(); p.Name = "changed"; p.At.Y = 99; return p.Next }

//go:noinline
func ownStack(p *point, q **point, n *int) int { stir(); p.X *= 10; *n += (*q).X; return *n }

//go:noinline
func nils(p *int, m map[string]int, s []int, e error, i interface{}, f func(), c chan int) error {
	stir()
	return e
}

//go:noinline
func maps(m map[string]int, big map[int]int) map[string]int { stir(); return m }

//go:noinline
func dynamic(a, b, c, d interface{}) interface{} { stir(); return c }

//go:noinline
func named(s fmt.Stringer, d weekday) fmt.Stringer { stir(); return s }

//go:noinline
func failures(a, b, c, d error) (error, error) { stir(); return c, b }

//go:noinline
func floatsInMemory(p *reals) *reals { stir(); return p }

//go:noinline
func floatsInRegisters(a float64, n int, b float32) (float64, int) {
	stir()
	return a + float64(b), n + 1
}

//go:noinline
func floatsOnStack(a [2]float64, n int) int { stir(); return n + len(a) }

//go:noinline
func variadic(first int, rest ...int) int { stir(); return first + len(rest) }

//go:noinline
func many(a, b, c, d, e, f, g, h, i, j, k, l int, s string, p point) (int, int, int, int, int, int, int, int, int, int, string) {
	stir()
	return l, k, j, i, h, g, f, e, d, c, s
}

//go:noinline
func makeAdder(base int) func(int, string) int {
	return func(n int, why string) int { stir(); return base + n + len(why) }
}

var (
	errSentinel = errors.New("sentinel")
	longText    = strings.Repeat("0123456789", 20)
	veryLong    = strings.Repeat("abcdefghij", 500)
)

// borrowed has a string share the memory of bytes.
func borrowed() {
	name := []byte("kept")
	reused(pair{*(*string)(unsafe.Pointer(&name)), point{1, 2}, nil}, name)
}

// onStack keeps what it points to on its own stack.
func onStack() {
	p := point{4, 5}
	q := &point{6, 7}
	n := 8
	ownStack(&p, &q, &n)
}

func calls() []func() {
	c := &counter{N: 100}
	add := c.Add
	adder := makeAdder(1000)
	boxed := &box[string]{}
	return []func(){
		func() { ints(-8, -16000, -32000000, -64000000000000, -5) },
		func() { uints(200, 60000, 4000000000, 18000000000000000000, 0xabcdef) },
		func() { bools(true, false) },
		func() { texts("", "short", "nul\x00 grün 世界") },
		func() { long(longText) },
		func() { long(veryLong) },
		func() { slices([]int{1, -2, 3}, []byte("bytes"), []string{"one", "", "three"}) },
		func() { structSlices([]point{{1, 2}, {3, 4}}, nil, []string{}) },
		func() { arrays([3]int{7, 8, 9}, [1]string{"single"}, [2]point{{1, 2}, {3, 4}}) },
		func() {
			byValue(pair{"val", point{1, 2}, &point{3, 4}}, mixed{-1, "mix", true, [2]int16{-5, 6}, []byte{1, 2}})
		},
		borrowed,
		func() { byPointer(&pair{"ptr", point{1, 2}, &point{3, 4}}, nil) },
		onStack,
		func() { nils(nil, nil, nil, nil, nil, nil, nil) },
		func() { maps(map[string]int{"a": 1, "b": 2}, hundred) },
		func() { dynamic(42, "text", &point{1, 2}, nil) },
		func() { named(weekday(3), weekday(4)) },
		func() { failures(nil, errSentinel, fmt.Errorf("wrapped: %w", errSentinel), &refusal{"refused", 7}) },
		func() { failures(number(5), errSentinel, &refusal{"other", 8}, &os.PathError{Op: "open"}) },
		func() { floatsInMemory(&reals{1.5, -2.25, complex(3.5, -4.75)}) },
		func() { floatsInRegisters(1.5, 11, 2.5) },
		func() { floatsOnStack([2]float64{0.5, 0.25}, 12) },
		func() { variadic(1, 2, 3, 4) },
		func() { variadic(9) },
		func() { many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, "spilled", point{13, 14}) },
		func() { point{1, 2}.Plus(point{30, 40}) },
		func() { (&counter{N: 50}).Add(5) },
		func() { c.N = 100; add(7) },
		func() { adder(5, "why") },
		func() { keep("key", 3.5, 21) },
		func() { keep(17, &point{5, 6}, 22) },
		func() { boxed.Held = "old"; boxed.Put("new", 4) },
	}
}

var hundred = map[int]int{}

func collect(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	}
}

func main() {
	rounds := 3
	if len(os.Args) > 1 {
		rounds, _ = strconv.Atoi(os.Args[1])
	}
	for i := 0; i < 100; i++ {
		hundred[i] = i
	}
	debug.SetGCPercent(10)
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	in.ReadString('\n')
	stop := make(chan struct{})
	go collect(stop)
	for _, call := range calls() {
		for i := 0; i < rounds; i++ {
			var wg sync.WaitGroup
			wg.Add(1)
			go func() { defer wg.Done(); call() }()
			wg.Wait()
		}
	}
	close(stop)
	fmt.Println("done")
	in.ReadString('\n')
}
