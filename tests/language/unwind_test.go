package language

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

// unwinds skips where no stacks can be unwound.
func unwinds(t *testing.T) string {
	t.Helper()
	testkit.Root(t)
	testkit.Need(t, kernel.Detect().Require(kernel.FeatureTaskRegs))
	return programs(t)
}

func running(t *testing.T, name string, args ...string) int {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// TestUnwindAnywhere takes the stack of a running program wherever a timer interrupts
// it: each has all of its callers.
func TestUnwindAnywhere(t *testing.T) {
	dir := unwinds(t)
	pid := running(t, filepath.Join(dir, "loads"))
	const samples = 60
	script := fmt.Sprintf(`config = { unstable_dw_ustack = enable; show_debug_info = false }
profile:us:997 { printf("%%s|", dw_ustack); @n++; if (@n >= %d) { exit() } } end { clear(@n) }`, samples)
	r := testkit.RunCLI(t, "run", "-q", "-p", fmt.Sprint(pid), "-e", script)
	if r.Code != 0 || r.Stderr != "" {
		t.Fatalf("status %d\n%s", r.Code, r.Stderr)
	}
	whole := regexp.MustCompile(`^\s*(spin\+\d+\s+)?(spun\+\d+\s+)?main\+\d+\s+(\S+\s+)+_start\+\d+\s*$`)
	stacks := strings.Split(strings.TrimRight(r.Stdout, "|\n"), "|")
	deep := 0
	for _, s := range stacks {
		if !whole.MatchString(s) {
			t.Errorf("a stack is not whole:%s", s)
		}
		if strings.Contains(s, "spin+") && strings.Contains(s, "spun+") {
			deep++
		}
	}
	if len(stacks) < samples || deep < samples/2 {
		t.Errorf("%d stacks, %d of them with both callers", len(stacks), deep)
	}
}

// TestUnwindLateLibrary probes a library that the process loads when all is attached.
func TestUnwindLateLibrary(t *testing.T) {
	dir := unwinds(t)
	library := filepath.Join(dir, "loads_library")
	script := fmt.Sprintf(`config = { unstable_dw_ustack = enable; show_debug_info = false }
uprobe:%s:inner /len(dw_ustack) > 4/ { print(dw_ustack); exit() }`, library)
	r := testkit.RunCLI(t, "run", "-q", "-c", filepath.Join(dir, "loads")+" "+library, "-e", script)
	want := regexp.MustCompile(`^\s*inner\+0\s+outer\+\d+\s+main\+\d+\s+(\S+\s+)+_start\+\d+\s*$`)
	if r.Code != 0 || !want.MatchString(r.Stdout) {
		t.Errorf("status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// TestUnwindNamedProcess: others than those of --dwarf-pid have the stacks of their
// frame pointers, and a process has to be there.
func TestUnwindNamedProcess(t *testing.T) {
	dir := unwinds(t)
	program := filepath.Join(dir, "loads")
	known, other := running(t, program), running(t, program)
	script := fmt.Sprintf(`config = { unstable_dw_ustack = enable }
uprobe:%s:spun { @[pid] = max(len(dw_ustack)); @n[pid] = count(); if (len(@n) > 1) { exit() } } end { clear(@n) }`, program)
	r := testkit.RunCLI(t, "run", "-q", "--dwarf-pid", fmt.Sprint(known), "-e", script)
	if r.Code != 0 || !strings.Contains(r.Stdout, fmt.Sprintf("@[%d]: 5\n", known)) || strings.Contains(r.Stdout, fmt.Sprintf("@[%d]: 5\n", other)) {
		t.Errorf("status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	r = testkit.RunCLI(t, "run", "-q", "--dwarf-pid", "4194304", "-e", script)
	if r.Code != 1 || !strings.Contains(r.Stderr, "process 4194304") {
		t.Errorf("status %d\n%s", r.Code, r.Stderr)
	}
}

// TestManyStacksInTimer takes several stacks in programs that nothing may interrupt:
// the first ones are kept, too.
func TestManyStacksInTimer(t *testing.T) {
	testkit.Root(t)
	r := testkit.RunCLI(t, "run", "-e", `profile:hz:499 { @[kstack, ustack, kstack(3), ustack(3)] = count(); @n++ }
		interval:ms:300 { exit() } end { print(@n > 20); clear(@); clear(@n) }`)
	if r.Code != 0 || strings.TrimSpace(r.Stdout) != "true" || strings.Contains(r.Stderr, "not kept") {
		t.Errorf("status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}
