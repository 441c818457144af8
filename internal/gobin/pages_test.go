package gobin

import (
	"bytes"
	"errors"
	"testing"
)

// pagesOf makes pages of bytes in memory.
func pagesOf(b []byte) *pages {
	return newPages(uint64(len(b)), func(to []byte, off uint64) error {
		copy(to, b[off:])
		return nil
	})
}

func TestPages(t *testing.T) {
	want := make([]byte, 3*pageSize+100)
	for i := range want {
		want[i] = byte(i * 7 / 3)
	}
	p := pagesOf(want)
	size := uint64(len(want))
	for _, c := range []struct{ off, n uint64 }{
		{0, 1}, {pageSize - 1, 1}, {pageSize - 1, 2}, {10, 2*pageSize + 5}, {3 * pageSize, 100}, {0, size}, {size, 0},
	} {
		if got := p.at(c.off, c.n); !bytes.Equal(got, want[c.off:c.off+c.n]) {
			t.Errorf("%d bytes at %d are others", c.n, c.off)
		}
	}
	for _, c := range []struct{ off, n uint64 }{{0, size + 1}, {size, 1}, {size - 1, 2}, {size + 1, 1}, {1 << 63, 1 << 63}} {
		if got := p.at(c.off, c.n); got != nil {
			t.Errorf("%d bytes at %d: %d bytes", c.n, c.off, len(got))
		}
	}
	if got := p.from(pageSize-3, 20); !bytes.Equal(got, want[pageSize-3:pageSize+17]) {
		t.Error("bytes across pages are others")
	}
	if got := p.from(size-3, 20); !bytes.Equal(got, want[size-3:]) {
		t.Error("the last bytes are others")
	}
}

func TestPagesThatCannotBeRead(t *testing.T) {
	p := newPages(2*pageSize, func(b []byte, off uint64) error {
		if off > 0 {
			return errors.New("gone")
		}
		return nil
	})
	if p.at(pageSize-1, 2) != nil || p.at(pageSize, 1) != nil {
		t.Error("bytes of a page that cannot be read")
	}
	if p.at(0, pageSize) == nil {
		t.Error("no bytes of the first page")
	}
}

func TestWordsOutOfOrder(t *testing.T) {
	p := pagesOf(make([]byte, 4*pageSize))
	place := func(i int) (uint64, bool) { return uint64(i%2) * 3 * pageSize, true }
	if err := p.words(1<<20, place, func(int, uint32) {}); !errors.Is(err, errScattered) {
		t.Errorf("words to and fro: %v", err)
	}
}
