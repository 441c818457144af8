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
	// pollEvery bounds how long a record waits while others come: programs wake the
	// reader only when the ring fills, that is what makes them cheap.
	pollEvery = 20 * time.Millisecond
	// sleepAfter is after how many looks at an empty ring programs are asked to wake
	// the reader, which then looks every sleepFor, or as seldom as it may.
	sleepAfter = 5
	sleepFor   = 200 * time.Millisecond
	// fewWakes is how often within pollEvery a reader that sleeps may be woken: above
	// it looking by the clock is cheaper.
	fewWakes = 4
	// busyLimit bounds the wait for a program that was interrupted between
	// reserving a record and submitting it.
	busyLimit = time.Second
)

// Reader delivers the records of a ring buffer in their order.
type Reader struct {
	ring   *ring
	epoll  int
	event  int       // an eventfd that ends a wait
	asleep *ebpf.Map // one u32, nil: programs cannot be asked
	quiet  int       // looks at an empty ring, one after another
	calm   time.Duration
	woken  int // times since
	since  time.Time
}

// NewReader opens the ring buffer m, whose programs wake the reader for each record
// while the u32 of asleep, which may be nil, is not zero; needs Linux 5.8.
func NewReader(m, asleep *ebpf.Map) (*Reader, error) {
	ring, err := mapRing(m)
	if err != nil {
		return nil, fmt.Errorf("ring buffer: %w", err)
	}
	r := &Reader{ring: ring, asleep: asleep, epoll: -1, event: -1, calm: sleepFor}
	if err := r.open(m.FD()); err != nil {
		return nil, errors.Join(fmt.Errorf("waiting for the ring buffer: %w", err), r.Close())
	}
	return r, nil
}

func (r *Reader) open(fd int) error {
	var err error
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if r.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return err
	}
	// Edge-triggered: only a wakeup ends the wait, not that records are there.
	for _, fd := range []int{fd, r.event} {
		if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}); err != nil {
			return err
		}
	}
	return nil
}

// Wake has Run call idle at once.
func (r *Reader) Wake() {
	_, _ = unix.Write(r.event, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // fails only if it is raised already
}

// Calm has Run call idle only every d while there are no records.
func (r *Reader) Calm(d time.Duration) { r.calm = d }

// Run hands every record to handle until ctx ends or handle returns an error,
// which it returns. The bytes are reused after handle returns. Whenever the
// ring is empty, idle runs: the time to flush output; it is also called every
// 200 ms without records, unless Calm says otherwise.
func (r *Reader) Run(ctx context.Context, handle func(raw []byte) error, idle func() error) error {
	defer context.AfterFunc(ctx, r.Wake)()
	seen := 0
	counted := func(raw []byte) error {
		seen++
		return handle(raw)
	}
	for ctx.Err() == nil {
		if err := r.wait(); err != nil {
			return err
		}
		seen = 0
		if _, err := r.ring.each(counted); err != nil {
			return err
		}
		if err := r.rest(seen == 0, time.Now()); err != nil {
			return err
		}
		if err := idle(); err != nil {
			return err
		}
	}
	return nil
}

// rest asks programs to wake the reader when the ring was empty for long, and no
// longer when records come one after the other.
func (r *Reader) rest(empty bool, now time.Time) error {
	slept := r.sleeps()
	switch {
	case empty:
		r.quiet++
	case !slept || r.wokenOften(now):
		r.quiet = 0
	}
	if r.asleep == nil || r.sleeps() == slept {
		return nil
	}
	value := uint32(0)
	if r.sleeps() {
		value = 1
	}
	if err := r.asleep.Put(uint32(0), value); err != nil {
		return fmt.Errorf("telling whether the reader of events sleeps: %w", err)
	}
	return nil
}

// wokenOften counts the times that a sleeping reader found records.
func (r *Reader) wokenOften(now time.Time) bool {
	if now.Sub(r.since) > pollEvery {
		r.since, r.woken = now, 0
	}
	r.woken++
	return r.woken > fewWakes
}

func (r *Reader) sleeps() bool { return r.asleep != nil && r.quiet >= sleepAfter }

// wait waits until a program, or Wake, wakes the reader; not long before the ring
// was seen empty after programs were asked to.
func (r *Reader) wait() error {
	limit := pollEvery
	if r.sleeps() && r.quiet > sleepAfter {
		limit = r.calm
	}
	var events [2]unix.EpollEvent
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
	err := r.ring.close()
	for _, fd := range []int{r.epoll, r.event} {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
	}
	return err
}
