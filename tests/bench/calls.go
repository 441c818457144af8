package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The load of the rpcx example: calls whose handlers do nothing.
const (
	rpcCalls   = 40_000
	rpcWorkers = 8
	rpcRate    = 20_000 // a second, for what rpcxray itself takes
	rpcPaced   = 100_000
	rpcTimes   = 1.5 // of the cost of empty programs
)

// rpcx is where the example's server is probed: empty programs stand there.
const rpcx = "github.com/smallnest/rpcx/"

var rpcSites = []string{rpcx + "server.(*Server).processOneRequest", rpcx + "protocol.Message.EncodeSlicePointer",
	rpcx + "util.(*LimitedPool).Put", rpcx + "server.(*Server).processOneRequest.func1"}

var counted = regexp.MustCompile(`@\[Arith, Mul\]: (\d+)`)

// calls measures what it costs an rpcx server that all its calls are traced and
// aggregated, against empty programs at the same functions in the same rounds, and
// what rpcxray takes for it.
func (b *bench) calls() ([]row, error) {
	var empty []string
	for _, name := range rpcSites {
		empty = append(empty, fmt.Sprintf("uprobe:%s:%q { }", b.server, name))
	}
	scripts := []string{"", strings.Join(empty, " "), fmt.Sprintf("rpc:%s:server { @[rpc.service, rpc.method] = hist(rpc.duration); }", b.server)}
	cost, speed := make([][]time.Duration, 3), make([][]float64, 3)
	for range b.rounds {
		for i, script := range scripts {
			per, rate, err := b.callCost(script)
			if err != nil {
				return nil, err
			}
			cost[i], speed[i] = append(cost[i], per), append(speed[i], rate)
		}
	}
	free := median(cost[0])
	base, ours := median(cost[1])-free, median(cost[2])-free
	ratio := float64(ours) / float64(max(base, 1))
	rows := []row{
		{what: fmt.Sprintf("rpcx server, histogram of all calls: CPU added to a call of %v", free.Round(100*time.Nanosecond)),
			ours: nanoseconds(ours), peer: nanoseconds(base) + " (four empty programs)", ratio: fmt.Sprintf("%.2f", ratio),
			limit: fmt.Sprintf("%g of empty programs'", rpcTimes), met: ratio <= rpcTimes},
		{what: "rpcx server: calls a second, traced", ours: fmt.Sprintf("%.0f", median(speed[2])), peer: fmt.Sprintf("%.0f (untraced)", median(speed[0]))},
	}
	paced, err := b.callsPaced()
	return append(rows, paced...), err
}

// callsPaced measures rpcxray at a rate of calls, and whether it has seen them all.
func (b *bench) callsPaced() ([]row, error) {
	s, err := b.serveCalls()
	if err != nil {
		return nil, err
	}
	defer s.end()
	t := tool{name: "rpcxray", argv: []string{b.ours.argv[0], "run", "--max-overhead", "none", "-e"}}
	tr, err := t.trace(fmt.Sprintf("rpc:%s:server { @[rpc.service, rpc.method] = count(); }", b.server), nil)
	if err != nil {
		return nil, err
	}
	before, start := processTime(tr.cmd.Process.Pid), time.Now()
	if err := b.callServer(s.addr, rpcRate, rpcPaced); err != nil {
		return nil, err
	}
	took := time.Since(start)
	share := 100 * float64(processTime(tr.cmd.Process.Pid)-before) / float64(took)
	memory := residentBytes(tr.cmd.Process.Pid)
	if _, err := tr.stop(); err != nil {
		return nil, err
	}
	seen := 0
	if m := counted.FindStringSubmatch(tr.out.text()); m != nil {
		seen, _ = strconv.Atoi(m[1])
	}
	return []row{
		{what: fmt.Sprintf("rpcxray itself while %.0f calls a second are aggregated", rpcPaced/took.Seconds()),
			ours: fmt.Sprintf("%.2f %% of a CPU", share), limit: "2 %", met: share < 2},
		{what: "its memory then", ours: megabytes(memory), limit: "60 MB", met: memory < 60e6},
		{what: fmt.Sprintf("calls seen of %d", rpcPaced), ours: strconv.Itoa(seen), limit: "all", met: seen == rpcPaced},
	}, nil
}

// rpcServer is the example's server while it runs.
type rpcServer struct {
	cmd  *exec.Cmd
	addr string
}

func (b *bench) serveCalls() (*rpcServer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &rpcServer{addr: ln.Addr().String()}
	ln.Close()
	s.cmd = exec.Command(b.server, "-quiet", "-addr", s.addr)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := answers(s.addr); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func (s *rpcServer) end() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (b *bench) callServer(addr string, rate, n int) error {
	client := exec.Command(filepath.Join(filepath.Dir(b.server), "client"), "-quiet", "-addr", addr, "-rate", strconv.Itoa(rate),
		"-concurrency", strconv.Itoa(rpcWorkers), "-n", strconv.Itoa(n))
	if out, err := client.CombinedOutput(); err != nil {
		return fmt.Errorf("the example's client: %w\n%s", err, out)
	}
	return nil
}

// callCost is the server's CPU time for a call and how many it served a second,
// while a script runs; "": none.
func (b *bench) callCost(script string) (per time.Duration, rate float64, err error) {
	s, err := b.serveCalls()
	if err != nil {
		return 0, 0, err
	}
	defer s.end()
	if script != "" {
		t := tool{name: "rpcxray", argv: []string{b.ours.argv[0], "run", "--max-overhead", "none", "-e"}}
		tr, err := t.trace(script, nil)
		if err != nil {
			return 0, 0, err
		}
		defer func() { _, _ = tr.stop() }()
	}
	if err := b.callServer(s.addr, 0, rpcCalls/10); err != nil { // what is done once
		return 0, 0, err
	}
	before, start := processTime(s.cmd.Process.Pid), time.Now()
	if err := b.callServer(s.addr, 0, rpcCalls); err != nil {
		return 0, 0, err
	}
	rate = rpcCalls / time.Since(start).Seconds()
	return (processTime(s.cmd.Process.Pid) - before) / rpcCalls, rate, nil
}

// processTime is the CPU time of a process's threads.
func processTime(pid int) time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	total := time.Duration(0)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		ns, _ := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		total += time.Duration(ns)
	}
	return total
}

// residentBytes is the memory of a process.
func residentBytes(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * os.Getpagesize()
}
