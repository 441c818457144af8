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
	data, err := f.lineTables()
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

// lineTables loads what debug/dwarf needs to read line tables.
func (f *File) lineTables() (*dwarf.Data, error) {
	loaded := map[string][]byte{}
	left := uint64(maxDebug)
	for _, name := range []string{"abbrev", "info", "line", "str", "line_str", "str_offsets", "addr", "ranges", "rnglists"} {
		p, err := f.debugSection(name)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		if p.size > left {
			return nil, fmt.Errorf("section %s: %d bytes of debug information are too much", p.name, p.size)
		}
		left -= p.size
		var b []byte
		p.to = &b
		if err := p.unpack(); err != nil {
			return nil, err
		}
		loaded[name] = b
	}
	if loaded["info"] == nil || loaded["line"] == nil {
		return nil, errNoDWARF
	}
	data, err := dwarf.New(loaded["abbrev"], nil, nil, loaded["info"], loaded["line"], nil, loaded["ranges"], loaded["str"])
	if err != nil {
		return nil, fmt.Errorf("debug information: %w", err)
	}
	for _, name := range []string{"line_str", "str_offsets", "addr", "rnglists"} {
		if loaded[name] == nil {
			continue
		}
		if err := data.AddSection(".debug_"+name, loaded[name]); err != nil {
			return nil, fmt.Errorf("debug information: %w", err)
		}
	}
	return data, nil
}
