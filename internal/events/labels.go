package events

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/kernel"
)

// LabelText is the text that number n stands for in a table of types.Label:
// "signal", "error" or "syscall". The texts are those of glibc's strsignal(3),
// bpftrace's for errors, and the names of system calls.
func LabelText(table string, n uint64) string {
	switch table {
	case "signal":
		return signalText(int64(n))
	case "error":
		return errorText(int(int32(n)))
	case "syscall":
		if name := kernel.SyscallName(int(int32(n))); name[0] != '[' {
			return name
		}
		return "Unknown syscall"
	}
	panic("BUG: no table " + table)
}

// signalTexts are the descriptions of the signals from 1 on.
var signalTexts = [...]string{
	"Hangup", "Interrupt", "Quit", "Illegal instruction", "Trace/breakpoint trap", "Aborted", "Bus error",
	"Floating point exception", "Killed", "User defined signal 1", "Segmentation fault", "User defined signal 2",
	"Broken pipe", "Alarm clock", "Terminated", "Stack fault", "Child exited", "Continued", "Stopped (signal)",
	"Stopped", "Stopped (tty input)", "Stopped (tty output)", "Urgent I/O condition", "CPU time limit exceeded",
	"File size limit exceeded", "Virtual timer expired", "Profiling timer expired", "Window changed", "I/O possible",
	"Power failure", "Bad system call",
}

// firstRealTime is the first signal that glibc leaves to programs; signals end
// at 64.
const firstRealTime = 34

func signalText(n int64) string {
	switch {
	case n < 0 || n > 64:
		return "N/A"
	case n >= firstRealTime:
		return fmt.Sprintf("Real-time signal %d", n-firstRealTime)
	case n == 0 || n > int64(len(signalTexts)):
		return fmt.Sprintf("Unknown signal %d", n)
	}
	return signalTexts[n-1]
}

// errorText takes negative numbers for what system calls return.
func errorText(n int) string {
	if n < 0 {
		n = -n
	}
	return kernel.ErrnoText(n)
}
