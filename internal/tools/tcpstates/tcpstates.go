// Package tcpstates is the tool that prints a row for each change of a TCP socket's state.
package tcpstates

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
		Name:   "tcpstates",
		Family: tcp.Family,
		Usage:  "[flags]",
		Short:  "Print a row for each change of a TCP socket's state, with the time in the old one",
		Long: `Print a row for each change of a TCP socket's state, with the process that owns the
socket and the milliseconds that it was in the old state (0 where that is not known).
A connection that nobody has accepted yet has no owner. The state TIME_WAIT has a socket
of its own, which is not seen: the row is FIN_WAIT2 -> CLOSE.`,
		Example: `  rpcxray tcpstates               # all changes
  rpcxray tcpstates -Tw           # with the time of day, wide columns
  rpcxray tcpstates -D 443,8972   # only these remote ports
  rpcxray tcpstates --format jsonl -p 1234`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	journal bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.journal, "journal", "Y", false, "also write the rows to systemd's journal")
	c.Add(cmd, tcp.Names{"time": "T", "timestamp": "t", "wide": "w", "csv": "s", "localport": "L", "remoteport": "D", "verbose": "v"})
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.OlderOwners)
	if err != nil {
		return nil, err
	}
	p.Banner = "Tracing TCP states... Hit Ctrl-C to end."
	p.Layout = c.Columns(append([]render.Column{{Field: "skaddr", Title: "SKADDR", Width: 16, Hex: true}}, c.Session(
		render.Column{Field: "oldstate", Title: "OLDSTATE", Width: 11},
		render.Column{Title: "->", Width: 2, Text: "->"},
		render.Column{Field: "newstate", Title: "NEWSTATE", Width: 11},
		render.Column{Field: "duration_ns", Title: "MS", Div: 1e6, Decimals: 3},
	)...)...)
	if c.journal && !o.Script {
		j, err := openJournal()
		if err != nil {
			return nil, err
		}
		p.Then(j.write)
	}
	c.CountBy(p, "CHANGES", append(c.Process(), render.Column{Field: "oldstate", Title: "OLDSTATE", Width: 11}, render.Column{Field: "newstate", Title: "NEWSTATE", Width: 11})...)
	return p, nil
}
