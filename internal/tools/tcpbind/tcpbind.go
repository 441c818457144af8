// Package tcpbind is the tool that prints a row for each bind() to an address of IP.
package tcpbind

import (
	_ "embed"

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
		Name:    "tcpbind",
		Family:  tcp.Family,
		Aliases: []string{"bindsnoop"},
		Usage:   "[flags]",
		Short:   "Print a row for each bind() to an address of IP",
		Long: `Print a row for each call of bind() on a socket of IPv4 or IPv6 that succeeds: protocol,
address, port (the one that was chosen, if 0 was asked for), socket options and
interface. OPTS has a letter for each option that is set: F freebind, T transparent,
N bind-address-no-port, R reuseaddr, r reuseport.`,
		Example: `  rpcxray tcpbind               # all of them
  rpcxray tcpbind -x            # also those that failed
  rpcxray tcpbind -tP 80,8080   # to these ports, with the time
  rpcxray tcpbind --count       # count by address and port`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	failed bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"time": "T", "timestamp": "t", "wide": "w", "localport": "P port ports", "uid": "u", "print-uid": "U", "cgroup": "c", "verbose": "v"})
	fl := cmd.Flags()
	fl.BoolVarP(&c.failed, "failed", "x", false, "also show calls that failed")
	fl.BoolVarP(&c.failed, "errors", "E", false, "the same as --failed")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.Current)
	if err != nil {
		return nil, err
	}
	_, inFlags := tcp.Constant(o.Kernel(), "INET_FLAGS_FREEBIND")
	p.Consts["failed"], p.Consts["inet_flags"] = tool.Bool(c.failed), tool.Bool(inFlags)
	p.Banner, p.Aside = "Tracing binds ... Hit Ctrl-C to end", false
	tcp.Change(p, map[string]func(*events.Value){"options": options})
	p.Layout = c.Columns(append(c.Process(),
		render.Column{Field: "ret", Title: "RET", Width: 4},
		render.Column{Field: "protocol", Title: "PROTO", Width: 5},
		render.Column{Field: "options", Title: "OPTS", Width: 5},
		render.Column{Field: "interface", Title: "IF", Width: 4},
		tcp.Port("lport", "PORT"), c.Address("laddr", "ADDR"))...)
	c.CountBy(p, "BINDS", render.Column{Field: "laddr", Title: "LADDR", Width: 32}, render.Column{Field: "lport", Title: "LPORT", Width: 20, Right: true})
	return p, nil
}

// options are letters for the bits that the script makes.
func options(m *events.Value) {
	letters := []byte("FTNRr")
	for i := range letters {
		if m.Int>>i&1 == 0 {
			letters[i] = '.'
		}
	}
	*m = tcp.Text(string(letters))
}
