// Package tcptracer is the tool that prints a row for each TCP connection that is made, accepted or closed.
package tcptracer

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
		Name:   "tcptracer",
		Family: tcp.Family,
		Usage:  "[flags]",
		Short:  "Print a row for each TCP connection that is made, accepted or closed",
		Long: `Print a row for each TCP connection that is made (C), accepted (A) or closed (X), with
the process that did it. A connection is closed when one side ends its half first, or
when it is reset.`,
		Example: `  rpcxray tcptracer                      # all of them
  rpcxray tcptracer -tp 1234             # of a process, with the time in seconds
  rpcxray tcptracer -v                   # words for types, the network namespaces
  rpcxray tcptracer -N 4026531840        # of a network namespace`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	verbose bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"time": "T", "timestamp": "t", "netns": "N", "uid": "u", "print-uid": "U", "cgroupmap": "C", "mntnsmap": "M"})
	fl := cmd.Flags()
	fl.BoolVarP(&c.verbose, "verbose", "v", false, "words for the types, and the network namespaces")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.OlderOwners)
	if err != nil {
		return nil, err
	}
	p.Banner, p.Aside = "Tracing TCP established connections. Ctrl-C to end.", false
	kind := render.Column{Field: "type", Title: "T", Width: 2, Words: map[string]string{"connect": "C", "accept": "A", "close": "X"}}
	if c.verbose {
		kind = render.Column{Field: "type", Title: "TYPE", Width: 12}
	}
	columns := append([]render.Column{kind}, c.Process()...)
	columns = append(columns, tcp.IP(), c.Address("laddr", "SADDR"), c.Address("raddr", "DADDR"),
		tcp.Port("lport", "SPORT"), tcp.Port("rport", "DPORT"))
	if c.verbose {
		columns = append(columns, render.Column{Field: "netns", Title: "NETNS"})
	}
	p.Layout = c.Columns(columns...)
	c.CountBy(p, "EVENTS", append([]render.Column{kind}, c.Process()...)...)
	return p, nil
}
