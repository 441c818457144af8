package kernel

import (
	"os"
	"testing"
)

// needRoot skips what an ordinary user may not do; the suite as a whole is run
// as root.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}
