package language

import (
	"os"
	"testing"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/run"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestEveryEvent has the verifier look at programs that print all arguments of every
// raw tracepoint and tracepoint of this kernel; without RPCXRAY_FULL=1 of some.
func TestEveryEvent(t *testing.T) {
	testkit.Root(t)
	testkit.Need(t, facts.Require(kernel.FeatureTpBTF))
	btf, err := facts.BTF()
	if err != nil {
		t.Fatal(err)
	}
	tfs, err := facts.Tracefs()
	if err != nil {
		t.Fatal(err)
	}
	events, err := tfs.Tracepoints("*", "*")
	if err != nil {
		t.Fatal(err)
	}
	var points []string
	for _, name := range btf.RawTracepoints() {
		points = append(points, "rawtracepoint:"+name)
	}
	for _, name := range events {
		points = append(points, "tracepoint:"+name)
	}
	step := 20
	if os.Getenv("RPCXRAY_FULL") == "1" {
		step = 1
	}
	l := run.NewLoader()
	defer l.Close()
	for i := 0; i < len(points); i += step {
		p := points[i]
		diags, err := l.Load(run.Options{Source: &diag.Source{Name: "every", Text: p + " { print(args) }"}})
		if err != nil {
			t.Errorf("%s: %v", p, err)
		} else if err := diags.Err(); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}
