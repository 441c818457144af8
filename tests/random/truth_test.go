package random

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// EnvTold is how many scripts are run.
const EnvTold = "RPCXRAY_RANDOM_TOLD"

const (
	defaultTold  = 12
	emulatedTold = 3
	together     = 8 // programs in a script
)

// TestToldScripts runs scripts of which it is known what they print.
func TestToldScripts(t *testing.T) {
	testkit.Root(t)
	few := uint64(defaultTold)
	if os.Getenv(testkit.EnvKernelHas) != "" {
		few = emulatedTold
	}
	n, seed := fromEnv(t, EnvTold, few), fromEnv(t, EnvSeed, 0)
	failed := 0
	for i := seed; i < seed+n && failed < mostShown; i++ {
		script, want := Told(i, together)
		r := testkit.RunCLI(t, "run", "--no-warnings", "-e", script)
		got := told(r.Stdout)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || r.Code != 0 {
			failed++
			t.Errorf("seed %d: status %d, %s\n%s\n%s", i, r.Code, r.Stderr, diff, script)
		}
	}
}

// told are the lines that are known: what is printed, and without its bars what the
// histograms and statistics have when the program ends.
func told(out string) []string {
	var lines []string
	for _, line := range strings.Split(out, "\n") {
		bucket, _, hist := strings.Cut(line, "|")
		switch {
		case hist:
			lines = append(lines, strings.Join(strings.Fields(bucket), " "))
		case strings.HasPrefix(line, "("), strings.HasPrefix(line, "@stats: "):
			lines = append(lines, line)
		}
	}
	return lines
}
