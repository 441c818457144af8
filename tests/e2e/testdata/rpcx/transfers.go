//go:build !rpcx16

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/server"
	"github.com/smallnest/rpcx/share"
)

// closed has a word for each connection that a server has closed.
var closed = make(chan bool, 100)

// content is what a server gives for a file.
var content = bytes.Repeat([]byte("0123456789"), 7000)

// prepareTransfers has a server take and give files, and answer on streams.
func prepareTransfers(s *server.Server) {
	s.EnableFileTransfer(share.SendFileServiceName, server.NewFileTransfer(free(), func(c net.Conn, _ *share.FileTransferArgs) {
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
		closed <- true
	}, func(c net.Conn, _ *share.DownloadFileArgs) {
		_, _ = c.Write(content)
		_ = c.Close()
		closed <- true
	}, 100))
	s.EnableStreamService("Echo", server.NewStreamService(free(), func(c net.Conn, _ *share.StreamServiceArgs) {
		_, _ = io.Copy(c, c)
		_ = c.Close()
		closed <- true
	}, nil, 100))
}

// free is an address that nobody listens on.
func free() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	must(ln.Close())
	return ln.Addr().String()
}

// moved says that a connection has to be seen that carried so much, n times on each side.
func moved(n int, service, method string, up, down int) {
	for _, side := range []string{"client", "server"} {
		fmt.Println("moved", n, side, service, method, up, down)
	}
}

func transfers(f *fixture) {
	x := f.xclient(share.SendFileServiceName, client.Failtry)
	for _, size := range []int{0, 1, 31, 100000} {
		name := filepath.Join(f.dir, "file")
		must(os.WriteFile(name, bytes.Repeat([]byte("x"), size), 0o600))
		must(x.SendFile(context.Background(), name, 0, nil))
		<-closed
		moved(1, share.SendFileServiceName, "TransferFile", size, 0)
	}
	for range 3 {
		var out bytes.Buffer
		must(x.DownloadFile(context.Background(), "any", &out, nil))
		<-closed
		if !bytes.Equal(out.Bytes(), content) {
			panic(out.Len())
		}
	}
	moved(3, share.SendFileServiceName, "DownloadFile", 0, len(content))
	stream(f, 6, false)
	stream(f, 300000, true)
}

// stream sends n bytes that come back, and ends its own direction first, or the whole.
func stream(f *fixture, n int, half bool) {
	c, err := f.xclient("Echo", client.Failtry).Stream(context.Background(), nil)
	must(err)
	go func() { _, _ = c.Write(bytes.Repeat([]byte("y"), n)) }()
	_, err = io.ReadFull(c, make([]byte, n))
	must(err)
	if half {
		must(c.(*net.TCPConn).CloseWrite())
		_, err = c.Read(make([]byte, 1))
		if err != io.EOF {
			panic(err)
		}
	}
	must(c.Close())
	<-closed
	moved(1, "Echo", "Stream", n, n)
}
