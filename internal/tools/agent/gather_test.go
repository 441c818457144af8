package agent

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNames tests that a name that the kernel has cut is that of the executable, where
// one name only begins with it.
func TestNames(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	start := func(name string) {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, binary, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	start("one-long-name-of-a-service")
	start("two-long-names-a")
	start("two-long-names-b")
	n := names{}
	for comm, want := range map[string]string{
		"short": "short", "one-long-name-o": "one-long-name-of-a-service", "two-long-names-": "two-long-names-", "nobody-has-this": "nobody-has-this",
	} {
		if got := n.of(comm); got != want || n.of(comm) != want {
			t.Errorf("%s is %s, want %s", comm, got, want)
		}
	}
}
