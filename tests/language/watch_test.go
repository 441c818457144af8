package language

import (
	"debug/elf"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// address returns where a variable of a program is.
func address(t *testing.T, bin, name string) uint64 {
	t.Helper()
	f, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range syms {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("%s has no %s", bin, name)
	return 0
}

// written is a variable that another than rpcxray watches.
var written int64

// breakpointsFire tells whether this machine's processors report writes at all: some
// hypervisors take a breakpoint and never raise its exception.
func breakpointsFire(t *testing.T) bool {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_BREAKPOINT, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Sample: 1,
		Bp_type: 2 /* HW_BREAKPOINT_W */, Ext1: uint64(uintptr(unsafe.Pointer(&written))), Ext2: 8}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		t.Fatalf("perf event: %v", err)
	}
	defer unix.Close(fd)
	written++
	var count [8]byte
	if n, err := unix.Read(fd, count[:]); n != len(count) || err != nil {
		t.Fatalf("perf event: %d bytes, %v", n, err)
	}
	return count != [8]byte{}
}

// TestWatchpoint needs an address, which a case cannot know. The machines of make
// test-kernels raise the exception.
func TestWatchpoint(t *testing.T) {
	testkit.Root(t)
	if !breakpointsFire(t) {
		t.Skip("this machine raises no exception for hardware breakpoints")
	}
	bin := testkit.Build(t, fixture.Spec{Dir: "tests/language/testdata/watched"})
	at := address(t, bin, "main.Watched")
	count := func(script string) int {
		t.Helper()
		r := testkit.RunCLI(t, "run", "-q", "-c", bin, "-e", script)
		m := regexp.MustCompile(`@: (\d+)`).FindStringSubmatch(r.Stdout)
		if m == nil || r.Code != 0 {
			t.Fatalf("%s\n%s%s", script, r.Stdout, r.Stderr)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(fmt.Sprintf("watchpoint:%#x:8:w /pid == cpid/ { @ = count() }", at)); n != 50 {
		t.Errorf("%d writes seen, want 50", n)
	}
	if n := count(fmt.Sprintf("w:%#x:8:rw /pid == cpid/ { @ = count() }", at)); n < 50 {
		t.Errorf("%d accesses seen, want 50 or more", n)
	}
	n := count(fmt.Sprintf("watchpoint:%#x:8:w /pid == cpid/ { @ = count(); unwatch(%#x) }", at, at))
	if n < 1 || n > 40 {
		t.Errorf("%d writes seen with unwatch(), want some of 50", n)
	}
}
