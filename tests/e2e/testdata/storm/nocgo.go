//go:build !cgo

package main

func twice(x uint64) uint64 { return 2 * x }
