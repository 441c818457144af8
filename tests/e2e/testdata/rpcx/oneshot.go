//go:build !rpcx17 && !rpcx16

package main

import (
	"context"

	"github.com/smallnest/rpcx/client"
)

func oneshot(x client.XClient, method string, a *Args) error {
	return x.Oneshot(context.Background(), method, a)
}
