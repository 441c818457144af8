//go:build !rpcx17

package main

import (
	"context"

	"github.com/smallnest/rpcx/client"
)

func oneshot(x client.XClient, a *Args) error { return x.Oneshot(context.Background(), "Mul", a) }
