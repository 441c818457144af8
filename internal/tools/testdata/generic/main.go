// Command generic calls a generic function whose symbol has braces, commas and
// blanks, as often as each line of standard input says, and tells its pid first.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

type number interface{ ~int | ~int64 }

// join is called on a struct without a name: its type's text is in the symbol.
//
//go:noinline
func join[T any, N number](v T, n N) string {
	return fmt.Sprint(v, n)
}

func main() {
	fmt.Println("ready", os.Getpid())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for i := range n {
			join(struct {
				A int
				B string
			}{i, "x"}, int64(i))
		}
		fmt.Println("done", n)
	}
}
