package kernel

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// counter is an eBPF program that counts how often this process ran it, or
// with all, how often anything did.
type counter struct {
	t *testing.T
	m *ebpf.Map
	p *ebpf.Program
}

func newCounter(t *testing.T, kind ebpf.ProgramType, all bool) *counter {
	t.Helper()
	needRoot(t)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	pid := int32(os.Getpid())
	test := asm.Instructions{
		asm.FnGetCurrentPidTgid.Call(),
		asm.RSh.Imm(asm.R0, 32),
		asm.JNE.Imm(asm.R0, pid, "out"),
	}
	if all {
		test = nil
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: kind, License: "GPL", Instructions: slices.Concat(test, asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return &counter{t, m, p}
}

// attach takes over fd.
func (c *counter) attach(fd int, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	l, err := link.AttachRawLink(link.RawLinkOptions{Target: fd, Program: c.p, Attach: ebpf.AttachPerfEvent})
	if err != nil {
		unix.Close(fd)
		c.t.Skipf("links of perf events: %v", err)
	}
	c.t.Cleanup(func() {
		l.Close()
		unix.Close(fd)
	})
}

func (c *counter) value() uint64 {
	c.t.Helper()
	var n uint64
	if err := c.m.Lookup(uint32(0), &n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// waitFor spins until the counter has reached n.
func (c *counter) waitFor(n uint64) {
	c.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); c.value() < n; runtime.Gosched() {
		if time.Now().After(deadline) {
			c.t.Fatalf("%d hits after 10 s, want %d", c.value(), n)
		}
	}
}

// getppid, because Go's runtime calls getpid when it preempts a goroutine.
func TestTracepointCountsCalls(t *testing.T) {
	c := newCounter(t, ebpf.TracePoint, false)
	fs, err := OpenTracefs()
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	format, err := fs.Tracepoint("syscalls", "sys_enter_getppid")
	if err != nil {
		t.Fatal(err)
	}
	c.attach(OpenTracepoint(format.ID))
	const calls = 1000
	before := c.value()
	for range calls {
		unix.Getppid()
	}
	if got := c.value() - before; got != calls {
		t.Errorf("%d hits, want %d", got, calls)
	}
}

func TestTimerFiresInTime(t *testing.T) {
	cpus, err := OnlineCPUs()
	if err != nil {
		t.Fatal(err)
	}
	for name, timer := range map[string]struct{ period, freq uint64 }{
		"period": {period: uint64(5 * time.Millisecond)},
		"freq":   {freq: 200},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t, ebpf.PerfEvent, true)
			start := time.Now()
			c.attach(OpenTimer(timer.period, timer.freq, cpus[len(cpus)-1], AllProcesses))
			const ticks = 20
			c.waitFor(ticks)
			// Twenty ticks are nineteen whole periods; the clock of freq is
			// fitted by the kernel and may run a little fast.
			if d := time.Since(start); d < 60*time.Millisecond {
				t.Errorf("%d ticks after %v, want about 100 ms", ticks, d)
			}
		})
	}
}

func TestTimerOnNoCPU(t *testing.T) {
	if fd, err := OpenTimer(1e9, 0, maxCPUs, AllProcesses); err == nil {
		unix.Close(fd)
		t.Error("a timer on a CPU that does not exist was opened")
	}
}

func TestSoftwareCountsPageFaults(t *testing.T) {
	events := SoftwareEvents()
	at := slices.IndexFunc(events, func(e SoftwareEvent) bool { return e.Alias == "faults" })
	if at < 0 || events[at].Name != "page-faults" {
		t.Fatalf("no page faults among %+v", events)
	}
	c := newCounter(t, ebpf.PerfEvent, true)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c.attach(OpenSoftware(events[at], 1, AllCPUs, unix.Gettid()))
	const pages = 100
	mem, err := unix.Mmap(-1, 0, pages*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := unix.Madvise(mem, unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL {
		t.Fatal(err)
	}
	before := c.value()
	for i := 0; i < len(mem); i += os.Getpagesize() {
		mem[i] = 1
	}
	// The runtime's own memory may cost a fault or two in between.
	if got := c.value() - before; got < pages || got > pages+10 {
		t.Errorf("%d faults, want %d", got, pages)
	}
}

// The default of an event is taken where no count is given.
func TestSoftwareDefaultCount(t *testing.T) {
	for _, e := range SoftwareEvents() {
		if e.Count == 0 {
			t.Errorf("%s has no default count", e.Name)
		}
		needRoot(t)
		fd, err := OpenSoftware(e, 0, 0, AllProcesses)
		if err != nil {
			t.Error(err)
			continue
		}
		unix.Close(fd)
	}
}
