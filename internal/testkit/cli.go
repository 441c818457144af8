package testkit

import (
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
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

// CLI returns the path of rpcxray.
func CLI(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(EnvBinary); path != "" {
		return path
	}
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// built builds rpcxray from the sources as they are. The go command links it anew only
// when one has changed.
var built = sync.OnceValues(func() (string, error) {
	root, err := fixture.Root()
	if err != nil {
		return "", err
	}
	cache, err := fixture.CacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, fmt.Sprintf("rpcxray-%08x", crc32.ChecksumIEEE([]byte(root)))) // one a copy of the sources
	unlock, err := fixture.Lock(path + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, "./cmd/rpcxray")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building rpcxray: %w\n%s", err, out)
	}
	return path, nil
})
