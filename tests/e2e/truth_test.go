package e2e

import (
	"fmt"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// clockSkew bounds, in nanoseconds, by how much the kernel's clock for eBPF
// programs may differ from the one that programs read; both are CLOCK_MONOTONIC.
const clockSkew = 1000

// clockCall is what the program clock tells of a call.
type clockCall struct {
	inside, outside int64 // ns
	goid            string
	moved           bool
}

// TestDurations compares the duration of every call with what the program measured
// for that same call: from inside it is shorter than ours, from outside longer.
func TestDurations(t *testing.T) {
	testkit.Root(t)
	workers, calls := 200, 100
	if testing.Short() {
		calls = 20
	}
	path := testkit.Build(t, program("clock"))
	target := start(t, path, strconv.Itoa(workers), strconv.Itoa(calls))
	tracer := traceRun(t, fmt.Sprintf(`uretprobe:%s:main.measured {
		@ns = hist(duration);
		printf("call %%s %%s %%s %%s\n", args.worker, args.call, duration, goid);
	}`, path), "-p", strconv.Itoa(target.PID()))
	target.Send("go")
	want := clockCalls(t, target)
	lines := finish(t, tracer)
	leave(t, target)
	lossless(t, tracer)
	if len(want) != workers*calls {
		t.Fatalf("%d calls made", len(want))
	}
	seen, near, rows := 0, 0, map[int64]int64{}
	for _, line := range lines {
		f := strings.Fields(line)
		if f[0] != "call" {
			continue
		}
		seen++
		w, ok := want[f[1]+" "+f[2]]
		if !ok {
			t.Fatalf("no such call, or seen twice: %s", line)
		}
		delete(want, f[1]+" "+f[2])
		ns := number(t, f[3])
		if ns < w.inside-clockSkew || ns > w.outside+clockSkew {
			t.Errorf("%s: the program measured %d inside, %d outside", line, w.inside, w.outside)
		}
		if f[4] != w.goid {
			t.Errorf("%s: goroutine %s", line, w.goid)
		}
		if distance(ns, w.inside) <= 1 || distance(ns, w.outside) <= 1 {
			near++
		}
		rows[lowerBound(ns)]++
	}
	if seen != workers*calls || near*1000 < seen*999 {
		t.Errorf("%d of %d calls seen, %d in the right row of the histogram", seen, workers*calls, near)
	}
	checkHist(t, lines, rows)
}

// clockCalls reads what the program clock prints, by worker and call.
func clockCalls(t *testing.T, p *testkit.Proc) map[string]clockCall {
	t.Helper()
	p.Stdout.WaitLine(`^done$`)
	calls, moved := map[string]clockCall{}, 0
	for _, line := range p.Stdout.Lines() {
		f := strings.Fields(line)
		if f[0] != "call" {
			continue
		}
		c := clockCall{number(t, f[3]), number(t, f[4]), f[5], f[6] == "1"}
		calls[f[1]+" "+f[2]] = c
		if c.moved {
			moved++
		}
	}
	if moved*100 < len(calls) {
		t.Errorf("%d of %d calls changed threads: too few to prove anything", moved, len(calls))
	}
	return calls
}

// lowerBound is the lower bound of the histogram's row for ns.
func lowerBound(ns int64) int64 { return 1 << (bits.Len64(uint64(ns)) - 1) }

// distance is how many rows of the histogram two times are apart.
func distance(a, b int64) int {
	d := bits.Len64(uint64(a)) - bits.Len64(uint64(b))
	return max(d, -d)
}

var (
	histRow   = regexp.MustCompile(`^\[(\d+)([KMG]?), \d+[KMG]?\) +(\d+) \|`)
	histUnits = map[string]int64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
)

// checkHist compares the printed histogram with one made of the printed durations.
func checkHist(t *testing.T, lines []string, want map[int64]int64) {
	t.Helper()
	for _, line := range lines {
		m := histRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		bound := number(t, m[1]) * histUnits[m[2]]
		if n := number(t, m[3]); n != want[bound] {
			t.Errorf("%d calls in the row of %d ns, want %d", n, bound, want[bound])
		}
		delete(want, bound)
	}
	for bound, n := range want {
		if n > 0 {
			t.Errorf("no row of %d ns for %d calls", bound, n)
		}
	}
}
