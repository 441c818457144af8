// Package rpctree is the tool that shows calls with the calls that they caused.
package rpctree

import (
	_ "embed"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
	"github.com/rpcxray/rpcxray/internal/tools/trees"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:  "tree",
		Usage: tool.CallsUsage,
		Short: "Show RPC calls with the calls that they caused, across processes",
		Long: `Show each RPC call that no other has caused with all calls below it, in all processes of
this machine, a second after it has ended. Both sides of a call are one row: LAT is what its
caller waits, SERVED what the server takes. What could not be joined is told at the end.

` + tool.CallsHelp,
		Example: `  rpcxray rpc tree                        # every Go RPC service of this machine
  rpcxray rpc tree -d 10 --html out.html  # and as a page, with a heat map
  rpcxray rpc tree --chrome out.json      # for ui.perfetto.dev`,
		MaxArgs: 1,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tool.Calls
	files    trees.Files
	duration tool.Seconds
	least    tool.Threshold
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.least.Unit = time.Millisecond
	c.Calls.Flags(cmd.Flags())
	c.files.Flags(cmd.Flags())
	cmd.Flags().VarP(&c.duration, "duration", "d", "end after so many seconds")
	cmd.Flags().VarP(&c.least, "min-ms", "m", "print only trees whose root takes at least so many ms")
	cmd.Flags().Lookup("min-ms").DefValue = ""
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	p, err := c.Calls.Plan(o, args, script)
	if err != nil {
		return nil, err
	}
	p.Gather = trees.NewGatherer(&c.files, view{o.Format == "table", c.least.Duration}.show)
	p.Layout, p.Banner = layout(), "Tracing RPC calls... Hit Ctrl-C to end."
	p.Reports(0, c.duration.Duration)
	if o.Script {
		return p, nil
	}
	return p, c.files.Open()
}

func layout() render.Layout {
	return render.Layout{Columns: []render.Column{
		{Field: "time", Title: "TIME", Width: 12},
		{Field: "latency_ns", Title: "LAT(ms)", Width: 9, Right: true, Div: int64(time.Millisecond), Decimals: 3},
		{Field: "served_ns", Title: "SERVED", Width: 9, Right: true, Div: int64(time.Millisecond), Decimals: 3},
		{Field: "status", Title: "STATUS", Width: 7},
		{Field: "server", Title: "SERVER", Width: 18},
		{Field: "call", Title: "CALL"},
	}}
}
