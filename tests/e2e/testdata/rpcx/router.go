//go:build !rpcx16

package main

import (
	"errors"

	"github.com/smallnest/rpcx/server"
	"github.com/smallnest/rpcx/share"
)

// options are those of a server that writes in other goroutines, or has a pool.
func options(async, pool bool) []server.OptionFn {
	var opts []server.OptionFn
	if async {
		opts = append(opts, server.WithAsyncWrite())
	}
	if pool {
		opts = append(opts, server.WithPool(8, 1000))
	}
	return opts
}

// register adds handlers of the router, and a service whose codecs differ.
func register(s *server.Server) {
	s.AddHandler("Route", "Echo", func(c *server.Context) error {
		var a Args
		if err := c.Bind(&a); err != nil {
			return err
		}
		if res, ok := c.Get(share.ResMetaDataKey).(map[string]string); ok {
			res[idKey] = c.Metadata()[idKey]
		}
		return c.Write(&Reply{C: a.A})
	})
	s.AddHandler("Route", "Fail", func(c *server.Context) error {
		select {
		case failed <- true:
		default:
		}
		return errors.New("no route")
	})
	s.AddHandler("Route", "Panic", func(c *server.Context) error { panic("lost on the way") })
	must(s.RegisterName("Codecs", Codecs{}, ""))
}
