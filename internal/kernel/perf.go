package kernel

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AllProcesses is the pid for events of every process, AllCPUs the cpu for
// events on every CPU; perf takes at most one of them.
const (
	AllProcesses = -1
	AllCPUs      = -1
)

// OpenTracepoint opens the tracepoint with the id of its format file as a perf
// event that an eBPF program can be attached to. Attached once, the program
// runs for the tracepoint's hits on every CPU and in every process: perf
// filters only what it counts itself, never the program.
func OpenTracepoint(id uint64) (int, error) {
	fd, err := openPerf(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_TRACEPOINT, Config: id,
		Sample: 1, Sample_type: unix.PERF_SAMPLE_RAW, Wakeup: 1,
	}, AllProcesses, 0)
	if err != nil {
		return -1, fmt.Errorf("opening tracepoint %d: %w", id, err)
	}
	return fd, nil
}

// OpenTimer opens a timer on cpu: every period nanoseconds, or if that is 0
// freq times a second. With AllProcesses it fires whatever runs there, else
// only while pid does (cpu may be AllCPUs then).
func OpenTimer(period, freq uint64, cpu, pid int) (int, error) {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Sample: period,
	}
	if period == 0 {
		attr.Sample, attr.Bits = freq, unix.PerfBitFreq
	}
	fd, err := openPerf(&attr, pid, cpu)
	if err != nil {
		return -1, fmt.Errorf("opening timer on CPU %d: %w", cpu, err)
	}
	return fd, nil
}

// SoftwareEvent is a perf event that the kernel counts without hardware.
type SoftwareEvent struct {
	Name   string
	Alias  string // a second name; may be empty
	Config uint64
	Count  uint64 // events between two hits, if the user does not say
}

// SoftwareEvents lists the software events, sorted by name; the defaults are
// bpftrace's.
func SoftwareEvents() []SoftwareEvent {
	return []SoftwareEvent{
		{"alignment-faults", "", unix.PERF_COUNT_SW_ALIGNMENT_FAULTS, 1},
		{"bpf-output", "", unix.PERF_COUNT_SW_BPF_OUTPUT, 1},
		{"context-switches", "cs", unix.PERF_COUNT_SW_CONTEXT_SWITCHES, 1000},
		{"cpu-clock", "cpu", unix.PERF_COUNT_SW_CPU_CLOCK, 1000000},
		{"cpu-migrations", "", unix.PERF_COUNT_SW_CPU_MIGRATIONS, 1},
		{"dummy", "", unix.PERF_COUNT_SW_DUMMY, 1},
		{"emulation-faults", "", unix.PERF_COUNT_SW_EMULATION_FAULTS, 1},
		{"major-faults", "", unix.PERF_COUNT_SW_PAGE_FAULTS_MAJ, 1},
		{"minor-faults", "", unix.PERF_COUNT_SW_PAGE_FAULTS_MIN, 100},
		{"page-faults", "faults", unix.PERF_COUNT_SW_PAGE_FAULTS, 100},
		{"task-clock", "", unix.PERF_COUNT_SW_TASK_CLOCK, 1},
	}
}

// OpenSoftware opens event so that a program attached to it runs at every
// count-th on cpu, in pid or AllProcesses.
func OpenSoftware(event SoftwareEvent, count uint64, cpu, pid int) (int, error) {
	if count == 0 {
		count = event.Count
	}
	fd, err := openPerf(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: event.Config, Sample: count,
	}, pid, cpu)
	if err != nil {
		return -1, fmt.Errorf("opening software event %s: %w", event.Name, err)
	}
	return fd, nil
}

// openProbe tries whether the kernel takes a uprobe at the start of a file, or
// a kprobe at that of a function.
func openProbe(kind uint32, target string) error {
	name, err := unix.BytePtrFromString(target)
	if err != nil {
		return err
	}
	// Ext1 is config1, a pointer to the name (perf_event_open(2)).
	fd, err := openPerf(&unix.PerfEventAttr{
		Type: kind, Bits: unix.PerfBitDisabled,
		Ext1: uint64(uintptr(unsafe.Pointer(name))),
	}, AllProcesses, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func openPerf(attr *unix.PerfEventAttr, pid, cpu int) (int, error) {
	attr.Size = uint32(unsafe.Sizeof(*attr))
	return unix.PerfEventOpen(attr, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
}
