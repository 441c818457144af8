//go:build !noposts

package main

import (
	"context"
	"time"

	"github.com/smallnest/rpcx/protocol"
)

// PostWriteResponse implements server.PostWriteResponsePlugin. Builds without this file
// have no such plugin.
func (w *writes) PostWriteResponse(context.Context, *protocol.Message, *protocol.Message, error) error {
	time.Sleep(w.pause)
	w.n.Add(1)
	return nil
}

// PostWriteResponse implements server.PostWriteResponsePlugin.
func (panicking) PostWriteResponse(context.Context, *protocol.Message, *protocol.Message, error) error {
	time.Sleep(50 * time.Millisecond) // the response is there
	panic("over")
}
