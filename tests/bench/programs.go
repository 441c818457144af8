package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

const (
	programRounds = 10  // a program's time is a few instructions': more is needed to tell them apart
	programLimit  = 1.1 // times bpftrace's
)

// programCases are what scripts do most. The traced program calls getppid.
var programCases = []struct{ what, script string }{
	{"count by comm", `tracepoint:syscalls:sys_enter_getppid { @[comm] = count(); }`},
	{"count by pid and number", `tracepoint:raw_syscalls:sys_enter { @[pid, args.id] = count(); }`},
	{"entry and exit with a histogram", `tracepoint:syscalls:sys_enter_getppid { @start[tid] = nsecs; }
tracepoint:syscalls:sys_exit_getppid /@start[tid]/ { @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }`},
	{"a string compared, sum and stats", `tracepoint:raw_syscalls:sys_exit /comm == "load"/ { @sum = sum(args.ret); @stats = stats(args.ret); }`},
	{"printf, filtered", `tracepoint:raw_syscalls:sys_exit /args.ret < -1000/ { printf("%s %d\n", comm, args.ret); }`},
	{"printf of two numbers", `tracepoint:syscalls:sys_enter_getppid { printf("%d %llu\n", pid, nsecs); }`},
}

// programs measures what a run of a script's programs takes, as the kernel counts
// it.
func (b *bench) programs() ([]row, error) {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return nil, err
	}
	defer stats.Close()
	l, err := b.startLoad()
	if err != nil {
		return nil, err
	}
	defer l.end()
	var rows []row
	for _, c := range programCases {
		r, err := b.program(l, c.what, c.script)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	own := fmt.Sprintf(`uretprobe:%s:main.work { @ = hist(duration); }`, b.load)
	c, err := perRun(b.ours, own, func() error { _, err := l.do("calls %d", 50_000); return err })
	if err != nil {
		return nil, err
	}
	return append(rows, row{what: "a run of the program: hist(duration) of a Go function, entry or return", ours: nanoseconds(c.time)}), nil
}

// program measures one script in all tools.
func (b *bench) program(l *load, what, script string) (row, error) {
	times, size := map[string][]time.Duration{}, map[string]int{}
	for range max(b.rounds, programRounds) {
		for _, t := range b.tools() {
			c, err := perRun(t, script, func() error { _, err := l.do("pace %d 1", eventRate/2); return err })
			if err != nil {
				return row{}, err
			}
			times[t.name], size[t.name] = append(times[t.name], c.time), c.size
		}
	}
	r := compared("a run of the program: "+what, times["rpcxray"], times["bpftrace"], nanoseconds, 0)
	r.ours += fmt.Sprintf(", %d bytes", size["rpcxray"])
	if b.peer != nil {
		r.peer += fmt.Sprintf(", %d bytes", size["bpftrace"])
		r.limit = fmt.Sprintf("%g of bpftrace's", programLimit)
		r.met = float64(median(times["rpcxray"])) <= programLimit*float64(median(times["bpftrace"]))
	}
	return r, nil
}

// cost is what the programs of a tool take: the mean time of a run, and their size
// as the verifier leaves them, in bytes.
type cost struct {
	time time.Duration
	size int
}

// perRun measures the programs that the tool loads.
func perRun(t tool, script string, work func() error) (c cost, err error) {
	tr, err := t.trace(script, nil)
	if err != nil {
		return c, err
	}
	if err := work(); err != nil {
		return c, err
	}
	ids, err := programsOf(tr.cmd.Process.Pid)
	if err != nil {
		return c, err
	}
	runs, total := uint64(0), time.Duration(0)
	for id := range ids {
		p, err := measured(id)
		if err != nil {
			return c, err
		}
		if p.runs > 0 { // neither begin nor what only a helper of the tool is
			runs, total, c.size = runs+p.runs, total+p.time, c.size+p.size
		}
	}
	if _, err := tr.stop(); err != nil {
		return c, err
	}
	if runs == 0 {
		return c, fmt.Errorf("%s with %q: its programs did not run", t.name, script)
	}
	c.time = total / time.Duration(runs)
	return c, nil
}

// programsOf lists the programs that a process has open.
func programsOf(pid int) (map[ebpf.ProgramID]bool, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		return nil, err
	}
	ids := map[ebpf.ProgramID]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // closed meanwhile
		}
		var id ebpf.ProgramID
		if _, rest, ok := strings.Cut(string(text), "prog_id:"); ok {
			if _, err := fmt.Sscan(rest, &id); err != nil {
				return nil, fmt.Errorf("%s: %w", f, err)
			}
			ids[id] = true
		}
	}
	return ids, nil
}

// program is what the kernel tells of one.
type program struct {
	runs uint64
	time time.Duration
	size int
}

func measured(id ebpf.ProgramID) (program, error) {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return program{}, err
	}
	defer p.Close()
	s, err := p.Stats()
	if err != nil {
		return program{}, err
	}
	info, err := p.Info()
	if err != nil {
		return program{}, err
	}
	size, err := info.TranslatedSize()
	return program{s.RunCount, s.Runtime, size}, err
}
