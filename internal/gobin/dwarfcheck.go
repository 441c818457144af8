package gobin

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Limits on what the debug information of one file may make us hold.
const (
	maxUnits     = 1 << 16
	maxFuncs     = 1 << 20
	maxName      = 1 << 14
	maxNameBytes = 32 << 20 // of all names of types
)

var errMalformedUnits = errors.New("dwarf units: malformed")

// listUnits reads the unit headers.
func listUnits(info []byte) (us []*debugUnit, err error) {
	for off := 0; len(info)-off >= 12; {
		b := info[off:]
		u := &debugUnit{start: dwarf.Offset(off)}
		n, head := uint64(binary.LittleEndian.Uint32(b)), 4
		if n == 0xffffffff {
			n, head, u.dwarf64 = binary.LittleEndian.Uint64(b[4:]), 12, true
		}
		if n == 0 { // padding
			off += head
			continue
		}
		if n < 8 || n > uint64(len(b)-head) {
			return nil, errMalformedUnits
		}
		u.end = dwarf.Offset(off + head + int(n))
		c := cursorAt(info[:u.end], uint64(off+head))
		width := 4
		if u.dwarf64 {
			width = 8
		}
		u.version = int(c.fixed(2))
		kind := uint64(0)
		if u.version >= 5 {
			kind = c.fixed(1)
			u.address = uint8(c.fixed(1))
		}
		u.abbrev = c.fixed(width)
		u.skeleton = kind == 0x04
		switch {
		case u.version < 5:
			u.address = uint8(c.fixed(1))
		case kind == 0x02 || kind == 0x06: // type units
			u.signature = c.fixed(8)
			u.typ = u.start + dwarf.Offset(c.fixed(width))
		case kind == 0x04 || kind == 0x05: // skeleton and split units
			c.bytes(8)
		}
		if c.err != nil {
			return nil, errMalformedUnits
		}
		u.die = u.end - dwarf.Offset(len(c.b))
		if us = append(us, u); len(us) > maxUnits {
			return nil, fmt.Errorf("dwarf: more than %d units", maxUnits)
		}
		off = int(u.end)
	}
	return us, nil
}

// checkAbbrevs makes sure that the abbreviation tables of the units do not
// overlap: the standard library decodes each of them, and a small file could
// have it decode the same bytes many times over.
func checkAbbrevs(us []*debugUnit, abbrev []byte) error {
	offs := make([]uint64, len(us))
	for i, u := range us {
		offs[i] = u.abbrev
	}
	slices.Sort(offs)
	end := uint64(0)
	for _, off := range slices.Compact(offs) {
		if off < end {
			return errors.New("dwarf abbreviations: tables overlap")
		}
		c := cursorAt(abbrev, off)
		skipAbbrevs(c)
		if c.err != nil {
			return fmt.Errorf("dwarf abbreviations: %w", c.err)
		}
		end = uint64(len(abbrev) - len(c.b))
	}
	return nil
}

// skipAbbrevs passes over one table.
func skipAbbrevs(c *cursor) {
	for c.uleb() != 0 {
		c.uleb()   // tag
		c.fixed(1) // has children
		for nextAttr(c) != (abbrevAttr{}) {
		}
	}
}

// nextAttr reads an attribute of a table; the one that ends a list is zero.
func nextAttr(c *cursor) abbrevAttr {
	a := abbrevAttr{dwarf.Attr(c.uleb()), c.uleb()}
	if a.form == formImplicit {
		c.sleb()
	}
	return a
}

// readAbbrevs reads one table, by the numbers that entries give.
func readAbbrevs(c *cursor) map[uint64]*abbrev {
	table := map[uint64]*abbrev{}
	for code := c.uleb(); code != 0; code = c.uleb() {
		a := &abbrev{tag: dwarf.Tag(c.uleb()), children: c.fixed(1) != 0}
		for at := nextAttr(c); at != (abbrevAttr{}); at = nextAttr(c) {
			a.attrs = append(a.attrs, at)
		}
		table[code] = a
	}
	return table
}
