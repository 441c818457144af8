// Package rpcsummary is the tool that shows what the RPC services of a machine do.
package rpcsummary

import (
	"cmp"
	_ "embed"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:  "rpc",
		Usage: tool.CallsUsage,
		Short: "Show what the RPC services of this machine do",
		Long: `Show for each method how often it is called, how many calls fail, and how long half of
the calls and 99 of 100 take, at most an eighth too much. On a terminal this is a live
screen: Enter opens a service, its method, that one's slowest and failed calls, and one of
them; ? tells the keys. Else it is one report, or one every -i seconds.

` + tool.CallsHelp,
		Example: `  rpcxray rpc -d 10               # every Go RPC service, over 10 seconds
  rpcxray rpc -i 5 -p 1234        # every 5 seconds, of a process
  rpcxray rpc --side server       # what is served, not what is called`,
		MaxArgs: 1,
		New:     func() tool.Command { return &command{} },
	}
}

// keys are processes × methods × buckets of durations.
const keys = 32768

type command struct {
	tool.Calls
	tool.Timing
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Calls.Flags(cmd.Flags())
	c.Timing.Flags(cmd)
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	p, err := c.Calls.Plan(o, args, script)
	if err != nil {
		return nil, err
	}
	p.Keys = keys
	s := &summary{last: time.Now()}
	p.Change, p.Banner = s.change, "Tracing RPC calls... Hit Ctrl-C to end."
	p.Layout = render.Layout{Clock: c.Clock, Maps: map[string]render.MapLayout{rows.Name: {Columns: columns()}}}
	interval := c.Interval.Duration
	if o.Screen != nil && !o.Script {
		interval = cmp.Or(interval, defaultRefresh)
		live(p, interval)
	}
	p.Reports(interval, c.Duration.Duration)
	return p, nil
}

func columns() []render.Column {
	return []render.Column{
		{Field: "pid", Title: "PID", Width: 7},
		{Field: "process", Title: "PROCESS", Width: 12},
		{Field: "framework", Title: "KIND", Width: 8},
		{Field: "side", Title: "SIDE", Width: 6},
		{Field: "service", Title: "SERVICE", Width: 12},
		{Field: "method", Title: "METHOD", Width: 12},
		{Field: "calls", Title: "CALLS", Width: 7, Right: true},
		{Field: "failed", Title: "FAILED", Width: 6, Right: true},
		{Field: "p50_ns", Title: "P50(us)", Width: 9, Right: true, Div: int64(time.Microsecond), Decimals: 1},
		{Field: "p99_ns", Title: "P99(us)", Width: 9, Right: true, Div: int64(time.Microsecond), Decimals: 1},
		{Field: "calls_per_s", Title: "CALLS/s", Width: 8, Right: true},
	}
}
