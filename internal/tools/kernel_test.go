package tools

import (
	"os"
	"strconv"
	"testing"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestKernelFunctions tests the tools on a function of the kernel that this
// process calls a known number of times.
func TestKernelFunctions(t *testing.T) {
	testkit.Root(t)
	testkit.Need(t, kernel.Detect().Require(kernel.FeatureKprobe))
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	pid := strconv.Itoa(os.Getpid())
	dir := t.TempDir()
	count := traceIn(t, dir, "funccount", "-p", pid, "--format", "jsonl", "vfs_writ*")
	latency := traceIn(t, dir, "funclatency", "-p", pid, "--format", "jsonl", "vfs_write")
	slow := traceIn(t, dir, "funcslower", "-p", pid, "-u0", "-a3", "--format", "jsonl", "p::ksys_write")
	text := make([]byte, 77)
	for range 100 {
		if _, err := null.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if got := rows(t, interrupt(t, count)); len(got) != 1 || got[0]["func"] != "vfs_write" || got[0]["count"] != 100.0 {
		t.Errorf("counted %v, want 100 of vfs_write", got)
	}
	if got := rows(t, interrupt(t, latency)); len(got) != 2 || got[1]["count"] != 100.0 {
		t.Errorf("timed %v, want 100", got)
	}
	got := rows(t, interrupt(t, slow))
	if len(got) != 100 {
		t.Errorf("%d slow calls, want 100", len(got))
	}
	for _, row := range got {
		args := row["args"].([]any)
		if args[0] != float64(null.Fd()) || args[2] != 77.0 || row["rval"] != 77.0 || row["func"] != "ksys_write" {
			t.Fatalf("row %v of a write of 77 bytes to file %d", row, null.Fd())
		}
	}
}
