package gobin

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/rpcxray/rpcxray/internal/types"
)

// maxUnwindRows bounds a table; the largest programs known have some millions of rows.
const maxUnwindRows = 8 << 20

// FramePointer is how to leave code that keeps frame pointers.
var FramePointer = types.UnwindRow{
	CFA: types.UnwindFP, CFAOff: 16, BP: types.UnwindFrame, BPOff: -16, RA: types.UnwindFrame, RAOff: -8,
}

// UnwindTable reads .eh_frame, which stripped files have, too: how each piece of the
// code is left, sorted. Where it says nothing, frame pointers are followed.
func (f *File) UnwindTable() ([]types.UnwindRow, error) {
	b, err := f.section(".eh_frame")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	t := ehFrame{data: b, regs: unwindRegsOf[f.Arch], cies: map[uint64]*cie{}}
	if b != nil {
		t.addr = f.ELF.Section(".eh_frame").Addr
	}
	if err := t.read(); err != nil {
		return nil, fmt.Errorf("%s: .eh_frame: %w", f.Path, err)
	}
	if s, ok := f.Symbol(signalReturn); ok && t.regs.linked() {
		p := cfaProgram{now: signalFrame, pc: s.Addr - 1} // callers are looked for before where they go on
		t.add([]types.UnwindRow{p.row()}, s.Addr+8)
	}
	return t.table(), nil
}

// ehFrame reads the section.
type ehFrame struct {
	data  []byte
	addr  uint64          // of data
	regs  unwindRegs      // of the processor
	cies  map[uint64]*cie // by their place in data
	funcs [][]types.UnwindRow
	rows  int
}

// cie is what many functions have in common.
type cie struct {
	codeAlign uint64
	dataAlign int64
	encoding  byte // of addresses
	augmented bool // functions have data of their own before their program
	regs      unwindRegs
	start     rules
	err       error // why its functions cannot be unwound
}

// read reads all entries. What is said of a function in a way that is not understood
// leaves that function out.
func (t *ehFrame) read() error {
	c := &cursor{b: t.data}
	for len(c.b) > 0 {
		at := t.place(c)
		n := c.fixed(4)
		if n == math.MaxUint32 {
			n = c.fixed(8)
		}
		if n == 0 {
			return nil // linkers end the section so
		}
		idAt := t.place(c)
		entry := &cursor{b: c.bytes(n)}
		if c.err != nil {
			return c.err
		}
		switch id := entry.fixed(4); {
		case id == 0:
			t.cies[at] = readCIE(entry, t.regs)
		case id <= idAt && t.cies[idAt-id] != nil:
			t.function(t.cies[idAt-id], entry, t.addr+idAt+4)
		default:
			return fmt.Errorf("entry at %#x: what it refers to is not there", at)
		}
		if t.rows > maxUnwindRows {
			return fmt.Errorf("more than %d rows", maxUnwindRows)
		}
	}
	return nil
}

// signalReturn is the code of arm64's vDSO that a signal's handler returns to, of two
// instructions. The kernel tells nothing of the frame that it makes.
const signalReturn = "__kernel_rt_sigreturn"

// signalFrame are its rules: struct rt_sigframe has the registers from offset 312 on.
var signalFrame = rules{
	cfa: rule{base: types.UnwindSP | types.UnwindWord, off: 312 + 8*31},
	bp:  rule{base: types.UnwindSP, off: 312 + 8*29},
	ra:  rule{base: types.UnwindSP, off: 312 + 8*32},
}

func (t *ehFrame) place(c *cursor) uint64 { return uint64(len(t.data) - len(c.b)) }

// readCIE reads what is behind an id of zero.
func readCIE(c *cursor, regs unwindRegs) *cie {
	x := &cie{regs: regs}
	version := c.fixed(1)
	var letters []byte
	for b := c.fixed(1); b != 0; b = c.fixed(1) {
		letters = append(letters, byte(b))
	}
	if version == 4 {
		c.skip(2, 1) // sizes of addresses and segments
	}
	x.codeAlign, x.dataAlign = c.uleb(), c.sleb()
	ra := c.uleb() // one byte in version 1, and small
	if ra != regs.ra {
		x.err = fmt.Errorf("the return address is in column %d", ra)
	}
	if len(letters) > 0 && letters[0] == 'z' {
		x.augmented = true
		x.augment(letters[1:], &cursor{b: c.bytes(c.uleb())})
	} else if len(letters) > 0 {
		x.err = fmt.Errorf("augmentation %q", letters)
	}
	p := cfaProgram{cie: x}
	p.now.ra = regs.kept(regs.ra)
	if err := p.run(c.b); x.err == nil {
		x.err = err
	}
	if x.err == nil {
		x.err = c.err
	}
	x.start = p.now
	return x
}

// augment reads the data that an augmentation's letters stand for.
func (x *cie) augment(letters []byte, c *cursor) {
	for _, l := range letters {
		switch l {
		case 'R':
			x.encoding = byte(c.fixed(1))
		case 'L':
			c.fixed(1)
		case 'P':
			skipEncoded(c)
		case 'S', 'B':
		default:
			return // nothing that follows is about unwinding
		}
	}
}

// Encodings of addresses, DW_EH_PE: in the lower half how the number is written, in
// the upper what it counts from.
const (
	encFormat   = 0x0f
	encFrom     = 0x70
	encPC       = 0x10
	encIndirect = 0x80
)

// encoded reads an address that stands at pc.
func encoded(c *cursor, enc byte, pc uint64) uint64 {
	var v uint64
	switch enc & encFormat {
	case 0x0, 0x4, 0x8, 0xc:
		v = c.fixed(8)
	case 0x1:
		v = c.uleb()
	case 0x2:
		v = c.fixed(2)
	case 0x3:
		v = c.fixed(4)
	case 0x9:
		v = uint64(c.sleb())
	case 0xa:
		v = uint64(c.signed(2))
	case 0xb:
		v = uint64(c.signed(4))
	default:
		c.err = fmt.Errorf("address encoding %#x", enc)
	}
	switch enc & encFrom {
	case 0:
	case encPC:
		v += pc
	default:
		c.err = fmt.Errorf("address encoding %#x", enc)
	}
	return v
}

// skipEncoded passes over an address and its encoding.
func skipEncoded(c *cursor) {
	enc := byte(c.fixed(1))
	encoded(c, enc&encFormat, 0)
}

// function adds the rows of one function, whose entry goes on at address pc.
func (t *ehFrame) function(x *cie, c *cursor, pc uint64) {
	start := encoded(c, x.encoding, pc)
	length := encoded(c, x.encoding&encFormat, 0)
	if x.augmented {
		c.bytes(c.uleb())
	}
	if x.err != nil || c.err != nil || length == 0 || start+length < start || x.encoding&encIndirect != 0 {
		return
	}
	p := cfaProgram{cie: x, now: x.start, pc: start, end: start + length}
	if p.run(c.b) != nil {
		p.rows, p.pc, p.now = nil, start, rules{}
	}
	t.add(append(p.rows, p.row()), start+length)
}

// add adds the rows of a function that ends at end.
func (t *ehFrame) add(rows []types.UnwindRow, end uint64) {
	gap := FramePointer
	gap.PC = end
	rows = append(rows, gap)
	t.rows += len(rows)
	t.funcs = append(t.funcs, rows)
}

// table puts the functions' rows in order. A row that says what the one before it
// does is left out; so is what lies behind a function where the next one begins there.
func (t *ehFrame) table() []types.UnwindRow {
	slices.SortStableFunc(t.funcs, func(a, b []types.UnwindRow) int { return cmp.Compare(a[0].PC, b[0].PC) })
	table := append(make([]types.UnwindRow, 0, t.rows+1), FramePointer)
	for _, rows := range t.funcs {
		for _, r := range rows {
			last := &table[len(table)-1]
			switch {
			case r.PC < last.PC: // functions that overlap: the first is right
			case r.PC == last.PC:
				*last = r
			case !sameRules(r, *last):
				table = append(table, r)
			}
		}
	}
	return table
}

func sameRules(a, b types.UnwindRow) bool {
	a.PC = b.PC
	return a == b
}
