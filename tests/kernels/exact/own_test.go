package exact

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// Programs of perf's events add to a CPU's own words without atomic instructions,
// since none interrupts another: here timers want to, and threads of one CPU preempt
// each other.
const ownScript = `tracepoint:syscalls:sys_enter_getppid / pid == %d / {
	@count = count(); @sum = sum(2); @total[0] = sum(1); @keyed[tid %% 3] = count();
}
profile:hz:4999 { @ticks[cpu] = count(); }
end { clear(@ticks); }`

var missed = regexp.MustCompile(`(\d+) hits? missed`)

func TestOwnWords(t *testing.T) {
	testkit.Root(t)
	const threads, calls = 8, 20_000
	tracer := testkit.StartCLI(t, "run", "-e", fmt.Sprintf(ownScript, os.Getpid()))
	tracer.WaitAttached()
	var wg sync.WaitGroup
	for i := range threads {
		wg.Go(func() {
			runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
			var cpu unix.CPUSet
			cpu.Set(i % runtime.NumCPU())
			if err := unix.SchedSetaffinity(0, &cpu); err != nil {
				t.Error(err)
				return
			}
			for range calls {
				unix.Getppid()
			}
		})
	}
	wg.Wait()
	if code := tracer.Stop(syscall.SIGINT); code != 0 {
		t.Errorf("exit status %d, standard error:\n%s", code, tracer.Stderr.Text())
	}
	got := results(tracer.Stdout.Text())
	count, keyed := got["@count"], got["@keyed[0]"]+got["@keyed[1]"]+got["@keyed[2]"]
	// A program is not run where one was preempted inside of the kernel's map code.
	untold := threads*calls - count
	if m := missed.FindStringSubmatch(tracer.Stderr.Text()); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits
		untold = max(untold-n, 0)
	}
	if untold != 0 || got["@sum"] != 2*count || got["@total[0]"] != count || keyed != count {
		t.Errorf("%d calls:\n%s\nstandard error:\n%s", threads*calls, tracer.Stdout.Text(), tracer.Stderr.Text())
	}
}
