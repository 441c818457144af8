// Package tcplife is the tool that prints a row for each TCP session that ends.
package tcplife

import (
	_ "embed"

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
		Name:   "tcplife",
		Family: tcp.Family,
		Usage:  "[flags]",
		Short:  "Print a row for each TCP session that ends: owner, bytes, duration",
		Long: `Print a row for each TCP session that ends, with the process that connected or
accepted it, the bytes of data it sent and received, and how long it was established.
Sessions that were open before are not shown, for nobody knows when they began.`,
		Example: `  rpcxray tcplife                     # all sessions
  rpcxray tcplife -tp 1234            # those of a process, with the time in seconds
  rpcxray tcplife -wT                 # wide columns for IPv6, with the time of day
  rpcxray tcplife -L 8972,8000-8010   # of these local ports
  rpcxray tcplife --format jsonl -D 443`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"time": "T", "timestamp": "t", "wide": "w", "csv": "s", "localport": "L", "remoteport": "D", "verbose": "v"})
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.Owners)
	if err != nil {
		return nil, err
	}
	p.Banner = "Tracing TCP sessions... Hit Ctrl-C to end."
	p.Layout = c.Columns(c.Session(
		render.Column{Field: "tx_bytes", Title: "TX_KB", Width: 6, Div: 1024, Decimals: 2},
		render.Column{Field: "rx_bytes", Title: "RX_KB", Width: 6, Div: 1024, Decimals: 2},
		render.Column{Field: "duration_ns", Title: "MS", Div: 1e6, Decimals: 2},
	)...)
	c.CountBy(p, "SESSIONS", append(c.Process(), c.Address("laddr", "LADDR"), c.Address("raddr", "RADDR"))...)
	return p, nil
}
