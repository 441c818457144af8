package main

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startup measures from the start of a tool to the attached probe, and the memory
// it has taken by then.
func (b *bench) startup() ([]row, error) {
	script := fmt.Sprintf(`uprobe:%s:"main.(*Arith).Mul" { @ = count(); }`, b.server)
	took, peak := map[string][]time.Duration{}, map[string][]int{}
	for range b.rounds {
		for _, t := range b.tools() {
			tr, err := t.trace(script, nil)
			if err != nil {
				return nil, err
			}
			took[t.name], peak[t.name] = append(took[t.name], tr.took), append(peak[t.name], tr.peak)
			if _, err := tr.stop(); err != nil {
				return nil, err
			}
		}
	}
	return []row{
		compared("start to attached, one uprobe", took["rpcxray"], took["bpftrace"], milliseconds, 5),
		compared("peak memory until then", peak["rpcxray"], peak["bpftrace"], megabytes, 5),
	}, nil
}

// load is the program that is traced.
type load struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (b *bench) startLoad() (*load, error) {
	cmd := exec.Command(b.load)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &load{cmd, in, bufio.NewReader(out)}, cmd.Start()
}

// do has the program carry out a line and returns its answer.
func (l *load) do(format string, args ...any) (int, error) {
	if _, err := fmt.Fprintf(l.in, format+"\n", args...); err != nil {
		return 0, err
	}
	line, err := l.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("the traced program: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(line))
}

func (l *load) end() {
	l.in.Close()
	_ = l.cmd.Wait()
}

// perCall measures the CPU time of one call of the traced function.
func (l *load) perCall(calls int) (time.Duration, error) {
	ns, err := l.do("calls %d", calls)
	return time.Duration(ns / calls), err
}

// hit measures what counting a Go function costs each of its calls.
func (b *bench) hit() ([]row, error) {
	l, err := b.startLoad()
	if err != nil {
		return nil, err
	}
	defer l.end()
	script := fmt.Sprintf(`uprobe:%s:main.work { @ = count(); }`, b.load)
	tools, calls := b.tools(), map[string]int{"rpcxray": 200_000, "bpftrace": 20_000}
	tools[0].argv = []string{b.ours.argv[0], "run", "--max-overhead", "none", "-e"}
	var free []time.Duration
	cost := map[string][]time.Duration{}
	for range b.rounds {
		base, err := l.perCall(calls["rpcxray"])
		if err != nil {
			return nil, err
		}
		free = append(free, base)
		for _, t := range tools {
			tr, err := t.trace(script, nil)
			if err != nil {
				return nil, err
			}
			per, err := l.perCall(calls[t.name])
			if err != nil {
				return nil, err
			}
			cost[t.name] = append(cost[t.name], per-base)
			if _, err := tr.stop(); err != nil {
				return nil, err
			}
		}
	}
	what := fmt.Sprintf("counting a Go function: cost of each call (untraced it takes %v)", median(free))
	return []row{compared(what, cost["rpcxray"], cost["bpftrace"], nanoseconds, 8)}, nil
}
