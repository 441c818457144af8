// Package tcprtt is the tool that shows histograms of TCP round-trip times.
package tcprtt

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
	"github.com/rpcxray/rpcxray/internal/types"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:   "tcprtt",
		Family: tcp.Family,
		Usage:  "[flags] [INTERVAL [COUNT]]",
		Short:  "Show histograms of TCP round-trip times",
		Long: `Show histograms of the smoothed round-trip time of TCP connections, taken at each segment
that is received: for all together, or one an address.`,
		Example: `  rpcxray tcprtt                     # until Ctrl-C
  rpcxray tcprtt -i 1 -d 10          # a histogram a second, for 10 seconds
  rpcxray tcprtt -m -B -P 443        # ms, by remote address, of port 443
  rpcxray tcprtt -e -a 10.0.0.1      # with the average, of a local address`,
		MaxArgs: 2,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	tool.Timing
	milli, byLocal, byRemote, average, debug bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.AddReport(cmd, tcp.Names{"localport": "p lport", "remoteport": "P rport", "laddr": "a", "raddr": "A", "verbose": "v"})
	c.Timing.Flags(cmd)
	fl := cmd.Flags()
	fl.BoolVarP(&c.milli, "milliseconds", "m", false, "in milliseconds instead of microseconds")
	fl.BoolVar(&c.milli, "millisecond", false, "the same as --milliseconds")
	fl.BoolVarP(&c.debug, "debug", "D", false, "print the program's code instead of running it")
	fl.BoolVarP(&c.byLocal, "byladdr", "b", false, "a histogram for each local address")
	fl.BoolVarP(&c.byRemote, "byraddr", "B", false, "a histogram for each remote address")
	fl.BoolVarP(&c.average, "extension", "e", false, "show the averages")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	if c.byLocal && c.byRemote {
		return nil, errors.New("-b and -B: only one of them can be given")
	}
	if err := c.Arguments(args); err != nil {
		return nil, err
	}
	p, err := c.Common.Plan(o, script, tcp.NoOwner)
	if err != nil {
		return nil, err
	}
	unit, name := uint64(1), "usecs"
	if c.milli {
		unit, name = 1000, "msecs"
	}
	p.Consts["unit"], p.Consts["average"] = tool.Int(unit), tool.Bool(c.average)
	p.Consts["by_local"], p.Consts["by_remote"] = tool.Bool(c.byLocal), tool.Bool(c.byRemote)
	if c.debug {
		p.Debug = []string{"ir"}
	}
	section := "All Addresses"
	switch {
	case c.byLocal:
		section = "Local Address"
	case c.byRemote:
		section = "Remote Address"
	}
	p.Banner, p.Aside = "Tracing TCP RTT... Hit Ctrl-C to end.", false
	p.Layout = render.Layout{Clock: c.Clock, Maps: map[string]render.MapLayout{
		"@rtt": {Section: section, Unit: name, Columns: []render.Column{{Field: "address"}, {Field: "average"}}},
	}}
	v := &view{table: o.Format == "table"}
	p.Join = v.join
	p.Reports(c.Interval.Duration, c.Duration.Duration)
	return p, nil
}

// view puts averages beside the histograms of the same address.
type view struct {
	table    bool
	averages []events.Entry
}

func (v *view) join(r *events.Report) (string, []events.Event) {
	if r.Map.Name == "@average" {
		v.averages = r.Entries
		return "", nil
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		for _, a := range v.averages {
			if same(&a.Key[0], &e.Key[0]) {
				e.Key = append(e.Key, v.shown(a.Value.Average()))
			}
		}
	}
	return "", []events.Event{r}
}

func same(a, b *events.Value) bool { return a.Text == b.Text && string(a.Str) == string(b.Str) }

func (v *view) shown(average int64) events.Value {
	if v.table {
		return tcp.Text(fmt.Sprintf("AVG %d", average))
	}
	return events.Value{Type: types.TUint64, Int: uint64(average)}
}
