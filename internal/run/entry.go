package run

import (
	"bytes"
	"errors"
	"syscall"
)

// runToEntry lets the stopped process pid run, over the exec that it begins with, to
// the entry of its program, when its libraries are there; tell is called after the
// exec and there. The process is left stopped, unless it has ended.
func runToEntry(pid int, tell func() error) (ended bool, err error) {
	if ended, err = goOn(pid); ended || err != nil {
		return ended, err
	}
	if err := tell(); err != nil {
		return false, err
	}
	value, err := auxValue(pid, auxEntry)
	if err != nil {
		return false, err
	}
	entry, code := uintptr(value), make([]byte, len(trap))
	if _, err := syscall.PtracePeekText(pid, entry, code); err != nil || bytes.Equal(code, trap) {
		return false, err // the script probes the entry itself
	}
	if _, err := syscall.PtracePokeText(pid, entry, trap); err != nil {
		return false, err
	}
	if ended, err = goOn(pid); ended || err != nil {
		return ended, err
	}
	if _, err := syscall.PtracePokeText(pid, entry, code); err != nil {
		return false, err
	}
	return false, errors.Join(backTo(pid, value), tell())
}

// goOn lets the process run until it traps; other signals are passed on to it.
func goOn(pid int) (ended bool, err error) {
	signal := 0
	for {
		if err := syscall.PtraceCont(pid, signal); err != nil {
			return false, err
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
			return false, err
		}
		switch {
		case !status.Stopped():
			return true, nil
		case status.StopSignal() == syscall.SIGTRAP:
			return false, nil
		}
		signal = int(status.StopSignal())
	}
}
