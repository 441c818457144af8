//go:build cgo

package main

// static unsigned long long twice(unsigned long long x) { volatile char room[2000]; room[x % 2000] = 1; return 2 * x * room[x % 2000]; }
import "C"

func twice(x uint64) uint64 { return uint64(C.twice(C.ulonglong(x))) }
