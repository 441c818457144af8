package random

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/run"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// EnvScripts is how many scripts are tried, EnvSeed the seed of the first one.
const (
	EnvScripts = "RPCXRAY_RANDOM"
	EnvSeed    = "RPCXRAY_RANDOM_SEED"
)

const (
	defaultScripts  = 300
	emulatedScripts = 30               // in a virtual machine, which takes thirty times as long
	slowest         = 10 * time.Second // from text to loaded
	leastAccepted   = 50               // percent, or the test would test little
	mostShown       = 10               // scripts that fail
)

func fromEnv(t *testing.T, name string, without uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return without
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestAcceptedScriptsLoad has scripts checked and verified. What the checks
// accept, the kernel must.
func TestAcceptedScriptsLoad(t *testing.T) {
	testkit.Root(t)
	target := testkit.Build(t, fixture.Spec{Dir: "tests/cli/testdata/target"})
	loader := run.NewLoader()
	defer loader.Close()
	few := uint64(defaultScripts)
	if os.Getenv(testkit.EnvKernelHas) != "" {
		few = emulatedScripts
	}
	n, seed := fromEnv(t, EnvScripts, few), fromEnv(t, EnvSeed, 0)
	refused := map[string]uint64{} // diagnostics by their text: seeds
	accepted, failed := uint64(0), 0
	longest, longestSeed := time.Duration(0), seed
	for i := seed; i < seed+n && failed < mostShown; i++ {
		script := Script(i, target)
		start := time.Now()
		diags, err := load(loader, script)
		took := time.Since(start)
		if took > slowest {
			failed++
			t.Errorf("seed %d took %v:\n%s", i, took, script)
		}
		if took > longest {
			longest, longestSeed = took, i
		}
		switch {
		case err != nil:
			failed++
			t.Errorf("seed %d is refused: %v\n%s", i, explained(err), script)
		case diags.HasErrors():
			refused[(&diag.ListError{List: diags}).Error()] = i
		default:
			accepted++
		}
	}
	if t.Failed() {
		return
	}
	t.Logf("%d scripts from seed %d: %d accepted, all of them loaded; the slowest of seed %d in %v", n, seed, accepted, longestSeed, longest)
	if accepted*100 < n*leastAccepted {
		for msg, i := range refused {
			t.Logf("seed %d: %s", i, msg)
		}
		t.Errorf("only %d of %d scripts pass the checks", accepted, n)
	}
}

// load makes an error of a panic, so that the script is shown.
func load(l *run.Loader, script string) (diags *diag.List, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return l.Load(run.Options{Source: &diag.Source{Name: "random", Text: script}})
}

func explained(err error) string {
	var list *diag.ListError
	if !errors.As(err, &list) {
		return fmt.Sprintf("%+v", err)
	}
	d := list.List.All[0]
	line, col, _ := list.List.Source.Position(d.Span)
	return fmt.Sprintf("%d:%d: %s", line, col, d.Msg)
}
