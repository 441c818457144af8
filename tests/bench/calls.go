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
	rpcWorkers = 64     // neither side waits: else how calls come together outweighs what is measured
	rpcRate    = 20_000 // a second, for what rpcxray itself takes
	rpcPaced   = 100_000
	rpcAtOnce  = 128 // workers that make them
	rpcTurns   = 5   // that all scripts take in a round, at one server
	rpcTimes   = 1.5 // of the cost of empty programs
)

// rpcx is where the example's programs are probed: empty programs stand there.
const rpcx = "github.com/smallnest/rpcx/"

var (
	rpcServerSites = []string{rpcx + "server.(*Server).processOneRequest", rpcx + "protocol.Message.EncodeSlicePointer",
		rpcx + "util.(*LimitedPool).Put", rpcx + "server.(*Server).processOneRequest.func1"}
	rpcClientSites = []string{rpcx + "client.(*Client).send", rpcx + "protocol.Message.EncodeSlicePointer",
		rpcx + "protocol.(*Message).Decode", rpcx + "client.(*pluginContainer).DoClientAfterDecode"}
)

var counted = regexp.MustCompile(`@\[Arith, Mul\]: (\d+)`)

// callSide is an end of the example's calls.
type callSide struct {
	name, path string
	sites      []string
	of         func(callLoad) time.Duration // what the side takes for a call
	cost       [2][]time.Duration           // of empty programs, of a histogram
	speed      []float64                    // with the histogram
}

// scripts are empty programs, and what is compared with them.
func (s *callSide) scripts() [2]string {
	var empty []string
	for _, name := range s.sites {
		empty = append(empty, fmt.Sprintf("uprobe:%s:%q { }", s.path, name))
	}
	return [2]string{strings.Join(empty, " "), fmt.Sprintf("rpc:%s:%s { @[rpc.service, rpc.method] = hist(rpc.duration); }", s.path, s.name)}
}

// rows tell what a call of the side costs beyond free.
func (s *callSide) rows(free time.Duration, untraced float64) []row {
	base, ours := median(s.cost[0])-free, median(s.cost[1])-free
	share, ratio := "lost in noise", float64(ours)/float64(base)
	if base > 0 && ours > 0 {
		share = fmt.Sprintf("%.2f", ratio)
	}
	return []row{
		{what: fmt.Sprintf("rpcx %s, histogram of all calls: CPU added to a call of %v", s.name, free.Round(100*time.Nanosecond)),
			ours: nanoseconds(ours), peer: nanoseconds(base) + " (four empty programs)", ratio: share,
			limit: fmt.Sprintf("%g of empty programs'", rpcTimes), met: base > 0 && ours > 0 && ratio <= rpcTimes},
		{what: fmt.Sprintf("rpcx %s: calls a second, traced", s.name), ours: fmt.Sprintf("%.0f", median(s.speed)), peer: fmt.Sprintf("%.0f (untraced)", untraced)},
	}
}

// calls measures what it costs an rpcx server, and an rpcx client, that all its calls
// are traced and aggregated, against empty programs at as many of its functions in the
// same rounds, and what rpcxray takes for it.
func (b *bench) calls() ([]row, error) {
	sides := []*callSide{
		{name: "server", path: b.server, sites: rpcServerSites, of: func(l callLoad) time.Duration { return l.server }},
		{name: "client", path: b.client(), sites: rpcClientSites, of: func(l callLoad) time.Duration { return l.client }},
	}
	free, untraced := make([][]time.Duration, len(sides)), []float64(nil)
	for range b.rounds {
		err := b.atServer(func(srv *rpcServer) error {
			for range rpcTurns {
				l, err := b.callTurn(srv, sides)
				if err != nil {
					return err
				}
				untraced = append(untraced, l.rate)
				for i, s := range sides {
					free[i] = append(free[i], s.of(l))
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var rows []row
	for i, s := range sides {
		rows = append(rows, s.rows(median(free[i]), median(untraced))...)
	}
	paced, err := b.callsPaced()
	if err != nil {
		return nil, err
	}
	each, err := b.callByCall()
	return append(append(rows, paced...), each), err
}

// callTurn measures calls without a script, which it returns, then with each script of each
// side.
func (b *bench) callTurn(srv *rpcServer, sides []*callSide) (free callLoad, err error) {
	if free, err = b.callCost(srv, ""); err != nil {
		return free, err
	}
	for _, s := range sides {
		var l callLoad
		for k, script := range s.scripts() {
			if l, err = b.callCost(srv, script); err != nil {
				return free, err
			}
			s.cost[k] = append(s.cost[k], s.of(l))
		}
		s.speed = append(s.speed, l.rate)
	}
	return free, nil
}

// callsPaced measures rpcxray at a rate of calls, and whether it has seen them all.
func (b *bench) callsPaced() ([]row, error) {
	t := tool{name: "rpcxray", argv: []string{b.ours.argv[0], "run", "--max-overhead", "none", "-e"}}
	var share, rate float64
	var memory int
	tr, err := b.paced(t, fmt.Sprintf("rpc:%s:server { @[rpc.service, rpc.method] = count(); }", b.server), func(tr *trace, used, took time.Duration) {
		share, rate = 100*float64(used)/float64(took), rpcPaced/took.Seconds()
		memory = residentBytes(tr.cmd.Process.Pid)
	})
	if err != nil {
		return nil, err
	}
	seen := 0
	if m := counted.FindStringSubmatch(tr.out.text()); m != nil {
		seen, _ = strconv.Atoi(m[1])
	}
	return []row{
		{what: fmt.Sprintf("rpcxray itself while %.0f calls a second are aggregated", rate),
			ours: fmt.Sprintf("%.2f %% of a CPU", share), limit: "2 %", met: share < 2},
		{what: "its memory then", ours: megabytes(memory), limit: "60 MB", met: memory < 60e6},
		{what: fmt.Sprintf("calls seen of %d", rpcPaced), ours: strconv.Itoa(seen), limit: "all", met: seen == rpcPaced},
	}, nil
}

// callByCall measures what becomes of calls that are printed one by one.
func (b *bench) callByCall() (row, error) {
	t := tool{name: "rpcxray", argv: []string{b.ours.argv[0], "rpc", "trace", "--side", "server", "--max-overhead", "none", "--format", "jsonl"}}
	rate := 0.0
	tr, err := b.paced(t, b.server, func(_ *trace, _, took time.Duration) { rate = rpcPaced / took.Seconds() })
	if err != nil {
		return row{}, err
	}
	o := outcome{sent: rpcPaced, lost: tr.lost()}
	o.printed, _ = tr.out.count()
	return row{what: fmt.Sprintf("rpc trace, %.0f calls a second", rate), ours: o.String(), limit: "none untold", met: o.told()}, nil
}

// paced runs a tool while calls are made at a rate. see is told what CPU time the tool
// took, and how long that was.
func (b *bench) paced(t tool, script string, see func(tr *trace, used, took time.Duration)) (*trace, error) {
	var tr *trace
	err := b.atServer(func(s *rpcServer) (err error) {
		if tr, err = t.trace(script, nil); err != nil {
			return err
		}
		before, start := processTime(tr.cmd.Process.Pid), time.Now()
		if _, err := b.callServer(s.addr, rpcRate, rpcAtOnce, rpcPaced); err != nil {
			return err
		}
		took := time.Since(start)
		see(tr, processTime(tr.cmd.Process.Pid)-before, took)
		_, err = tr.stop()
		return err
	})
	return tr, err
}

// rpcServer is the example's server while it runs.
type rpcServer struct {
	cmd  *exec.Cmd
	addr string
}

// atServer has f measure at a server.
func (b *bench) atServer(f func(*rpcServer) error) error {
	s, err := b.serveCalls()
	if err != nil {
		return err
	}
	defer s.end()
	return f(s)
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

func (b *bench) client() string { return filepath.Join(filepath.Dir(b.server), "client") }

// callServer makes n calls and returns the CPU time that the client took.
func (b *bench) callServer(addr string, rate, workers, n int) (time.Duration, error) {
	client := exec.Command(b.client(), "-quiet", "-addr", addr, "-rate", strconv.Itoa(rate),
		"-concurrency", strconv.Itoa(workers), "-n", strconv.Itoa(n))
	if out, err := client.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("the example's client: %w\n%s", err, out)
	}
	return client.ProcessState.UserTime() + client.ProcessState.SystemTime(), nil
}

// callLoad is what a call takes of each process's CPU time, and how many were served
// a second.
type callLoad struct {
	server, client time.Duration
	rate           float64
}

// callCost measures calls while a script runs; "": none.
func (b *bench) callCost(s *rpcServer, script string) (l callLoad, err error) {
	if script != "" {
		t := tool{name: "rpcxray", argv: []string{b.ours.argv[0], "run", "--max-overhead", "none", "-e"}}
		tr, err := t.trace(script, nil)
		if err != nil {
			return l, err
		}
		defer func() { _, _ = tr.stop() }()
	}
	if _, err := b.callServer(s.addr, 0, rpcWorkers, rpcCalls/10); err != nil { // what is done once
		return l, err
	}
	before, start := processTime(s.cmd.Process.Pid), time.Now()
	client, err := b.callServer(s.addr, 0, rpcWorkers, rpcCalls)
	if err != nil {
		return l, err
	}
	l.rate = rpcCalls / time.Since(start).Seconds()
	l.server, l.client = (processTime(s.cmd.Process.Pid)-before)/rpcCalls, client/rpcCalls
	return l, nil
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
