// Package tcpconnect is the tool that prints a row for each TCP connection that a program asks for.
package tcpconnect

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
		Name:   "tcpconnect",
		Family: tcp.Family,
		Usage:  "[flags]",
		Short:  "Print or count the TCP connections that programs ask for",
		Long: `Print a row for each TCP connection that a program asks for, whether it succeeds or not,
with the process that called connect(). With -c they are counted and printed at the end.
A program that waits for an answer that never comes shows up after a second.`,
		Example: `  rpcxray tcpconnect              # all of them
  rpcxray tcpconnect -t -P 443    # to this port, with the time in seconds
  rpcxray tcpconnect -Lp 1234     # of a process, with the local port
  rpcxray tcpconnect -c           # count them by addresses and port`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	lport, count bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"time": "T", "timestamp": "t", "ipv4": "4", "ipv6": "6", "remoteport": "P port", "uid": "u", "print-uid": "U"})
	fl := cmd.Flags()
	fl.BoolVarP(&c.lport, "lport", "L", false, "show the local port")
	fl.BoolVarP(&c.lport, "source-port", "s", false, "the same as --lport")
	fl.BoolVarP(&c.count, "count", "c", false, "count connections instead of printing each")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.Owners)
	if err != nil {
		return nil, err
	}
	p.Consts["count"], p.Consts["source_port"] = tool.Bool(c.count), tool.Bool(c.lport)
	p.Banner, p.Aside = "Tracing connect ... Hit Ctrl-C to end", false
	columns := append(c.Process(), tcp.IP(), c.Address("laddr", "SADDR"))
	if c.lport {
		columns = append(columns, tcp.Port("lport", "LPORT"))
	}
	p.Layout = c.Columns(append(columns, c.Address("raddr", "DADDR"), tcp.Port("rport", "DPORT"))...)
	p.Layout.Maps = map[string]render.MapLayout{"@connects": {Descending: true, Columns: c.countColumns()}}
	return p, nil
}

func (c *command) countColumns() []render.Column {
	columns := []render.Column{{Field: "laddr", Title: "LADDR", Width: 25}}
	if c.lport {
		columns = append(columns, render.Column{Field: "lport", Title: "LPORT", Width: 20})
	}
	return append(columns,
		render.Column{Field: "raddr", Title: "RADDR", Width: 25},
		render.Column{Field: "rport", Title: "RPORT", Width: 20},
		render.Column{Field: "count", Title: "CONNECTS", Width: 10})
}
