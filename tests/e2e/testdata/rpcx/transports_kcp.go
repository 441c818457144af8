//go:build kcp

package main

import (
	"crypto/sha1"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/server"
	"github.com/xtaci/kcp-go"
	"golang.org/x/crypto/pbkdf2"
)

// transports adds the features that rpcx has with build tags only.
func transports(all map[string]feature) {
	block, err := kcp.NewAESBlockCrypt(pbkdf2.Key([]byte("pass"), []byte("salt"), 16, 32, sha1.New))
	must(err)
	client.DefaultOption.Block = block
	all["kcp"] = feature{server: "kcp@127.0.0.1:0", options: []server.OptionFn{server.WithBlockCrypt(block)}, do: func(f *fixture) { f.call(5) }}
	all["quic"] = feature{server: "quic@127.0.0.1:0", do: func(f *fixture) { f.call(5) }}
}
