package tcpsubnet

import (
	"encoding/json"
	"fmt"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
	"github.com/rpcxray/rpcxray/internal/types"
)

// view names the subnets, and shows their bytes in the unit that is asked for.
type view struct {
	names       []string
	divisor     float64
	table, json bool
}

func (v *view) report(r *events.Report) (string, []events.Event) {
	if v.json {
		return v.object(r), nil
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		e.Key[0] = tcp.Text(v.names[e.Key[0].Int])
		if v.table {
			e.Value = events.Value{Type: types.TUint64, Int: uint64(float64(e.Value.Int) / v.divisor)}
		}
	}
	return r.Wall.Format("[01/02/06 15:04:05]"), []events.Event{r}
}

// object is a report as bcc's tool prints it with --json. Units below a kilo are
// whole numbers there, others are not.
func (v *view) object(r *events.Report) string {
	entries := map[string]any{}
	for _, e := range r.Entries {
		n := float64(e.Value.Int) / v.divisor
		if name := v.names[e.Key[0].Int]; v.divisor > 1 {
			entries[name] = n
		} else {
			entries[name] = uint64(n)
		}
	}
	text, err := json.Marshal(map[string]any{"date": r.Wall.Format("01/02/06"), "time": r.Wall.Format("15:04:05"), "entries": entries})
	if err != nil {
		panic(fmt.Sprintf("BUG: an object of numbers: %v", err))
	}
	return string(text)
}
