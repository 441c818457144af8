package gobin

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// maxLineEntries limits the rows of the line tables that are looked at.
const maxLineEntries = 64 << 20

// LineAddr returns the address of the first instruction of a line in each
// function that has it, lowest first come, by the DWARF line tables. The file
// is named by its whole path or the end of it; column 0 is any.
func (f *File) LineAddr(file string, line, column int) (addrs []uint64, err error) {
	defer catch(&err)
	d, err := f.debugInfo()
	if err != nil {
		return nil, err
	}
	data, err := d.lineData()
	if err != nil {
		return nil, err
	}
	lowest := map[uint64]uint64{} // by entry of the function
	var order []uint64
	seen := 0
	for r := data.Reader(); ; {
		cu, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("line tables: %w", err)
		}
		if cu == nil {
			break
		}
		r.SkipChildren()
		err = eachLine(data, cu, &seen, func(e *dwarf.LineEntry) {
			if e.File == nil || !e.IsStmt || e.Line != line || column > 0 && e.Column != column || !sameFile(e.File.Name, file) {
				return
			}
			fn, ok := f.FuncAt(e.Address)
			if !ok {
				return
			}
			if old, ok := lowest[fn.Entry]; !ok || e.Address < old {
				if !ok {
					order = append(order, fn.Entry)
				}
				lowest[fn.Entry] = e.Address
			}
		})
		if err != nil {
			return nil, fmt.Errorf("line tables: %w", err)
		}
	}
	for _, entry := range order {
		addrs = append(addrs, lowest[entry])
	}
	return addrs, nil
}

// sameFile tells whether name ends in the path elements of file.
func sameFile(name, file string) bool {
	name, file = path.Clean(name), path.Clean(file)
	return name == file || strings.HasSuffix(name, "/"+strings.TrimPrefix(file, "./"))
}

var errTooManyLines = errors.New("too many rows")

func eachLine(data *dwarf.Data, cu *dwarf.Entry, seen *int, yield func(*dwarf.LineEntry)) error {
	lr, err := data.LineReader(cu)
	if err != nil || lr == nil {
		return err
	}
	var e dwarf.LineEntry
	for {
		switch err := lr.Next(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if *seen++; *seen > maxLineEntries {
			return errTooManyLines
		}
		if !e.EndSequence {
			yield(&e)
		}
	}
}

// readLines makes what reads line tables out of the sections s and .debug_line.
func (f *File) readLines(s *debugSections) (*dwarf.Data, error) {
	p, err := f.debugSection("line")
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, errNoDWARF
	case p.size > maxDebug:
		return nil, fmt.Errorf("section %s: %d bytes of debug information are too much", p.name, p.size)
	}
	var line []byte
	p.to = &line
	if err := p.unpack(); err != nil {
		return nil, err
	}
	return s.data(line)
}
