package tcp

import (
	"slices"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

// Columns puts the columns of time before those of a tool.
func (f *Common) Columns(columns ...render.Column) render.Layout {
	var list []render.Column
	if f.time {
		list = append(list, render.Column{Field: "time", Title: "TIME", Width: 8})
	}
	if f.timestamp {
		list = append(list, render.Column{Field: "elapsed_ns", Title: "TIME(s)", Width: 9, Div: 1e9, Decimals: 6})
	}
	return render.Layout{Columns: append(list, columns...)}
}

// TimedColumns are the columns of a tool that always shows the time of day.
func (f *Common) TimedColumns(p *tool.Plan, columns ...render.Column) render.Layout {
	p.Omit = slices.DeleteFunc(p.Omit, func(name string) bool { return name == "time" })
	f.time = true
	return f.Columns(columns...)
}

// Process are the columns of who owns a socket.
func (f *Common) Process() []render.Column {
	var list []render.Column
	if f.printUID {
		list = append(list, render.Column{Field: "uid", Title: "UID", Width: 6})
	}
	return append(list, render.Column{Field: "pid", Title: "PID", Width: 7}, render.Column{Field: "comm", Title: "COMM", Width: 16})
}

// IP is the column of the version.
func IP() render.Column { return render.Column{Field: "ip", Title: "IP", Width: 2} }

// Address is a column of an address.
func (f *Common) Address(field, title string) render.Column {
	width := 15
	if f.wide {
		width = 39
	}
	return render.Column{Field: field, Title: title, Width: width}
}

// Port is a column of a port.
func Port(field, title string) render.Column {
	return render.Column{Field: field, Title: title, Width: 5}
}

// Session are the columns of a connection and its owner, then more.
func (f *Common) Session(more ...render.Column) []render.Column {
	list := f.Process()
	if f.wide {
		list = append(list, IP())
	}
	list = append(list,
		f.Address("laddr", "LADDR"), Port("lport", "LPORT"),
		f.Address("raddr", "RADDR"), Port("rport", "RPORT"))
	return append(list, more...)
}

// Counts tells whether rows are to be counted instead of printed.
func (f *Common) Counts() bool { return f.count }

// CountBy makes rows counts where they are asked for: of all that have the same in
// the columns' members, under a title.
func (f *Common) CountBy(p *tool.Plan, title string, columns ...render.Column) {
	if !f.count {
		return
	}
	for _, c := range columns {
		p.Count = append(p.Count, c.Field)
	}
	columns = append(columns, render.Column{Field: "count", Title: title})
	p.Layout.Maps = map[string]render.MapLayout{tool.CountMap: {Descending: true, Columns: columns}}
}

// CountEnds is CountBy of connections, with a column for each end.
func (f *Common) CountEnds(p *tool.Plan, title string) {
	key := []string{"laddr", "lport", "raddr", "rport"}
	var columns []render.Column
	for _, name := range key {
		columns = append(columns, render.Column{Field: name})
	}
	f.CountBy(p, title, columns...)
	if !f.count {
		return
	}
	p.Layout.Maps[tool.CountMap] = render.MapLayout{Columns: []render.Column{
		f.End("laddr", "lport", "LADDR:LPORT"), f.End("raddr", "rport", "RADDR:RPORT"), {Field: "count", Title: title},
	}}
	counts := Join{Key: key, Values: []string{"count"}, Value: func(string, []events.Value) int { return 0 }, Last: tool.CountMap}
	p.Join = func(r *events.Report) (string, []events.Event) {
		rows, _ := counts.Add(r)
		return "", []events.Event{counts.Report(tool.CountMap, r, rows)}
	}
}

// End is a column of an address with its port in rows.
func (f *Common) End(addr, port, title string) render.Column {
	width := 20
	if f.wide {
		width = 45
	}
	return Both(addr, port, title, width)
}

// Both is a column of an address with its port.
func Both(addr, port, title string, width int) render.Column {
	return render.Column{Field: addr, More: port, Before: ":", Title: title, Width: width}
}
