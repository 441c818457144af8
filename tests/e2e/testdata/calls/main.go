// Program calls makes calls on request: for each line on standard input that holds
// a number, so many of each of its functions. It ends with its input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"strconv"
)

type left struct{}

//go:noinline
func (*left) Mul(n int) int { return n * 2 }

type right struct{ factor int64 }

//go:noinline
func (r right) Mul(why string, n int32) int64 { return r.factor * int64(n) * int64(len(why)) }

type wide struct{}

//go:noinline
func (wide) Mul(a, b, c, d, e, f, g, h, i int, n uint16) int {
	return a + b + c + d + e + f + g + h + i + int(n)
}

// Request and Reply are what a method that is called by reflection takes.
type Request struct{ A, B int }

type Reply struct{ C int }

type Service struct{}

//go:noinline
func (*Service) Scale(args *Request, reply *Reply) error {
	reply.C = args.A * args.B
	return nil
}

// byName calls a method as an RPC framework does.
func byName(name string, in ...interface{}) {
	values := make([]reflect.Value, len(in))
	for i, v := range in {
		values[i] = reflect.ValueOf(v)
	}
	reflect.ValueOf(&Service{}).MethodByName(name).Call(values)
}

//go:noinline
func odd[T any, K comparable](v T, k K, n int) int { return n + 1 }

//go:noinline
func tick(n int) int { return n + 1 }

func main() {
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for in.Scan() {
		times, err := strconv.Atoi(in.Text())
		if err != nil {
			panic(err)
		}
		sum := 0
		for n := 0; n < times; n++ {
			sum += (&left{}).Mul(n) + int(right{3}.Mul("why", int32(-n))) + wide{}.Mul(1, 2, 3, 4, 5, 6, 7, 8, 9, uint16(n))
			sum += odd(struct {
				a int
				b string
			}{n, "b"}, [2]int{}, n)
			sum += tick(n)
			byName("Scale", &Request{n, 10}, &Reply{})
		}
		fmt.Println("did", times, sum)
	}
}
