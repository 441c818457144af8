package tools

import (
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestKernelFunctions tests the tools on a function of the kernel that nobody
// but this test calls, and that is called through a pointer: it is not inlined.
func TestKernelFunctions(t *testing.T) {
	testkit.Root(t)
	testkit.Need(t, kernel.Detect().Require(kernel.FeatureKprobe))
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pid := strconv.Itoa(os.Getpid())
	dir := t.TempDir()
	count := traceIn(t, dir, "funccount", "-p", pid, "--format", "jsonl", "null_lsee*")
	latency := traceIn(t, dir, "funclatency", "-p", pid, "--format", "jsonl", "null_lseek")
	slow := traceIn(t, dir, "funcslower", "-p", pid, "-u0", "-a3", "--format", "jsonl", "p::null_lseek")
	for range 100 {
		if _, err := file.Seek(77, io.SeekStart); err != nil {
			t.Fatal(err)
		}
	}
	if got := rows(t, interrupt(t, count)); len(got) != 1 || got[0]["func"] != "null_lseek" || got[0]["count"] != 100.0 {
		t.Errorf("counted %v, want 100 of null_lseek", got)
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
		if args[1] != 77.0 || args[2] != float64(io.SeekStart) || row["rval"] != 0.0 || row["func"] != "null_lseek" {
			t.Fatalf("row %v of a seek to 77", row)
		}
	}
}
