//go:build !noposts

package main

import (
	"context"
	"time"

	"github.com/smallnest/rpcx/protocol"
)

// PostWriteResponse implements server.PostWriteResponsePlugin. Builds without it have
// no such plugin.
func (w *writes) PostWriteResponse(context.Context, *protocol.Message, *protocol.Message, error) error {
	time.Sleep(w.pause)
	w.n.Add(1)
	return nil
}
