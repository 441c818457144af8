// Package language runs programs of the tracing language in the kernel and
// compares what they print. The same cases run in bpftrace: see TestConfirm.
package language

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

var record = flag.Bool("record", false, "write what the programs print into the cases: rpcxray's output in TestCases, bpftrace's in TestConfirm")

// What TestConfirm reads from the environment.
const (
	EnvReference = "RPCXRAY_CONFIRM_CHROOT" // root of a system with bpftrace in it
	EnvConfirm   = "RPCXRAY_CONFIRM"        // 1: that there is none is a failure
)

// caseTime bounds one program; machines without hardware support are slow.
func caseTime() time.Duration {
	if os.Getenv(testkit.EnvKernel) != "" {
		return time.Minute
	}
	return 6 * time.Second
}

// engine is what the cases run in.
type engine struct {
	start     []string // command up to its options
	reference bool
}

func (e engine) run(t *testing.T, c *testCase) (stdout, stderr string, status int) {
	t.Helper()
	args := append(e.start[1:len(e.start):len(e.start)], c.flags...)
	if c.command != "" {
		args = append(args, "-c", c.command)
	}
	args = append(append(args, "-e", c.prog), c.args...)
	ctx, cancel := context.WithTimeout(context.Background(), caseTime())
	defer cancel()
	cmd := exec.CommandContext(ctx, e.start[0], args...)
	cmd.Env = append(os.Environ(), c.env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		status = exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	return strings.Trim(out.String(), "\n"), errOut.String(), status
}

func TestCases(t *testing.T) {
	testkit.Root(t)
	engine{start: []string{testkit.CLI(t), "run"}}.checkAll(t)
}

// TestConfirm runs the cases in bpftrace.
func TestConfirm(t *testing.T) {
	root := os.Getenv(EnvReference)
	switch {
	case hasBpftrace(root):
		reference(t, root, programs(t)).checkAll(t)
	case os.Getenv(EnvConfirm) == "1":
		t.Fatalf("%s=%q is no system with bpftrace", EnvReference, root)
	default:
		t.Skipf("%s names no system with bpftrace", EnvReference)
	}
}

func (e engine) checkAll(t *testing.T) {
	dir := programs(t)
	for _, file := range caseFiles(t) {
		cases := readCases(t, file)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { e.check(t, c, dir) })
			}
		})
		if *record {
			writeCases(t, file, cases)
		}
	}
}

func writeCases(t *testing.T, file string, cases []*testCase) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(text), "NAME ")
	var parts []string
	for _, c := range cases {
		parts = append(parts, c.format())
	}
	parts[0] = comment + parts[0]
	if err := os.WriteFile(file, []byte(strings.Join(parts, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// facts tells which cases this kernel can run.
var facts = kernel.Detect()

// feature finds a feature by its name.
func feature(t *testing.T, name string) kernel.FeatureID {
	t.Helper()
	for id, f := range kernel.Features() {
		if f.Name == name {
			return kernel.FeatureID(id)
		}
	}
	t.Fatalf("no feature is called %q", name)
	return 0
}

// needModule skips a case where a module is not loaded. The machines of
// tests/kernels have loaded it.
func needModule(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Stat("/sys/module/" + name); err == nil {
		return
	}
	if os.Getenv(testkit.EnvKernel) != "" {
		t.Fatalf("module %s is not loaded", name)
	}
	t.Skipf("module %s is not loaded", name)
}

// needFunc skips a case on a kernel without a function that programs may call.
func needFunc(t *testing.T, name string) {
	t.Helper()
	btf, err := facts.BTF()
	testkit.Need(t, err)
	if _, ok := btf.FuncID(name); !ok {
		t.Skipf("this kernel has no function %s", name)
	}
}

// needIter skips a case on a kernel without an iterator.
func needIter(t *testing.T, name string) {
	t.Helper()
	btf, err := facts.BTF()
	testkit.Need(t, err)
	if !slices.Contains(btf.Iterators(), name) {
		t.Skipf("this kernel has no iterator %s", name)
	}
}

// check runs one case. Messages differ between the engines on purpose, so only
// rpcxray's are compared. The programs lie in dir.
func (e engine) check(t *testing.T, c *testCase, dir string) {
	if e.reference && c.only != "" {
		t.Skip(c.only)
	}
	for _, name := range strings.Fields(c.need) {
		if module, ok := strings.CutPrefix(name, "module:"); ok {
			needModule(t, module)
		} else if fn, ok := strings.CutPrefix(name, "kfunc:"); ok {
			needFunc(t, fn)
		} else if iter, ok := strings.CutPrefix(name, "iter:"); ok {
			needIter(t, iter)
		} else if arch, ok := strings.CutPrefix(name, "arch:"); ok {
			if arch != runtime.GOARCH {
				t.Skip("it is about " + arch)
			}
		} else if lacked, ok := strings.CutPrefix(name, "no:"); ok {
			if facts.Has(feature(t, lacked)) {
				t.Skip("this kernel has " + lacked)
			}
		} else {
			testkit.Need(t, facts.Require(feature(t, name)))
		}
	}
	stdout, stderr, status := e.run(t, c.placed(dir))
	stdout, stderr = unplaced(stdout, dir), unplaced(stderr, dir)
	if *record && c.match == "" {
		c.expect, c.status = stdout, status
		return
	}
	if c.match != "" {
		if !regexp.MustCompile(`^(?s:` + c.match + `)$`).MatchString(stdout) {
			t.Errorf("%s\nprints\n%s\nwhich does not match %s\n%s", c.prog, stdout, c.match, stderr)
		}
	} else if stdout != c.expect {
		t.Errorf("%s\nprints\n%s\nwant\n%s\n%s", c.prog, stdout, c.expect, stderr)
	}
	if status != c.status {
		t.Errorf("%s\nends with status %d, want %d\n%s", c.prog, status, c.status, stderr)
	}
	if !e.reference && !strings.Contains(stderr, c.stderr) {
		t.Errorf("%s\ntells\n%s\nwant %q in it", c.prog, stderr, c.stderr)
	}
}
