package render

import (
	"strconv"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Layout says how a tool's records and maps become a table.
type Layout struct {
	// Columns of the records that the script prints. A record's members without
	// a column are in no table, but in all other formats.
	Columns []Column
	// Maps says how printed maps look, by their names with the @.
	Maps map[string]MapLayout
	// Clock puts the time of day before each report of a table, once if several are of
	// one moment.
	Clock bool
	// Folded names members that make one line for flame graphs instead of a
	// row: texts and stacks, joined by semicolons.
	Folded []string
}

// Column is a column of a table.
type Column struct {
	Field    string // the record's member; in a map's layout the name in JSON
	Title    string
	Width    int
	Right    bool  // aligned; the last column is not padded on the right
	Div      int64 // a number is divided by it, 0 as by 1
	Decimals int   // digits after the point
	Hex      bool
	Hidden   bool   // not in tables
	Text     string // stands in every row, instead of a member
	More     string // a second member, between Before and After
	Before   string
	After    string
	Words    map[string]string // short forms of the words that stand for numbers
}

// MapLayout says how a map is printed: by Columns (one a part of the key, then
// the value), as bcc's histograms, or as bcc's line of an average.
type MapLayout struct {
	Columns []Column
	Section string // heading of a keyed histogram: "Function"
	Unit    string // of a histogram's or an average's values: "nsecs"
	Footer  bool   // stats: avg = N nsecs, total: N nsecs, count: N
	// Descending puts the largest value first.
	Descending bool
	// Bare rows have neither a blank line nor titles above.
	Bare bool
}

// cell appends v as c wants it.
func (c *Column) cell(dst []byte, p *printer, v *events.Value) []byte {
	switch {
	case c.Words != nil:
		start := len(dst)
		dst = p.value(dst, v)
		if short, ok := c.Words[string(dst[start:])]; ok {
			dst = append(dst[:start], short...)
		}
		return dst
	case v.Unreadable || v.Absent() || !isNumber(v.Type) || v.Type.Kind == types.Bool:
	case c.Hex:
		return strconv.AppendUint(dst, v.Int, 16)
	case c.Div > 0 || c.Decimals > 0:
		n := float64(number(v))
		if v.Type.Signed {
			n = float64(int64(number(v)))
		}
		return strconv.AppendFloat(dst, n/float64(max(c.Div, 1)), 'f', c.Decimals, 64)
	}
	return p.value(dst, v)
}

// align pads what stands in dst from start on; last says that nothing follows.
func (c *Column) align(dst []byte, start int, last bool) []byte {
	if !c.Right && last {
		return dst
	}
	d := directive{width: c.Width, left: !c.Right}
	return d.pad(dst, start)
}

// shown returns the columns of a table.
func shown(columns []Column) []Column {
	var list []Column
	for _, c := range columns {
		if !c.Hidden {
			list = append(list, c)
		}
	}
	return list
}

// appendHeader appends the titles of columns and ends the line.
func appendHeader(dst []byte, columns []Column) []byte {
	for i := range columns {
		if i > 0 {
			dst = append(dst, ' ')
		}
		start := len(dst)
		dst = append(dst, columns[i].Title...)
		dst = columns[i].align(dst, start, i == len(columns)-1)
	}
	return append(dst, '\n')
}

// appendRecordRow appends a record as a row.
func appendRecordRow(dst []byte, p *printer, columns []Column, r *events.Value) []byte {
	for i := range columns {
		c := &columns[i]
		if i > 0 {
			dst = append(dst, ' ')
		}
		start := len(dst)
		dst = c.recordCell(dst, p, r)
		dst = c.align(dst, start, i == len(columns)-1)
	}
	return append(dst, '\n')
}

// recordCell appends what c shows of a record.
func (c *Column) recordCell(dst []byte, p *printer, r *events.Value) []byte {
	dst = append(dst, c.Text...)
	if v := member(r, c.Field); v != nil {
		dst = c.cell(dst, p, v)
	}
	if v := member(r, c.More); v != nil {
		dst = append(p.value(append(dst, c.Before...), v), c.After...)
	}
	return dst
}

// Cell is a place in a table.
type Cell struct {
	Text  string        // escaped
	Value *events.Value // what the text shows, nil for nothing
}

// Cells are the places of a row: what columns, the hidden ones left out, show of an
// entry of a map. The entry is a record, or has a part of its key for each column
// and then its value.
func Cells(columns []Column, e *events.Entry) []Cell {
	p := &printer{escape: true}
	isRecord := e.Key == nil && e.Value.Type.Kind == types.Record
	values := mapValues(e)
	var cells []Cell
	for i := range columns {
		c := &columns[i]
		switch {
		case c.Hidden:
		case isRecord:
			cells = append(cells, Cell{string(c.recordCell(nil, p, &e.Value)), member(&e.Value, c.Field)})
		case i < len(values):
			cells = append(cells, Cell{string(c.cell(nil, p, values[i])), values[i]})
		}
	}
	return cells
}

// appendRow appends values, one a column, and ends the line; nil is a value
// that the record does not have.
func appendRow(dst []byte, p *printer, columns []Column, values []*events.Value) []byte {
	for i := range columns {
		if i > 0 {
			dst = append(dst, ' ')
		}
		start := len(dst)
		if values[i] != nil {
			dst = columns[i].cell(dst, p, values[i])
		}
		dst = columns[i].align(dst, start, i == len(columns)-1)
	}
	return append(dst, '\n')
}

// member returns a record's member, nil where it has none of the name.
func member(r *events.Value, name string) *events.Value {
	for i := range r.Elems {
		if r.Type.Fields[i].Name == name {
			return &r.Elems[i]
		}
	}
	return nil
}

// folded appends the named members root first and a count, as flame graphs
// take it: text;frame;frame;-;frame 1.
func (p *printer) folded(dst []byte, r *events.Value, names []string, count uint64) []byte {
	start, stacks := len(dst), 0
	for _, name := range names {
		v := member(r, name)
		if v == nil || v.Type.Kind == types.Stack && len(v.Frames) == 0 {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ';')
		}
		if v.Type.Kind != types.Stack {
			dst = p.value(dst, v)
			continue
		}
		if stacks++; stacks > 1 {
			dst = append(dst, "-;"...)
		}
		for i := len(v.Frames) - 1; i >= 0; i-- {
			f := v.Frames[i]
			if f.Func == "" {
				dst = strconv.AppendUint(append(dst, "0x"...), f.Addr, 16)
			} else {
				dst = p.name(dst, f.Func)
			}
			if i > 0 {
				dst = append(dst, ';')
			}
		}
	}
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, count, 10)
	return append(dst, '\n')
}

// indented appends a line a frame as bcc's tools show stacks under a row.
func (p *printer) indented(dst []byte, v *events.Value) []byte {
	if v.Unreadable {
		return append(dst, "    [Missed stack]\n"...)
	}
	for i := range v.Frames {
		dst = append(dst, "    "...)
		dst = p.frame(dst, &v.Frames[i])
		dst = append(dst, '\n')
	}
	return dst
}
