// Package tcppktlat is the tool that prints how long data waits before a program reads it.
package tcppktlat

import (
	_ "embed"
	"fmt"
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
		Name:   "tcppktlat",
		Family: tcp.Family,
		Usage:  "[flags] [MIN_US]",
		Short:  "Print how long TCP data waits in the kernel before a program reads it",
		Long: `Print a row for each read of a TCP socket with the time since the last data came for it:
how long a service takes to notice what it has got. With MIN_US only rows of at least so
many microseconds. On a busy machine give ports or a process: each packet is looked at.`,
		Example: `  rpcxray tcppktlat 1000            # reads that came 1 ms late or later
  rpcxray tcppktlat -l 8972 -T      # of a local port, with the time of day
  rpcxray tcppktlat -p 1234         # of a process`,
		MaxArgs: 1,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	tid tool.Number
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"time": "T", "wide": "w", "localport": "l lport", "remoteport": "r rport", "verbose": "v"})
	cmd.Flags().VarP(&c.tid, "tid", "t", "only this thread")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.Current)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		least := tool.Threshold{Unit: time.Microsecond}
		if err := least.Set(args[0]); err != nil {
			return nil, fmt.Errorf("MIN_US %q: %w", args[0], err)
		}
		p.Consts["min_ns"] = tool.Int(uint64(least.Duration))
	}
	p.Consts["by_tid"], p.Consts["tid"] = tool.Bool(c.tid.Given), tool.Int(uint64(c.tid.N))
	p.Banner = "Tracing TCP reads... Hit Ctrl-C to end."
	p.Layout = c.Columns(
		render.Column{Field: "pid", Title: "PID", Width: 7}, render.Column{Field: "tid", Title: "TID", Width: 7},
		render.Column{Field: "comm", Title: "COMM", Width: 16},
		c.Address("laddr", "LADDR"), tcp.Port("lport", "LPORT"), c.Address("raddr", "RADDR"), tcp.Port("rport", "RPORT"),
		render.Column{Field: "latency_ns", Title: "MS", Div: 1e6, Decimals: 2})
	c.CountBy(p, "READS", append(c.Process(), c.Address("laddr", "LADDR"), c.Address("raddr", "RADDR"))...)
	return p, nil
}
