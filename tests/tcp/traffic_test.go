package tcp

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

type bucket struct{ Min, Max, Count int }

// The smoothed round-trip time is sampled at each segment received; on loopback it
// is below a second, and every address has its own histogram.
func TestRTT(t *testing.T) {
	n := newNetns(t)
	server4, server6 := n.server("127.0.0.1:0"), n.server("[::1]:0")
	together := n.trace("tcprtt")
	byRemote := n.trace("tcprtt", "-B", "-e")
	onePort := n.trace("tcprtt", "-P", fmt.Sprint(server4.port))
	oneAddress := n.trace("tcprtt", "-A", "::1", "-b")
	client4, client6 := n.client("127.0.0.1", server4.port), n.client("[::1]", server6.port)
	for range 5 {
		client4.Send("1000 1000 client")
		client6.Send("1000 1000 client")
	}
	finish(t, client4, client6)
	type row struct {
		Address string
		Average int
		Unit    string
		Buckets []bucket
	}
	total := func(r row) int {
		sum := 0
		for _, b := range r.Buckets {
			sum += b.Count
			if b.Max > 1<<20 {
				t.Errorf("%s: a time of up to %d µs on loopback", r.Address, b.Max)
			}
		}
		return sum
	}
	all, remote, port, address := rows[row](t, together), rows[row](t, byRemote), rows[row](t, onePort), rows[row](t, oneAddress)
	if len(all) != 1 || len(remote) != 2 || len(port) != 1 || len(address) != 1 {
		t.Fatalf("histograms: %+v\n%+v\n%+v\n%+v", all, remote, port, address)
	}
	if sum := total(remote[0]) + total(remote[1]); total(all[0]) != sum {
		t.Errorf("%d samples together, %d by address", total(all[0]), sum)
	}
	for _, r := range remote {
		// Both ends get at least a segment in each direction of each connection.
		if total(r) < 2*5 || r.Average <= 0 || r.Unit != "usecs" || r.Address != "127.0.0.1" && r.Address != "::1" {
			t.Errorf("%+v", r)
		}
	}
	// The ends of port 4's clients get about half of that version's segments.
	if p := total(port[0]); p < 5 || p >= total(all[0]) {
		t.Errorf("-P: %d samples of %d", p, total(all[0]))
	}
	if address[0].Address != "::1" {
		t.Errorf("-A ::1 -b: %+v", address)
	}
}

// The queue of a program that does not accept fills up one by one.
func TestBacklog(t *testing.T) {
	n := newNetns(t)
	const queue, connections = 3, 4 // Linux lets one more in than was asked for
	tool, none := n.trace("tcpsynbl"), n.trace("tcpsynbl", "-6")
	n.inside(func() error {
		q, err := listening(queue)
		if err != nil {
			return err
		}
		defer q.close()
		for range connections {
			if err := q.connect(); err != nil {
				return err
			}
		}
		return nil
	})
	type row struct {
		Max     int `json:"backlog_max"`
		Buckets []bucket
	}
	want := []row{{queue, []bucket{{0, 1, 2}, {2, 3, 2}}}} // 0, 1, 2 and 3 waited
	got := rows[row](t, tool)
	if len(got) == 1 && len(got[0].Buckets) > 2 { // zero may have a bucket of its own
		got[0].Buckets = append([]bucket{{0, 1, got[0].Buckets[0].Count + got[0].Buckets[1].Count}}, got[0].Buckets[2:]...)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := rows[row](t, none); len(got) != 0 {
		t.Errorf("-6: %+v", got)
	}
}

func TestSubnet(t *testing.T) {
	n := newNetns(t)
	tool := n.trace("tcpsubnet", "-i", "60", "10.0.0.0/8,127.0.0.0/9,::1/128,0.0.0.0/0,::/0")
	rest := n.trace("tcpsubnet", "-i", "60", "-f", "b", "127.128.0.0/9,::2/127")
	all := scenario{"127.0.0.1:0", "127.0.0.1", []string{"1000 20000 client", "1 1 server"}, false}.play(t, n)
	all6 := scenario{"[::1]:0", "[::1]", []string{"5 70000 client"}, false}.play(t, n)
	mapped := scenario{"[::]:0", "127.0.0.1", []string{"3 4 client"}, false}.play(t, n)
	type row struct {
		Subnet string
		Sent   int64 `json:"tx_bytes"`
	}
	sum := func(lists ...[]did) (n int64) {
		for _, d := range slices.Concat(lists...) {
			n += d.Tx
		}
		return n
	}
	want := []row{{"::1/128", sum(all6)}, {"127.0.0.0/9", sum(all, mapped)}}
	if got := rows[row](t, tool); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := rows[row](t, rest); len(got) != 0 {
		t.Errorf("no byte went there: %+v", got)
	}
}

// bcc's two layouts: rows below a time in brackets, and an object for each report.
func TestSubnetLayouts(t *testing.T) {
	n := newNetns(t)
	port := fmt.Sprint(busy(n))
	table := testkit.StartCLI(t, "tcpsubnet", "--netns", fmt.Sprint(n.inum), "--remoteport", port)
	objects := testkit.StartCLI(t, "tcpsubnet", "--netns", fmt.Sprint(n.inum), "--remoteport", port, "-J", "-f", "k")
	table.Stdout.WaitLine(`^127\.0\.0\.1/32 +[1-9]\d+$`)
	objects.Stdout.WaitLine(`^\{"date":"\d\d/\d\d/\d\d","entries":\{"127\.0\.0\.1/32":[1-9]\d*(\.\d+)?\},"time":"\d\d:\d\d:\d\d"\}$`)
	for _, p := range []*testkit.Proc{table, objects} {
		if code := p.Stop(interrupt); code != 0 {
			t.Errorf("ended with %d: %s", code, p.Stderr.Text())
		}
	}
	lines := table.Stdout.Lines()
	if lines[0] != "Tracing... Output every 1 secs. Hit Ctrl-C to end" || len(lines) < 3 {
		t.Fatalf("%q", lines)
	}
	layout := regexp.MustCompile(`^(\[\d\d/\d\d/\d\d \d\d:\d\d:\d\d\]|127\.0\.0\.1/32 {10}[ \d]{5}\d+)$`)
	for _, line := range lines[1:] {
		if !layout.MatchString(line) {
			t.Errorf("a line %q", line)
		}
	}
}

func TestTop(t *testing.T) {
	n := newNetns(t)
	tool := n.trace("tcptop", "60")
	all := playAll(t, n)
	list := rows[row](t, tool)
	found := byEnd(t, list)
	for _, d := range all {
		r := found[d.end()]
		same(t, r, d)
		if r.TxBytes != d.Tx || r.RxBytes != d.Rx {
			t.Errorf("%s: sent %d, received %d bytes, the program %d and %d", d.Role, r.TxBytes, r.RxBytes, d.Tx, d.Rx)
		}
	}
	if len(found) != len(all) {
		t.Errorf("%d rows of %d ends", len(found), len(all))
	}
	busiest := func(a, b row) int {
		return cmp.Or(cmp.Compare(a.IP, b.IP), cmp.Compare(b.TxBytes+b.RxBytes, a.TxBytes+a.RxBytes))
	}
	if !slices.IsSortedFunc(list, busiest) {
		t.Errorf("IPv4 and IPv6, the busiest first: %+v", list)
	}
}

// connected are the ends of a connection over loopback.
func connected() (client, server *net.TCPConn, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	a, err := l.Accept()
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c.(*net.TCPConn), a.(*net.TCPConn), nil
}

// Spliced bytes count, a peek does not, and a socket from before the tool began
// counts from then on.
func TestTopKinds(t *testing.T) {
	n := newNetns(t)
	var sent, taken *net.TCPConn
	n.inside(func() (err error) {
		sent, taken, err = connected()
		return err
	})
	defer sent.Close()
	defer taken.Close()
	tool := n.trace("tcptop", "60")
	write := func(size int) {
		if _, err := sent.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(flags, size int) {
		raw, err := taken.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		got, buf := 0, make([]byte, size)
		err = raw.Read(func(fd uintptr) bool {
			var err error
			got, _, err = unix.Recvfrom(int(fd), buf, flags|unix.MSG_WAITALL)
			return err != unix.EAGAIN && got == size
		})
		if err != nil || got != size {
			t.Fatalf("read %d, %v, want %d", got, err, size)
		}
	}
	write(1000)
	read(unix.MSG_PEEK, 1000)
	read(0, 1000)
	write(70000)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	spliced(t, taken, r, w, 70000)
	list := rows[row](t, tool)
	local := sent.LocalAddr().(*net.TCPAddr).Port
	var tx, rx int64
	for _, r := range list { // a row for each thread's name
		if r.PID != os.Getpid() {
			t.Errorf("process %d, want %d", r.PID, os.Getpid())
		}
		if r.Lport == local {
			tx += r.TxBytes
		} else {
			rx += r.RxBytes
		}
	}
	if tx != 71000 || rx != 71000 {
		t.Errorf("sent %d, received %d bytes, want 71000 of each: %+v", tx, rx, list)
	}
}

// spliced moves size bytes from a connection through a pipe.
func spliced(t *testing.T, c *net.TCPConn, r, w *os.File, size int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for size > 0 {
		var n int64
		err := raw.Read(func(fd uintptr) bool {
			n, _ = unix.Splice(int(fd), nil, int(w.Fd()), nil, min(size, 60000), unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
			return n > 0
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		size -= int(n)
	}
}

// A Go server listens with MPTCP where the kernel has it.
func TestListenAndBind(t *testing.T) {
	n := newNetns(t)
	listens, binds := n.trace("tcplisten"), n.trace("tcpbind", "-x")
	counts := n.trace("tcpbind", "--count")
	server := n.server("[::1]:0")
	other := 0
	n.inside(func() error {
		q, err := listening(7)
		if err != nil {
			return err
		}
		defer q.close()
		other = q.name.Port
		again, err := stream()
		if err != nil {
			return err
		}
		defer unix.Close(again)
		if err := unix.Bind(again, q.name); err != unix.EADDRINUSE {
			return fmt.Errorf("a second bind: %v", err)
		}
		return nil
	})
	finish(t, server)
	protocol := "TCP"
	if enabled, _ := os.ReadFile("/proc/sys/net/mptcp/enabled"); strings.TrimSpace(string(enabled)) == "1" {
		protocol = "MPTCP"
	}
	list := rows[row](t, listens)
	if len(list) != 2 {
		t.Fatalf("tcplisten: %+v", list)
	}
	if r := list[0]; r.PID != server.PID() || r.Comm != "peer" || r.Laddr != "::1" || r.Lport != server.port || r.IP != 6 ||
		r.Protocol != protocol || r.Ret != 0 || r.Netns != n.inum || r.Backlog < 128 {
		t.Errorf("tcplisten: %+v, want %s port %d of process %d", r, protocol, server.port, server.PID())
	}
	if r := list[1]; r.PID != os.Getpid() || r.Laddr != "127.0.0.1" || r.Lport != other || r.Backlog != 7 || r.Protocol != "TCP" {
		t.Errorf("tcplisten: %+v, want port %d of process %d", r, other, os.Getpid())
	}
	// Go binds sockets of its own to find out what the machine can do.
	bound, failed := map[int]row{}, map[int]row{}
	for _, r := range rows[row](t, binds) {
		if r.Ret != 0 {
			failed[r.Requested] = r
		} else {
			bound[r.Lport] = r
		}
	}
	if r := bound[server.port]; r.PID != server.PID() || r.Laddr != "::1" || r.Requested != 0 || r.Protocol != protocol || r.Options != "...R." {
		t.Errorf("tcpbind: %+v, want %s port %d of process %d with reuseaddr", r, protocol, server.port, server.PID())
	}
	if r := bound[other]; r.PID != os.Getpid() || r.Laddr != "127.0.0.1" || r.Options != "....." {
		t.Errorf("tcpbind: %+v, want port %d of process %d", r, other, os.Getpid())
	}
	if r := failed[other]; len(failed) != 1 || r.Ret != -int(syscall.EADDRINUSE) {
		t.Errorf("tcpbind -x: %+v, want a failure for port %d", failed, other)
	}
	found := 0
	for _, c := range rows[counted](t, counts) {
		if c.Lport == server.port || c.Lport == other {
			found += c.Count
		}
	}
	if found != 2 {
		t.Errorf("tcpbind --count: %d binds to the two ports", found)
	}
}

// A reader that comes late is told to be late by as much.
func TestPacketLatency(t *testing.T) {
	n := newNetns(t)
	tool, slow := n.trace("tcppktlat"), n.trace("tcppktlat", "50000")
	var least, most time.Duration
	port := 0
	n.inside(func() error {
		c, a, err := connected()
		if err != nil {
			return err
		}
		defer c.Close()
		defer a.Close()
		port = c.LocalAddr().(*net.TCPAddr).Port
		before := time.Now()
		if _, err := a.Write([]byte("x")); err != nil {
			return err
		}
		after := time.Now()
		<-time.After(100 * time.Millisecond) // it is the wait that is measured
		least = time.Since(after)
		_, err = c.Read(make([]byte, 1))
		most = time.Since(before)
		return err
	})
	for _, p := range [][]row{rows[row](t, tool), rows[row](t, slow)} {
		if len(p) != 1 || p[0].PID != os.Getpid() || p[0].Lport != port ||
			p[0].Latency < least.Nanoseconds() || p[0].Latency > most.Nanoseconds() {
			t.Errorf("%+v, want one read of port %d that was %v to %v late", p, port, least, most)
		}
	}
}
