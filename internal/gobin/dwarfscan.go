package gobin

import (
	"bytes"
	"debug/dwarf"
	"errors"
	"fmt"
	"io"
)

// entryScan goes over the entries of a unit for their names. debug/dwarf makes a value
// of every attribute of every entry, which for all types of a program takes longer
// than most else that a script waits for.
type entryScan struct {
	c       cursor
	size    int // of .debug_info up to the unit's end
	unit    *debugUnit
	str     []byte
	abbrevs map[uint64]*abbrev
}

// scanned is an entry, or the end of the children of one: tag 0.
type scanned struct {
	off      dwarf.Offset
	tag      dwarf.Tag
	children bool
	declared bool   // not defined here
	name     string // "" also where its form is a rare one: see odd
	odd      bool
}

// abbrev says what the entries of one kind have.
type abbrev struct {
	tag      dwarf.Tag
	children bool
	attrs    []abbrevAttr
}

type abbrevAttr struct {
	attr dwarf.Attr
	form uint64
}

// Forms of attributes, of chapter 7.5.6 of DWARF 5.
const (
	formString      = 0x08
	formStrp        = 0x0e
	formFlagPresent = 0x19
	formImplicit    = 0x21
)

var errForm = errors.New("unknown form of an attribute")

// scan begins at the unit's own entry. All units of a Go program have one table.
func (d *debugInfo) scan(u *debugUnit) (*entryScan, error) {
	s := &entryScan{c: *cursorAt(d.raw.info[:u.end], uint64(u.die)), size: int(u.end), unit: u, str: d.raw.str}
	if last := d.scanned; last != nil && last.unit.abbrev == u.abbrev {
		s.abbrevs = last.abbrevs
	} else {
		table := cursorAt(d.raw.abbrev, u.abbrev)
		if s.abbrevs = readAbbrevs(table); table.err != nil {
			return nil, fmt.Errorf("dwarf abbreviations: %w", table.err)
		}
	}
	d.scanned = s
	return s, nil
}

// next reads the next entry; false behind the last one.
func (s *entryScan) next() (e scanned, ok bool, err error) {
	if len(s.c.b) == 0 {
		return e, false, s.c.err
	}
	e.off = dwarf.Offset(s.size - len(s.c.b))
	code := s.c.uleb()
	if code == 0 {
		return e, true, s.c.err
	}
	a := s.abbrevs[code]
	if a == nil {
		return e, false, fmt.Errorf("dwarf entry at %#x: unknown kind %d", e.off, code)
	}
	e.tag, e.children = a.tag, a.children
	for _, at := range a.attrs {
		switch {
		case at.attr == dwarf.AttrName:
			s.readName(&e, at.form)
		case at.attr == dwarf.AttrDeclaration && at.form != formFlagPresent:
			e.declared = s.c.fixed(1) != 0
		default:
			e.declared = e.declared || at.attr == dwarf.AttrDeclaration
			s.skip(at.form)
		}
	}
	if s.c.err != nil {
		return e, false, fmt.Errorf("dwarf entry at %#x: %w", e.off, s.c.err)
	}
	return e, true, nil
}

func (s *entryScan) readName(e *scanned, form uint64) {
	text := s.c.b
	switch form {
	default:
		e.odd = true
		s.skip(form)
		return
	case formStrp:
		text = cursorAt(s.str, s.c.fixed(s.width())).b
	case formString:
		s.skip(form)
	}
	if end := bytes.IndexByte(text, 0); end > 0 && end <= maxName {
		e.name = string(text[:end])
	}
}

// width is that of offsets in sections.
func (s *entryScan) width() int {
	if s.unit.dwarf64 {
		return 8
	}
	return 4
}

// skip passes over an attribute's value.
func (s *entryScan) skip(form uint64) {
	c := &s.c
	switch form {
	case formFlagPresent, formImplicit:
	case 0x0b, 0x11, 0x0c, 0x25, 0x29: // data1, ref1, flag, strx1, addrx1
		c.bytes(1)
	case 0x05, 0x12, 0x26, 0x2a: // data2, ref2, strx2, addrx2
		c.bytes(2)
	case 0x27, 0x2b: // strx3, addrx3
		c.bytes(3)
	case 0x06, 0x13, 0x28, 0x2c, 0x1c: // data4, ref4, strx4, addrx4, ref_sup4
		c.bytes(4)
	case 0x07, 0x14, 0x20, 0x24: // data8, ref8, ref_sig8, ref_sup8
		c.bytes(8)
	case 0x1e: // data16
		c.bytes(16)
	case 0x01: // addr
		c.bytes(uint64(s.unit.address))
	case 0x0d, 0x0f, 0x15, 0x1a, 0x1b, 0x22, 0x23, 0x1f01, 0x1f02: // sdata, udata, ref_udata, strx, addrx, loclistx, rnglistx, GNU's indexes
		c.uleb()
	case formStrp, 0x17, 0x1d, 0x1f, 0x1f20, 0x1f21: // strp, sec_offset, strp_sup, line_strp, GNU's alternatives
		c.bytes(uint64(s.width()))
	case 0x10: // ref_addr
		if s.unit.version < 3 {
			c.bytes(uint64(s.unit.address))
		} else {
			c.bytes(uint64(s.width()))
		}
	case formString:
		end := bytes.IndexByte(c.b, 0)
		c.bytes(uint64(end) + 1)
		if end < 0 {
			c.err = io.ErrUnexpectedEOF
		}
	case 0x0a: // block1
		c.bytes(c.fixed(1))
	case 0x03: // block2
		c.bytes(c.fixed(2))
	case 0x04: // block4
		c.bytes(c.fixed(4))
	case 0x09, 0x18: // block, exprloc
		c.bytes(c.uleb())
	case 0x16: // indirect
		if form := c.uleb(); form != 0x16 {
			s.skip(form)
			return
		}
		c.err = errForm
	default:
		c.err = errForm
	}
}
