//go:build !kcp

package main

// transports adds the features that rpcx has with build tags only.
func transports(map[string]feature) {}
