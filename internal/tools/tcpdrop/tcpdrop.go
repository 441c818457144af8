// Package tcpdrop is the tool that prints a row for each TCP packet that the kernel drops.
package tcpdrop

import (
	_ "embed"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:   "tcpdrop",
		Family: tcp.Family,
		Usage:  "[flags]",
		Short:  "Print the TCP packets that the kernel drops, why, and on which way",
		Long: `Print a row for each TCP packet that the kernel drops: its ends, the state of its socket
(- without one), its flags, the kernel's reason, and the kernel's functions on the way.
The process is the one that owns the socket. Data that is purged because a program closes
a socket without having read it is shown with --all only. A full queue of a listening
socket has no reason of its own in the kernel and is not seen: tcpsynbl shows queues.`,
		Example: `  rpcxray tcpdrop                            # all of them
  rpcxray tcpdrop -4 --localport 8972        # received at or sent from a port
  rpcxray tcpdrop --pid-netns 1234           # in a process's network namespace
  rpcxray tcpdrop --format jsonl --all`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	process tool.Number
	all     bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"netns": " netns-id"})
	fl := cmd.Flags()
	fl.Var(&c.process, "pid-netns", "only the network namespace of this process")
	fl.BoolVar(&c.all, "all", false, "also data that is purged when a socket is closed")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	if c.process.Given {
		if err := c.InNamespaceOf(c.process.N); err != nil {
			return nil, err
		}
	}
	p, err := c.Common.Plan(o, script, tcp.OlderOwners)
	if err != nil {
		return nil, err
	}
	c.Packets(p)
	if p.Consts["tells_socket"], err = tells(o.Kernel()); err != nil {
		return nil, err
	}
	if purge, ok := tcp.Constant(o.Kernel(), reasons+"QUEUE_PURGE"); ok && !c.all {
		p.Consts["quiet_purge"], p.Consts["purge"] = tool.Bool(true), tool.Int(uint64(purge))
	}
	p.Banner = "Tracing TCP drops... Hit Ctrl-C to end."
	tcp.Change(p, map[string]func(*events.Value){"reason": reason, "flags": flags, "kstack": dropped})
	p.Layout = c.TimedColumns(p, render.Column{Field: "pid", Title: "PID", Width: 7}, tcp.IP(),
		c.End("saddr", "sport", "SADDR:SPORT"), render.Column{Text: ">", Title: ">", Width: 1}, c.End("daddr", "dport", "DADDR:DPORT"),
		render.Column{Field: "state", Title: "STATE (FLAGS)", Width: 20, More: "flags", Before: " (", After: ")", Words: map[string]string{"NONE": "-"}},
		render.Column{Field: "reason", Title: "REASON (CODE)", More: "reason_code", Before: " (", After: ")"})
	c.CountBy(p, "DROPS", render.Column{Field: "reason", Title: "REASON", Width: 24}, c.Address("saddr", "SADDR"), c.Address("daddr", "DADDR"), tcp.Port("dport", "DPORT"))
	return p, nil
}

// reasons is what all reasons begin with.
const reasons = "SKB_DROP_REASON_"

// tells is whether the kernel says which socket a packet was for.
func tells(facts *kernel.Facts) (syntax.Expr, error) {
	has, err := tcp.HasArg(facts, "kfree_skb", "rx_sk")
	return tool.Bool(has), err
}

// reason is the short name of a reason of this kernel.
func reason(m *events.Value) {
	for _, c := range m.Type.Enum {
		if uint64(c.Value) == m.Int {
			*m = tcp.Text(strings.TrimPrefix(c.Name, reasons))
			return
		}
	}
}

// flags are the names of the bits of a TCP header.
func flags(m *events.Value) {
	var set []string
	for i, name := range []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"} {
		if m.Int>>i&1 != 0 {
			set = append(set, name)
		}
	}
	*m = tcp.Text(strings.Join(set, "|"))
}

// dropped takes the tracing itself off the stack.
func dropped(m *events.Value) {
	for len(m.Frames) > 0 && strings.HasPrefix(m.Frames[0].Func, "bpf_") {
		m.Frames = m.Frames[1:]
	}
}
