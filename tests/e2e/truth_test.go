package e2e

import (
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// clockSkew bounds, in nanoseconds, by how much the kernel's clock for eBPF
// programs may differ from the one that programs read; both are CLOCK_MONOTONIC.
const clockSkew = 1000

// clockCall is what the program clock tells of a call.
type clockCall struct{ inside, outside int64 } // ns

// TestDurations measures goroutines that change threads and whose stacks move.
func TestDurations(t *testing.T) {
	testkit.Root(t)
	calls := 100
	if testing.Short() {
		calls = 20
	}
	checkDurations(t, built(t, program("clock")), 1, 200, calls)
}

// TestTwoProcesses measures two processes of one binary at once. Go 1.24 puts its
// goroutines at the same addresses in both, if not in every pair.
func TestTwoProcesses(t *testing.T) {
	testkit.Root(t)
	spec := program("clock")
	spec.Toolchain = "go1.24.6"
	path := built(t, spec)
	const pairs = 5
	for range pairs {
		gs := checkDurations(t, path, 2, 500, 10)
		shared := 0
		for g := range gs[0] {
			if gs[1][g] {
				shared++
			}
		}
		t.Logf("%d of %d goroutines are at the same address in both", shared, len(gs[0]))
		if shared > 0 {
			return
		}
	}
	t.Errorf("no goroutines of %d pairs of processes are at the same address: that proves nothing", pairs)
}

// checkDurations compares the duration of every call with what the program measured
// for that same call: from inside it is shorter than ours, from outside longer. It
// returns the addresses of each process's goroutines.
func checkDurations(t *testing.T, path string, processes, workers, calls int) []map[string]bool {
	t.Helper()
	var targets []*testkit.Proc
	for range processes {
		targets = append(targets, start(t, path, strconv.Itoa(workers), strconv.Itoa(calls)))
	}
	tracer := traceRun(t, fmt.Sprintf(`uretprobe:%s:main.measured {
		@ns[pid] = hist(duration);
		printf("call %%s %%s %%s %%p\n", pid, goid, duration, reg("r14"));
	}`, path))
	for _, p := range targets {
		p.Send("go")
	}
	var want []map[string][]clockCall
	for _, p := range targets {
		want = append(want, clockCalls(t, p))
	}
	lines := finish(t, tracer)
	lossless(t, tracer)
	gs := make([]map[string]bool, processes)
	for i, p := range targets {
		leave(t, p)
		gs[i] = map[string]bool{}
		checkCalls(t, lines, strconv.Itoa(p.PID()), want[i], gs[i], workers*calls)
	}
	return gs
}

// checkCalls compares the calls of one process. A goroutine makes one call after
// the other, so its calls come in order.
func checkCalls(t *testing.T, lines []string, pid string, want map[string][]clockCall, gs map[string]bool, calls int) {
	t.Helper()
	seen, near, rows := 0, 0, map[int64]int64{}
	for _, line := range lines {
		f := strings.Fields(line)
		if f[0] != "call" || f[1] != pid {
			continue
		}
		if seen++; len(want[f[2]]) == 0 {
			t.Fatalf("goroutine %s made no such call: %s", f[2], line)
		}
		w := want[f[2]][0]
		want[f[2]] = want[f[2]][1:]
		ns := number(t, f[3])
		if ns < w.inside-clockSkew || ns > w.outside+clockSkew {
			t.Errorf("%s: the program measured %d inside, %d outside", line, w.inside, w.outside)
		}
		if distance(ns, w.inside) <= 1 || distance(ns, w.outside) <= 1 {
			near++
		}
		rows[lowerBound(ns)]++
		gs[f[4]] = true
	}
	if far := seen - near; seen != calls || far > max(seen/1000, 4) {
		t.Errorf("%d of %d calls seen, %d in the right row of the histogram", seen, calls, near)
	}
	checkHist(t, lines, pid, rows)
}

// clockCalls reads what the program clock prints, by goroutine.
func clockCalls(t *testing.T, p *testkit.Proc) map[string][]clockCall {
	t.Helper()
	p.Stdout.WaitLine(`^done$`)
	calls, made, moved := map[string][]clockCall{}, 0, 0
	for _, line := range p.Stdout.Lines() {
		f := strings.Fields(line)
		if f[0] != "call" {
			continue
		}
		calls[f[3]] = append(calls[f[3]], clockCall{number(t, f[1]), number(t, f[2])})
		made++
		if f[4] == "1" {
			moved++
		}
	}
	if made >= 1000 && moved*100 < made { // fewer may well stay where they are
		t.Errorf("%d of %d calls changed threads: too few to prove anything", moved, made)
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

// checkHist compares the process's histogram with one made of the printed
// durations.
func checkHist(t *testing.T, lines []string, pid string, want map[int64]int64) {
	t.Helper()
	at := slices.Index(lines, "@ns["+pid+"]:")
	for _, line := range lines[at+1:] {
		if line[0] == '@' {
			break
		}
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
