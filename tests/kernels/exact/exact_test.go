// Package exact compares what rpcxray counts with what a program did, call by call.
// It is meant for kernels that preempt eBPF programs anywhere, where scratch space
// that is not claimed and counters that are not atomic show.
package exact

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

const (
	processes  = 2
	goroutines = 8
	calls      = 10000 // of each goroutine; a multiple of four
)

// script counts in every way that needs the kernel to keep programs apart: plain
// counters, keys longer than the stack, sums of arguments and results, frames.
const script = `
uprobe:%[1]s:main.work {
	@entries = count();
	@arguments = sum(args.n);
	@labels[func, comm, args.label, pid] = count();
}
uretprobe:%[1]s:main.work {
	@returns = count();
	@results = sum(retval);
	@entry_arguments = sum(args.n);
	@timed[duration > 0] = count();
}
`

func TestMain(m *testing.M) { testkit.Main(m) }

func TestCounts(t *testing.T) {
	testkit.Root(t)
	target := testkit.Build(t, fixture.Spec{Dir: "tests/kernels/exact/testdata/calls"})
	var targets []*testkit.Proc
	for range processes {
		p := testkit.Start(t, target, strconv.Itoa(goroutines), strconv.Itoa(calls))
		p.Stdout.WaitLine("^ready$")
		targets = append(targets, p)
	}
	tracer := testkit.StartCLI(t, "run", "--max-overhead", "none", "-e", fmt.Sprintf(script, target))
	tracer.WaitAttached()
	for _, p := range targets {
		p.Send("go")
	}
	for _, p := range targets {
		p.Stdout.WaitLine("^done$")
	}
	if code := tracer.Stop(syscall.SIGINT); code != 0 {
		t.Errorf("exit status %d, standard error:\n%s", code, tracer.Stderr.Text())
	}

	const all = processes * goroutines * calls
	const sum = processes * goroutines * (calls * (calls - 1) / 2)
	want := map[string]int{
		"@entries": all, "@arguments": sum,
		"@returns": all, "@results": sum + all,
		"@entry_arguments": sum, "@timed[true]": all,
	}
	for _, p := range targets {
		for label := range 4 {
			key := fmt.Sprintf("@labels[main.work, calls, %d, %d]", label, p.PID())
			want[key] = goroutines * calls / 4
		}
	}
	if diff := cmp.Diff(want, results(tracer.Stdout.Text())); diff != "" {
		t.Errorf("counts (-want +got):\n%s\nstandard error:\n%s", diff, tracer.Stderr.Text())
	}
	for _, p := range targets {
		p.CloseStdin()
		if code := p.Wait(); code != 0 {
			t.Errorf("target ended with %d:\n%s", code, p.Stderr.Text())
		}
	}
}

var result = regexp.MustCompile(`^(@.*): (\d+)$`)

// results returns the maps that were printed at the end.
func results(text string) map[string]int {
	values := map[string]int{}
	for line := range strings.Lines(text) {
		if m := result.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			values[m[1]], _ = strconv.Atoi(m[2]) // digits
		}
	}
	return values
}
