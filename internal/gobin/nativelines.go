package gobin

import (
	"debug/dwarf"
	"errors"
	"io"
	"path"
	"sort"
	"strings"
)

// Limits on what the line tables of one file may make us hold: rows and units
// that are kept, the depth of inlined calls.
const (
	maxRows    = 8 << 20
	maxInlined = 64
)

// lineRow says that the code from addr to the next row's is of a line; line 0
// ends a sequence.
type lineRow struct {
	addr uint64
	file *dwarf.LineFile
	line int
}

// inlinedAt is an inlined call that holds an address.
type inlinedAt struct {
	name string // of the function that is inlined
	file int64  // where the call is written: an index into the unit's files
	line int64
}

// nativeFrames says what is running at pc in the compiled function fn: the
// innermost inlined call first, fn last. Without DWARF it is fn alone.
func (f *File) nativeFrames(fn Func, pc uint64) []Frame {
	own := Frame{Func: Demangle(fn.Name), Off: pc - fn.Entry}
	d, err := f.debugInfo()
	if err != nil {
		return []Frame{own}
	}
	frames, err := d.frames(own, pc)
	if err != nil || len(frames) == 0 {
		return []Frame{own}
	}
	return frames
}

func (d *debugInfo) frames(own Frame, pc uint64) (frames []Frame, err error) {
	defer catch(&err)
	d.mu.Lock()
	defer d.mu.Unlock()
	u, err := d.unitAt(pc)
	if u == nil || err != nil {
		return nil, err
	}
	lines, err := d.linesOf(u)
	if err != nil {
		return nil, err
	}
	file, line := lines.at(pc)
	calls, err := d.inlinedAt(u, pc-own.Off, pc)
	if err != nil {
		return nil, err
	}
	for i := len(calls) - 1; i >= 0; i-- {
		frames = append(frames, Frame{Func: calls[i].name, Off: own.Off, File: file, Line: line, Inlined: true})
		file, line = lines.file(calls[i].file), int(calls[i].line)
	}
	own.File, own.Line = file, line
	return append(frames, own), nil
}

// unitAt finds the compile unit that holds pc; nil if none does. Ranges of a
// sane file do not overlap: the last one that starts at or below pc is the only
// candidate.
func (d *debugInfo) unitAt(pc uint64) (*debugUnit, error) {
	if err := d.readRanges(); err != nil {
		return nil, err
	}
	i := sort.Search(len(d.ranges), func(i int) bool { return d.ranges[i].low > pc }) - 1
	if i < 0 || pc >= d.ranges[i].high {
		return nil, nil
	}
	return d.ranges[i].unit, nil
}

// unitLines is the line table of a unit.
type unitLines struct {
	dir   string    // that the compiler was run in
	rows  []lineRow // sorted by address
	files []*dwarf.LineFile
}

// linesOf reads the unit's line table once; when too many rows are kept, those
// of the other units are dropped.
func (d *debugInfo) linesOf(u *debugUnit) (*unitLines, error) {
	if u.lines != nil {
		return u.lines, nil
	}
	if d.lineData == nil {
		return nil, errNoDWARF
	}
	data, err := d.lineData()
	if err != nil {
		return nil, err
	}
	r := data.Reader()
	r.Seek(u.die)
	cu, err := r.Next()
	if err != nil || cu == nil {
		return nil, orTruncated(err)
	}
	lr, err := data.LineReader(cu)
	if err != nil {
		return nil, err
	}
	l := &unitLines{}
	l.dir, _ = cu.Val(dwarf.AttrCompDir).(string)
	if lr != nil {
		if err := l.read(lr); err != nil {
			return nil, err
		}
	}
	if d.lineRows += len(l.rows); d.lineRows > maxRows {
		for _, other := range d.units {
			other.lines = nil
		}
		d.lineRows = len(l.rows)
	}
	u.lines = l
	return l, nil
}

func (l *unitLines) read(lr *dwarf.LineReader) error {
	var e dwarf.LineEntry
	for {
		switch err := lr.Next(&e); {
		case errors.Is(err, io.EOF):
			l.files = lr.Files()
			sort.SliceStable(l.rows, func(i, j int) bool { return l.rows[i].addr < l.rows[j].addr })
			return nil
		case err != nil:
			return err
		}
		row := lineRow{addr: e.Address, file: e.File, line: e.Line}
		if e.EndSequence {
			row.line = 0
		}
		if l.rows = append(l.rows, row); len(l.rows) > maxRows {
			return errTooManyLines
		}
	}
}

// at returns the source line of the code at pc.
func (l *unitLines) at(pc uint64) (file string, line int) {
	i := sort.Search(len(l.rows), func(i int) bool { return l.rows[i].addr > pc }) - 1
	if i < 0 || l.rows[i].line == 0 || l.rows[i].file == nil {
		return "", 0
	}
	return l.path(l.rows[i].file), l.rows[i].line
}

// file is the name that the line table has for a number.
func (l *unitLines) file(n int64) string {
	if n < 0 || n >= int64(len(l.files)) || l.files[n] == nil {
		return ""
	}
	return l.path(l.files[n])
}

func (l *unitLines) path(f *dwarf.LineFile) string {
	if path.IsAbs(f.Name) || l.dir == "" {
		return f.Name
	}
	return path.Join(l.dir, f.Name)
}

// inlinedAt lists the inlined calls that hold pc in the function at entry, the
// outermost first.
func (d *debugInfo) inlinedAt(u *debugUnit, entry, pc uint64) (calls []inlinedAt, err error) {
	off, ok, err := d.subprogramAt(u, entry, pc)
	if !ok || err != nil {
		return nil, err
	}
	r := d.data.Reader()
	for range maxInlined {
		r.Seek(off)
		e, err := r.Next()
		if err != nil || e == nil {
			return nil, orTruncated(err)
		}
		if e.Tag == dwarf.TagInlinedSubroutine {
			calls = append(calls, d.inlinedCall(e))
		}
		// What is inside of it and holds pc is a block or a call.
		off = 0
		err = children(r, e, func(c *dwarf.Entry) error {
			if off != 0 || c.Tag != dwarf.TagInlinedSubroutine && c.Tag != dwarf.TagLexDwarfBlock {
				return nil
			}
			held, err := d.holds(c, pc)
			if held {
				off = c.Offset
			}
			return err
		})
		if err != nil || off == 0 {
			return calls, err
		}
	}
	return calls, nil
}

// subprogramAt finds the entry of the function that begins at entry or, as the
// cold part of one does, only holds pc.
func (d *debugInfo) subprogramAt(u *debugUnit, entry, pc uint64) (dwarf.Offset, bool, error) {
	if u.funcs == nil {
		if err := d.readFuncs(u); err != nil {
			return 0, false, err
		}
	}
	if off, ok := u.funcs[entry]; ok {
		return off, true, nil
	}
	r := d.data.Reader()
	for _, off := range u.split {
		r.Seek(off)
		e, err := r.Next()
		if err != nil || e == nil {
			return 0, false, orTruncated(err)
		}
		if held, err := d.holds(e, pc); held || err != nil {
			return off, held, err
		}
	}
	return 0, false, nil
}

// holds tells whether the code of e includes pc.
func (d *debugInfo) holds(e *dwarf.Entry, pc uint64) (bool, error) {
	ranges, err := d.data.Ranges(e)
	if err != nil {
		return false, err
	}
	for _, r := range ranges {
		if r[0] <= pc && pc < r[1] {
			return true, nil
		}
	}
	return false, nil
}

func (d *debugInfo) inlinedCall(e *dwarf.Entry) inlinedAt {
	var c inlinedAt
	if f := d.inherited(e, dwarf.AttrLinkageName); f != nil {
		s, _ := f.Val.(string)
		c.name = Demangle(s)
	}
	if f := d.inherited(e, dwarf.AttrName); f != nil && c.name == "" {
		c.name, _ = f.Val.(string)
	}
	c.file, _ = e.Val(dwarf.AttrCallFile).(int64)
	c.line, _ = e.Val(dwarf.AttrCallLine).(int64)
	if c.name = strings.TrimSpace(c.name); c.name == "" {
		c.name = "[unknown]"
	}
	return c
}
