// Package tcpconnlat is the tool that prints how long the handshakes of TCP connections take.
package tcpconnlat

import (
	_ "embed"
	"fmt"
	"time"

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
		Name:   "tcpconnlat",
		Family: tcp.Family,
		Usage:  "[flags] [MIN_MS]",
		Short:  "Print how long TCP connections take to be made, and what became of them",
		Long: `Print a row for each TCP connection that a program asks for, when the handshake has
ended: the milliseconds since connect(), and whether it was refused, timed out or given
up (aborted). With MIN_MS only those that took at least so long.`,
		Example: `  rpcxray tcpconnlat              # all of them
  rpcxray tcpconnlat 10           # that took 10 ms or more
  rpcxray tcpconnlat -tLp 1234    # of a process, with time and local port`,
		MaxArgs: 1,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	lport bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"time": "T", "timestamp": "t", "verbose": "v"})
	fl := cmd.Flags()
	fl.BoolVarP(&c.lport, "lport", "L", false, "show the local port")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.Owners)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		least := tool.Threshold{Unit: time.Millisecond}
		if err := least.Set(args[0]); err != nil {
			return nil, fmt.Errorf("MIN_MS %q: %w", args[0], err)
		}
		p.Consts["min_ns"] = tool.Int(uint64(least.Duration))
	}
	p.Banner = "Tracing TCP handshakes... Hit Ctrl-C to end."
	columns := append(c.Process(), tcp.IP(), c.Address("laddr", "SADDR"))
	if c.lport {
		columns = append(columns, tcp.Port("lport", "LPORT"))
	}
	p.Layout = c.Columns(append(columns, c.Address("raddr", "DADDR"), tcp.Port("rport", "DPORT"),
		render.Column{Field: "latency_ns", Title: "LAT(ms)", Width: 8, Div: 1e6, Decimals: 2},
		render.Column{Field: "result", Title: "RESULT"})...)
	c.CountBy(p, "HANDSHAKES", append(c.Process(), c.Address("raddr", "DADDR"), tcp.Port("rport", "DPORT"),
		render.Column{Field: "result", Title: "RESULT", Width: 16})...)
	return p, nil
}
