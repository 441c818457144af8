//go:build rpcx16

package main

import "github.com/smallnest/rpcx/server"

// options are none: rpcx 1.6.2 has neither.
func options(_, _ bool) []server.OptionFn { return nil }

// register adds nothing: there is no router.
func register(*server.Server) {}

// runFeatures runs none.
func runFeatures(string) { panic("the features are those of later versions") }
