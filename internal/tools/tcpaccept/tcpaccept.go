// Package tcpaccept is the tool that prints a row for each TCP connection that a program accepts.
package tcpaccept

import (
	_ "embed"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/tools/tcp"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:   "tcpaccept",
		Family: tcp.Family,
		Usage:  "[flags]",
		Short:  "Print a row for each TCP connection that a program accepts",
		Long: `Print a row for each TCP connection that a program accepts, when accept() returns. The
process is the one that accepted it; connections that wait in a queue are not shown yet.
Connections that io_uring accepts are not seen.`,
		Example: `  rpcxray tcpaccept              # all of them
  rpcxray tcpaccept -t -P 8972   # on this local port, with the time in seconds
  rpcxray tcpaccept -p 1234      # of a process`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"time": "T", "timestamp": "t", "localport": "P port", "print-uid": "U", "verbose": "v"})
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.Current)
	if err != nil {
		return nil, err
	}
	p.Banner = "Tracing TCP accepts... Hit Ctrl-C to end."
	p.Layout = c.Columns(append(c.Process(), tcp.IP(),
		c.Address("raddr", "RADDR"), tcp.Port("rport", "RPORT"),
		c.Address("laddr", "LADDR"), tcp.Port("lport", "LPORT"))...)
	c.CountBy(p, "ACCEPTS", append(c.Process(), c.Address("laddr", "LADDR"), tcp.Port("lport", "LPORT"), c.Address("raddr", "RADDR"))...)
	return p, nil
}
