package testkit

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for a line or for an end. It is meant for
// emulated machines; nothing that works takes this long.
const patience = 60 * time.Second

// Proc is a running program whose output is read line by line. It is killed at the
// end of its test.
type Proc struct {
	Stdout *Stream
	Stderr *Stream

	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when the process is gone and its output read
}

// Start runs a program with the test's environment.
func Start(t testing.TB, path string, args ...string) *Proc {
	t.Helper()
	return StartCmd(t, exec.Command(path, args...))
}

// StartCmd runs cmd, whose standard input, output and error are taken over.
func StartCmd(t testing.TB, cmd *exec.Cmd) *Proc {
	t.Helper()
	p := &Proc{t: t, cmd: cmd, ended: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	p.Stdout = newStream(p, "standard output")
	p.Stderr = newStream(p, "standard error")
	var reading sync.WaitGroup
	reading.Go(func() { p.Stdout.read(stdout) })
	reading.Go(func() { p.Stderr.read(stderr) })
	go func() {
		reading.Wait()
		cmd.Wait() // the status is in cmd.ProcessState
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *Proc) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// PID returns the process id.
func (p *Proc) PID() int { return p.cmd.Process.Pid }

// Send writes a line to the program's standard input.
func (p *Proc) Send(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		p.t.Fatalf("sending %q to %s: %v", line, p.cmd.Path, err)
	}
}

// CloseStdin ends the program's standard input.
func (p *Proc) CloseStdin() {
	p.t.Helper()
	if err := p.stdin.Close(); err != nil {
		p.t.Fatal(err)
	}
}

// WaitAttached waits until the command tells that its probes are attached, and
// returns their number.
func (p *Proc) WaitAttached() string {
	p.t.Helper()
	return p.Stderr.WaitLine(`^Attached (\d+) probes?$`)[1]
}

// Stop sends a signal and returns the exit status; see [Proc.Wait].
func (p *Proc) Stop(sig os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	return p.Wait()
}

// Wait waits for the program's end and returns its exit status, or minus the
// number of the signal that ended it.
func (p *Proc) Wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("%s still runs after %v\n%s", p.cmd.Path, patience, p.said())
	}
	if ws := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return -int(ws.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *Proc) said() string {
	return "standard output:\n" + p.Stdout.Text() + "standard error:\n" + p.Stderr.Text()
}

// Stream is what a program wrote to one of its outputs.
type Stream struct {
	proc *Proc
	name string

	mu    sync.Mutex
	lines []string
	next  int           // the first line that no WaitLine has looked at
	ended bool          // the output is closed
	grown chan struct{} // closed, and made anew, when one of the above changes
}

func newStream(p *Proc, name string) *Stream {
	return &Stream{proc: p, name: name, grown: make(chan struct{})}
}

func (s *Stream) read(from io.Reader) {
	in := bufio.NewReader(from)
	for {
		line, err := in.ReadString('\n')
		s.mu.Lock()
		if line != "" {
			s.lines = append(s.lines, strings.TrimSuffix(line, "\n"))
		}
		s.ended = err != nil
		close(s.grown)
		s.grown = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// WaitLine waits for a line that matches the regular expression, from the line
// after the last one that was waited for, and returns the match and its groups.
// The test fails if the output ends without it or it does not come in time.
func (s *Stream) WaitLine(pattern string) []string {
	s.proc.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		match, ended, grown := s.find(re)
		if match != nil {
			return match
		}
		if ended {
			s.proc.t.Fatalf("%s of %s ended without a line that matches %s\n%s",
				s.name, s.proc.cmd.Path, pattern, s.proc.said())
		}
		select {
		case <-grown:
		case <-deadline:
			s.proc.t.Fatalf("%s of %s has no line that matches %s after %v\n%s",
				s.name, s.proc.cmd.Path, pattern, patience, s.proc.said())
		}
	}
}

func (s *Stream) find(re *regexp.Regexp) (match []string, ended bool, grown <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.next < len(s.lines) {
		line := s.lines[s.next]
		s.next++
		if match := re.FindStringSubmatch(line); match != nil {
			return match, false, nil
		}
	}
	return nil, s.ended, s.grown
}

// Lines returns the lines written so far.
func (s *Stream) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lines...)
}

// Text returns the text written so far, each line with its end.
func (s *Stream) Text() string {
	var b strings.Builder
	for _, line := range s.Lines() {
		b.WriteString(line + "\n")
	}
	return b.String()
}
