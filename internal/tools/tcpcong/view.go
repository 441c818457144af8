package tcpcong

import (
	"cmp"
	"slices"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
)

// changes is the place of the number of changes in a row's values, behind the
// times in the states.
const changes = 5

func join() tcp.Join {
	return tcp.Join{
		Key:    []string{"ip", "laddr", "lport", "raddr", "rport"},
		Values: []string{"open_ns", "disorder_ns", "cwr_ns", "recovery_ns", "loss_ns", "changes"},
		Value: func(name string, rest []events.Value) int {
			if name == "@changes" {
				return changes
			}
			return min(int(rest[0].Int), changes-1)
		},
		Last: "@changes",
	}
}

func columns(version string, width int, unit string, div uint64) render.MapLayout {
	list := []render.Column{
		tcp.Both("laddr", "lport", "LAddrPort"+version, width), tcp.Both("raddr", "rport", "RAddrPort"+version, width),
	}
	for _, s := range []struct {
		field, title string
		width        int
	}{{"open_ns", "Open_", 7}, {"disorder_ns", "Dod_", 6}, {"recovery_ns", "Rcov_", 7}, {"cwr_ns", "Cwr_", 7}, {"loss_ns", "Los_", 6}} {
		list = append(list, render.Column{Field: s.field, Title: s.title + unit, Width: s.width, Div: int64(div)})
	}
	return render.MapLayout{Columns: append(list, render.Column{Field: "changes", Title: "Chgs"})}
}

// view makes the tables.
type view struct{ join tcp.Join }

// Places in a row's key.
const (
	version   = 0
	localPort = 2
)

func (v *view) reports(r *events.Report) (string, []events.Event) {
	if r.Map.Name == "@spread" {
		return "", []events.Event{r}
	}
	rows, ok := v.join.Add(r)
	if !ok {
		return "", nil
	}
	rows = slices.DeleteFunc(rows, func(row *tcp.Row) bool { return row.Values[changes] == 0 })
	slices.SortStableFunc(rows, func(a, b *tcp.Row) int { return cmp.Compare(a.Key[localPort].Int, b.Key[localPort].Int) })
	var list []events.Event
	for _, family := range []struct {
		name    string
		version uint64
	}{{"@ipv4", 4}, {"@ipv6", 6}} {
		its := slices.DeleteFunc(slices.Clone(rows), func(row *tcp.Row) bool { return row.Key[version].Int != family.version })
		if len(its) > 0 {
			list = append(list, v.join.Report(family.name, r, its))
		}
	}
	return "", list
}
