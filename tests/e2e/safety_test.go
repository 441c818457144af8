package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// stormCalls is how many calls each of the two processes makes.
func stormCalls() int {
	switch {
	case full():
		return 5_000_000
	case testing.Short():
		return 60_000
	}
	return 300_000
}

// stormTally is what a storm says of itself at its end.
type stormTally struct {
	entered, returned map[string]int64
	checksum          string
}

// weather lets a storm run to its end.
func weather(t *testing.T, p *testkit.Proc) stormTally {
	t.Helper()
	tally := stormTally{entered: map[string]int64{}, returned: map[string]int64{}}
	for {
		line := p.Stdout.WaitLine(`^(calls|checksum|wave) (.*)$`)
		fields := strings.Fields(line[2])
		switch line[1] {
		case "calls":
			tally.entered[fields[0]] = number(t, fields[1])
			tally.returned[fields[0]] = number(t, fields[2])
		case "checksum":
			tally.checksum = fields[0]
			return tally
		}
	}
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSafety runs two storms at once, with and without cgo, under a script that
// counts and measures every call, under funclatency, and under funcslower with
// stacks. Both must end as they do untraced, and their own counters must equal ours.
func TestSafety(t *testing.T) {
	testkit.Root(t)
	for _, cgo := range []bool{false, true} {
		t.Run(fmt.Sprintf("cgo=%v", cgo), func(t *testing.T) {
			spec := program("storm")
			spec.CGO = cgo
			checkStorm(t, built(t, spec))
		})
	}
}

func checkStorm(t *testing.T, path string) {
	calls := strconv.Itoa(stormCalls())
	alone := start(t, path, calls)
	alone.Send("go")
	want := weather(t, alone)
	leave(t, alone)

	storms := []*testkit.Proc{start(t, path, calls), start(t, path, calls)}
	pattern := path + ":main.traced*"
	tracer := traceRun(t, strings.ReplaceAll(`
		uprobe:PATTERN { @entered[pid, func] = count(); }
		uretprobe:PATTERN { @returned[pid, func] = count(); @ns[pid, func] = hist(duration); }
		uretprobe:PATTERN /duration > 20000000/ { @slow[ustack] = count(); }`, "PATTERN", pattern), "-f", "json")
	latency := traceTool(t, "funclatency", "-F", "--format", "jsonl", pattern)
	slower := traceTool(t, "funcslower", "-U", "-m", "20", pattern)
	for _, p := range storms {
		p.Send("go")
	}
	for _, p := range storms {
		if got := weather(t, p); got.checksum != want.checksum {
			t.Errorf("checksum %s, untraced %s", got.checksum, want.checksum)
		}
	}
	maps := finishMaps(t, tracer)
	durations := latencyTotals(t, finish(t, latency))
	finish(t, slower)
	for _, p := range storms {
		leave(t, p)
	}
	for fn, n := range want.returned {
		if got := durations[fn]; got != 2*n {
			t.Errorf("%s: funclatency saw %d calls of %d", fn, got, 2*n)
		}
	}
	for fn, n := range want.entered {
		for _, p := range storms {
			key := fmt.Sprintf("%d,%s", p.PID(), fn)
			if got := maps.count("@entered", key); got != n {
				t.Errorf("%s: %d calls seen of %d", fn, got, n)
			}
			if got := maps.count("@returned", key); got != want.returned[fn] {
				t.Errorf("%s: %d returns seen of %d", fn, got, want.returned[fn])
			}
			if got := maps.total("@ns", key); got != want.returned[fn] {
				t.Errorf("%s: %d durations of %d", fn, got, want.returned[fn])
			}
		}
	}
}

// traceTool starts a tool without a limit of what probes may cost, and waits until
// it is attached.
func traceTool(t *testing.T, args ...string) *testkit.Proc {
	t.Helper()
	p := testkit.StartCLI(t, append(args, "--max-overhead", "none")...)
	if slices.Contains(args, "--format") {
		p.Stderr.WaitLine(`^Tracing `) // standard output is for machines
	} else {
		p.Stdout.WaitLine(`^Tracing `)
	}
	return p
}

// latencyTotals adds up funclatency's histograms by function.
func latencyTotals(t *testing.T, lines []string) map[string]int64 {
	t.Helper()
	totals := map[string]int64{}
	for _, line := range lines {
		var row struct {
			Func    string
			Buckets []bucket
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, b := range row.Buckets {
			totals[row.Func] += b.Count
		}
	}
	return totals
}

var noReturn = regexp.MustCompile(`^WARNING: (\d+) calls? ha(?:ve|s) no return`)

// TestCallsWithoutReturn holds the number of calls that a panic or Goexit ended
// against the program's own; no such call may leave a frame behind.
func TestCallsWithoutReturn(t *testing.T) {
	testkit.Root(t)
	path := built(t, program("storm"))
	storm := start(t, path, "60000")
	tracer := traceRun(t, strings.ReplaceAll(`uretprobe:PATH:main.tracedRisky, uretprobe:PATH:main.tracedLeaves,
		uretprobe:PATH:main.tracedWork, uretprobe:PATH:main.tracedNested { @ns[func] = hist(duration); }`, "PATH", path), "-p", strconv.Itoa(storm.PID()))
	storm.Send("go")
	own := weather(t, storm)
	leave(t, storm)
	finish(t, tracer)
	want, got := int64(0), int64(0)
	for _, fn := range []string{"main.tracedRisky", "main.tracedLeaves", "main.tracedWork", "main.tracedNested"} {
		want += own.entered[fn] - own.returned[fn]
	}
	for _, line := range tracer.Stderr.Lines() {
		if m := noReturn.FindStringSubmatch(line); m != nil {
			got += number(t, m[1])
		}
	}
	if want == 0 || got != want {
		t.Errorf("%d calls reported without a return, want %d\n%s", got, want, tracer.Stderr.Text())
	}
}
