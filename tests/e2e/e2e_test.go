// Package e2e traces real programs with the real command on the running kernel
// and holds what it prints against what the programs know of themselves.
package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// full tells whether the numbers of calls are those of the project's promises,
// which take minutes.
func full() bool { return os.Getenv("RPCXRAY_FULL") != "" }

// beyondCI leaves the test to runs of all that is promised: it is one of another build
// that others stand for, and would take minutes with its kin.
func beyondCI(t *testing.T) {
	t.Helper()
	if !full() {
		t.Skip("RPCXRAY_FULL is not set")
	}
}

// program describes a fixture of this package, built by the Go of the test.
func program(name string) fixture.Spec {
	return fixture.Spec{Dir: "tests/e2e/testdata/" + name}
}

// built returns the path of a program that no other test runs at the same time.
func built(t *testing.T, s fixture.Spec) string {
	t.Helper()
	return copied(t, testkit.Build(t, s))
}

// copied returns the path of a copy that no other test runs at the same time.
func copied(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(own, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return own
}

// start starts a fixture and waits until it is ready for the line that sets it off.
func start(t *testing.T, path string, args ...string) *testkit.Proc {
	t.Helper()
	p := testkit.Start(t, path, args...)
	p.Stdout.WaitLine(`^ready$`)
	return p
}

// traceRun starts rpcxray run on a script, without a limit of what probes may
// cost, and waits until it is attached.
func traceRun(t *testing.T, script string, args ...string) *testkit.Proc {
	t.Helper()
	args = append([]string{"run", "--max-overhead", "none", "-e", script}, args...)
	p := testkit.StartCLI(t, args...)
	if slices.Contains(args, "json") {
		p.Stdout.WaitLine(`"attached_probes"`)
	} else {
		p.WaitAttached()
	}
	return p
}

// finish ends rpcxray as a user does and returns what it printed, without empty
// lines. Anything but a clean end fails the test.
func finish(t *testing.T, p *testkit.Proc) []string {
	t.Helper()
	if code := p.Stop(syscall.SIGINT); code != 0 {
		t.Fatalf("rpcxray ended with %d\n%s", code, p.Stderr.Text())
	}
	var lines []string
	for _, line := range p.Stdout.Lines() {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// leave lets a fixture end and fails the test unless it is well.
func leave(t *testing.T, p *testkit.Proc) {
	t.Helper()
	p.CloseStdin()
	if code := p.Wait(); code != 0 {
		t.Fatalf("the traced program ended with %d\n%s", code, p.Stderr.Text())
	}
}

// losses are the notices of what rpcxray did not see.
var losses = regexp.MustCompile(`(?i)lost|unreadable|full|without|no probe|partial|replaced`)

// values are what print() has written in the lines of a run whose format is JSON.
func values[T any](lines []string) []T {
	var all []T
	for _, line := range lines {
		var v struct {
			Type string
			Data T
		}
		if json.Unmarshal([]byte(line), &v) == nil && v.Type == "value" {
			all = append(all, v.Data)
		}
	}
	return all
}

// lossless fails the test if rpcxray told of losses.
func lossless(t *testing.T, p *testkit.Proc) {
	t.Helper()
	for _, line := range p.Stderr.Lines() {
		if losses.MatchString(line) {
			t.Errorf("rpcxray says: %s", line)
		}
	}
}

// mapValues are the maps of a run's end, by name, then by key; the value of a
// scalar map has the key "".
type mapValues map[string]map[string]json.RawMessage

// finishMaps ends a run whose format is JSON and returns its maps.
func finishMaps(t *testing.T, p *testkit.Proc) mapValues {
	t.Helper()
	maps := mapValues{}
	for _, line := range finish(t, p) {
		var event struct {
			Type string
			Data map[string]json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Type != "map" && event.Type != "hist" {
			continue // data of other events may be of any type
		}
		for name, data := range event.Data {
			keyed := map[string]json.RawMessage{}
			if json.Unmarshal(data, &keyed) != nil {
				keyed[""] = data
			}
			maps[name] = keyed
		}
	}
	return maps
}

// count is a number in a map, zero where there is none.
func (m mapValues) count(name, key string) int64 {
	var n int64
	json.Unmarshal(m[name][key], &n)
	return n
}

// bucket is a row of a histogram.
type bucket struct{ Min, Max, Count int64 }

func (m mapValues) hist(name, key string) []bucket {
	var rows []bucket
	json.Unmarshal(m[name][key], &rows)
	return rows
}

// total is how many values a histogram holds.
func (m mapValues) total(name, key string) int64 {
	n := int64(0)
	for _, b := range m.hist(name, key) {
		n += b.Count
	}
	return n
}
