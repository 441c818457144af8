package language

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestPinnedIterator reads a file that runs a script: what it prints are the tasks at
// the time of reading.
func TestPinnedIterator(t *testing.T) {
	testkit.Root(t)
	testkit.Need(t, kernel.Detect().Require(kernel.FeatureIterator))
	dir := t.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, 0)
	file := filepath.Join(dir, "tasks")
	const script = `iter:task:%s /ctx.task.pid == ctx.task.tgid/ {
		printf("%%s|%%-6d|%%x|%%hhd|%%lld|%%3s|\n", ctx.task.comm, ctx.task.pid, ctx.task.pid, 513, -1, "ab"); }`
	r := testkit.RunCLI(t, "run", "-e", fmt.Sprintf(script, file))
	if r.Code != 0 || !strings.Contains(r.Stdout+r.Stderr, "Program pinned to "+file) {
		t.Fatalf("status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	child := testkit.Start(t, "sleep", "60")
	for i := range 2 {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("sleep|%-6d|%x|1|-1| ab|\n", child.PID(), child.PID())
		if got := strings.Contains(string(text), want); got != (i == 0) {
			t.Errorf("%q in the file: %v\n%s", want, got, text)
		}
		child.Stop(os.Kill)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if r := testkit.RunCLI(t, "run", "-e", "iter:task:/tmp/x { printf(\"x\"); }"); r.Code != 1 || !strings.Contains(r.Stderr, "bpf file system") {
		t.Errorf("status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}
