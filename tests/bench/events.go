package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
)

const (
	eventRate    = 200_000 // a second
	eventSeconds = 10
	burstEvents  = 1_000_000
	delivered    = 0.99 // share that has to come through
)

var lostNotice = regexp.MustCompile(`(?i)lost (\d+) event`)

// outcome is what became of the events.
type outcome struct{ sent, printed, lost int }

func (o outcome) row(what string) row {
	return row{what: what, ours: o.String(), limit: "99 %, none untold", met: o.share() >= delivered && o.told()}
}

// share is what part of the events was printed, told whether each was printed or
// told as lost.
func (o outcome) share() float64 { return float64(o.printed) / float64(o.sent) }
func (o outcome) told() bool     { return o.printed+o.lost == o.sent }

// String tells what was delivered, told as lost, and neither.
func (o outcome) String() string {
	percent := func(n int) float64 { return 100 * float64(n) / float64(o.sent) }
	return fmt.Sprintf("%.2f %% printed, %d lost, %d untold", percent(o.printed), o.lost, o.sent-o.printed-o.lost)
}

// events sends more events than a person can read and counts what is printed.
func (b *bench) events() ([]row, error) {
	what := fmt.Sprintf("printf, %d events a second for %d s, to a ", eventRate, eventSeconds)
	paced := []any{"pace %d %d", eventRate, eventSeconds}
	piped, err := b.flood(b.ours, nil, paced...)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "rpcxray-bench-events")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	filed, err := b.flood(b.ours, file, paced...)
	if err != nil {
		return nil, err
	}
	burst, err := b.flood(b.ours, nil, "burst %d", burstEvents)
	if err != nil {
		return nil, err
	}
	rows := []row{piped.row(what + "pipe"), filed.row(what + "file"), {
		what: fmt.Sprintf("printf, %d events as fast as they come, to a pipe", burstEvents),
		ours: burst.String(), limit: "none untold", met: burst.told(),
	}}
	if b.peer == nil {
		return rows, nil
	}
	other, err := b.flood(*b.peer, nil, paced...)
	if err != nil {
		return nil, err
	}
	rows[0].peer = other.String()
	if other, err = b.flood(*b.peer, nil, "burst %d", burstEvents); err != nil {
		return nil, err
	}
	last := &rows[2]
	last.peer, last.limit, last.met = other.String(), "none untold, as many as bpftrace's", burst.told() && burst.share() >= other.share()
	return rows, nil
}

// flood has the traced program send events, as the line tells it, and counts what
// the tool prints.
func (b *bench) flood(t tool, file *os.File, line ...any) (o outcome, err error) {
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
	if o.sent, err = l.do(line[0].(string), line[1:]...); err != nil {
		return o, err
	}
	if _, err := tr.stop(); err != nil {
		return o, err
	}
	o.lost = tr.lost()
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

// lost is how many events a tool tells it has lost.
func (tr *trace) lost() (n int) {
	for _, m := range lostNotice.FindAllStringSubmatch(tr.err.text()+tr.out.text(), -1) {
		some, _ := strconv.Atoi(m[1])
		n += some
	}
	return n
}
