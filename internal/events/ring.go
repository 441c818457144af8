package events

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// ring is a ring buffer's memory as the kernel shares it: a page with the
// reader's position, one with the writers', and the data.
//
// cilium/ebpf's reader maps the data twice, which spares it the case of a record
// that goes on at the start, and copies each record. Here the data is mapped
// once, since its pages count as this process's memory, and records are handed
// over where they lie.
type ring struct {
	head, shared []byte // the mappings: the reader's page; the writers' page and the data
	consumer     *uint64
	producer     *uint64
	data         []byte
	at           uint64 // the next record's position; the consumer's follows it
	scratch      []byte // of a record that goes on at the start of the data
}

// The words of struct bpf_ringbuf_hdr, in linux/bpf.h.
const (
	recordHeader  = 8
	recordBusy    = 1 << 31 // reserved, not yet submitted
	recordDiscard = 1 << 30
	recordLength  = recordDiscard - 1
)

// errRing tells of positions and lengths that the kernel never writes.
var errRing = errors.New("malformed ring buffer")

func mapRing(m *ebpf.Map) (*ring, error) {
	page, size := os.Getpagesize(), int(m.MaxEntries())
	head, err := unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping its reader's page: %w", err)
	}
	shared, err := unix.Mmap(m.FD(), int64(page), page+size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mapping its data: %w", err), unix.Munmap(head))
	}
	r := &ring{head: head, shared: shared, data: shared[page:],
		consumer: (*uint64)(unsafe.Pointer(&head[0])), producer: (*uint64)(unsafe.Pointer(&shared[0]))}
	r.at = atomic.LoadUint64(r.consumer)
	return r, nil
}

// each hands over the records that are complete, in their order, up to the
// first that is still written; busy tells that there is one.
func (r *ring) each(handle func(raw []byte) error) (busy bool, err error) {
	end := atomic.LoadUint64(r.producer)
	defer r.release()
	for r.at < end {
		start := r.at & r.mask()
		word := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[start])))
		if word&recordBusy != 0 {
			return true, nil
		}
		n := uint64(word & recordLength)
		next := r.at + (recordHeader+n+7)&^7
		if next > end || n > uint64(len(r.data)) {
			return false, errRing
		}
		if word&recordDiscard == 0 {
			err = handle(r.bytes(start+recordHeader, n))
		}
		r.at = next
		if err != nil {
			return false, err
		}
		// Writers read the position on each record, so it is not moved on each.
		if r.at-*r.consumer >= uint64(len(r.data)/16) {
			r.release()
		}
	}
	return false, nil
}

func (r *ring) mask() uint64 { return uint64(len(r.data) - 1) }

// release makes room of what has been handled.
func (r *ring) release() { atomic.StoreUint64(r.consumer, r.at) }

// bytes returns n bytes from start on; the data's end goes on at its start.
func (r *ring) bytes(start, n uint64) []byte {
	start &= r.mask()
	first := r.data[start:]
	if n <= uint64(len(first)) {
		return first[:n:n]
	}
	r.scratch = append(append(r.scratch[:0], first...), r.data[:n-uint64(len(first))]...)
	return r.scratch
}

func (r *ring) close() error {
	return errors.Join(unix.Munmap(r.head), unix.Munmap(r.shared))
}
