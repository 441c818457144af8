package kernel

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

//go:generate go run gensyscalls.go

// SyscallName returns the name of system call nr on this architecture, or
// "[unknown: nr]" for one that is newer than this program.
func SyscallName(nr int) string {
	if nr >= 0 && nr < len(syscallNames) && syscallNames[nr] != "" {
		return syscallNames[nr]
	}
	return "[unknown: " + strconv.Itoa(nr) + "]"
}

// SyscallNumber returns the number of the system call called name.
func SyscallNumber(name string) (int, bool) {
	if name == "" {
		return 0, false
	}
	nr := slices.Index(syscallNames[:], name)
	return nr, nr >= 0
}

// ErrnoName returns the name of an error number, such as "ENOENT"; "" if it
// has none.
func ErrnoName(errno int) string { return unix.ErrnoName(unix.Errno(errno)) }

// errnoTexts are the sentences of bpftrace's strerror that are others than those of
// the C library.
var errnoTexts = map[unix.Errno]string{
	0:               "Success",
	unix.EIO:        "I/O error",
	unix.EBADF:      "Bad file number",
	unix.EAGAIN:     "Try again (operation would block)",
	unix.ENOMEM:     "Out of memory",
	unix.EXDEV:      "Cross-device link",
	unix.ENFILE:     "File table overflow",
	unix.ENOTTY:     "Not a typewriter",
	unix.EDOM:       "Math argument out of domain of func",
	unix.ERANGE:     "Math result not representable",
	unix.EDEADLK:    "Resource deadlock would occur",
	unix.ENOLCK:     "No record locks available",
	unix.ENOSYS:     "Invalid system call number",
	unix.ELOOP:      "Too many symbolic links encountered",
	unix.EBADMSG:    "Not a data message",
	unix.EILSEQ:     "Illegal byte sequence",
	unix.EOPNOTSUPP: "Operation not supported on transport endpoint",
	unix.ENETRESET:  "Network dropped connection because of reset",
	unix.EDQUOT:     "Quota exceeded",
	unix.ECANCELED:  "Operation Canceled",
	unix.EHWPOISON:  "Memory page has hardware error",
}

// ErrnoText returns the sentence for an error number.
func ErrnoText(errno int) string {
	if text, ok := errnoTexts[unix.Errno(errno)]; ok {
		return text
	}
	text := unix.Errno(errno).Error()
	if strings.HasPrefix(text, "errno ") {
		return "Unknown error"
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// firstRealTime is the first real-time signal as C libraries number them: the
// kernel's first two, 32 and 33, they keep for themselves.
const (
	firstRealTime = 34
	lastRealTime  = 64
)

// SignalName returns the name of a signal, such as "SIGKILL" or "SIGRTMIN+1";
// "" if it has none.
func SignalName(sig int) string {
	if sig > firstRealTime && sig <= lastRealTime {
		return "SIGRTMIN+" + strconv.Itoa(sig-firstRealTime)
	}
	if sig == firstRealTime {
		return "SIGRTMIN"
	}
	return unix.SignalName(unix.Signal(sig))
}

// SignalNumber returns the number of a signal, given as "SIGKILL", "KILL" or
// "kill".
func SignalNumber(name string) (int, bool) {
	name = strings.ToUpper(name)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	n := int(unix.SignalNum(name))
	return n, n > 0
}
