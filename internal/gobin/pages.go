package gobin

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
)

const (
	pageBits = 15
	pageSize = 1 << pageBits
)

// pages are the bytes of a large table. Each page is read when it is first needed:
// most questions need few. All reads are bounds-checked; what is not there, or cannot be
// read, is nil. It is safe for concurrent use.
type pages struct {
	size uint64
	// read fills b with the bytes at off.
	read func(b []byte, off uint64) error
	list []atomic.Pointer[[]byte]
}

func newPages(size uint64, read func(b []byte, off uint64) error) *pages {
	return &pages{size: size, read: read, list: make([]atomic.Pointer[[]byte], (size+pageSize-1)>>pageBits)}
}

// page returns the page that holds off, from off on.
func (p *pages) page(off uint64) []byte {
	if off >= p.size {
		return nil
	}
	slot := &p.list[off>>pageBits]
	b := slot.Load()
	if b == nil {
		start := off &^ (pageSize - 1)
		fresh := make([]byte, min(pageSize, p.size-start))
		if p.read(fresh, start) != nil {
			return nil
		}
		b = &fresh
		slot.Store(b)
	}
	return (*b)[off&(pageSize-1):]
}

// at returns the n bytes at off.
func (p *pages) at(off, n uint64) []byte {
	b := p.page(off)
	if n <= uint64(len(b)) {
		return b[:n]
	}
	if off > p.size || n > p.size-off {
		return nil
	}
	joined := make([]byte, 0, n)
	for len(b) > 0 && n > uint64(len(b)) {
		joined = append(joined, b...)
		off, n = off+uint64(len(b)), n-uint64(len(b))
		b = p.page(off)
	}
	if n > uint64(len(b)) {
		return nil
	}
	return append(joined, b[:n]...)
}

// from returns bytes at off: at least n of them where so many are left.
func (p *pages) from(off, n uint64) []byte {
	if b := p.page(off); uint64(len(b)) >= n {
		return b
	}
	if off >= p.size {
		return nil
	}
	return p.at(off, min(n, p.size-off))
}

// u32 reads a word.
func (p *pages) u32(off uint64) (uint32, bool) {
	b := p.at(off, 4)
	if b == nil {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b), true
}

var errScattered = errors.New("malformed table: its entries are out of order")

// words calls yield with the words at n places that the table itself tells. They are
// read by way of one buffer and not kept, for which they have to be about in order.
func (p *pages) words(n int, place func(i int) (off uint64, ok bool), yield func(i int, word uint32)) error {
	buf := make([]byte, pageSize)
	start, held := uint64(0), uint64(0) // of the table in buf
	loads := 2*(p.size>>pageBits) + 2
	for i := range n {
		off, ok := place(i)
		if !ok || off > p.size || p.size-off < 4 {
			return errPclntab
		}
		if off < start || off+4 > start+held {
			if loads--; loads == 0 {
				return errScattered
			}
			start, held = off, min(pageSize, p.size-off)
			if err := p.read(buf[:held], start); err != nil {
				return err
			}
		}
		yield(i, binary.LittleEndian.Uint32(buf[off-start:]))
	}
	return nil
}
