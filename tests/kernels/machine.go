package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rpcxray/rpcxray/internal/testkit/vm"
)

// machine runs all suites on one kernel.
type machine struct {
	vm.Machine
	kernel   kernel
	suites   []suite
	programs []vm.Program
	output   []strings.Builder // of each suite
	all      bool              // tests run: nobody has asked for some

	failures string // what failing tests printed
	err      error
}

func (m *machine) run(timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	fmt.Printf("# kernel %s %s\n", m.Kernel.Release, m.Append)
	start := time.Now()
	var status []int
	status, m.err = m.Run(ctx, m.programs)
	for i, code := range status {
		verdict, text := "ok  ", m.output[i].String()
		if code != 0 {
			verdict = "FAIL"
			m.fail(i, failures(text))
		} else if missing := notRun(m.suites[i].run, text); len(missing) > 0 && m.all {
			verdict = "FAIL"
			m.fail(i, fmt.Sprintf("no test matches %s\n", strings.Join(missing, ", ")))
		}
		fmt.Printf("%s\t%s\t%s\n", verdict, m.kernel.name, m.suites[i].dir)
	}
	fmt.Printf("# kernel %s: %.0f s\n", m.Kernel.Release, time.Since(start).Seconds())
}

func (m *machine) fail(suite int, text string) {
	m.failures += fmt.Sprintf("# kernel %s, %s\n%s", m.kernel.name, m.suites[suite].dir, text)
}

// prefixed writes whole lines to the standard output, each behind a prefix: machines print
// at the same time.
type prefixed struct {
	prefix string
	part   []byte // of a line
}

func (w *prefixed) Write(p []byte) (int, error) {
	w.part = append(w.part, p...)
	whole := bytes.LastIndexByte(w.part, '\n') + 1
	var out bytes.Buffer
	for line := range bytes.Lines(w.part[:whole]) {
		out.WriteString(w.prefix)
		out.Write(line)
	}
	w.part = w.part[whole:]
	if _, err := os.Stdout.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
