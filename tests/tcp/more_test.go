package tcp

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// The article's service: its client connects, its server accepts, and both close.
func TestRPCX(t *testing.T) {
	n := newNetns(t)
	program := func(name string) string {
		return testkit.Build(t, fixture.Spec{Dir: "examples/rpcx", Package: "./" + name})
	}
	tool := n.trace("tcptracer")
	table := testkit.StartCLI(t, "tcptracer", "--netns", fmt.Sprint(n.inum))
	table.Stdout.WaitLine("^Tracing TCP established connections. Ctrl-C to end.$")
	const port = 8972
	server := n.start(program("server"), "-quiet", "-addr", fmt.Sprintf("127.0.0.1:%d", port))
	n.inside(func() error {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err == nil {
				return c.Close()
			}
			if time.Now().After(deadline) {
				return err
			}
		}
	})
	client := n.start(program("client"), "-quiet", "-addr", fmt.Sprintf("127.0.0.1:%d", port), "-n", "5", "-rate", "0")
	if code := client.Wait(); code != 0 {
		t.Fatalf("the client ended with %d: %s", code, client.Stderr.Text())
	}
	table.Stdout.WaitLine(fmt.Sprintf(`^X  %d +server .* %d +\d+$`, server.PID(), port)) // of the test's own connection
	table.Stdout.WaitLine(fmt.Sprintf(`^X  %d +server .* %d +\d+$`, server.PID(), port))
	var kinds []string
	for _, r := range rows[row](t, tool) {
		switch {
		case r.PID == client.PID() && r.Rport == port && r.Comm == "client":
			kinds = append(kinds, "client "+r.Type)
		case r.PID == server.PID() && r.Lport == port && r.Comm == "server":
			kinds = append(kinds, "server "+r.Type)
		case r.PID == os.Getpid() && r.Rport == port:
		default:
			t.Errorf("a row of somebody else: %+v", r)
		}
	}
	slices.Sort(kinds)
	want := []string{"client close", "client connect", "server accept", "server accept", "server close", "server close"}
	if !slices.Equal(kinds, want) {
		t.Errorf("%q, want %q", kinds, want)
	}
	if code := table.Stop(interrupt); code != 0 {
		t.Errorf("the table ended with %d", code)
	}
	if got := table.Stdout.Lines()[1]; got != "T  PID     COMM             IP SADDR           DADDR           SPORT DPORT" {
		t.Errorf("titles %q", got)
	}
}

// The name in the last answer of a name server is that of the address.
func TestConnectNames(t *testing.T) {
	n := newNetns(t)
	tool := n.trace("tcpconnect", "-d")
	n.inside(func() error {
		server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53})
		if err != nil {
			return err
		}
		defer server.Close()
		l, err := net.Listen("tcp4", "0.0.0.0:0")
		if err != nil {
			return err
		}
		defer l.Close()
		for _, way := range []struct{ call, name string }{{"read", "one.example"}, {"recvfrom", "two.example"}, {"recvmsg", "three.example"}} {
			if err := lookup(server, way.call, way.name+".", [4]byte{127, 0, 0, 7}); err != nil {
				return err
			}
			c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.7:%d", l.Addr().(*net.TCPAddr).Port))
			if err != nil {
				return err
			}
			c.Close()
		}
		c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.8:%d", l.Addr().(*net.TCPAddr).Port))
		if err != nil {
			return err
		}
		return c.Close()
	})
	type named struct{ Raddr, Query string }
	var got []named
	for _, r := range rows[named](t, tool) {
		r.Query, _, _ = strings.Cut(r.Query, " (") // the age, on a slow machine
		got = append(got, r)
	}
	want := []named{{"127.0.0.7", "one.example"}, {"127.0.0.7", "two.example"}, {"127.0.0.7", "three.example"}, {"127.0.0.8", "localhost"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// lookup asks the server for a name over a connected socket, and takes the answer
// with a system call.
func lookup(server *net.UDPConn, call, name string, addr [4]byte) error {
	c, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(c)
	if err := unix.Connect(c, &unix.SockaddrInet4{Port: 53, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	question := dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	head := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1}
	alias := dnsmessage.MustNewName("alias." + name)
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}, Questions: []dnsmessage.Question{question},
		Answers: []dnsmessage.Resource{
			{Header: head, Body: &dnsmessage.CNAMEResource{CNAME: alias}},
			{Header: dnsmessage.ResourceHeader{Name: alias, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: addr}},
		}}
	answer, err := m.Pack()
	if err != nil {
		return err
	}
	if _, err := unix.Write(c, []byte("?")); err != nil {
		return err
	}
	buf := make([]byte, 512)
	_, from, err := server.ReadFrom(buf)
	if err != nil {
		return err
	}
	if _, err := server.WriteTo(answer, from); err != nil {
		return err
	}
	got := 0
	switch call {
	case "read":
		got, err = unix.Read(c, buf)
	case "recvfrom":
		got, _, err = unix.Recvfrom(c, buf, 0)
	case "recvmsg":
		got, _, _, _, err = unix.Recvmsg(c, buf, nil, 0)
	}
	if err == nil && got != len(answer) {
		err = fmt.Errorf("%s: %d bytes of %d", call, got, len(answer))
	}
	return err
}

// Rows go to systemd's journal as well, here a socket in its place.
func TestJournal(t *testing.T) {
	n := newNetns(t)
	dir := t.TempDir()
	journal, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	// In a mount namespace of the tool's own, where /run has nothing else.
	script := `mkdir -p /run && mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind "$0" /run/systemd/journal && exec "$@"`
	sh, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip(err)
	}
	p := testkit.Start(t, sh, "-m", "sh", "-c", script, dir, os.Getenv(testkit.EnvBinary), "tcpstates", "-Y", "--netns", fmt.Sprint(n.inum))
	p.Stderr.WaitLine(`^Tracing`)
	all := scenario{"127.0.0.1:0", "127.0.0.1", []string{"1 1 client"}, false}.play(t, n)
	d := ofRole(all, "client")[0]
	if err := journal.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"SYSLOG_IDENTIFIER=tcpstates", fmt.Sprintf("OBJECT_PID=%d", d.PID), "OBJECT_COMM=peer", "OBJECT_IP=4",
		"OBJECT_TCP_SOURCE_ADDRESS=127.0.0.1", fmt.Sprintf("OBJECT_TCP_SOURCE_PORT=%d", d.Lport),
		"OBJECT_TCP_DESTINATION_ADDRESS=127.0.0.1", fmt.Sprintf("OBJECT_TCP_DESTINATION_PORT=%d", d.Rport),
		"OBJECT_TCP_OLD_STATE=SYN_SENT", "OBJECT_TCP_NEW_STATE=ESTABLISHED",
	}
	for buf := make([]byte, 4096); ; {
		size, err := journal.Read(buf)
		if err != nil {
			t.Fatalf("no entry has %q: %v", want, err)
		}
		entry := strings.Split(string(buf[:size]), "\n")
		if !slices.ContainsFunc(want, func(line string) bool { return !slices.Contains(entry, line) }) {
			break
		}
	}
	if code := p.Stop(interrupt); code != 0 || !strings.Contains(p.Stdout.Text(), "ESTABLISHED") {
		t.Errorf("the tool ended with %d: %s%s", code, p.Stdout.Text(), p.Stderr.Text())
	}
}
