// Sites is the fixture of the site planner: a function for every shape that a
// prologue, an end and a jump can take.
package main

import "os"

//go:noinline
func Leaf(a, b int) int { return a + b }

//go:noinline
func Small(n int) int {
	if n == 0 {
		return Leaf(n, n)
	}
	return Small(n-1) + Leaf(n, 1)
}

//go:noinline
func Big(n int) int {
	var a [1000]byte
	touch(a[:n])
	return int(a[n/2])
}

//go:noinline
func Huge(n int) int {
	var a [50_000]byte
	touch(a[:n])
	return int(a[n/2])
}

//go:noinline
func touch(b []byte) {
	for i := range b {
		b[i]++
	}
}

// LeafFrame has a frame and needs no stack check.
//
//go:noinline
func LeafFrame(n int) int {
	var a [8]int
	for i := range a {
		a[(i+n)&7] = i
	}
	return a[n&7]
}

//go:noinline
func Switch(n int) string {
	switch n {
	case 0:
		return "zero"
	case 1:
		return "one"
	case 2:
		return "two"
	case 3:
		return "three"
	case 4:
		return "four"
	case 5:
		return "five"
	case 6:
		return "six"
	case 7:
		return "seven"
	case 8:
		return "eight"
	case 9:
		return "nine"
	}
	return "many"
}

//go:noinline
func Forever(c chan int) {
	for {
		<-c
	}
}

// Inner's methods are promoted to Outer: the compiler makes wrappers.
type Inner struct{ N, M int }

//go:noinline
func (i *Inner) Add(n int) int { i.N += n; return i.N }

type Outer struct {
	Pad int
	*Inner
}

type Adder interface{ Add(int) int }

func main() {
	n := len(os.Args)
	a := []Adder{Outer{Inner: &Inner{N: n}}, &Outer{Inner: &Inner{N: n}}, &Inner{}}[n%3]
	println(Small(n), Big(n), Huge(n), LeafFrame(n), Switch(n), a.Add(n), os.Args[0] == os.Args[n-1])
	if n > 100 {
		Forever(nil)
	}
}
