package tcp

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Sockets that were open before a tool began have their owner, and a queue that was
// full before is watched.
func TestOlderSockets(t *testing.T) {
	n := newNetns(t)
	var l, client, server int
	var name unix.Sockaddr
	n.inside(func() (err error) {
		if l, err = listening(0); err != nil {
			return err
		}
		if name, err = unix.Getsockname(l); err != nil {
			return err
		}
		if client, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.Connect(client, name); err != nil {
			return err
		}
		// A tool that inherited it would have it open, too.
		server, _, err = unix.Accept4(l, unix.SOCK_CLOEXEC)
		return err
	})
	defer unix.Close(l)
	defer unix.Close(server)
	port := name.(*unix.SockaddrInet4).Port
	own := []string{"-p", fmt.Sprint(os.Getpid())}
	states, tracer, queues := n.trace("tcpstates", own...), n.trace("tcptracer"), n.trace("tcpsynbl", own...)
	unix.Close(client)
	n.inside(func() error {
		waiting, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(waiting)
		if err := unix.Connect(waiting, name); err != nil {
			return err
		}
		_, err = givenUp(name)
		return err
	})
	found := false
	for _, r := range rows[row](t, states) {
		found = found || r.Lport == port && r.Newstate == "CLOSE_WAIT" && r.PID == os.Getpid()
	}
	if !found {
		t.Errorf("tcpstates -p does not show the server's end: %s", states.Stdout.Text())
	}
	for _, r := range rows[row](t, tracer) {
		if r.PID != os.Getpid() {
			t.Errorf("tcptracer: %+v, want process %d", r, os.Getpid())
		}
	}
	type turnedAway struct{ Lport, Drops int }
	turned := false
	for _, r := range rows[turnedAway](t, queues) {
		turned = turned || r.Lport == port && r.Drops >= 2
	}
	if !turned {
		t.Errorf("tcpsynbl: %s, want two drops of port %d", queues.Stdout.Text(), port)
	}
}
