package tcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/kernel"
)

// A connection that io_uring has accepted has its owner from its first use on, here
// although its peer resets it.
func TestOwnerOfURing(t *testing.T) {
	n := newNetns(t)
	btf, err := kernel.Detect().BTF()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := btf.RawTracepoint("sock_send_length"); err != nil {
		t.Skip(err)
	}
	tool := n.trace("tcplife")
	var server int
	var none error
	n.inside(func() error {
		q, err := listening(1)
		if err != nil {
			return err
		}
		defer q.close()
		if err := q.connect(); err != nil {
			return err
		}
		server, err = acceptByURing(q.fd)
		if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
			none = err
			return nil
		}
		if err != nil {
			return err
		}
		defer unix.Close(server)
		if _, err := unix.Write(server, make([]byte, 1000)); err != nil {
			return err
		}
		if err := unix.SetsockoptLinger(q.clients[0], unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			return err
		}
		unix.Close(q.clients[0])
		q.clients = nil
		return nil
	})
	if none != nil {
		t.Skip(none)
	}
	list := rows[row](t, tool)
	if len(list) != 2 {
		t.Errorf("%d ends of a connection", len(list))
	}
	for _, r := range list {
		if r.PID != os.Getpid() {
			t.Errorf("%+v, want process %d", r, os.Getpid())
		}
	}
}

// acceptByURing accepts a connection with io_uring, as include/uapi/linux/io_uring.h
// has it.
func acceptByURing(l int) (int, error) {
	const (
		entries  = 1
		ringSize = 4096
		sqesAt   = 0x10000000 // IORING_OFF_SQES
		sqeSize  = 64
		accept   = 13 // IORING_OP_ACCEPT
		wait     = 1  // IORING_ENTER_GETEVENTS
	)
	var params [120]byte
	ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, entries, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("io_uring_setup: %w", errno)
	}
	defer unix.Close(int(ring))
	shared, err := unix.Mmap(int(ring), 0, ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(shared)
	sqe, err := unix.Mmap(int(ring), sqesAt, sqeSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(sqe)
	sqe[0] = accept
	binary.NativeEndian.PutUint32(sqe[4:], uint32(l))
	binary.NativeEndian.PutUint32(sqe[28:], unix.SOCK_CLOEXEC)
	tail, cqes := binary.NativeEndian.Uint32(params[44:]), binary.NativeEndian.Uint32(params[100:])
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&shared[tail])), 1)
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, ring, 1, 1, wait, 0, 0); errno != 0 {
		return 0, fmt.Errorf("io_uring_enter: %w", errno)
	}
	fd := int32(binary.NativeEndian.Uint32(shared[cqes+8:]))
	if fd < 0 {
		return 0, fmt.Errorf("accepting: %w", unix.Errno(-fd))
	}
	return int(fd), nil
}
