package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// The load that the tools about TCP are measured under, over loopback.
const (
	tcpConnections = 20_000
	tcpBytes       = 1 << 30
	tcpRounds      = 3
)

// tcpTools are the tools with their budgets: what a run of a program may take at the
// mean, and what all runs under the load may take together, as bpf_stats counts.
// Where there is a peer in libbpf-tools it is the budget.
var tcpTools = []struct {
	args       string
	run, total time.Duration
	peer       string
	load       func() error // nil: tcpLoad
}{
	{args: "tcplife", peer: "tcplife-libbpf"},
	{args: "tcpstates", peer: "tcpstates-libbpf"},
	{args: "tcpaccept", run: 2 * time.Microsecond, total: 60 * time.Millisecond},
	{args: "tcpconnect", run: time.Microsecond, total: 250 * time.Millisecond},
	{args: "tcpconnlat", run: time.Microsecond, total: 250 * time.Millisecond},
	{args: "tcptracer", run: 1500 * time.Nanosecond, total: 300 * time.Millisecond},
	{args: "tcpretrans", run: 800 * time.Nanosecond, total: 160 * time.Millisecond},
	{args: "tcpdrop", run: 800 * time.Nanosecond, total: 160 * time.Millisecond},
	{args: "tcprtt", run: 500 * time.Nanosecond, total: 60 * time.Millisecond},
	{args: "tcpsynbl", run: 500 * time.Nanosecond, total: 60 * time.Millisecond},
	{args: "tcpsubnet", run: 1200 * time.Nanosecond, total: 80 * time.Millisecond},
	{args: "tcptop -S", run: 2500 * time.Nanosecond, total: 1300 * time.Millisecond},
	{args: "tcplisten", run: 1500 * time.Nanosecond, total: 60 * time.Millisecond, load: listenLoad},
	{args: "tcpbind", run: 1500 * time.Nanosecond, total: 60 * time.Millisecond, load: listenLoad},
	{args: "tcppktlat 1000000", run: time.Microsecond, total: 260 * time.Millisecond},
	{args: "tcpcong", run: 600 * time.Nanosecond, total: 200 * time.Millisecond},
}

// tcp measures the tools about TCP under the load.
func (b *bench) tcp() ([]row, error) {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return nil, err
	}
	defer stats.Close()
	var rows []row
	for _, t := range tcpTools {
		load := t.load
		if load == nil {
			load = tcpLoad
		}
		ours := tool{name: "rpcxray", argv: append([]string{b.ours.argv[0]}, strings.Fields(t.args)...)}
		var peer *tool
		if t.peer != "" && b.peer != nil {
			peer = &tool{name: t.peer, argv: []string{t.peer}, root: b.peer.root, share: b.peer.share}
		}
		var mine, its []runs
		for range min(b.rounds, tcpRounds) {
			r, err := tcpRuns(ours, load)
			if err != nil {
				return nil, err
			}
			mine = append(mine, r)
			if peer != nil {
				if r, err = tcpRuns(*peer, load); err != nil {
					return nil, err
				}
				its = append(its, r)
			}
		}
		rows = append(rows, tcpRow(t.args, mine, its, t.run, t.total))
	}
	return rows, nil
}

// runs is what the programs of a tool did under the load.
type runs struct {
	count uint64
	total time.Duration
}

func (r runs) mean() time.Duration { return r.total / time.Duration(max(r.count, 1)) }

func (r runs) String() string {
	return fmt.Sprintf("%.0f ms, %d ns a run", r.total.Seconds()*1e3, r.mean().Nanoseconds())
}

func tcpRow(args string, mine, its []runs, run, total time.Duration) row {
	totals := func(list []runs) []time.Duration {
		var all []time.Duration
		for _, r := range list {
			all = append(all, r.total)
		}
		return all
	}
	middle := func(list []runs) runs {
		for _, r := range list {
			if r.total == median(totals(list)) {
				return r
			}
		}
		panic("BUG: a median that is none of the values")
	}
	ours := middle(mine)
	r := row{what: args + ": all programs under the load", ours: ours.String()}
	if len(its) > 0 {
		peer := middle(its)
		r.peer, r.ratio = peer.String()+" (libbpf-tools)", fmt.Sprintf("%.2f", float64(peer.total)/float64(max(ours.total, 1)))
		r.limit, r.met = "libbpf-tools'", ours.total <= peer.total
	} else if run > 0 {
		r.limit = fmt.Sprintf("%.0f ms, %d ns a run", total.Seconds()*1e3, run.Nanoseconds())
		r.met = ours.total <= total && ours.mean() <= run
	}
	return r
}

// tcpRuns runs a tool under a load.
func tcpRuns(t tool, load func() error) (r runs, err error) {
	p, err := startTool(t)
	if err != nil {
		return r, err
	}
	defer p.stop()
	if err := load(); err != nil {
		return r, err
	}
	ids, err := programsOf(p.cmd.Process.Pid)
	if err != nil {
		return r, err
	}
	for id := range ids {
		m, err := measured(id)
		if err != nil {
			return r, err
		}
		r.count, r.total = r.count+m.runs, r.total+m.time
	}
	return r, nil
}

// toolRun is a running tool whose output nobody reads.
type toolRun struct {
	cmd *exec.Cmd
	err *bytes.Buffer
}

// startTool starts a tool and waits until its links are there.
func startTool(t tool) (*toolRun, error) {
	p := &toolRun{cmd: t.command(t.argv...), err: &bytes.Buffer{}}
	r, w, err := os.Pipe() // for the word that its program has begun
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p.cmd.ExtraFiles, p.cmd.Stderr = []*os.File{w}, p.err
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadAll(r); err != nil {
		return nil, err
	}
	links, since := 0, time.Now()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		n, err := linksOf(p.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		if n != links {
			links, since = n, time.Now()
		}
		if links > 0 && time.Since(since) > 300*time.Millisecond {
			return p, nil
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s attaches nothing: %s", t.name, p.err)
}

// linksOf counts the links that a process has open.
func linksOf(pid int) (n int, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil && (bytes.Contains(text, []byte("link_type:")) || bytes.Contains(text, []byte("link_id:"))) {
			n++
		}
	}
	return n, err
}

func (p *toolRun) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	_ = p.cmd.Wait()
}

// tcpLoad makes the connections and sends the bytes, both ends in this process.
func tcpLoad() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(struct{ io.Writer }{io.Discard}, c)
			}()
		}
	}()
	const clients = 4
	var wg sync.WaitGroup
	errs := make([]error, clients)
	for i := range clients {
		wg.Go(func() { errs[i] = tcpClient(l.Addr().String(), tcpConnections/clients, tcpBytes/clients) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// tcpClient makes connections of a byte each, and one of size bytes.
func tcpClient(addr string, connections, size int) error {
	for range connections {
		c, err := net.Dial("tcp4", addr)
		if err != nil {
			return err
		}
		if err := c.(*net.TCPConn).SetLinger(0); err != nil { // no port waits for its end
			return err
		}
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		c.Close()
	}
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 64<<10)
	for sent := 0; sent < size; sent += len(buf) {
		if _, err := c.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// listenLoad makes sockets that listen, for the tools that see nothing else.
func listenLoad() error {
	for range tcpConnections {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		err = errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 1))
		unix.Close(fd)
		if err != nil {
			return err
		}
	}
	return nil
}

// idleTime is how long tools are watched while nothing happens that they show.
const idleTime = 10 * time.Second

// idle measures all tools at once while nothing happens.
func (b *bench) idle() (rows []row, err error) {
	type watched struct {
		*toolRun
		args   string
		before time.Duration
	}
	var all []*watched
	defer func() {
		for _, w := range all {
			w.stop()
		}
	}()
	for _, t := range tcpTools {
		// A network namespace that nothing runs in keeps what others do out.
		p, err := startTool(tool{name: t.args, argv: slices.Concat(b.ours.argv[:1], strings.Fields(t.args), []string{"--netns", "1"})})
		if err != nil {
			return nil, err
		}
		all = append(all, &watched{toolRun: p, args: t.args})
	}
	time.Sleep(time.Second) // the last one has just begun
	for _, w := range all {
		if w.before, err = cpuTime(w.cmd.Process.Pid); err != nil {
			return nil, err
		}
	}
	time.Sleep(idleTime)
	for _, w := range all {
		after, err := cpuTime(w.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		peak, err := peakMemory(w.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		share := 100 * (after - w.before).Seconds() / idleTime.Seconds()
		rows = append(rows, row{what: w.args + " while nothing happens: share of a core, peak memory",
			ours: fmt.Sprintf("%.3f %%, %s", share, megabytes(peak)), limit: "0.1 %, 40 MB", met: share < 0.1 && peak < 40e6})
	}
	return rows, nil
}

// cpuTime is the CPU time that a process has taken, by its scheduler's statistics.
func cpuTime(pid int) (sum time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, err
}
