package kernel

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// retprobeBit of a kprobe event's config makes it one of the function's returns
// (/sys/bus/event_source/devices/kprobe/format/retprobe).
const retprobeBit = 1

// OpenKprobe opens an event at a kernel address that an eBPF program can be
// attached to; returns, which needs a function's address, makes it one of the
// function's returns. The kernel refuses what must not be probed, and what is not
// the first byte of an instruction.
func OpenKprobe(addr uint64, returns bool) (int, error) {
	kind, err := pmuType("kprobe")
	if err != nil {
		return -1, err
	}
	attr := unix.PerfEventAttr{Type: kind, Ext2: addr}
	if returns {
		attr.Config = retprobeBit
	}
	fd, err := openPerf(&attr, AllProcesses, 0)
	switch {
	case errors.Is(err, unix.EILSEQ), err != nil && runtime.GOARCH == "arm64" && addr%4 != 0:
		return -1, fmt.Errorf("no instruction begins at %#x", addr)
	case errors.Is(err, unix.EINVAL):
		return -1, errors.New("the kernel marks it as one that must not be probed")
	}
	return fd, err
}
