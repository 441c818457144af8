package kernel

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFeatureTable(t *testing.T) {
	seen := map[string]bool{}
	table := probes()
	for id, f := range Features() {
		if f.Name == "" || f.Title == "" || f.Need == "" || f.Cost == "" || seen[f.Name] {
			t.Errorf("feature %d is not fully described or twice in the table: %+v", id, f)
		}
		if table[id] == nil {
			t.Errorf("feature %s is never tried", f.Name)
		}
		seen[f.Name] = true
	}
}

// Every kernel that the project is tested on has these.
func TestProbe(t *testing.T) {
	needRoot(t)
	results := Detect().Probe()
	found := map[string]error{}
	for _, r := range results {
		found[r.Feature.Name] = r.Err
		if r.Err != nil && r.Feature.Required {
			t.Errorf("%s: %v", r.Feature.Title, r.Err)
		}
		if r.Err != nil && strings.Contains(r.Err.Error(), "\n") {
			t.Errorf("%s: the reason has several lines: %v", r.Feature.Title, r.Err)
		}
	}
	for _, name := range []string{"btf", "uprobe", "ring_buffer", "perf_buffer", "tracefs", "tracepoint", "raw_tracepoint",
		"tp_btf", "perf_software", "iterator", "read_user_str"} {
		if err := found[name]; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := os.Stat("/sys/bus/event_source/devices/kprobe")
	if errors.Is(err, fs.ErrNotExist) && found["kprobe"] == nil {
		t.Error("kprobes were found on a kernel without them")
	}
}

func TestRefuse(t *testing.T) {
	f := Detect()
	f.Refuse(FeatureUprobeMulti, unix.EOPNOTSUPP)
	if f.Has(FeatureUprobeMulti) {
		t.Error("a refused feature is still there")
	}
	err := f.Require(FeatureUprobeMultiSleepable)
	var unsupported *UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Feature != FeatureUprobeMultiSleepable || !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("what builds on a refused feature gives %v", err)
	}
	want := "uprobe.multi links with cookies: operation not supported"
	if got := f.Require(FeatureUprobeMulti).Error(); got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

// Both limits must be what they were before the probe, unless it raised them.
// Other tests probe, too, so this one runs in a process of its own.
func TestMemlock(t *testing.T) {
	needRoot(t)
	if os.Getenv("KERNEL_TEST_MEMLOCK") == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestMemlock$", "-test.v")
		cmd.Env = append(os.Environ(), "KERNEL_TEST_MEMLOCK=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestMemlock") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	before := unix.Rlimit{Cur: 1 << 16, Max: 1 << 17}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &before); err != nil {
		t.Fatal(err)
	}
	if err := Detect().Require(FeatureMemlock); err != nil {
		t.Fatal(err)
	}
	var after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &after); err != nil {
		t.Fatal(err)
	}
	if after != before && after.Cur != unix.RLIM_INFINITY {
		t.Errorf("RLIMIT_MEMLOCK went from %+v to %+v", before, after)
	}
}

// The features that counting a Go function needs are all that its start pays
// for.
func BenchmarkStart(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("needs root")
	}
	for b.Loop() {
		f := Detect()
		for _, id := range []FeatureID{FeatureMemlock, FeatureUprobeMulti, FeatureAttachCookie, FeatureRingBuffer} {
			if err := f.Require(id); err != nil {
				b.Skip(err)
			}
		}
	}
}
