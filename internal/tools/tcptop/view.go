package tcptop

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
)

// Members of the rows' values.
const (
	received = iota
	sent
)

func join() tcp.Join {
	return tcp.Join{
		Key:    []string{"pid", "comm", "ip", "laddr", "lport", "raddr", "rport"},
		Values: []string{"rx_bytes", "tx_bytes"},
		Value: func(name string, _ []events.Value) int {
			if name == "@sent" {
				return sent
			}
			return received
		},
		Last: "@received",
	}
}

// live is the table of the live screen.
const live = "@live"

// family is a table and the version of IP that it shows, 0 for both.
type family struct {
	name    string
	version uint64
}

// orders are what rows may be sorted by.
func orders() map[string]func(*tcp.Row) uint64 {
	return map[string]func(*tcp.Row) uint64{
		"all":      func(r *tcp.Row) uint64 { return r.Values[received] + r.Values[sent] },
		"sent":     func(r *tcp.Row) uint64 { return r.Values[sent] },
		"received": func(r *tcp.Row) uint64 { return r.Values[received] },
	}
}

// columns are those of a table; version is behind the titles of addresses.
func columns(version string, width int) render.MapLayout {
	return render.MapLayout{Columns: []render.Column{
		{Field: "pid", Title: "PID", Width: 7}, {Field: "comm", Title: "COMM", Width: 16},
		tcp.Both("laddr", "lport", "LADDR"+version, width), tcp.Both("raddr", "rport", "RADDR"+version, width),
		{Field: "rx_bytes", Title: "RX_KB", Width: 6, Right: true, Div: 1024},
		{Field: "tx_bytes", Title: "TX_KB", Width: 6, Right: true, Div: 1024},
	}}
}

// view makes the tables.
type view struct {
	*command
	by   func(*tcp.Row) uint64
	join tcp.Join

	families []family
}

// version is the place of the version in a row's key.
const version = 2

func (v *view) reports(r *events.Report) (string, []events.Event) {
	rows, ok := v.join.Add(r)
	if !ok {
		return "", nil
	}
	slices.SortStableFunc(rows, func(a, b *tcp.Row) int { return cmp.Compare(v.by(b), v.by(a)) })
	var list []events.Event
	for _, f := range v.families {
		its := slices.DeleteFunc(slices.Clone(rows), func(row *tcp.Row) bool { return f.version != 0 && row.Key[version].Int != f.version })
		if v.rows.Given && len(its) > int(v.rows.N) {
			its = its[:v.rows.N]
		}
		if len(its) > 0 || f.version == 0 {
			list = append(list, v.join.Report(f.name, r, its))
		}
	}
	return v.summary(r), list
}

// summary is the line with the time and the load.
func (v *view) summary(r *events.Report) string {
	if v.quiet {
		return ""
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("unknown")
	}
	return fmt.Sprintf("\n%s loadavg: %s", r.Wall.Format("15:04:05"), bytes.TrimSpace(load))
}
