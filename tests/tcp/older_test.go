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
	var q *queue
	var server int
	n.inside(func() (err error) {
		if q, err = listening(0); err != nil {
			return err
		}
		if err := q.connect(); err != nil {
			return err
		}
		// A tool that inherited it would have it open, too.
		server, _, err = unix.Accept4(q.fd, unix.SOCK_CLOEXEC)
		return err
	})
	defer q.close()
	defer unix.Close(server)
	port := q.name.Port
	own := []string{"-p", fmt.Sprint(os.Getpid())}
	states, tracer, queues := n.trace("tcpstates", own...), n.trace("tcptracer"), n.trace("tcpsynbl", own...)
	unix.Close(q.clients[0])
	q.clients = nil
	n.inside(func() error {
		if err := q.connect(); err != nil {
			return err
		}
		_, err := givenUp(q.name)
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
