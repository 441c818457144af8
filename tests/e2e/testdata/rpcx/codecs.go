//go:build !rpcx16

package main

import (
	"context"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/codec/testdata"
	"github.com/smallnest/rpcx/protocol"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Codecs has a method for each codec.
type Codecs struct{}

// Proto takes protobuf's messages.
func (Codecs) Proto(_ context.Context, a *wrapperspb.Int64Value, r *wrapperspb.Int64Value) error {
	r.Value = 2 * a.Value
	return nil
}

// Thrift takes those of thrift.
func (Codecs) Thrift(_ context.Context, a *testdata.ThriftColorGroup, r *testdata.ThriftColorGroup) error {
	*r = *a
	return nil
}

// Raw takes bytes.
func (Codecs) Raw(_ context.Context, a *[]byte, r *[]byte) error {
	*r = append([]byte("got "), *a...)
	return nil
}

func codecs(f *fixture) {
	call := func(codec protocol.SerializeType, method string, args, reply any) {
		o := f.option()
		o.SerializeType = codec
		d, err := client.NewPeer2PeerDiscovery(f.network+"@"+f.addr, "")
		must(err)
		x := client.NewXClient("Codecs", client.Failfast, client.RandomSelect, d, o)
		must(x.Call(context.Background(), method, args, reply))
		must(x.Close())
	}
	call(protocol.ProtoBuffer, "Proto", wrapperspb.Int64(4), new(wrapperspb.Int64Value))
	both(1, "Codecs", "Proto", "ok", "protobuf")
	call(protocol.Thrift, "Thrift", &testdata.ThriftColorGroup{ID: 3, Name: "red", Colors: []string{"a"}}, new(testdata.ThriftColorGroup))
	both(1, "Codecs", "Thrift", "ok", "thrift")
	in, out := []byte("bytes"), []byte{}
	call(protocol.SerializeNone, "Raw", &in, &out)
	both(1, "Codecs", "Raw", "ok", "raw")
	call(protocol.JSON, "Proto", wrapperspb.Int64(4), new(wrapperspb.Int64Value))
	both(1, "Codecs", "Proto", "ok", "json")
}
