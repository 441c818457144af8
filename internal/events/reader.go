package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

const (
	// pollEvery bounds how long a record waits: programs wake the reader only
	// when the ring fills, that is what makes them cheap.
	pollEvery = 20 * time.Millisecond
	// busyLimit bounds the wait for a program that was interrupted between
	// reserving a record and submitting it.
	busyLimit = time.Second
)

// Reader delivers the records of a ring buffer in their order.
type Reader struct {
	ring  *ring
	epoll int
}

// NewReader opens the ring buffer m; needs Linux 5.8.
func NewReader(m *ebpf.Map) (*Reader, error) {
	ring, err := mapRing(m)
	if err != nil {
		return nil, fmt.Errorf("ring buffer: %w", err)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		// Edge-triggered: only a wakeup ends the wait, not that records are there.
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, m.FD(), &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("waiting for the ring buffer: %w", err), ring.close())
	}
	return &Reader{ring: ring, epoll: epoll}, nil
}

// Run hands every record to handle until ctx ends or handle returns an error,
// which it returns. The bytes are reused after handle returns. Whenever the
// ring is empty, idle runs: the time to flush output; it is also called every
// 20 ms without records.
func (r *Reader) Run(ctx context.Context, handle func(raw []byte) error, idle func() error) error {
	for ctx.Err() == nil {
		if err := r.wait(pollEvery); err != nil {
			return err
		}
		if _, err := r.ring.each(handle); err != nil {
			return err
		}
		if err := idle(); err != nil {
			return err
		}
	}
	return nil
}

// wait waits until a program wakes the reader, at most that long.
func (r *Reader) wait(limit time.Duration) error {
	var events [1]unix.EpollEvent
	_, err := unix.EpollWait(r.epoll, events[:], int(limit.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("waiting for the ring buffer: %w", err)
	}
	return nil
}

// Drain hands over what is in the ring now, and waits only for programs that
// are writing a record.
func (r *Reader) Drain(handle func(raw []byte) error) error {
	for deadline := time.Now().Add(busyLimit); ; {
		busy, err := r.ring.each(handle)
		if err != nil || !busy || time.Now().After(deadline) {
			return err
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// Close frees the ring buffer's pages; no other method may run.
func (r *Reader) Close() error {
	return errors.Join(unix.Close(r.epoll), r.ring.close())
}
