// Cgofixture is a program with C code and thread-local data of its own.
package main

// static __thread char spare[200];
//
// __attribute__((noinline)) int twice(int n) { spare[n & 127]++; return 2 * n; }
import "C"

import "fmt"

//go:noinline
func callC(n int) int { return int(C.twice(C.int(n))) }

func main() { fmt.Println(callC(21)) }
