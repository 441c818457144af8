// Package testkit is what the tests of several packages share: rights and kernel
// features they need, fixture programs, processes that are waited for line by
// line, the command itself, golden files and a check for leaked files. Only tests
// import it.
package testkit

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// EnvKernelHas is the environment variable with the features, by name and
// separated by commas, that the kernel is known to have: a test that misses one of
// them fails instead of being skipped.
const EnvKernelHas = "RPCXRAY_KERNEL_HAS"

// EnvKernel is the environment variable with the matrix's name of the kernel, in the
// virtual machines of tests/kernels.
const EnvKernel = "RPCXRAY_KERNEL"

var update = flag.Bool("update", false, "rewrite the golden files")

// Root skips a test that an ordinary user cannot run; where CI=true is set it
// fails, for there every test is to be run.
func Root(t testing.TB) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	unavailable(t, "needs root")
}

// Need skips the test if err is a kernel's lack of a feature, and fails it if the
// kernel is known to have the feature (see [EnvKernelHas]) or if err is any other
// error. A nil error is fine.
func Need(t testing.TB, err error) {
	t.Helper()
	var lack *kernel.UnsupportedError
	switch {
	case err == nil:
	case !errors.As(err, &lack):
		t.Fatal(err)
	case expected(lack.Feature, os.Getenv(EnvKernelHas)):
		t.Fatalf("%v, although this kernel is known to have it", err)
	default:
		t.Skip(err)
	}
}

// expected tells whether a list of names has the feature.
func expected(id kernel.FeatureID, names string) bool {
	for name := range strings.SplitSeq(names, ",") {
		if name == id.String() {
			return true
		}
	}
	return false
}

// unavailable skips the test, or fails it where every test is to be run.
func unavailable(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Build returns the path of the Go binary that s describes.
func Build(t testing.TB, s fixture.Spec) string {
	t.Helper()
	path, err := fixture.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// BuildC returns the path of a binary made from one C, C++ or Rust file; see
// [fixture.BuildC]. Without a compiler the test is skipped.
func BuildC(t testing.TB, source string, flags ...string) string {
	t.Helper()
	path, err := fixture.BuildC(source, flags...)
	if errors.Is(err, exec.ErrNotFound) {
		unavailable(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Golden compares got with the file at path, which go test -update rewrites. A
// missing file is a failure.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %s", path, firstDifference(string(got), string(want)))
	}
}

// firstDifference shows the first lines in which two texts differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	n := 0
	for n < len(g) && n < len(w) && g[n] == w[n] {
		n++
	}
	at := func(lines []string) string {
		if n == len(lines) {
			return "(end of text)"
		}
		return lines[n]
	}
	return fmt.Sprintf("line %d differs\n got: %s\nwant: %s", n+1, at(g), at(w))
}
