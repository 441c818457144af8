// Package tcplisten is the tool that prints a row for each listen() on a TCP socket.
package tcplisten

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
		Name:    "tcplisten",
		Family:  tcp.Family,
		Aliases: []string{"solisten"},
		Usage:   "[flags]",
		Short:   "Print a row for each listen() on a TCP socket",
		Long: `Print a row for each call of listen() on a TCP or MPTCP socket, when it returns: the length
of the queue that was asked for (JSON also has the one that was given), protocol, port
and address. RET is 0 or an error's number below 0.`,
		Example: `  rpcxray tcplisten                 # all of them
  rpcxray tcplisten -tp 1234        # of a process, with the time
  rpcxray tcplisten --show-netns`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	namespace bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"time": "T", "timestamp": "t", "netns": "n", "verbose": "v"})
	cmd.Flags().BoolVar(&c.namespace, "show-netns", false, "show the network namespace")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.Current)
	if err != nil {
		return nil, err
	}
	p.Banner = "Tracing listening sockets... Hit Ctrl-C to end."
	columns := c.Process()
	if c.namespace {
		columns = append(columns, render.Column{Field: "netns", Title: "NETNS", Width: 12})
	}
	p.Layout = c.Columns(append(columns,
		render.Column{Field: "ret", Title: "RET", Width: 3},
		render.Column{Field: "backlog", Title: "BACKLOG", Width: 7},
		render.Column{Field: "protocol", Title: "PROTO", Width: 7, More: "ip", Before: "v"},
		tcp.Port("lport", "PORT"), render.Column{Field: "laddr", Title: "ADDR"})...)
	c.CountBy(p, "LISTENS", append(c.Process(), tcp.Port("lport", "PORT"), c.Address("laddr", "ADDR"))...)
	return p, nil
}
