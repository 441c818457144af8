package main

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rpcxray/rpcxray/internal/gobin"
)

// withinASecond is the limit of what a person waits for.
const withinASecond = time.Second

// wide attaches to every function of the runtime in a busy server, and leaves it.
func (b *bench) wide() ([]row, error) {
	f, err := gobin.Open(b.server)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fns, err := f.Match(gobin.Glob("runtime.*"))
	if err != nil {
		return nil, err
	}
	stop, err := b.startServer()
	if err != nil {
		return nil, err
	}
	defer stop()
	script := fmt.Sprintf(`uprobe:%s:runtime.* { @[func] = count(); }`, b.server)
	var on, off []time.Duration
	for range b.rounds {
		tr, err := b.ours.trace(script, nil)
		if err != nil {
			return nil, err
		}
		took, err := tr.stop()
		if err != nil {
			return nil, err
		}
		on, off = append(on, tr.took), append(off, took)
	}
	peer := ""
	if b.peer != nil {
		peer = b.peerOnce(script)
	}
	return []row{
		{what: fmt.Sprintf("start to attached, the %d functions runtime.* of a running server", len(fns)),
			ours: milliseconds(median(on)), peer: peer, limit: "1 s", met: median(on) <= withinASecond},
		{what: "from the interrupt to their end", ours: milliseconds(median(off)), limit: "1 s", met: median(off) <= withinASecond},
	}, nil
}

// peerOnce measures the peer with a script that it may refuse.
func (b *bench) peerOnce(script string) string {
	tr, err := b.peer.trace(script, nil)
	if err != nil {
		return "refused"
	}
	if _, err := tr.stop(); err != nil {
		return "does not end"
	}
	return milliseconds(tr.took)
}

// startServer runs the example's server with a client that keeps it busy.
func (b *bench) startServer() (stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	var started []*exec.Cmd
	stop = func() {
		for _, cmd := range started {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	client := filepath.Join(filepath.Dir(b.server), "client")
	for _, line := range []string{b.server + " -quiet -addr " + addr, client + " -quiet -rate 100 -addr " + addr} {
		argv := strings.Fields(line)
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			stop()
			return nil, err
		}
		started = append(started, cmd)
		if err := answers(addr); err != nil {
			stop()
			return nil, err
		}
	}
	return stop, nil
}

// answers waits until somebody listens at addr.
func answers(addr string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waiting for the server: %w", err)
		}
	}
}
