package main

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/run"
)

//go:embed demo.bt
var demoScript string

func demoCommand() *cobra.Command {
	var dir string
	var duration time.Duration
	var rate float64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start the example rpcx service and look into it",
		Long: `Start the server and the client of examples/rpcx on a free port of the loopback
interface, show every call with its arguments and its reply, and after some time the
counts and the latency histogram. Both are stopped at the end.`,
		Example: `  make demo
  rpcxray demo --bin examples/rpcx/bin --duration 10s`,
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return demo(cmd.Context(), dir, duration, rate)
		},
	}
	cmd.Flags().StringVar(&dir, "bin", "examples/rpcx/bin", "folder of the server and client binaries (made by make -C examples/rpcx)")
	cmd.Flags().DurationVar(&duration, "duration", 20*time.Second, "how long to look")
	cmd.Flags().Float64Var(&rate, "rate", 5, "calls a second")
	return cmd
}

func demo(ctx context.Context, dir string, duration time.Duration, rate float64) error {
	server := filepath.Join(dir, "server")
	if _, err := os.Stat(server); err != nil {
		return fmt.Errorf("%w; build it with: make -C examples/rpcx", err)
	}
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pid, stopServer, err := startQuietly(ctx, server, "-addr", addr, "-quiet", "-delay", "2ms")
	if err != nil {
		return err
	}
	defer stopServer()
	if err := waitFor(ctx, addr); err != nil {
		return err
	}
	_, stopClient, err := startQuietly(ctx, filepath.Join(dir, "client"), "-addr", addr, "-quiet", "-rate", fmt.Sprint(rate))
	if err != nil {
		return err
	}
	defer stopClient()

	fmt.Printf("An rpcx service runs at %s and is called %g times a second; nothing was added to it.\n", addr, rate)
	fmt.Printf("This is what it does, seen from outside for %v:\n\n%s\n", duration, demoScript)
	src := &diag.Source{Name: "demo.bt", Text: demoScript}
	sink := render.NewText(render.Options{Out: os.Stdout, Err: os.Stderr, Terminal: isTerminal(os.Stdout), Source: src})
	_, err = run.Run(ctx, run.Options{Source: src, Params: []string{server}, PID: pid, Duration: duration, Sink: sink,
		Out: os.Stdout, Stderr: os.Stderr, Color: colored(os.Stderr)})
	if err != nil {
		return err
	}
	return sink.Close()
}

// freeAddress finds a port that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// startQuietly starts a program that dies with this process; stop ends it and
// waits for it.
func startQuietly(ctx context.Context, path string, args ...string) (pid int, stop func(), err error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	return cmd.Process.Pid, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}, nil
}

// waitFor waits until the server answers at addr.
func waitFor(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the server at %s: %w", addr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
