package gobin

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"io"
)

// unitBase is what a location list's numbers are relative to.
type unitBase struct {
	low      uint64 // the unit's base address
	addr     uint64 // DWARF 5: where its addresses begin in .debug_addr
	loclists uint64 // DWARF 5: where its offsets begin in .debug_loclists
	v5       bool
	dwarf64  bool
}

// locations reads location lists: .debug_loc of DWARF 2 to 4, .debug_loclists
// and .debug_addr of DWARF 5.
type locations struct{ loc, loclists, addr []byte }

// expression returns the location expression that f, a DW_AT_location, has for
// pc. It is nil when the variable is nowhere there.
func (l *locations) expression(u unitBase, f *dwarf.Field, pc uint64) ([]byte, error) {
	switch v := f.Val.(type) {
	case []byte:
		return v, nil
	case int64: // an offset into the section
		if u.v5 {
			return l.searchV5(u, uint64(v), pc)
		}
		return l.searchV4(u, uint64(v), pc)
	case uint64: // DW_FORM_loclistx: an index
		width := uint64(4)
		if u.dwarf64 {
			width = 8
		}
		c := cursorAt(l.loclists, u.loclists)
		c.skip(v, width)
		off := c.fixed(int(width))
		if c.err != nil {
			return nil, c.err
		}
		return l.searchV5(u, u.loclists+off, pc)
	}
	return nil, fmt.Errorf("location of class %v: not supported", f.Class)
}

func (l *locations) searchV4(u unitBase, off, pc uint64) ([]byte, error) {
	base := u.low
	for c := cursorAt(l.loc, off); ; {
		low, high := c.fixed(8), c.fixed(8)
		if c.err != nil {
			return nil, c.err
		}
		if low == 0 && high == 0 {
			return nil, nil
		}
		if low == ^uint64(0) {
			base = high
			continue
		}
		expr := c.bytes(c.fixed(2))
		if c.err != nil {
			return nil, c.err
		}
		if base+low <= pc && pc < base+high {
			return expr, nil
		}
	}
}

// The kinds of entries in a DWARF 5 location list (section 7.7.3).
const (
	lleEnd = iota
	lleBaseAddrx
	lleStartxEndx
	lleStartxLength
	lleOffsetPair
	lleDefault
	lleBase
	lleStartEnd
	lleStartLength
	lleGNUView
)

func (l *locations) searchV5(u unitBase, off, pc uint64) ([]byte, error) {
	base := u.low
	var fallback []byte
	for c := cursorAt(l.loclists, off); ; {
		var low, high uint64
		kind := c.fixed(1)
		switch kind {
		case lleEnd:
			return fallback, c.err
		case lleBaseAddrx:
			base = l.address(u, c.uleb(), c)
			continue
		case lleBase:
			base = c.fixed(8)
			continue
		case lleGNUView:
			c.uleb()
			c.uleb()
			continue
		case lleDefault:
			fallback = c.bytes(c.uleb())
			continue
		case lleStartxEndx:
			low, high = l.address(u, c.uleb(), c), l.address(u, c.uleb(), c)
		case lleStartxLength:
			low = l.address(u, c.uleb(), c)
			high = low + c.uleb()
		case lleOffsetPair:
			low, high = base+c.uleb(), base+c.uleb()
		case lleStartEnd:
			low, high = c.fixed(8), c.fixed(8)
		case lleStartLength:
			low = c.fixed(8)
			high = low + c.uleb()
		default:
			return nil, fmt.Errorf("location list entry of kind %d: not supported", kind)
		}
		expr := c.bytes(c.uleb())
		if c.err != nil {
			return nil, c.err
		}
		if low <= pc && pc < high {
			return expr, nil
		}
	}
}

// address reads entry i of the unit's part of .debug_addr; an error goes to c.
func (l *locations) address(u unitBase, i uint64, c *cursor) uint64 {
	a := cursorAt(l.addr, u.addr)
	a.skip(i, 8)
	v := a.fixed(8)
	if a.err != nil && c.err == nil {
		c.err = a.err
	}
	return v
}

// cursor reads little-endian data. After an error everything reads as zero, so
// a loop over entries ends at the latest with its end marker.
type cursor struct {
	b   []byte
	err error
}

func cursorAt(b []byte, off uint64) *cursor {
	if off > uint64(len(b)) {
		return &cursor{err: fmt.Errorf("dwarf offset %#x: %w", off, io.ErrUnexpectedEOF)}
	}
	return &cursor{b: b[off:]}
}

func (c *cursor) bytes(n uint64) []byte {
	if c.err == nil && n > uint64(len(c.b)) {
		c.err = fmt.Errorf("dwarf data: %w", io.ErrUnexpectedEOF)
	}
	if c.err != nil {
		c.b = nil
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

// skip passes over n items of width bytes.
func (c *cursor) skip(n, width uint64) {
	if n > uint64(len(c.b))/width {
		n, width = ^uint64(0), 1
	}
	c.bytes(n * width)
}

// fixed reads an unsigned number of n bytes.
func (c *cursor) fixed(n int) uint64 {
	var w [8]byte
	copy(w[:], c.bytes(uint64(n)))
	return binary.LittleEndian.Uint64(w[:])
}

// signed reads a signed number of n bytes.
func (c *cursor) signed(n int) int64 {
	shift := 64 - 8*n
	return int64(c.fixed(n)<<shift) >> shift
}

func (c *cursor) uleb() (v uint64) {
	if len(c.b) > 0 && c.b[0] < 0x80 { // what nearly all are
		v, c.b = uint64(c.b[0]), c.b[1:]
		return v
	}
	for shift := uint(0); ; shift += 7 {
		x := c.fixed(1)
		if shift < 64 {
			v |= x & 0x7f << shift
		}
		if x < 0x80 {
			return v
		}
	}
}

func (c *cursor) sleb() (v int64) {
	for shift := uint(0); ; {
		x := c.fixed(1)
		if shift < 64 {
			v |= int64(x&0x7f) << shift
			shift += 7
		}
		if x < 0x80 {
			if shift < 64 && x&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
	}
}
