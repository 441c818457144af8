package testkit

import (
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// EnvBinary is the environment variable with the path of the rpcxray to test; it
// is built from the sources where it is not set.
const EnvBinary = "RPCXRAY_BIN"

// Result is how a run of rpcxray ended.
type Result struct {
	Stdout string
	Stderr string
	Code   int // exit status, or minus the number of a signal
}

// RunCLI runs rpcxray to its end.
func RunCLI(t testing.TB, args ...string) Result {
	t.Helper()
	p := StartCLI(t, args...)
	p.CloseStdin()
	code := p.Wait()
	return Result{Stdout: p.Stdout.Text(), Stderr: p.Stderr.Text(), Code: code}
}

// StartCLI starts rpcxray; [Proc.WaitAttached] tells when it sees the target.
func StartCLI(t testing.TB, args ...string) *Proc {
	t.Helper()
	return Start(t, CLI(t), args...)
}

// CLI returns the path of rpcxray. The go command links it anew only when a source
// has changed.
func CLI(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(EnvBinary); path != "" {
		return path
	}
	root, err := fixture.Root()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := fixture.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, fmt.Sprintf("rpcxray-%08x", crc32.ChecksumIEEE([]byte(root)))) // one a copy of the sources
	unlock, err := fixture.Lock(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, "./cmd/rpcxray")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building rpcxray: %v\n%s", err, out)
	}
	return path
}
