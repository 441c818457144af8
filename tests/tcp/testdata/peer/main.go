// Command peer is one end of TCP connections whose every number it knows: what it
// did is printed as an object a connection.
//
//	peer listen ADDRESS           serves until its input ends
//	peer dial ADDRESS             makes a connection for each line of input
//	peer beat ADDRESS             makes one after the other until it is killed
//
// A line is SEND REPLY CLOSER: so many bytes from the client, then so many from the
// server; who closes first (client, server), or resets the connection (reset).
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// The closers.
const (
	client = iota
	server
	reset
)

// header is what a client says first: bytes to the server, bytes from the server,
// and the closer.
type header struct {
	Send, Reply, Closer uint32
}

// did is what an end knows of a connection.
type did struct {
	Role         string
	Laddr, Raddr string
	Lport, Rport int
	Tx, Rx       int64 // bytes
	Ns           int64 // from the end of connect or accept to the begin of close
	ConnectNs    int64 // that connect took
	Retrans      int   // segments sent again, as the kernel tells the program
	Error        string
}

var (
	out     sync.Mutex
	encoder = json.NewEncoder(os.Stdout)
)

func tell(d did) {
	out.Lock()
	defer out.Unlock()
	encoder.Encode(d)
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: peer listen|dial|beat ADDRESS"))
	}
	var err error
	switch os.Args[1] {
	case "listen":
		err = listen(os.Args[2])
	case "dial":
		err = dial(os.Args[2])
	case "beat":
		for range time.Tick(100 * time.Millisecond) {
			connect(os.Args[2], header{Send: 100_000, Reply: 10, Closer: client})
		}
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "peer:", err)
	os.Exit(1)
}

func listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("port", l.Addr().(*net.TCPAddr).Port)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c.(*net.TCPConn))
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func serve(c *net.TCPConn) {
	begin := time.Now()
	d := describe("server", c)
	var h header
	if err := binary.Read(c, binary.BigEndian, &h); err != nil {
		fail(err)
	}
	size := int64(binary.Size(h))
	d.Rx = size + must(io.CopyN(io.Discard, c, int64(h.Send)))
	d.Tx = must(io.CopyN(c, zeros{}, int64(h.Reply)))
	if h.Closer != server {
		c.Read(make([]byte, 1))
	}
	d.Ns = int64(time.Since(begin))
	d.Retrans = retransmitted(c)
	c.Close()
	tell(d)
}

func dial(address string) error {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var closer string
		var h header
		if _, err := fmt.Sscan(lines.Text(), &h.Send, &h.Reply, &closer); err != nil {
			return err
		}
		h.Closer = map[string]uint32{"client": client, "server": server, "reset": reset}[closer]
		connect(address, h)
	}
	return lines.Err()
}

func connect(address string, h header) {
	begin := time.Now()
	conn, err := net.Dial("tcp", address)
	connected := time.Since(begin)
	if err != nil {
		tell(did{Role: "client", ConnectNs: int64(connected), Error: err.Error()})
		return
	}
	c := conn.(*net.TCPConn)
	d := describe("client", c)
	d.ConnectNs = int64(connected)
	begin = time.Now()
	if err := binary.Write(c, binary.BigEndian, h); err != nil {
		fail(err)
	}
	d.Tx = int64(binary.Size(h)) + must(io.CopyN(c, zeros{}, int64(h.Send)))
	d.Rx = must(io.CopyN(io.Discard, c, int64(h.Reply)))
	switch h.Closer {
	case server:
		c.Read(make([]byte, 1))
	case reset:
		c.SetLinger(0)
	}
	d.Ns = int64(time.Since(begin))
	d.Retrans = retransmitted(c)
	c.Close()
	tell(d)
}

func describe(role string, c *net.TCPConn) did {
	l, r := c.LocalAddr().(*net.TCPAddr), c.RemoteAddr().(*net.TCPAddr)
	return did{Role: role, Laddr: plain(l.IP), Raddr: plain(r.IP), Lport: l.Port, Rport: r.Port}
}

// retransmitted is the number of segments that a connection has sent again.
func retransmitted(c *net.TCPConn) int {
	raw, err := c.SyscallConn()
	if err != nil {
		fail(err)
	}
	n := 0
	raw.Control(func(fd uintptr) {
		var info [256]byte
		size := uint32(len(info))
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno != 0 {
			fail(errno)
		}
		const totalRetrans = 100 // offset of tcpi_total_retrans
		n = int(binary.NativeEndian.Uint32(info[totalRetrans:]))
	})
	return n
}

// plain is an address as people write it: IPv4 also where a socket could do both.
func plain(ip net.IP) string {
	if v4 := ip.To4(); v4 != nil {
		return v4.String()
	}
	return ip.String()
}

func must(n int64, err error) int64 {
	if err != nil {
		fail(err)
	}
	return n
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
