package kernel

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// hardwareEvents are the counters of the processor that every architecture
// names alike.
var hardwareEvents = map[string]uint64{
	"cpu-cycles": unix.PERF_COUNT_HW_CPU_CYCLES, "instructions": unix.PERF_COUNT_HW_INSTRUCTIONS,
	"cache-references": unix.PERF_COUNT_HW_CACHE_REFERENCES, "cache-misses": unix.PERF_COUNT_HW_CACHE_MISSES,
	"branch-instructions": unix.PERF_COUNT_HW_BRANCH_INSTRUCTIONS, "branch-misses": unix.PERF_COUNT_HW_BRANCH_MISSES,
	"bus-cycles": unix.PERF_COUNT_HW_BUS_CYCLES, "frontend-stalls": unix.PERF_COUNT_HW_STALLED_CYCLES_FRONTEND,
	"backend-stalls": unix.PERF_COUNT_HW_STALLED_CYCLES_BACKEND, "ref-cycles": unix.PERF_COUNT_HW_REF_CPU_CYCLES,
}

// OpenHardware opens a counter of the processor, by its name in perf_event_open(2)
// with dashes, so that a program attached to it runs at every count-th event on
// cpu, in pid or AllProcesses. Virtual machines often have none.
func OpenHardware(name string, count uint64, cpu, pid int) (int, error) {
	config, ok := hardwareEvents[name]
	if !ok {
		return -1, fmt.Errorf("opening hardware event %s: not known", name)
	}
	fd, err := openPerf(&unix.PerfEventAttr{Type: unix.PERF_TYPE_HARDWARE, Config: config, Sample: count}, pid, cpu)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return -1, fmt.Errorf("opening hardware event %s: this machine does not count it (a virtual machine may have no counters): %w", name, err)
	}
	if err != nil {
		return -1, fmt.Errorf("opening hardware event %s: %w", name, err)
	}
	return fd, nil
}

// Kinds of access of include/uapi/linux/hw_breakpoint.h.
const (
	breakRead    = 1
	breakWrite   = 2
	breakExecute = 4
)

// OpenWatch opens a debug register of cpu that watches size bytes at address, in
// kernel or user memory, for the accesses in mode: of r, w, x. There are four on
// x86.
func OpenWatch(address, size uint64, mode string, cpu, pid int) (int, error) {
	var kind uint32
	for c, bit := range map[string]uint32{"r": breakRead, "w": breakWrite, "x": breakExecute} {
		if strings.Contains(mode, c) {
			kind |= bit
		}
	}
	fd, err := openPerf(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_BREAKPOINT, Sample: 1, Bp_type: kind, Ext1: address, Ext2: size,
	}, pid, cpu)
	if err != nil {
		return -1, fmt.Errorf("opening watchpoint %#x: %w", address, err)
	}
	return fd, nil
}
