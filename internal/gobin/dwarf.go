package gobin

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"sort"
	"sync"

	"github.com/rpcxray/rpcxray/internal/types"
)

// errNoDWARF says that a file has no debug information.
var errNoDWARF = errors.New("no DWARF")

// Attributes that debug/dwarf has no names for. Those from 0x2900 are the Go
// linker's, see cmd/internal/dwarf.
const (
	attrLoclistsBase    dwarf.Attr = 0x8c
	attrDataBitOffset   dwarf.Attr = 0x6b
	attrSignature       dwarf.Attr = 0x69
	attrGoKind          dwarf.Attr = 0x2900
	attrGoElem          dwarf.Attr = 0x2902
	attrGoEmbedded      dwarf.Attr = 0x2903
	attrGoClosureOff    dwarf.Attr = 0x2907
	maxOrigins                     = 8 // abstract origins and specifications followed from one entry
	maxParams                      = 1 << 12
	langGo                         = 0x16
	langRust                       = 0x1c
	langRustProvisional            = 0x9000
)

// debugSections are the bytes of a file's .debug_* sections that places and
// types need, uncompressed and without the prefix.
type debugSections struct {
	abbrev, info, str, lineStr, strOffsets, addr []byte
	ranges, rnglists, loc, loclists              []byte
}

// data makes debug/dwarf's reader; line is .debug_line, or nil.
func (s *debugSections) data(line []byte) (*dwarf.Data, error) {
	data, err := dwarf.New(s.abbrev, nil, nil, s.info, line, nil, s.ranges, s.str)
	if err != nil {
		return nil, fmt.Errorf("dwarf: %w", err)
	}
	for name, b := range map[string][]byte{
		".debug_addr": s.addr, ".debug_line_str": s.lineStr,
		".debug_str_offsets": s.strOffsets, ".debug_rnglists": s.rnglists,
	} {
		if b == nil {
			continue
		}
		if err := data.AddSection(name, b); err != nil {
			return nil, fmt.Errorf("dwarf %s: %w", name, err)
		}
	}
	return data, nil
}

func (s *debugSections) locations() locations {
	return locations{loc: s.loc, loclists: s.loclists, addr: s.addr}
}

// debugInfo answers questions about a file's DWARF. A compile unit is read
// when the first question about it comes.
type debugInfo struct {
	arch    Arch
	data    *dwarf.Data
	raw     debugSections
	loc     locations
	scanned *entryScan // the unit of which names were read last
	split   bool       // some units are only skeletons of those in other files

	mu        sync.Mutex   // guards what follows, data and raw
	addresses func() error // unpacks what places and ranges need; nil: it is there
	units     []*debugUnit
	ranges    []unitRange // sorted by low; empty until the first address is asked for
	types     *typeReader
	funcs     int                     // indexed in all units
	unread    []*debugUnit            // whose types have not been looked at
	names     map[string]dwarf.Offset // of the types in the other units; nil before the first look-up
	nameBytes int
	lineData  func() (*dwarf.Data, error) // what reads line tables
	lineRows  int                         // kept of all units
}

// debugUnit is one compile unit.
type debugUnit struct {
	start, die, end dwarf.Offset
	version         int
	abbrev          uint64 // where its abbreviations begin
	dwarf64         bool
	skeleton        bool
	signature       uint64       // of the type that a type unit is there for
	typ             dwarf.Offset // that type; 0: it is no type unit
	address         uint8        // size of one
	base            unitBase
	lang            int64
	name            string
	funcs           map[uint64]dwarf.Offset // by first address; nil until read
	split           []dwarf.Offset          // functions of several parts
	lines           *unitLines              // nil until read
}

type unitRange struct {
	low, high uint64
	unit      *debugUnit
}

// newDebugInfo lists the units; it reads none of them.
func newDebugInfo(s debugSections, arch Arch) (d *debugInfo, err error) {
	defer catch(&err)
	if len(s.info) == 0 || len(s.abbrev) == 0 {
		return nil, errNoDWARF
	}
	units, err := listUnits(s.info)
	if err != nil {
		return nil, err
	}
	if err := checkAbbrevs(units, s.abbrev); err != nil {
		return nil, err
	}
	data, err := s.data(nil)
	if err != nil {
		return nil, err
	}
	d = &debugInfo{arch: arch, data: data, raw: s, loc: s.locations()}
	d.units = units
	for _, u := range units {
		d.split = d.split || u.skeleton || u.version < 5 && s.addr != nil // GNU's, before DWARF 5 had it
	}
	d.types = newTypeReader(data, units)
	return d, nil
}

// readUnits reads every unit's own entry.
func (d *debugInfo) readUnits() error {
	return d.eachUnit(func(u *debugUnit, e *dwarf.Entry) error {
		u.base.low, _ = e.Val(dwarf.AttrLowpc).(uint64)
		u.base.addr = uintAttr(e, dwarf.AttrAddrBase)
		u.base.loclists = uintAttr(e, attrLoclistsBase)
		u.base.v5, u.base.dwarf64 = u.version >= 5, u.dwarf64
		u.lang, _ = e.Val(dwarf.AttrLanguage).(int64)
		u.name = name(e)
		return nil
	})
}

// readRanges finds the addresses that every unit covers.
func (d *debugInfo) readRanges() error {
	if d.ranges != nil {
		return nil
	}
	if d.addresses != nil {
		if err := d.addresses(); err != nil {
			return err
		}
		var err error
		if d.data, err = d.raw.data(nil); err != nil {
			return err
		}
		d.loc, d.addresses = d.raw.locations(), nil
	}
	if err := d.readUnits(); err != nil {
		return err
	}
	err := d.eachUnit(func(u *debugUnit, e *dwarf.Entry) error {
		rs, err := d.data.Ranges(e)
		for _, x := range rs {
			if x[0] < x[1] {
				d.ranges = append(d.ranges, unitRange{x[0], x[1], u})
			}
		}
		return err
	})
	sort.SliceStable(d.ranges, func(i, j int) bool { return d.ranges[i].low < d.ranges[j].low })
	return err
}

// eachUnit calls do with every compile unit and its own entry.
func (d *debugInfo) eachUnit(do func(u *debugUnit, e *dwarf.Entry) error) error {
	r := d.data.Reader()
	for _, u := range d.units {
		r.Seek(u.die)
		e, err := r.Next()
		if err == nil && e != nil && e.Tag == dwarf.TagCompileUnit {
			err = do(u, e)
		}
		if err != nil {
			return fmt.Errorf("dwarf unit at %#x: %w", u.start, err)
		}
	}
	return nil
}

// uintAttr reads an attribute that is a section offset or a constant.
func uintAttr(e *dwarf.Entry, a dwarf.Attr) uint64 {
	switch v := e.Val(a).(type) {
	case int64:
		return uint64(v)
	case uint64:
		return v
	}
	return 0
}

// subprogram is a function's own entry with its parameters', the names and
// types of an abstract instance filled in.
type subprogram struct {
	name   string
	unit   *debugUnit
	base   []byte // frame base expression
	params []paramEntry
	result dwarf.Offset // C: the type of what is returned; 0: nothing
}

type paramEntry struct {
	name   string
	typ    dwarf.Offset
	result bool
	loc    *dwarf.Field // AttrLocation of the concrete entry
}

// function finds the subprogram that begins at entry; nil if DWARF has none.
func (d *debugInfo) function(entry uint64) (*subprogram, error) {
	u, err := d.unitAt(entry)
	if u == nil || err != nil {
		return nil, err
	}
	if u.funcs == nil {
		if err := d.readFuncs(u); err != nil {
			return nil, err
		}
	}
	off, ok := u.funcs[entry]
	if !ok {
		return nil, nil
	}
	return d.readSubprogram(u, off)
}

// readFuncs indexes a unit's functions by address.
func (d *debugInfo) readFuncs(u *debugUnit) error {
	u.funcs = map[uint64]dwarf.Offset{}
	r := d.data.Reader()
	r.Seek(u.die)
	for {
		e, err := r.Next()
		if err != nil {
			return fmt.Errorf("dwarf unit at %#x: %w", u.start, err)
		}
		if e == nil || e.Offset >= u.end {
			return nil
		}
		if e.Tag != dwarf.TagSubprogram {
			continue
		}
		low, ok := e.Val(dwarf.AttrLowpc).(uint64)
		switch {
		case ok:
			u.funcs[low] = e.Offset
		case e.Val(dwarf.AttrRanges) != nil:
			u.split = append(u.split, e.Offset)
		default:
			continue
		}
		if d.funcs++; d.funcs > maxFuncs {
			return fmt.Errorf("dwarf: more than %d functions", maxFuncs)
		}
	}
}

// readSubprogram reads the entry at off and its direct children.
func (d *debugInfo) readSubprogram(u *debugUnit, off dwarf.Offset) (*subprogram, error) {
	r := d.data.Reader()
	r.Seek(off)
	e, err := r.Next()
	if err != nil || e == nil {
		return nil, fmt.Errorf("dwarf function at %#x: %w", off, orTruncated(err))
	}
	s := &subprogram{unit: u}
	if f := d.inherited(e, dwarf.AttrName); f != nil {
		s.name, _ = f.Val.(string)
	}
	s.base, _ = e.Val(dwarf.AttrFrameBase).([]byte)
	if f := d.inherited(e, dwarf.AttrType); f != nil && u.lang != langGo {
		s.result, _ = d.types.refs.to(f.Val)
	}
	err = children(r, e, func(c *dwarf.Entry) error {
		if c.Tag != dwarf.TagFormalParameter {
			return nil
		}
		if len(s.params) == maxParams {
			return fmt.Errorf("dwarf function at %#x: more than %d parameters", off, maxParams)
		}
		s.params = append(s.params, d.readParam(c))
		return nil
	})
	return s, err
}

func orTruncated(err error) error {
	if err == nil {
		return errors.New("truncated")
	}
	return err
}

func (d *debugInfo) readParam(e *dwarf.Entry) paramEntry {
	p := paramEntry{loc: e.AttrField(dwarf.AttrLocation)}
	if f := d.inherited(e, dwarf.AttrName); f != nil {
		p.name, _ = f.Val.(string)
	}
	if f := d.inherited(e, dwarf.AttrType); f != nil {
		p.typ, _ = d.types.refs.to(f.Val)
	}
	if f := d.inherited(e, dwarf.AttrVarParam); f != nil {
		p.result, _ = f.Val.(bool)
	}
	return p
}

// inherited returns an attribute of e or of what e is an instance of.
func (d *debugInfo) inherited(e *dwarf.Entry, a dwarf.Attr) *dwarf.Field {
	for range maxOrigins {
		if f := e.AttrField(a); f != nil {
			return f
		}
		off, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			off, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset)
		}
		if !ok {
			return nil
		}
		r := d.data.Reader()
		r.Seek(off)
		next, err := r.Next()
		if err != nil || next == nil {
			return nil
		}
		e = next
	}
	return nil
}

// place evaluates where a parameter is at pc by its DWARF location.
func (d *debugInfo) place(s *subprogram, p paramEntry, t *types.Type, pc uint64) (Place, error) {
	if p.loc == nil {
		return Place{}, nil
	}
	expr, err := d.loc.expression(s.unit.base, p.loc, pc)
	if err != nil || len(expr) == 0 {
		return Place{}, err
	}
	ev := evaluator{arch: d.arch, frameBase: s.base, size: t.Size}
	return ev.place(expr)
}
