package tcp

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Many threads accept, from one socket or each from its own; every connection has
// one row.
func TestAcceptThreads(t *testing.T) {
	for _, each := range []bool{false, true} {
		t.Run(map[bool]string{false: "one socket", true: "SO_REUSEPORT"}[each], func(t *testing.T) {
			n := newNetns(t)
			tool, life := n.trace("tcpaccept"), n.trace("tcplife")
			const threads, clients = 8, 4
			lines := 50
			if emulated() {
				lines = 10
			}
			server := n.serverC("127.0.0.1", threads, each)
			var peers []*peer
			for i := range clients {
				c := n.clientC("127.0.0.1", server.port)
				for range lines {
					c.Send(fmt.Sprintf("%d %d client", 10*i, 5))
				}
				peers = append(peers, c)
			}
			all := finish(t, peers...)
			for range all {
				server.Stdout.WaitLine(`"Role":"server"`)
			}
			all = append(all, finish(t, server)...)
			accepted, ended := byEnd(t, rows[row](t, tool)), byEnd(t, rows[row](t, life))
			if len(accepted) != clients*lines || len(ended) != 2*clients*lines {
				t.Errorf("%d accepted, %d ends of sessions, want %d and twice as many", len(accepted), len(ended), clients*lines)
			}
			for _, d := range all {
				same(t, ended[d.end()], d)
				if d.Role == "server" {
					same(t, accepted[d.end()], d)
				}
			}
		})
	}
}

// A full queue turns connections away: the first asks again until it gives up.
func TestOverflow(t *testing.T) {
	n := newNetns(t)
	queues, asked, ended := n.trace("tcpsynbl"), n.trace("tcpconnect"), n.trace("tcpconnlat")
	again := n.trace("tcpretrans")
	var port, from, dropped int
	var took time.Duration
	n.inside(func() error {
		q, err := listening(0) // a queue of one
		if err != nil {
			return err
		}
		defer q.close()
		port = q.name.Port
		if err := q.connect(); err != nil {
			return err
		}
		before, err := overflows()
		if err != nil {
			return err
		}
		begin := time.Now()
		if from, err = givenUp(q.name); err != nil {
			return err
		}
		took = time.Since(begin)
		after, err := overflows()
		dropped = after - before
		return err
	})
	if dropped == 0 {
		t.Fatal("the queue was not full")
	}
	of := func(list []row) (found []row) {
		for _, r := range list {
			if r.PID == os.Getpid() && r.Lport == from && r.Rport == port {
				found = append(found, r)
			}
		}
		return found
	}
	if list := of(rows[row](t, asked)); len(list) != 1 {
		t.Errorf("tcpconnect: %+v, want one from port %d", list, from)
	}
	if list := of(rows[row](t, ended)); len(list) != 1 || list[0].Result != "timeout" || list[0].Latency < 9e8 || list[0].Latency > took.Nanoseconds() {
		t.Errorf("tcpconnlat: %+v, want one that timed out within %v", list, took)
	}
	if list := of(rows[row](t, again)); len(list) == 0 || list[0].State != "SYN_SENT" || list[0].Kind != "timeout" {
		t.Errorf("tcpretrans: %+v, want a SYN sent again", list)
	}
	type turnedAway struct {
		Laddr        string
		Lport, Drops int
	}
	list := rows[turnedAway](t, queues)
	if want := (turnedAway{"127.0.0.1", port, dropped}); !slices.Contains(list, want) {
		t.Errorf("tcpsynbl: %+v, want %+v", list, want)
	}
}

// givenUp connects without waiting, and then waits until that has failed; it returns
// the local port.
func givenUp(to unix.Sockaddr) (int, error) {
	c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(c)
	if err := unix.SetsockoptInt(c, unix.IPPROTO_TCP, unix.TCP_SYNCNT, 1); err != nil {
		return 0, err
	}
	if err := unix.Connect(c, to); err != unix.EINPROGRESS {
		return 0, fmt.Errorf("connecting: %v", err)
	}
	name, err := unix.Getsockname(c)
	if err != nil {
		return 0, err
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(c), Events: unix.POLLOUT}}, -1)
		if err != unix.EINTR {
			break
		}
	}
	errno, err := unix.GetsockoptInt(c, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != int(unix.ETIMEDOUT) {
		err = fmt.Errorf("connecting ended with %v", unix.Errno(errno))
	}
	return name.(*unix.SockaddrInet4).Port, err
}

// overflows is how many packets found a full queue in this thread's namespace.
func overflows() (int, error) {
	text, err := os.ReadFile("/proc/thread-self/net/netstat")
	if err != nil {
		return 0, err
	}
	var names [][]byte
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if names == nil || !bytes.HasPrefix(line, names[0]) {
			names = fields
			continue
		}
		for i, name := range names {
			if string(name) == "ListenOverflows" {
				return strconv.Atoi(string(fields[i]))
			}
		}
	}
	return 0, fmt.Errorf("no ListenOverflows in %s", text)
}

// Namespaces may use the same addresses and ports at the same time.
func TestNamespaces(t *testing.T) {
	one, two := newNetns(t), newNetns(t)
	all := startAnywhere(t, "tcptracer")
	only := two.trace("tcptracer")
	const port = "7000"
	ends := map[uint64][]did{}
	var servers, clients []*peer
	spaces := []*netns{one, two}
	for i, n := range spaces {
		servers = append(servers, n.server("127.0.0.1:"+port))
		clients = append(clients, n.client("127.0.0.1", servers[i].port))
	}
	for _, c := range clients {
		c.Send("10 20 client")
	}
	for i, n := range spaces {
		done := finish(t, clients[i])
		servers[i].Stdout.WaitLine(`"Role":"server"`)
		ends[n.inum] = append(done, finish(t, servers[i])...)
	}
	check := func(list []row, n *netns) {
		t.Helper()
		for _, d := range ends[n.inum] {
			for _, kind := range []string{map[string]string{"client": "connect", "server": "accept"}[d.Role], "close"} {
				i := slices.IndexFunc(list, func(r row) bool { return r.Netns == n.inum && r.Type == kind && r.end() == d.end() })
				if i < 0 {
					t.Errorf("no %s of %+v", kind, d)
					continue
				}
				same(t, list[i], d)
			}
		}
	}
	list := rows[row](t, all)
	check(list, one)
	check(list, two)
	list = rows[row](t, only)
	check(list, two)
	if len(list) != 4 {
		t.Errorf("%d rows of one namespace, want 4: %+v", len(list), list)
	}
}

// Connections whose both ends speak MPTCP: programs hold sockets of that protocol.
func TestMPTCP(t *testing.T) {
	n := newNetns(t)
	if enabled, _ := os.ReadFile("/proc/sys/net/mptcp/enabled"); strings.TrimSpace(string(enabled)) != "1" {
		t.Skip("this kernel has no MPTCP")
	}
	accepts, asked, top, tracer := n.trace("tcpaccept"), n.trace("tcpconnect"), n.trace("tcptop", "60"), n.trace("tcptracer")
	const size, reply = 30000, 7
	var from, to int
	n.inside(func() (err error) {
		from, to, err = multipath(size, reply)
		return err
	})
	if list := rows[row](t, accepts); len(list) != 1 || list[0].PID != os.Getpid() || list[0].Lport != to || list[0].Rport != from || list[0].IP != 4 {
		t.Errorf("tcpaccept: %+v, want port %d from %d", list, to, from)
	}
	if list := rows[row](t, asked); len(list) != 1 || list[0].PID != os.Getpid() || list[0].Lport != from || list[0].Rport != to {
		t.Errorf("tcpconnect: %+v, want port %d to %d", list, from, to)
	}
	tx, rx := map[int]int64{}, map[int]int64{}
	for _, r := range rows[row](t, top) {
		tx[r.Lport] += r.TxBytes
		rx[r.Lport] += r.RxBytes
	}
	if tx[from] != size || rx[to] != size || tx[to] != reply || rx[from] != reply {
		t.Errorf("tcptop: sent %v, received %v, want %d from port %d and %d back", tx, rx, size, from, reply)
	}
	kinds := map[string]int{}
	for _, r := range rows[row](t, tracer) {
		kinds[r.Type]++
		if r.PID != os.Getpid() {
			t.Errorf("tcptracer: %+v, want process %d", r, os.Getpid())
		}
	}
	if kinds["connect"] != 1 || kinds["accept"] != 1 || kinds["close"] != 2 {
		t.Errorf("tcptracer: %v, want each end made and closed once", kinds)
	}
}

// multipath makes a connection of MPTCP over loopback, sends size bytes and reply
// back, and returns the ports.
func multipath(size, reply int) (from, to int, err error) {
	socket := func() (int, error) {
		return unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	}
	l, err := socket()
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(l)
	if err := unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, err
	}
	if err := unix.Listen(l, 8); err != nil {
		return 0, 0, err
	}
	name, err := unix.Getsockname(l)
	if err != nil {
		return 0, 0, err
	}
	c, err := socket()
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(c)
	if err := unix.Connect(c, name); err != nil {
		return 0, 0, err
	}
	a, peer, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(a)
	for _, way := range []struct{ from, to, size int }{{c, a, size}, {a, c, reply}} {
		if _, err := unix.Write(way.from, make([]byte, way.size)); err != nil {
			return 0, 0, err
		}
		if n, _, err := unix.Recvfrom(way.to, make([]byte, way.size), unix.MSG_WAITALL); err != nil || n != way.size {
			return 0, 0, fmt.Errorf("received %d of %d bytes: %v", n, way.size, err)
		}
	}
	return peer.(*unix.SockaddrInet4).Port, name.(*unix.SockaddrInet4).Port, nil
}
