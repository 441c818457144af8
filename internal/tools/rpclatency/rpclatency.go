// Package rpclatency is the tool that shows how long RPC calls take.
package rpclatency

import (
	_ "embed"
	"errors"
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
		Name:  "latency",
		Usage: tool.CallsUsage,
		Short: "Show how long RPC calls take, as histograms by method",
		Long: `Show a histogram of powers of two for each method, on the server's side from the
request to the written response, on the client's from the call to the response. With
--handler it is the time in the service's own code.

` + tool.CallsHelp,
		Example: `  rpcxray rpc latency -d 10 ./server        # within 10 seconds, in µs
  rpcxray rpc latency -i 5 -p 1234          # every 5 seconds, of a process
  rpcxray rpc latency -m --side client      # the caller's view, in ms`,
		MaxArgs: 1,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tool.Calls
	tool.Timing
	milli, nano, handler bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	fl := cmd.Flags()
	c.Calls.Flags(fl)
	c.Timing.Flags(cmd)
	fl.BoolVarP(&c.milli, "milliseconds", "m", false, "milliseconds instead of microseconds")
	fl.BoolVarP(&c.nano, "nanoseconds", "n", false, "nanoseconds instead of microseconds")
	fl.BoolVar(&c.handler, "handler", false, "time in the service's own code")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	if c.milli && c.nano {
		return nil, errors.New("-m and -n: only one of them can be given")
	}
	p, err := c.Calls.Plan(o, args, script)
	if err != nil {
		return nil, err
	}
	unit, name := time.Microsecond, "usecs"
	switch {
	case c.milli:
		unit, name = time.Millisecond, "msecs"
	case c.nano:
		unit, name = time.Nanosecond, "nsecs"
	}
	p.Banner = "Tracing RPC calls... Hit Ctrl-C to end."
	p.Consts["unit"], p.Consts["handler"] = tool.Int(uint64(unit)), tool.Bool(c.handler)
	p.Layout = render.Layout{Clock: c.Clock, Maps: map[string]render.MapLayout{
		"@latency": {Section: "Call", Unit: name, Columns: []render.Column{{Field: "side"}, {Field: "service"}, {Field: "method"}}},
	}}
	p.Reports(c.Interval.Duration, c.Duration.Duration)
	return p, nil
}
