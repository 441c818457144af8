// Package rpctrace is the tool that prints RPC calls.
package rpctrace

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
		Name:  "trace",
		Usage: tool.CallsUsage,
		Short: "Print a row for each RPC call",
		Long: `Print a row for each RPC call when it ends: on the server's side when the response is
written, on the client's when it has come or the caller has given up.

` + tool.CallsHelp,
		Example: `  rpcxray rpc trace ./server                       # calls that it serves, and makes
  rpcxray rpc trace -p 1234 --side server          # of a process
  rpcxray rpc trace --service Arith --format jsonl # an object a line`,
		MaxArgs: 1,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tool.Calls
	files    trees.Files
	duration tool.Seconds
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Calls.Flags(cmd.Flags())
	c.files.Flags(cmd.Flags())
	cmd.Flags().VarP(&c.duration, "duration", "d", "end after so many seconds")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	p, err := c.Calls.Plan(o, args, script)
	if err != nil {
		return nil, err
	}
	p.Layout, p.Banner = Layout(), "Tracing RPC calls... Hit Ctrl-C to end."
	p.Reports(0, c.duration.Duration)
	if !c.files.Wanted() {
		p.Omit = []string{"start_ns", "comm", "framework", "conn", "trace_id", "span_id", "parent_span", "call_span", "attempts"}
		return p, nil
	}
	p.Gather = trees.NewGatherer(&c.files, nil)
	if o.Script {
		return p, nil
	}
	return p, c.files.Open()
}

// Layout is the table of calls.
func Layout() render.Layout {
	return render.Layout{Columns: []render.Column{
		{Field: "time", Title: "TIME", Width: 8},
		{Field: "pid", Title: "PID", Width: 7},
		{Field: "side", Title: "SIDE", Width: 6},
		{Field: "service", Title: "SERVICE", Width: 16},
		{Field: "method", Title: "METHOD", Width: 16},
		{Field: "seq", Title: "SEQ", Width: 6, Right: true},
		{Field: "attempt", Title: "TRY", Width: 3, Right: true},
		{Field: "latency_ns", Title: "LAT(us)", Width: 10, Right: true, Div: int64(time.Microsecond), Decimals: 1},
		{Field: "status", Title: "STATUS", Width: 7},
		{Field: "req_bytes", Title: "REQ", Width: 6, Right: true},
		{Field: "resp_bytes", Title: "RESP", Width: 6, Right: true},
		{Field: "peer", Title: "PEER", Width: 15},
		{Field: "peer_port", Title: "PORT", Width: 5},
		{Field: "error", Title: "ERROR"},
	}}
}
