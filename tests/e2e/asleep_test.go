package e2e

import (
	"slices"
	"testing"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestAsleep lets a program sleep until a page comes, while on its CPU it runs for
// another thread. Each has to see what is its own.
func TestAsleep(t *testing.T) {
	testkit.Root(t)
	testkit.Need(t, kernel.Detect().Require(kernel.FeatureUprobeMultiSleepable))
	path := built(t, program("asleep"))
	p := start(t, path)
	tracer := traceRun(t, `uprobe:`+path+`:main.work { printf("%d %d %d %d\n", args.n, args.n * 2, args.p.N, args.n * 3); }`)
	p.Send("go")
	p.Stdout.WaitLine(`^results 12 24$`)
	leave(t, p)
	lines := finish(t, tracer)
	slices.Sort(lines)
	if want := []string{"1 2 11 3", "2 4 22 6"}; !slices.Equal(lines, want) {
		t.Errorf("the calls were\n%q, want\n%q", lines, want)
	}
	lossless(t, tracer)
}
