// Command load does what it is told on standard input and answers each line with
// one number:
//
//	calls N           calls work N times; nanoseconds of CPU time that it took
//	pace RATE SECONDS makes that many getppid calls a second; how many it made
//	burst N           makes that many getppid calls without a pause; N
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	runtime.LockOSThread() // getppid is paced from one CPU
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var n, seconds int
		switch {
		case scan(lines.Text(), "calls %d", &n):
			fmt.Println(calls(n))
		case scan(lines.Text(), "pace %d %d", &n, &seconds):
			fmt.Println(pace(n, time.Duration(seconds)*time.Second))
		case scan(lines.Text(), "burst %d", &n):
			for range n {
				syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
			}
			fmt.Println(n)
		default:
			fmt.Fprintln(os.Stderr, "what?", lines.Text())
			os.Exit(1)
		}
	}
}

func scan(line, format string, args ...any) bool {
	n, err := fmt.Sscanf(line, format, args...)
	return err == nil && n == len(args)
}

func calls(n int) int64 {
	start := cpuTime()
	for i := range n {
		work(i)
	}
	return cpuTime() - start
}

// cpuTime is this thread's, in nanoseconds; what else the machine does is not in
// it.
func cpuTime() int64 {
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID of linux/time.h
	var t syscall.Timespec
	if _, _, err := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadClock, uintptr(unsafe.Pointer(&t)), 0); err != 0 {
		panic(err)
	}
	return t.Nano()
}

// work has a frame, as what is worth tracing has.
//
//go:noinline
func work(n int) int {
	var room [64]int
	room[n&63] = n
	return leaf(&room)
}

//go:noinline
func leaf(room *[64]int) int { return room[0] }

// pace catches up every millisecond with what should have been sent by then.
func pace(rate int, length time.Duration) int {
	start, sent := time.Now(), 0
	for {
		passed := min(time.Since(start), length)
		for due := int(float64(rate) * passed.Seconds()); sent < due; sent++ {
			syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
		}
		if passed == length {
			return sent
		}
		time.Sleep(time.Millisecond)
	}
}
