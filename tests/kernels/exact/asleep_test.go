package exact

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// TestAsleep lets a program sleep until a page comes, while on its CPU it runs for
// another thread. Each has to see what is its own.
func TestAsleep(t *testing.T) {
	testkit.Root(t)
	testkit.Need(t, kernel.Detect().Require(kernel.FeatureUprobeMultiSleepable))
	target := testkit.Build(t, fixture.Spec{Dir: "tests/kernels/exact/testdata/asleep"})
	p := testkit.Start(t, target)
	p.Stdout.WaitLine("^ready$")
	tracer := testkit.StartCLI(t, "run", "--max-overhead", "none", "-e",
		`uprobe:`+target+`:main.work { printf("%d %d %d %d\n", args.n, args.n * 2, args.p.N, args.n * 3); }`)
	tracer.WaitAttached()
	p.Send("go")
	p.Stdout.WaitLine("^results 12 24$")
	p.CloseStdin()
	if code := tracer.Stop(syscall.SIGINT); code != 0 {
		t.Fatalf("rpcxray ended with %d\n%s", code, tracer.Stderr.Text())
	}
	lines := strings.FieldsFunc(tracer.Stdout.Text(), func(r rune) bool { return r == '\n' })
	slices.Sort(lines)
	if want := []string{"1 2 11 3", "2 4 22 6"}; !slices.Equal(lines, want) {
		t.Errorf("the calls were\n%q, want\n%q\n%s", lines, want, tracer.Stderr.Text())
	}
}
