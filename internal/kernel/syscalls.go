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

// ErrnoText returns the sentence for an error number as C's strerror gives it
// in English.
func ErrnoText(errno int) string {
	switch {
	case errno == 0:
		return "Success"
	case ErrnoName(errno) == "":
		return "Unknown error " + strconv.Itoa(errno)
	}
	text := unix.Errno(errno).Error()
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
