// Command types has a function for every way a Go value is passed.
package main

import (
	"errors"
	"fmt"
	"os"
)

type (
	Small  struct{ A, B int32 }
	Nested struct {
		Name string
		In   Small
		F    float64
	}
	Big struct {
		A, B, C, D, E, F, G, H, I, J int
	}
	Blank struct {
		A int8
		_ int16
		Z struct{}
	}
	One   [1]string
	Named uint16
	Text  string
	Node  struct {
		Next  *Node
		Kids  []*Node
		By    map[string]Node
		Value any
	}
	Embeds struct {
		Small
		*Node
		T Text
	}
	Args                      struct{ A, B int }
	Reply                     struct{ C int }
	Arith                     int
	Pair[K comparable, V any] struct {
		Key K
		Val V
	}
	Mulled interface{ Mul(*Args, *Reply) error }
)

var sink any

//go:noinline
func Ints(a int8, b uint8, c int16, d uint16, e int32, f uint32, g int64, h uint64, i int) {
	use(a, b, c, d, e, f, g, h, i)
}

//go:noinline
func Many(a, b, c, d, e, f, g, h, i, j, k int, s string, l int) (int, int, int, int, int, int, int, int, int, int, string) {
	use(a, b, c, d, e, f, g, h, i, j, k, s, l)
	return a, b, c, d, e, f, g, h, i, j, s
}

//go:noinline
func Bools(a, b bool, u uintptr, n Named, p *int) bool { use(a, b, u, n, p); return a && b }

//go:noinline
func Strings(a, b string, t Text) (string, Text) { use(a, b, t); return a + b, t }

//go:noinline
func Slices(a []byte, b []string, c []Nested) []byte { use(a, b, c); return a }

//go:noinline
func SpillTail(a []byte, b []string, c []Nested, d string, e int) (n int, err error) {
	use(a, b, c, d, e)
	return e, nil
}

//go:noinline
func Arrays(a [0]int, b [1]int, c [2]int, d One, e [1][1]Small, f [1][2]int8, g int) [2]int {
	use(a, b, c, d, e, f, g)
	return c
}

//go:noinline
func Structs(a Small, b Nested, c Big, d Blank, e struct{}, f Embeds) (Nested, Big) {
	use(a, b, c, d, e, f)
	return b, c
}

//go:noinline
func Floats(a float32, b float64, c complex64, d complex128, n int, s struct {
	X int
	Y float32
}) (float64, complex128) {
	use(a, b, c, d, n, s)
	return b, d
}

//go:noinline
func ManyFloats(a, b, c, d, e, f, g, h, i, j, k, l, m float64, n complex128, o float64, p float32) (r float64) {
	use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
	return o
}

//go:noinline
func Interfaces(a any, e error, m Mulled, s fmt.Stringer) (any, error) { use(a, e, m, s); return a, e }

//go:noinline
func Maps(m map[string]int, c chan int, f func(int) string, r <-chan Small) map[string]int {
	use(m, c, f != nil, r)
	return m
}

//go:noinline
func Pointers(n *Node, e *Embeds, p **Big, u *struct{ X, Y int16 }) *Node { use(n, e, p, u); return n }

//go:noinline
func Variadic(format string, args ...any) string { use(format, args); return fmt.Sprint(args...) }

//go:noinline
func Unnamed(_ int, _ string, x int, _ []byte) (int, error) { use(x); return x, errors.New("unnamed") }

//go:noinline
func Unused(a int, b string, c []byte, d float64, e Nested) {}

//go:noinline
func NamedResults(a int) (sum int, text string, err error) {
	use(a)
	sum, text = a*2, "x"
	return
}

//go:noinline
func Generic[K comparable, V any](k K, vs []V, p Pair[K, V]) (K, []V) { use(k, vs, p); return k, vs }

//go:noinline
func (p *Pair[K, V]) Set(k K, v V) V { use(k, v); p.Key, p.Val = k, v; return v }

//go:noinline
func (t *Arith) Mul(args *Args, reply *Reply) error {
	use(args)
	reply.C = args.A * args.B
	return nil
}

//go:noinline
func (b Big) Value(x int) int { use(b.A, x); return b.J + x }

//go:noinline
func (s Small) Value(x string) Small { use(s, x); return s }

//go:noinline
func (f Text) Loop(n Nested, e error) (out Nested, _ error) { use(f, n, e); return n, e }

//go:noinline
func Closure(a int) func(int, string) int {
	return func(b int, s string) int { use(a, b, s); return a + b }
}

//go:noinline
func use(v ...any) {
	if len(os.Args) > 100 {
		sink = v
	}
}

func main() {
	Ints(1, 2, 3, 4, 5, 6, 7, 8, 9)
	Many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "s", 12)
	Bools(true, false, 1, 2, nil)
	Strings("a", "b", "c")
	Slices(nil, nil, nil)
	SpillTail(nil, nil, nil, "d", 1)
	Arrays([0]int{}, [1]int{1}, [2]int{1, 2}, One{}, [1][1]Small{}, [1][2]int8{}, 3)
	Structs(Small{}, Nested{}, Big{}, Blank{}, struct{}{}, Embeds{})
	Floats(1, 2, 3, 4, 5, struct {
		X int
		Y float32
	}{})
	ManyFloats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
	Interfaces(nil, nil, new(Arith), nil)
	Maps(nil, nil, nil, nil)
	Pointers(nil, nil, nil, nil)
	Variadic("x", 1, 2)
	Unnamed(1, "", 2, nil)
	Unused(1, "", nil, 0, Nested{})
	NamedResults(1)
	Generic(1, []string{"x"}, Pair[int, string]{})
	Generic("s", []Small{{}}, Pair[string, Small]{})
	new(Pair[string, int]).Set("k", 1)
	method := new(Arith).Mul
	method(&Args{A: 1, B: 2}, new(Reply))
	Big{}.Value(1)
	Small{}.Value("x")
	Text("t").Loop(Nested{}, nil)
	Closure(1)(2, "x")
	// Interfaces keep the method tables reflection uses.
	for _, v := range []any{new(Arith), Big{}, Small{}, Text(""), &Pair[string, int]{}, &Node{}, Embeds{}, Named(1), One{}} {
		if len(os.Args) > 100 {
			fmt.Println(reflectCall(v))
		}
	}
}
