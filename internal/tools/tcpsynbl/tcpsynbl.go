// Package tcpsynbl is the tool that shows how full the queues of listening sockets are.
package tcpsynbl

import (
	_ "embed"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:   "tcpsynbl",
		Family: tcp.Family,
		Usage:  "[flags] [INTERVAL [COUNT]]",
		Short:  "Show how full the queues of listening TCP sockets are when connections come",
		Long: `Show histograms of the number of connections that waited to be accepted when another one
came, one for each length that queues may have. Connections that found a full queue are
not in them, for their handshake does not end: a table below says how many packets each
listening socket has turned away.`,
		Example: `  rpcxray tcpsynbl                     # until Ctrl-C
  rpcxray tcpsynbl 5 3                 # every 5 seconds, three times
  rpcxray tcpsynbl --localport 8972    # of a listening port`,
		MaxArgs: 2,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	tool.Timing
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.AddReport(cmd, tcp.Names{"verbose": "v"})
	c.FlagsBy(cmd, "", "", "T")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	if err := c.Arguments(args); err != nil {
		return nil, err
	}
	p, err := c.Common.Plan(o, script, tcp.NoOwner)
	if err != nil {
		return nil, err
	}
	p.Consts["scan"] = tool.Bool(c.Scan(p, o.Kernel(), "what sockets that listen already turn away is not counted"))
	p.Banner, p.Aside = "Tracing SYN backlog size. Ctrl-C to end.", false
	p.Layout = render.Layout{Clock: c.Clock, Maps: map[string]render.MapLayout{
		"@backlog": {Section: "backlog_max", Unit: "backlog", Columns: []render.Column{{Field: "backlog_max"}}},
		"@drops":   {Descending: true, Columns: []render.Column{c.Address("laddr", "LADDR"), tcp.Port("lport", "LPORT"), {Field: "drops", Title: "DROPS"}}},
	}}
	var at time.Time // of the report, which has two maps
	p.Join = func(r *events.Report) (string, []events.Event) {
		if r.Map.Name == "@backlog" {
			at = r.Wall
		} else if len(r.Entries) == 0 {
			return "", nil
		}
		r.Wall = at
		return "", []events.Event{r}
	}
	p.Reports(c.Interval.Duration, c.Duration.Duration)
	return p, nil
}
