package kernel

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/types"
)

// TracepointFormat describes the record that a tracepoint's program is given.
type TracepointFormat struct {
	Category string
	Name     string
	ID       uint64 // for perf_event_open
	Fields   []TracepointField
}

// TracepointField is one field of a tracepoint's record.
type TracepointField struct {
	Name    string
	CType   string // as the kernel spells it, with array bounds: "char[16]"
	Offset  int    // bytes from the start of the record
	Size    int    // bytes in the record; 4 or 8 for a location
	Signed  bool
	DataLoc bool // the record holds where the data is, not the data
	// LocBase is what is added to the low 16 bits of a location to get the
	// data's offset in the record; the high 16 bits are the length in bytes.
	LocBase int
	Array   int // elements; 0 if not an array, or of variable length
	// Type is the type of the value. A location has the type of a kernel
	// pointer to its elements: the address is the program's to compute. Of the
	// eight bytes that hold a system call's int only the low four are a value,
	// so Type may be smaller than Size.
	Type *types.Type
}

// Field returns the field called name.
func (f *TracepointFormat) Field(name string) (TracepointField, bool) {
	for _, field := range f.Fields {
		if field.Name == name {
			return field, true
		}
	}
	return TracepointField{}, false
}

// Size returns the number of bytes of the record's fixed part.
func (f *TracepointFormat) Size() int {
	end := 0
	for _, field := range f.Fields {
		end = max(end, field.Offset+field.Size)
	}
	return end
}

// maxRecord bounds offsets and sizes: the kernel's trace records are smaller
// than PERF_MAX_TRACE_SIZE, 8 KiB.
const maxRecord = 1 << 16

// maxLine bounds a line of a format file, in bytes; the kernel's longest has
// some 150.
const maxLine = 1 << 10

// ParseTracepointFormat reads the text of a tracepoint's format file.
// Pointers in records of the syscalls category are the caller's.
func ParseTracepointFormat(category, text string) (*TracepointFormat, error) {
	f := &TracepointFormat{Category: category}
	space := types.SpaceKernel
	if category == "syscalls" {
		space = types.SpaceUser
	}
	seenID := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		var err error
		switch key, value, _ := strings.Cut(line, ":"); key {
		case "name":
			f.Name = strings.TrimSpace(value)
		case "ID":
			f.ID, err = strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			seenID = true
		case "field":
			var field TracepointField
			field, err = parseField(value, space)
			f.Fields = append(f.Fields, field)
		}
		if err != nil {
			return nil, fmt.Errorf("format line %q: %w", line, err)
		}
	}
	if f.Name == "" || !seenID {
		return nil, errors.New("format without name or id")
	}
	return f, nil
}

// parseField reads "char comm[16];	offset:8;	size:16;	signed:0;".
func parseField(text string, space types.Space) (TracepointField, error) {
	var f TracepointField
	if len(text) > maxLine {
		return f, errors.New("line too long")
	}
	parts := strings.Split(text, ";")
	for _, part := range parts[1:] {
		key, value, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return f, err
		}
		switch key {
		case "offset":
			f.Offset = n
		case "size":
			f.Size = n
		case "signed":
			f.Signed = n != 0
		}
	}
	if f.Offset < 0 || f.Size < 0 || f.Offset > maxRecord || f.Size > maxRecord {
		return f, errors.New("offset or size out of range")
	}
	f.declare(strings.TrimSpace(parts[0]), space)
	return f, nil
}

// declare fills name and type from a C declaration such as
// "const char * name", "char name[16]" or "__data_loc char[] name".
func (f *TracepointField) declare(decl string, space types.Space) {
	switch {
	case strings.HasPrefix(decl, "__data_loc "):
		f.DataLoc = true
	case strings.HasPrefix(decl, "__rel_loc "):
		f.DataLoc, f.LocBase = true, f.Offset+f.Size
	}
	decl = strings.TrimPrefix(strings.TrimPrefix(decl, "__data_loc "), "__rel_loc ")
	at := strings.LastIndexAny(decl, " *") + 1
	elem, name := strings.TrimSpace(decl[:at]), decl[at:]
	bounds := ""
	if open := strings.IndexByte(name, '['); open >= 0 {
		name, bounds = name[:open], name[open:]
	}
	f.Name, f.CType = name, elem+bounds
	switch {
	case f.DataLoc:
		f.Type = types.PointerTo(cType(strings.TrimSuffix(elem, "[]"), 0, space), types.SpaceKernel)
	case bounds != "":
		f.Array, f.Type = arrayField(elem, bounds, f.Size, space)
	default:
		f.Type = cType(elem, f.Size, space)
		if f.Signed && f.Type.Kind == types.Int {
			f.Type = types.Integer(f.Type.Size, true)
		}
	}
}

// arrayField finds the number of elements. A bound may be the name of a
// constant (the kernel prints those it could not resolve), so the element's
// own size has to tell then.
func arrayField(elem, bounds string, size int, space types.Space) (int, *types.Type) {
	n, err := strconv.Atoi(strings.Trim(bounds, "[]"))
	if err != nil || n <= 0 || n > size || size%n != 0 {
		n = size / max(cType(elem, 0, space).Size, 1)
	}
	if n == 0 {
		return 0, types.ArrayOf(cType(elem, 0, space), 0)
	}
	return n, types.ArrayOf(cType(elem, size/n, space), n)
}
