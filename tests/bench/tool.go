package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// enterEnv asks this program to go where a tool runs and become it; its value
	// is the tool's root folder.
	enterEnv = "RPCXRAY_BENCH_ENTER"
	// shareEnv lists folders that the root folder is to show.
	shareEnv = "RPCXRAY_BENCH_SHARE"
	// chrootEnv is the user's word for where the peer is.
	chrootEnv = "RPCXRAY_BENCH_CHROOT"

	patience = time.Minute
)

const noPeer = `no bpftrace is found, so only rpcxray is measured. Install one (apt-get install bpftrace), or name a
folder that has one in RPCXRAY_BENCH_CHROOT: debootstrap --variant=minbase --include=bpftrace sid FOLDER`

// tool is a tracer: a command that takes a script as its last argument.
type tool struct {
	name  string
	argv  []string
	root  string   // folder it runs in; "": this one
	share []string // folders that the root folder is to show
}

// findPeer looks for bpftrace, which will probe binaries in the folders share.
func findPeer(share ...string) *tool {
	t := &tool{name: "bpftrace", argv: []string{"bpftrace", "-e"}, root: os.Getenv(chrootEnv), share: share}
	if _, err := exec.LookPath("bpftrace"); t.root == "" && err != nil {
		return nil
	}
	return t
}

// version is what the tool says of itself.
func (t tool) version() string {
	out, err := t.command(t.argv[0], "--version").Output()
	if err != nil {
		return t.name
	}
	return strings.TrimSpace(string(out))
}

// command is a command in the tool's root folder and a mount namespace of its own,
// so that nothing stays mounted. Its process is this program until it is the
// command: see enter.
func (t tool) command(argv ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", argv...)
	cmd.Env = append(os.Environ(), enterEnv+"="+t.root, shareEnv+"="+strings.Join(t.share, ":"),
		"__BPFTRACE_NOTIFY_PROBES_ATTACHED=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// enter mounts what a tracer needs below root, goes there and becomes the command.
func enter(root string, argv []string) error {
	if _, err := os.Stat("/sys/kernel/tracing/available_events"); err != nil {
		if err := unix.Mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, ""); err != nil {
			return fmt.Errorf("mounting tracefs: %w", err)
		}
	}
	if root != "" {
		shared := append([]string{"/proc", "/sys", "/dev"}, strings.Split(os.Getenv(shareEnv), ":")...)
		for _, dir := range shared {
			to := filepath.Join(root, dir)
			if err := os.MkdirAll(to, 0o755); err != nil {
				return err
			}
			if err := unix.Mount(dir, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
				return fmt.Errorf("mounting %s: %w", to, err)
			}
		}
		if err := errors.Join(unix.Chroot(root), unix.Chdir("/")); err != nil {
			return fmt.Errorf("entering %s: %w", root, err)
		}
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	unix.CloseOnExec(startedFD)
	return unix.Exec(path, argv, os.Environ())
}

// startedFD is a pipe that closes when the tool's program has begun.
const startedFD = 3

// trace is a tool whose probes are attached.
type trace struct {
	cmd      *exec.Cmd
	out, err *watcher
	took     time.Duration // from the start of its program to the attached probes
	peak     int           // bytes, the most memory it had until then
	ended    chan error
}

// trace starts the tool with a script and waits until its probes are attached.
// Standard output goes to the file out or, where that is nil, is only counted.
func (t tool) trace(script string, out *os.File) (*trace, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ready := make(chan struct{})
	attached := sync.OnceFunc(func() { close(ready) })
	tr := &trace{cmd: t.command(append(t.argv[:len(t.argv):len(t.argv)], script)...), ended: make(chan error, 1),
		out: &watcher{attached: attached}, err: &watcher{attached: attached}}
	tr.cmd.ExtraFiles = []*os.File{w}
	tr.cmd.Stdout, tr.cmd.Stderr = tr.out, tr.err
	if out != nil {
		tr.cmd.Stdout = out
	}
	err = tr.cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	go func() { tr.ended <- tr.cmd.Wait() }()
	_, _ = io.ReadAll(r)
	started := time.Now()
	select {
	case <-ready:
		tr.took = time.Since(started)
	case err := <-tr.ended:
		return nil, fmt.Errorf("%s with %q ended: %w: %s", t.name, script, err, tr.err.text())
	case <-time.After(patience):
		return nil, errors.Join(fmt.Errorf("%s with %q: not attached after %v", t.name, script, patience), tr.cmd.Process.Kill())
	}
	tr.peak, err = peakMemory(tr.cmd.Process.Pid)
	return tr, err
}

// stop interrupts the tool as a user would and returns how long it took to end.
func (tr *trace) stop() (time.Duration, error) {
	start := time.Now()
	if err := tr.cmd.Process.Signal(os.Interrupt); err != nil {
		return 0, err
	}
	select {
	case err := <-tr.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return 0, err
		}
		return time.Since(start), nil
	case <-time.After(patience):
		return 0, errors.Join(fmt.Errorf("it did not end within %v", patience), tr.cmd.Process.Kill())
	}
}

// peakMemory reads the resident set's high-water mark in bytes; unlike rusage's it
// belongs to the program that the process runs, not to what forked it.
func peakMemory(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kb int
	if _, err := fmt.Sscanf(rest, "%d kB", &kb); err != nil {
		return 0, fmt.Errorf("reading the peak memory of process %d: %w", pid, err)
	}
	return kb << 10, nil
}

// watcher counts the lines and events of an output, keeps its start and waits for the notice
// that probes are attached.
type watcher struct {
	attached func()

	mu    sync.Mutex
	lines int
	marks int // of events
	head  []byte
}

// eventMark is in each line that the script of events prints and in no other.
const eventMark = "~"

// maxHead is how many bytes of an output are kept.
const maxHead = 1 << 20

var attachedNotice = regexp.MustCompile(`(?m)^(__BPFTRACE_NOTIFY_PROBES_ATTACHED|Attached \d+ probes?|Tracing .*)$`)

// Write implements io.Writer.
func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines += bytes.Count(p, []byte("\n"))
	w.marks += bytes.Count(p, []byte(eventMark))
	if n := min(len(p), maxHead-len(w.head)); n > 0 {
		w.head = append(w.head, p[:n]...)
		if len(w.head) < 4096 && attachedNotice.Match(w.head) {
			w.attached()
		}
	}
	return len(p), nil
}

func (w *watcher) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.head)
}

func (w *watcher) count() (lines, marks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines, w.marks
}
