// Package tcptop is the tool that shows the bytes that each TCP connection sends and receives.
package tcptop

import (
	"cmp"
	_ "embed"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
	"github.com/rpcxray/rpcxray/internal/tui"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:   "tcptop",
		Family: tcp.Family,
		Usage:  "[flags] [INTERVAL [COUNT]]",
		Short:  "Show the bytes that each TCP connection sends and receives",
		Long: `Show every second how much each process sent and received over each TCP connection, the
busiest first: exact bytes, spliced ones, too. On a terminal they are a live screen with
keys to sort, filter and pause (? tells them, q leaves); with -S, with -C, or where the
output is no terminal they are printed, IPv4 and IPv6 as a table each.`,
		Example: `  rpcxray tcptop                  # every second
  rpcxray tcptop -C 5 3           # every 5 seconds, three times, adding up
  rpcxray tcptop -S -p 1234       # of a process, without the load
  rpcxray tcptop -s received -r 5 # the five that receive most`,
		MaxArgs: 2,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	tool.Timing
	keep, quiet bool
	sort        string
	rows        tool.Number
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.AddReport(cmd, tcp.Names{"cgroup": "c", "verbose": "v"})
	c.FlagsBy(cmd, "", "", "")
	fl := cmd.Flags()
	fl.BoolVarP(&c.keep, "noclear", "C", false, "add up over reports")
	fl.BoolVarP(&c.quiet, "nosummary", "S", false, "leave out the line with time and load")
	fl.StringVarP(&c.sort, "sort", "s", "all", "by what to sort: all, sent, received")
	fl.VarP(&c.rows, "rows", "r", "print so many rows of each table at most")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	by, ok := orders()[c.sort]
	if !ok {
		return nil, fmt.Errorf("-s %q: not one of all, sent, received", c.sort)
	}
	if err := c.Arguments(args); err != nil {
		return nil, err
	}
	p, err := c.Common.Plan(o, script, tcp.Current)
	if err != nil {
		return nil, err
	}
	if err := tcp.Traffic(p, o.Kernel()); err != nil {
		return nil, err
	}
	p.Consts["scan"] = tool.Bool(c.Scan(p, o.Kernel(), "what sockets that are open already receive first is not counted"))
	p.Consts["keep"] = tool.Bool(c.keep)
	interval := cmp.Or(c.Interval.Duration, time.Second)
	p.Banner, p.Aside = fmt.Sprintf("Tracing... Output every %v secs. Hit Ctrl-C to end", interval.Seconds()), false
	p.Layout = render.Layout{Clock: c.Clock && c.quiet, Maps: map[string]render.MapLayout{"@ipv4": columns("", 21), "@ipv6": columns("6", 32)}}
	v := &view{command: c, by: by, join: join(), families: []family{{"@ipv4", 4}, {"@ipv6", 6}}}
	if o.Screen != nil && !c.keep && !c.quiet {
		p.Screen, v.families = []tui.Level{{Map: live, Columns: columns("", 21).Columns}}, []family{{name: live}}
	}
	p.Join = v.reports
	p.Reports(interval, c.Duration.Duration)
	return p, nil
}
