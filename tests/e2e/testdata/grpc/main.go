// Command grpc serves and makes gRPC calls and says which: unary ones and streams of
// all kinds, that fail, are unknown, are cancelled and come too late.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type service struct{ next *grpc.ClientConn }

// unary makes a handler as generated code does.
func unary(do func(*service, context.Context, *wrapperspb.Int64Value) (*wrapperspb.Int64Value, error)) func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
	return func(s any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.Int64Value)
		if err := dec(in); err != nil {
			return nil, err
		}
		return do(s.(*service), ctx, in)
	}
}

func double(_ *service, _ context.Context, in *wrapperspb.Int64Value) (*wrapperspb.Int64Value, error) {
	return wrapperspb.Int64(2 * in.Value), nil
}

func fail(*service, context.Context, *wrapperspb.Int64Value) (*wrapperspb.Int64Value, error) {
	return nil, status.Error(codes.NotFound, "nothing there")
}

func relay(s *service, ctx context.Context, in *wrapperspb.Int64Value) (*wrapperspb.Int64Value, error) {
	out := new(wrapperspb.Int64Value)
	return out, s.next.Invoke(ctx, "/demo.Math/Double", in, out)
}

// left is closed when the caller of slow has given up: the server knows the
// deadline, too, and may be the first to see it pass.
var left = make(chan struct{})

func slow(*service, context.Context, *wrapperspb.Int64Value) (*wrapperspb.Int64Value, error) {
	<-left
	return nil, status.Error(codes.Aborted, "the caller has left")
}

func echo(_ any, st grpc.ServerStream) error {
	for {
		in := new(wrapperspb.Int64Value)
		if err := st.RecvMsg(in); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := st.SendMsg(in); err != nil {
			return err
		}
	}
}

var description = grpc.ServiceDesc{
	ServiceName: "demo.Math", HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Double", Handler: unary(double)}, {MethodName: "Fail", Handler: unary(fail)},
		{MethodName: "Relay", Handler: unary(relay)}, {MethodName: "Slow", Handler: unary(slow)}, {MethodName: "Number", Handler: unary(number)}},
	Streams: []grpc.StreamDesc{{StreamName: "Echo", Handler: echo, ServerStreams: true, ClientStreams: true}},
}

func expect(n int, side, method, status string, code codes.Code) {
	fmt.Println("call", n, side, "demo.Math."+method, status, "protobuf", int(code))
}

func both(n int, method string, code codes.Code) {
	state := "ok"
	if code != codes.OK {
		state = "error"
	}
	expect(n, "server", method, state, code)
	expect(n, "client", method, state, code)
}

func main() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	conn, err := grpc.Dial(ln.Addr().String(), //nolint:staticcheck // older versions have no NewClient
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	s := grpc.NewServer()
	s.RegisterService(&description, &service{conn})
	go func() { _ = s.Serve(ln) }()
	call := func(method string, timeout time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return conn.Invoke(ctx, "/demo.Math/"+method, wrapperspb.Int64(3), new(wrapperspb.Int64Value))
	}
	must(call("Double", time.Minute))
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	if len(os.Args) > 1 && os.Args[1] == "failures" {
		failures()
		fmt.Println("done")
		in.Scan()
		return
	}
	if len(os.Args) > 1 {
		for i := range 12 {
			told(conn, i)
		}
		fmt.Println("done")
		in.Scan()
		return
	}
	for range 10 {
		must(call("Double", time.Minute))
	}
	both(10, "Double", codes.OK)
	for range 5 {
		must(call("Relay", time.Minute))
	}
	both(5, "Relay", codes.OK)
	both(5, "Double", codes.OK)
	for _, c := range []struct {
		method string
		code   codes.Code
		limit  time.Duration
	}{{"Fail", codes.NotFound, time.Minute}, {"Nothing", codes.Unimplemented, time.Minute}} {
		if got := status.Code(call(c.method, c.limit)); got != c.code {
			panic(got)
		}
		both(1, c.method, c.code)
	}
	if got := status.Code(call("Slow", 100*time.Millisecond)); got != codes.DeadlineExceeded {
		panic(got)
	}
	close(left)
	expect(1, "client", "Slow", "timeout", codes.DeadlineExceeded)
	expect(1, "server", "Slow", "error", codes.Aborted)
	for range 3 {
		st, err := conn.NewStream(context.Background(), &description.Streams[0], "/demo.Math/Echo")
		must(err)
		for i := range 4 {
			must(st.SendMsg(wrapperspb.Int64(int64(i))))
			must(st.RecvMsg(new(wrapperspb.Int64Value)))
		}
		must(st.CloseSend())
		if err := st.RecvMsg(new(wrapperspb.Int64Value)); err != io.EOF {
			panic(err)
		}
	}
	both(3, "Echo", codes.OK)
	ctx, cancel := context.WithCancel(context.Background())
	st, err := conn.NewStream(ctx, &description.Streams[0], "/demo.Math/Echo")
	must(err)
	must(st.SendMsg(wrapperspb.Int64(1)))
	must(st.RecvMsg(new(wrapperspb.Int64Value)))
	cancel()
	if st.RecvMsg(new(wrapperspb.Int64Value)) == nil {
		panic("no error")
	}
	both(1, "Echo", codes.Canceled)
	time.Sleep(100 * time.Millisecond)
	fmt.Println("done")
	in.Scan()
}

// number answers with the number that it was told.
func number(_ *service, ctx context.Context, in *wrapperspb.Int64Value) (*wrapperspb.Int64Value, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if in.Value%2 == 0 {
		return in, grpc.SetTrailer(ctx, metadata.Pairs("x-number", md["x-number"][0]+"0"))
	}
	return in, grpc.SetHeader(ctx, metadata.Pairs("x-number", md["x-number"][0]+"0"))
}

// told makes a call that is told its trace and its deadline, beside more metadata from
// time to time; of three one is compressed.
func told(conn *grpc.ClientConn, i int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i+1)*time.Minute)
	defer cancel()
	for n := range 4 * i {
		ctx = metadata.AppendToOutgoingContext(ctx, fmt.Sprintf("other-%d", n), "text")
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "X-Number", fmt.Sprint(i),
		"traceparent", fmt.Sprintf("00-0af7651916cd43dd8448eb211c80%04x-b7ad6b716920%04x-01", i, i))
	var opts []grpc.CallOption
	if i%3 == 2 {
		opts = append(opts, grpc.UseCompressor(gzip.Name))
	}
	must(conn.Invoke(ctx, "/demo.Math/Number", wrapperspb.Int64(int64(i)), new(wrapperspb.Int64Value), opts...))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
