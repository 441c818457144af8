package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// OnlineCPUs lists the CPUs that run now, ascending.
func OnlineCPUs() ([]int, error) { return readCPUs("online") }

// PossibleCPUs lists the CPUs that may ever run; per-CPU maps have a value for
// each of them.
func PossibleCPUs() ([]int, error) { return readCPUs("possible") }

func readCPUs(which string) ([]int, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/" + which)
	if err != nil {
		return nil, fmt.Errorf("reading CPUs: %w", err)
	}
	return parseCPUs(strings.TrimSpace(string(text)))
}

// maxCPUs is the most that the kernel can be built for (CONFIG_NR_CPUS).
const maxCPUs = 8192

// parseCPUs reads a list such as "0-3,8".
func parseCPUs(list string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(list, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		lo, err := strconv.ParseUint(from, 10, 16)
		hi, err2 := strconv.ParseUint(to, 10, 16)
		if err != nil || err2 != nil || hi < lo || hi >= maxCPUs {
			return nil, fmt.Errorf("list of CPUs %q: not understood", list)
		}
		for cpu := lo; cpu <= hi; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}

// BootTime returns the wall clock's time at which CLOCK_BOOTTIME, the clock of
// nsecs, was 0. It changes when the wall clock is set.
func BootTime() (time.Time, error) {
	best, spread := time.Duration(0), time.Duration(1<<63-1)
	for range 3 {
		before, err := clock(unix.CLOCK_BOOTTIME)
		if err != nil {
			return time.Time{}, err
		}
		wall, err := clock(unix.CLOCK_REALTIME)
		if err != nil {
			return time.Time{}, err
		}
		after, err := clock(unix.CLOCK_BOOTTIME)
		if err != nil {
			return time.Time{}, err
		}
		if after-before < spread {
			best, spread = wall-(before+after)/2, after-before
		}
	}
	return time.Unix(0, int64(best)), nil
}

// SinceBoot returns CLOCK_BOOTTIME: the time since boot, sleep included, which
// programs read as nsecs.
func SinceBoot() (time.Duration, error) { return clock(unix.CLOCK_BOOTTIME) }

func clock(id int32) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		return 0, fmt.Errorf("reading clock %d: %w", id, err)
	}
	return time.Duration(t.Nano()), nil
}

// PIDNamespace is the process id namespace of this process.
type PIDNamespace struct {
	Dev, Ino uint64 // as bpf_get_ns_current_pid_tgid takes them
	Initial  bool   // the host's: process ids are the kernel's own
}

// initialPIDNamespace is the inode of the first one (PROC_PID_INIT_INO in
// include/linux/proc_ns.h).
const initialPIDNamespace = 0xeffffffc

// OwnPIDNamespace returns the namespace of this process.
func OwnPIDNamespace() (PIDNamespace, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return PIDNamespace{}, fmt.Errorf("pid namespace: %w", err)
	}
	// The helper compares with the kernel's own form of a device number:
	// twelve bits of major above twenty of minor.
	dev := uint64(unix.Major(st.Dev))<<20 | uint64(unix.Minor(st.Dev))
	return PIDNamespace{Dev: dev, Ino: st.Ino, Initial: st.Ino == initialPIDNamespace}, nil
}
