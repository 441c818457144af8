package attach

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

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
	emulatedCalls = 2000
	steppedCalls  = 200
)

// MeasureCosts probes a function of this very process and calls it; it takes a
// few milliseconds.
func MeasureCosts(facts *kernel.Facts) (Costs, error) {
	f, err := gobin.Open("/proc/self/exe")
	if err != nil {
		return Costs{}, err
	}
	defer f.Close()
	fns, err := f.Match(func(s string) bool { return s == calibratedName })
	if err != nil || len(fns) != 1 {
		return Costs{}, fmt.Errorf("measuring probe costs: no function %s in this binary: %w", calibratedName, err)
	}
	p, err := emptyProgram(facts)
	if err != nil {
		return Costs{}, err
	}
	defer p.Close()
	plan := f.Plan(fns[0], gobin.WantEntry|gobin.WantRets)
	if plan.EntryErr != nil || plan.RetErr != nil {
		return Costs{}, fmt.Errorf("measuring probe costs: %w", plan.EntryErr)
	}
	base := timeCalls(emulatedCalls)
	fast, err := measureAt(f, p, facts, plan.Entry.Addr, emulatedCalls)
	if err != nil {
		return Costs{}, err
	}
	slow, err := measureAt(f, p, facts, plan.Rets[0].Addr, steppedCalls)
	if err != nil {
		return Costs{}, err
	}
	return Costs{Emulated: max(fast-base, time.Nanosecond), Stepped: max(slow-base, fast)}, nil
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

func timeCalls(n int) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	for i := range n {
		calibrated(i)
	}
	return time.Since(start) / time.Duration(n)
}

func emptyProgram(facts *kernel.Facts) (*ebpf.Program, error) {
	spec := &ebpf.ProgramSpec{Name: "cost", Type: ebpf.Kprobe, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}}
	if facts.Has(kernel.FeatureUprobeMulti) {
		spec.AttachType = ebpf.AttachTraceUprobeMulti
	}
	return ebpf.NewProgram(spec)
}

func measureAt(f *gobin.File, p *ebpf.Program, facts *kernel.Facts, addr uint64, n int) (time.Duration, error) {
	off, err := f.FileOffset(addr)
	if err != nil {
		return 0, err
	}
	ex, err := link.OpenExecutable(fmt.Sprintf("/proc/%d/exe", os.Getpid()))
	if err != nil {
		return 0, err
	}
	u := &Unit{facts: facts, program: p}
	l, err := u.link(ex, []prog.Site{{Off: off}})
	if err != nil {
		return 0, fmt.Errorf("measuring probe costs: %w", err)
	}
	defer l.Close()
	return timeCalls(n), nil
}
