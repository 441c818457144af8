//go:build !kcp && !rpcx16

package main

// transports adds the features that rpcx has with build tags only.
func transports(map[string]feature) {}
