package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/lower"
)

// child is the process of -c. It is stopped at its first instruction until the
// probes are attached.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed at its end
}

// startStopped starts a command stopped by ptrace, which has a process wait at
// its exec; the calling goroutine stays on its thread until resume, because
// only the thread that started it may let it go. No command is no child.
func startStopped(command []string) (*child, error) {
	if len(command) == 0 {
		return nil, nil
	}
	runtime.LockOSThread()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		runtime.UnlockOSThread()
		return nil, diag.Sentencef("Failed to fork child: Path '%s' does not exist or is not executable (%v)", command[0], cause(err))
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(cmd.Process.Pid, &status, 0, nil); err != nil || !status.Stopped() {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("starting %s: it did not stop at its first instruction: %w", command[0], err)
	}
	return &child{cmd: cmd, ended: make(chan struct{})}, nil
}

// cause is what the kernel said, without what was tried.
func cause(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

// allowChild lets user probes count in the child only: what it starts in turn,
// and other processes of its binary, are not what the user asked about.
func (s *session) allowChild() error {
	if s.child == nil {
		return nil
	}
	return s.kernel.Map(codegen.MapPIDs).Put(uint32(s.child.pid()), uint32(1))
}

// filtered tells whether a unit counts in some processes only: -p is for every
// event, -c for functions.
func (s *session) filtered(u *lower.Unit) bool {
	return s.opts.PID != 0 || s.child != nil && u.Target != nil
}

func (c *child) pid() int {
	if c == nil {
		return 0
	}
	return c.cmd.Process.Pid
}

// resume lets the process run, beginning with its exec, and begins to wait for its
// end. mapped, if not nil, is called when it has mapped its program and when its
// libraries are there, too.
func (c *child) resume(tell func(format string, args ...any) error, mapped func() error) error {
	if c == nil {
		return nil
	}
	unseen := beginWithExec(c.cmd.Process.Pid)
	var err error
	ended := false
	if unseen == nil && mapped != nil {
		ended, err = runToEntry(c.cmd.Process.Pid, mapped)
	}
	if err == nil && !ended {
		err = syscall.PtraceDetach(c.cmd.Process.Pid)
	}
	runtime.UnlockOSThread()
	if unseen != nil && err == nil {
		err = tell("the exec of %s is not seen: %v", c.cmd.Path, unseen)
	}
	if err != nil {
		return fmt.Errorf("resuming %s: %w", c.cmd.Path, err)
	}
	go func() {
		_ = c.cmd.Wait() // that it has ended matters, not how
		close(c.ended)
	}()
	return nil
}

// done tells whether the process has ended.
func (c *child) done() bool {
	if c == nil {
		return false
	}
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// whenDone calls f when the process has ended, unless ctx ends before.
func (c *child) whenDone(ctx context.Context, f func()) {
	if c == nil {
		return
	}
	go func() {
		select {
		case <-c.ended:
			f()
		case <-ctx.Done():
		}
	}()
}

// kill ends a process that is still there when the run is over.
func (c *child) kill() {
	if c == nil || c.done() {
		return
	}
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
}
