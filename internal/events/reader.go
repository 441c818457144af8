package events

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// pollEvery bounds how long a record waits whose program did not wake the
// reader: programs never do, that is what makes them cheap.
const pollEvery = 20 * time.Millisecond

// Reader delivers the records of a ring buffer in their order.
type Reader struct {
	ring *ringbuf.Reader
	rec  ringbuf.Record
}

// NewReader opens the ring buffer m; needs Linux 5.8.
func NewReader(m *ebpf.Map) (*Reader, error) {
	ring, err := ringbuf.NewReader(m)
	if err != nil {
		return nil, fmt.Errorf("ring buffer: %w", err)
	}
	return &Reader{ring: ring}, nil
}

// Run hands every record to handle until ctx ends or handle returns an error,
// which it returns. The bytes are reused after handle returns. Whenever the
// ring is empty, idle runs: the time to flush output; it is also called every
// 20 ms without records.
func (r *Reader) Run(ctx context.Context, handle func(raw []byte) error, idle func() error) error {
	for ctx.Err() == nil {
		if err := r.batch(pollEvery, handle); err != nil {
			return err
		}
		if err := idle(); err != nil {
			return err
		}
	}
	return nil
}

// Drain hands over what is in the ring now, without waiting.
func (r *Reader) Drain(handle func(raw []byte) error) error {
	return r.batch(0, handle)
}

// batch waits at most that long for records and handles them until none is
// left.
func (r *Reader) batch(wait time.Duration, handle func(raw []byte) error) error {
	r.ring.SetDeadline(time.Now().Add(wait))
	for {
		err := r.ring.ReadInto(&r.rec)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("ring buffer: %w", err)
		}
		if err := handle(r.rec.RawSample); err != nil {
			return err
		}
		if r.rec.Remaining == 0 && wait > 0 {
			return nil
		}
	}
}

// Close frees the ring buffer's pages; no other method may run.
func (r *Reader) Close() error { return r.ring.Close() }
