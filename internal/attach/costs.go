package attach

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// Costs is what a hit of an empty program costs the probed thread here.
type Costs struct {
	Emulated time.Duration // the kernel emulates the instruction under the probe
	Stepped  time.Duration // it has to step it
}

const (
	emulatedCalls = 500
	steppedCalls  = 100
)

// MeasureCosts probes a function of this very process and calls it; it takes a
// few milliseconds.
func (s *Session) MeasureCosts() (Costs, error) {
	f, err := gobin.Open("/proc/self/exe")
	if err != nil {
		return Costs{}, err
	}
	defer f.Close()
	fns, err := f.GoFuncs(calibratedName)
	if err != nil || len(fns) != 1 {
		return Costs{}, fmt.Errorf("measuring probe costs: no function %s in this binary: %w", calibratedName, err)
	}
	p, err := emptyProgram(s.facts)
	if err != nil {
		return Costs{}, err
	}
	used := closers{p}
	defer func() { s.closeBeside(used) }()
	plan := f.Plan(fns[0], gobin.WantEntry|gobin.WantRets)
	if plan.EntryErr != nil || plan.RetErr != nil {
		return Costs{}, fmt.Errorf("measuring probe costs: %w", plan.EntryErr)
	}
	bare, err := timeCalls(emulatedCalls)
	if err != nil {
		return Costs{}, err
	}
	measure := func(site gobin.Site, n int) (time.Duration, error) {
		l, err := probeAt(f, p, s.facts, site.Addr)
		if err != nil {
			return 0, err
		}
		used = append(used, l)
		return timeCalls(n)
	}
	fast, err := measure(plan.Entry, emulatedCalls)
	if err != nil {
		return Costs{}, err
	}
	both, err := measure(plan.Rets[0], steppedCalls)
	if err != nil {
		return Costs{}, err
	}
	emulated := max(fast-bare, time.Nanosecond)
	return Costs{Emulated: emulated, Stepped: max(both-fast, emulated)}, nil
}

const calibratedName = "github.com/rpcxray/rpcxray/internal/attach.calibrated"

// calibrated has a frame and so a stack check, as the functions have that are
// traced.
//
//go:noinline
func calibrated(n int) int {
	var room [256]byte
	room[n&0xff] = 1
	return leaf(&room)
}

//go:noinline
func leaf(b *[256]byte) int { return int(b[0]) }

// timeCalls measures by the thread's own clock: what else runs here takes no part.
func timeCalls(n int) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var start, end unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &start); err != nil {
		return 0, fmt.Errorf("measuring probe costs: %w", err)
	}
	for i := range n {
		calibrated(i)
	}
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &end); err != nil {
		return 0, fmt.Errorf("measuring probe costs: %w", err)
	}
	return time.Duration(end.Nano()-start.Nano()) / time.Duration(n), nil
}

func emptyProgram(facts *kernel.Facts) (*ebpf.Program, error) {
	spec := &ebpf.ProgramSpec{Name: "cost", Type: ebpf.Kprobe, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}}
	if facts.Has(kernel.FeatureUprobeMulti) {
		spec.AttachType = ebpf.AttachTraceUprobeMulti
	}
	return ebpf.NewProgram(spec)
}

// probeAt attaches p to an instruction of this process.
func probeAt(f *gobin.File, p *ebpf.Program, facts *kernel.Facts, addr uint64) (io.Closer, error) {
	off, err := f.FileOffset(addr)
	if err != nil {
		return nil, err
	}
	ex, err := link.OpenExecutable(fmt.Sprintf("/proc/%d/exe", os.Getpid()))
	if err != nil {
		return nil, err
	}
	u := &Unit{facts: facts, program: p, only: os.Getpid()} // others measure at the same time
	l, err := u.link(ex, []prog.Site{{Off: off}})
	if err != nil {
		return nil, fmt.Errorf("measuring probe costs: %w", err)
	}
	return l, nil
}
