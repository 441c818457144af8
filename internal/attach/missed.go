package attach

import (
	"io"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Missed is how many hits there were that the unit's program was not run for: on a CPU
// that ran one already, or of return probes with too many calls under way.
func (u *Unit) Missed() (uint64, error) {
	if u.pair != nil {
		return u.pair.missed()
	}
	st, err := u.program.Stats()
	if err != nil {
		return 0, err
	}
	n := st.RecursionMisses
	for _, l := range u.links {
		n += missedBy(l)
	}
	return n, nil
}

// missedBy is what the link itself has counted; older kernels do not.
func missedBy(l io.Closer) uint64 {
	switch l := l.(type) {
	case closers:
		n := uint64(0)
		for _, c := range l {
			n += missedBy(c)
		}
		return n
	case linkFD:
		copied, err := unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return 0
		}
		known, err := link.NewFromFD(copied)
		if err != nil {
			return 0
		}
		defer known.Close()
		return missedBy(known)
	case link.Link:
		info, err := l.Info()
		if err != nil {
			return 0
		}
		if multi := info.KprobeMulti(); multi != nil {
			return multi.Missed
		}
		if event := info.PerfEvent(); event != nil && event.Kprobe() != nil {
			return event.Kprobe().Missed
		}
	}
	return 0
}
