// Package tcpcong is the tool that shows how long TCP connections are in each state of congestion control.
package tcpcong

import (
	_ "embed"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:   "tcpcong",
		Family: tcp.Family,
		Usage:  "[flags] [INTERVAL [COUNT]]",
		Short:  "Show how long TCP connections are in each state of congestion control",
		Long: `Show how long TCP connections were in each state of congestion control: open, disorder,
cwr (reduced window), recovery, loss; a row for each connection whose state changed.
With -d histograms of how long the states last.`,
		Example: `  rpcxray tcpcong                 # until Ctrl-C
  rpcxray tcpcong -T 1 5          # every second, five times, with the time of day
  rpcxray tcpcong -d -u           # histograms in microseconds
  rpcxray tcpcong -L 8972-8980    # of local ports`,
		MaxArgs: 2,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	tool.Timing
	distribution, micro bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.AddReport(cmd, tcp.Names{"localport": "L", "remoteport": "R"})
	fl := cmd.Flags()
	c.FlagsBy(cmd, "", "", "T")
	fl.BoolVarP(&c.distribution, "dist", "d", false, "histograms of how long the states last")
	fl.BoolVarP(&c.micro, "microseconds", "u", false, "in microseconds instead of milliseconds")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	if err := c.Arguments(args); err != nil {
		return nil, err
	}
	p, err := c.Common.Plan(o, script, tcp.NoOwner)
	if err != nil {
		return nil, err
	}
	unit, short, long := uint64(time.Millisecond), "ms", "msecs"
	if c.micro {
		unit, short, long = uint64(time.Microsecond), "us", "usecs"
	}
	p.Consts["unit"], p.Consts["distribution"] = tool.Int(unit), tool.Bool(c.distribution)
	p.Banner, p.Aside = "Tracing tcp congestion control status duration... Hit Ctrl-C to end.", false
	p.Layout = render.Layout{Clock: c.Clock, Maps: map[string]render.MapLayout{
		"@ipv4": columns("", 21, short, unit), "@ipv6": columns("6", 32, short, unit),
		"@spread": {Section: "tcp_congest_state", Unit: long, Columns: []render.Column{{Field: "state"}}},
	}}
	v := &view{join: join()}
	p.Join = v.reports
	p.Reports(c.Interval.Duration, c.Duration.Duration)
	return p, nil
}
