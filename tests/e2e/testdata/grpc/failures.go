package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// failures are HTTP requests that fail by errors of gRPC and its codec.
func failures() {
	with, err := status.New(codes.Unavailable, "too busy").WithDetails(wrapperspb.Int64(7))
	must(err)
	unreadable := proto.Unmarshal([]byte{0xff}, new(wrapperspb.Int64Value))
	for _, err := range []error{status.Error(codes.NotFound, "nothing there"), with.Err(), status.Error(codes.Unauthenticated, ""), status.FromContextError(context.Canceled).Err(),
		unreadable, fmt.Errorf("reading: %w", unreadable), net.ErrClosed} {
		c := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }}}
		_, got := c.Get("http://host/")
		fmt.Println("failure GET /", got.(*url.Error).Err)
	}
}
