// Command asleep calls a function twice on one CPU. What the first call is given
// lies in a page that is not there, and only comes once the second call was made:
// who reads it sleeps meanwhile.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"unsafe"
)

// item is what a call is given.
type item struct{ N int }

//go:noinline
func work(n int, p *item) int { return n + p.N }

// userfaultfd is the number of the system call.
var userfaultfd = map[string]uintptr{"amd64": 323, "arm64": 282}

// Of linux/userfaultfd.h: the requests of its ioctl with their arguments, and how
// long a message is.
const (
	uffdAPI      = 0xc018aa3f
	uffdRegister = 0xc020aa00
	uffdCopy     = 0xc028aa03
	uffdVersion  = 0xaa
	uffdMissing  = 1
	uffdMessage  = 32
)

type (
	apiArgs      struct{ version, features, requests uint64 }
	registerArgs struct{ start, length, mode, requests uint64 }
	copyArgs     struct{ to, from, length, mode, copied uint64 }
)

func main() {
	// Nothing may stop all goroutines: one of them is not to be stopped.
	runtime.GOMAXPROCS(4)
	debug.SetGCPercent(-1)
	oneCPU()
	fd, page := missing()
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	first := make(chan int)
	go func() { first <- work(1, (*item)(unsafe.Pointer(&page[0]))) }()

	message := make([]byte, uffdMessage)
	if _, err := syscall.Read(fd, message); err != nil { // somebody waits for the page
		log.Fatal(err)
	}
	second := work(2, &item{22})
	filled := make([]byte, len(page))
	*(*item)(unsafe.Pointer(&filled[0])) = item{11}
	request(fd, uffdCopy, unsafe.Pointer(&copyArgs{to: address(page), from: address(filled), length: uint64(len(page))}))
	fmt.Println("results", <-first, second)
	in.Scan()
}

// oneCPU binds the process, whose threads all inherit it, to a CPU that it may use.
func oneCPU() {
	var cpus [128]byte
	call(syscall.SYS_SCHED_GETAFFINITY, 0, uintptr(len(cpus)), uintptr(unsafe.Pointer(&cpus)))
	found := false
	for i, b := range cpus {
		cpus[i] = 0
		if b != 0 && !found {
			cpus[i], found = b&-b, true
		}
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			log.Fatal(err)
		}
		call(syscall.SYS_SCHED_SETAFFINITY, uintptr(tid), uintptr(len(cpus)), uintptr(unsafe.Pointer(&cpus)))
	}
}

// missing maps a page whose content the returned descriptor is asked for.
func missing() (fd int, page []byte) {
	fd = int(call(userfaultfd[runtime.GOARCH], syscall.O_CLOEXEC, 0, 0))
	request(fd, uffdAPI, unsafe.Pointer(&apiArgs{version: uffdVersion}))
	page, err := syscall.Mmap(-1, 0, os.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		log.Fatal(err)
	}
	request(fd, uffdRegister, unsafe.Pointer(&registerArgs{start: address(page), length: uint64(len(page)), mode: uffdMissing}))
	return fd, page
}

func request(fd int, req uintptr, args unsafe.Pointer) {
	call(syscall.SYS_IOCTL, uintptr(fd), req, uintptr(args))
}

func call(number, a, b, c uintptr) uintptr {
	n, _, errno := syscall.Syscall(number, a, b, c)
	if errno != 0 {
		log.Fatalf("system call %d: %v", number, errno)
	}
	return n
}

func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&b[0]))) }
