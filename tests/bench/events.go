package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

const (
	eventRate    = 200_000 // a second
	eventSeconds = 10
	delivered    = 0.99 // share that has to come through
)

var lostNotice = regexp.MustCompile(`(?i)lost (\d+) event`)

// outcome is what became of the events.
type outcome struct{ sent, printed, lost int }

func (o outcome) row(what string) row {
	share := float64(o.printed) / float64(o.sent)
	return row{what: what, ours: o.String(), limit: "99 %, none untold", met: share >= delivered && o.printed+o.lost == o.sent}
}

// String tells what was delivered, told as lost, and neither.
func (o outcome) String() string {
	percent := func(n int) float64 { return 100 * float64(n) / float64(o.sent) }
	return fmt.Sprintf("%.2f %% printed, %d lost, %d untold", percent(o.printed), o.lost, o.sent-o.printed-o.lost)
}

// events sends more events than a person can read and counts what is printed.
func (b *bench) events() ([]row, error) {
	what := fmt.Sprintf("printf, %d events a second for %d s, to a ", eventRate, eventSeconds)
	piped, err := b.flood(b.ours, nil)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "rpcxray-bench-events")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	filed, err := b.flood(b.ours, file)
	if err != nil {
		return nil, err
	}
	rows := []row{piped.row(what + "pipe"), filed.row(what + "file")}
	if b.peer != nil {
		other, err := b.flood(*b.peer, nil)
		if err != nil {
			return nil, err
		}
		rows[0].peer = other.String()
	}
	return rows, nil
}

// flood has the traced program send events and counts what the tool prints.
func (b *bench) flood(t tool, file *os.File) (o outcome, err error) {
	l, err := b.startLoad()
	if err != nil {
		return o, err
	}
	defer l.end()
	script := fmt.Sprintf(`tracepoint:syscalls:sys_enter_getppid /pid == %d/ { printf("~%%d %%llu\n", pid, nsecs); }`, l.cmd.Process.Pid)
	tr, err := t.trace(script, file)
	if err != nil {
		return o, err
	}
	if o.sent, err = l.do("pace %d %d", eventRate, eventSeconds); err != nil {
		return o, err
	}
	if _, err := tr.stop(); err != nil {
		return o, err
	}
	for _, m := range lostNotice.FindAllStringSubmatch(tr.err.text()+tr.out.text(), -1) {
		n, _ := strconv.Atoi(m[1])
		o.lost += n
	}
	_, o.printed = tr.out.count()
	if file != nil {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			return o, err
		}
		o.printed = bytes.Count(text, []byte(eventMark))
	}
	return o, nil
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
	calls, pid := "tracepoint:syscalls:sys_%s_getppid /pid == %d/ { %s }", l.cmd.Process.Pid
	enter := func(body string) string { return fmt.Sprintf(calls, "enter", pid, body) }
	exit := func(body string) string { return fmt.Sprintf(calls, "exit", pid, body) }
	var rows []row
	for _, s := range []struct{ what, script string }{
		{"count by comm", enter(`@[comm] = count();`)},
		{"entry and exit with a histogram", enter(`@start[tid] = nsecs;`) + exit(`@ns = hist(nsecs - @start[tid]); delete(@start[tid]);`)},
		{"printf of two numbers", enter(`printf("%d %llu\n", pid, nsecs);`)},
	} {
		times := map[string][]time.Duration{}
		for range b.rounds {
			for _, t := range b.tools() {
				per, err := perRun(t, s.script, func() error { _, err := l.do("pace %d 1", eventRate/2); return err })
				if err != nil {
					return nil, err
				}
				times[t.name] = append(times[t.name], per)
			}
		}
		rows = append(rows, compared("a run of the program: "+s.what, times["rpcxray"], times["bpftrace"], nanoseconds, 0))
	}
	own := fmt.Sprintf(`uretprobe:%s:main.work { @ = hist(duration); }`, b.load)
	per, err := perRun(b.ours, own, func() error { _, err := l.do("calls %d", 50_000); return err })
	if err != nil {
		return nil, err
	}
	return append(rows, row{what: "a run of the program: hist(duration) of a Go function, entry or return", ours: nanoseconds(per)}), nil
}

// perRun is the mean time of a run of the programs that the tool loads.
func perRun(t tool, script string, work func() error) (time.Duration, error) {
	before, err := loaded()
	if err != nil {
		return 0, err
	}
	tr, err := t.trace(script, nil)
	if err != nil {
		return 0, err
	}
	if err := work(); err != nil {
		return 0, err
	}
	after, err := loaded()
	if err != nil {
		return 0, err
	}
	runs, total := uint64(0), time.Duration(0)
	for id, s := range after {
		if _, old := before[id]; !old {
			runs, total = runs+s.RunCount, total+s.Runtime
		}
	}
	if _, err := tr.stop(); err != nil {
		return 0, err
	}
	if runs == 0 {
		return 0, fmt.Errorf("%s with %q: its programs did not run", t.name, script)
	}
	return total / time.Duration(runs), nil
}

// loaded lists the programs in the kernel.
func loaded() (map[ebpf.ProgramID]*ebpf.ProgramStats, error) {
	all := map[ebpf.ProgramID]*ebpf.ProgramStats{}
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if err != nil {
			return all, nil // there is no further one
		}
		id = next
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // gone meanwhile
		}
		if s, err := p.Stats(); err == nil {
			all[id] = s
		}
		p.Close()
	}
}
