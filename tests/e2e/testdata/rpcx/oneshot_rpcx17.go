//go:build rpcx17

package main

import (
	"context"

	"github.com/smallnest/rpcx/client"
)

// oneshot makes its call as one can without a method of that name.
func oneshot(x client.XClient, method string, a *Args) error {
	return x.Call(context.Background(), method, a, nil)
}
