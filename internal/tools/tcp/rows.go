package tcp

import (
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Change applies changes to the members of the plan's rows, by their names, printed
// or counted, after the changes that the plan has already.
func Change(p *tool.Plan, change map[string]func(*events.Value)) {
	p.Then(func(e events.Event) events.Event {
		if counts, ok := e.(*events.Report); ok && counts.Map.Name == tool.CountMap {
			for i, name := range p.Count {
				if f := change[name]; f != nil {
					for _, entry := range counts.Entries {
						f(&entry.Key[i])
					}
				}
			}
		}
		r, ok := e.(*events.Record)
		if !ok || r.Action.Kind != prog.ActPrint {
			return e
		}
		row := &r.Values[0]
		for i := range row.Elems {
			if f := change[row.Type.Fields[i].Name]; f != nil {
				f(&row.Elems[i])
			}
		}
		return r
	})
}

// Text is a value that is a text.
func Text(s string) events.Value { return events.Value{Type: types.Str(len(s)), Str: []byte(s)} }

// Join makes rows of maps that share the begin of their keys.
type Join struct {
	Key    []string // names of the key's parts
	Values []string // names of the members that come behind them
	// Value says which of Values the entries of a map are, by its name and the
	// parts of the key behind Key.
	Value func(name string, rest []events.Value) int
	Last  string // the map that is printed last

	rows  map[string]*Row
	order []*Row
}

// Row is what the maps say of a key.
type Row struct {
	Key    []events.Value
	Values []uint64
}

// Add takes a map. With the last it returns all rows, and begins anew.
func (j *Join) Add(r *events.Report) ([]*Row, bool) {
	if j.rows == nil {
		j.rows = map[string]*Row{}
	}
	for _, e := range r.Entries {
		var key strings.Builder
		for _, k := range e.Key[:len(j.Key)] {
			fmt.Fprintf(&key, "%d %s %q ", k.Int, k.Text, k.Str)
		}
		row := j.rows[key.String()]
		if row == nil {
			row = &Row{Key: e.Key[:len(j.Key)], Values: make([]uint64, len(j.Values))}
			j.rows[key.String()] = row
			j.order = append(j.order, row)
		}
		row.Values[j.Value(r.Map.Name, e.Key[len(j.Key):])] += e.Value.Int
	}
	if r.Map.Name != j.Last {
		return nil, false
	}
	rows := j.order
	j.rows, j.order = nil, nil
	return rows, true
}

// Report is a report of rows under a name for their layout.
func (j *Join) Report(name string, r *events.Report, rows []*Row) *events.Report {
	out := &events.Report{AtExit: r.AtExit, Wall: r.Wall}
	for _, row := range rows {
		var fields []types.Field
		var elems []events.Value
		for i, k := range row.Key {
			fields, elems = append(fields, types.Field{Name: j.Key[i], Type: k.Type}), append(elems, k)
		}
		for i, n := range row.Values {
			fields = append(fields, types.Field{Name: j.Values[i], Type: types.TUint64})
			elems = append(elems, events.Value{Type: types.TUint64, Int: n})
		}
		out.Entries = append(out.Entries, events.Entry{Value: events.Value{Type: types.RecordOf(fields), Elems: elems}})
	}
	out.Map = &prog.Map{Name: name, Value: types.RecordOf(nil)}
	return out
}
