// Package rpcslow is the tool that prints slow and failed RPC calls.
package rpcslow

import (
	_ "embed"
	"fmt"
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
		Name:  "slow",
		Usage: tool.CallsUsage,
		Short: "Print the RPC calls that take long, or fail",
		Long: `Print a row for each RPC call that takes at least as long as -u or -m says, 1 ms by
default, or that fails. On the server's side HANDLER is the time in the service's own
code, OTHER what is left of the latency: decoding, encoding, writing, and waiting for a
processor. ARGS and REPLY are what was sent, by name where the encoding has names
(JSON, MessagePack); what is longer than 512 bytes is cut.

` + tool.CallsHelp,
		Example: `  rpcxray rpc slow -u 500 -p 1234     # from 500 µs, of a process
  rpcxray rpc slow -m 20 ./server     # from 20 ms`,
		MaxArgs: 1,
		New: func() tool.Command {
			return &command{milli: tool.Threshold{Unit: time.Millisecond}, micro: tool.Threshold{Unit: time.Microsecond}}
		},
	}
}

type command struct {
	tool.Calls
	cmd          *cobra.Command
	milli, micro tool.Threshold
	duration     tool.Seconds
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.cmd = cmd
	fl := cmd.Flags()
	c.Calls.Flags(fl)
	fl.VarP(&c.milli, "min-ms", "m", "threshold in ms, fractions allowed; 1 ms is the default")
	fl.VarP(&c.micro, "min-us", "u", "threshold in µs (fractions allowed)")
	for _, name := range []string{"min-ms", "min-us"} {
		fl.Lookup(name).DefValue = ""
	}
	fl.VarP(&c.duration, "duration", "d", "end after so many seconds")
}

func (c *command) threshold() time.Duration {
	switch {
	case c.cmd.Flags().Changed("min-ms"):
		return c.milli.Duration
	case c.cmd.Flags().Changed("min-us"):
		return c.micro.Duration
	}
	return time.Millisecond
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	p, err := c.Calls.Plan(o, args, script)
	if err != nil {
		return nil, err
	}
	least := c.threshold()
	p.Layout, p.Consts["min_ns"] = layout(), tool.Int(uint64(least))
	p.Banner = fmt.Sprintf("Tracing RPC calls of %v and more, and failed ones... Hit Ctrl-C to end.", least)
	p.Reports(0, c.duration.Duration)
	return p, nil
}

func layout() render.Layout {
	return render.Layout{Columns: []render.Column{
		{Field: "time", Title: "TIME", Width: 8},
		{Field: "pid", Title: "PID", Width: 7},
		{Field: "side", Title: "SIDE", Width: 6},
		{Field: "service", Title: "SERVICE", Width: 16},
		{Field: "method", Title: "METHOD", Width: 16},
		{Field: "seq", Title: "SEQ", Width: 6, Right: true},
		{Field: "latency_ns", Title: "LAT(ms)", Width: 9, Right: true, Div: int64(time.Millisecond), Decimals: 3},
		{Field: "handler_ns", Title: "HANDLER", Width: 9, Right: true, Div: int64(time.Millisecond), Decimals: 3},
		{Field: "other_ns", Title: "OTHER", Width: 9, Right: true, Div: int64(time.Millisecond), Decimals: 3},
		{Field: "status", Title: "STATUS", Width: 7},
		{Field: "peer", Title: "PEER", Width: 15},
		{Field: "peer_port", Title: "PORT", Width: 5},
		{Field: "error", Title: "ERROR", Width: 16},
		{Field: "args", Title: "ARGS", Width: 24},
		{Field: "reply", Title: "REPLY"},
	}}
}
