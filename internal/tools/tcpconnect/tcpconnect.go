// Package tcpconnect is the tool that prints a row for each TCP connection that a program asks for.
package tcpconnect

import (
	_ "embed"
	"errors"

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
		Name:   "tcpconnect",
		Family: tcp.Family,
		Usage:  "[flags]",
		Short:  "Print or count the TCP connections that programs ask for",
		Long: `Print a row for each TCP connection that a program asks for, whether it succeeds or not,
with the process that called connect(). With -c they are counted and printed at the end.
A program that waits for an answer that never comes shows up after a second. With -d
answers of name servers are read where programs receive them over a connected UDP socket
with read, recvfrom or recvmsg, as libraries do; a name older than 100 ms has its age.`,
		Example: `  rpcxray tcpconnect              # all of them
  rpcxray tcpconnect -t -P 443    # to this port, with the time in seconds
  rpcxray tcpconnect -Lp 1234     # of a process, with the local port
  rpcxray tcpconnect -c           # count them by addresses and port`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	lport, dns bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"time": "T", "timestamp": "t", "remoteport": "P port", "uid": "u", "print-uid": "U", "count": "c", "cgroupmap": "C", "mntnsmap": "M", "verbose": "v"})
	fl := cmd.Flags()
	fl.BoolVarP(&c.lport, "lport", "L", false, "show the local port")
	fl.BoolVarP(&c.dns, "dns", "d", false, "show the name whose lookup gave the address")
	fl.BoolVarP(&c.lport, "source-port", "s", false, "the same as --lport")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	if c.dns && c.Counts() {
		return nil, errors.New("-d and -c: only one of them can be given")
	}
	p, err := c.Common.Plan(o, script, tcp.Owners)
	if err != nil {
		return nil, err
	}
	if c.dns {
		p.Consts["dns"] = tool.Bool(true)
		names := &names{}
		p.Then(names.learn)
		tcp.Change(p, map[string]func(*events.Value){"query": names.find})
	} else {
		p.Omit = append(p.Omit, "query")
	}
	p.Banner, p.Aside = "Tracing connect ... Hit Ctrl-C to end", false
	columns := append(c.Process(), tcp.IP(), c.Address("laddr", "SADDR"))
	if c.lport {
		columns = append(columns, tcp.Port("lport", "LPORT"))
	}
	columns = append(columns, c.Address("raddr", "DADDR"), tcp.Port("rport", "DPORT"))
	if c.dns {
		columns = append(columns, render.Column{Field: "query", Title: "QUERY"})
	}
	p.Layout = c.Columns(columns...)
	c.CountBy(p, "CONNECTS", c.countColumns()...)
	return p, nil
}

func (c *command) countColumns() []render.Column {
	columns := []render.Column{{Field: "laddr", Title: "LADDR", Width: 25}}
	if c.lport {
		columns = append(columns, render.Column{Field: "lport", Title: "LPORT", Width: 20})
	}
	return append(columns,
		render.Column{Field: "raddr", Title: "RADDR", Width: 25},
		render.Column{Field: "rport", Title: "RPORT", Width: 20})
}
