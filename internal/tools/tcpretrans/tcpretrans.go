// Package tcpretrans is the tool that prints a row for each TCP segment that is sent again.
package tcpretrans

import (
	_ "embed"
	"slices"
	"strings"

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
		Name:   "tcpretrans",
		Family: tcp.Family,
		Usage:  "[flags]",
		Short:  "Print or count the TCP segments that are sent again",
		Long: `Print a row for each TCP segment that is sent again, with the process that owns the
socket and the state of the connection. With -l the probes for a lost tail are marked
(L>); probes that send new data are not retransmissions and not shown. JSON says in kind
why: recovery, timeout, reorder (RACK's timer), probe.`,
		Example: `  rpcxray tcpretrans              # all of them
  rpcxray tcpretrans -l           # tell tail loss probes
  rpcxray tcpretrans -c           # count by connection
  rpcxray tcpretrans --remoteport 443 --format jsonl`,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	sequence, lossprobe bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.Add(cmd, tcp.Names{"timestamp": "t", "count": "c"})
	fl := cmd.Flags()
	fl.BoolVarP(&c.sequence, "sequence", "s", false, "show the sequence numbers")
	fl.BoolVarP(&c.lossprobe, "lossprobe", "l", false, "mark tail loss probes")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, _ []string) (*tool.Plan, error) {
	p, err := c.Common.Plan(o, script, tcp.OlderOwners)
	if err != nil {
		return nil, err
	}
	tells, err := tcp.HasArg(o.Kernel(), "tcp_retransmit_skb", "err")
	if err != nil {
		return nil, err
	}
	p.Consts["tells_errors"] = tool.Bool(tells)
	p.Banner, p.Aside = "Tracing retransmits ... Hit Ctrl-C to end", false
	tcp.Change(p, map[string]func(*events.Value){"kind": why})
	kind := render.Column{Field: "kind", Title: "T>", Width: 2, Words: words(c.lossprobe)}
	columns := []render.Column{
		{Field: "pid", Title: "PID", Width: 7}, tcp.IP(), c.End("laddr", "lport", "LADDR:LPORT"), kind,
		c.End("raddr", "rport", "RADDR:RPORT"), {Field: "state", Title: "STATE", Width: 12},
	}
	if c.sequence {
		columns = append(columns, render.Column{Field: "seq", Title: "SEQ"})
	}
	p.Layout = c.TimedColumns(p, columns...)
	c.CountEnds(p, "RETRANSMITS")
	return p, nil
}

// kinds are the reasons, by functions of the kernel that send for them; a probe
// runs in a timer, so it stands before that.
func kinds() []struct{ function, kind string } {
	return []struct{ function, kind string }{
		{"tcp_send_loss_probe", "probe"},
		{"tcp_rack_reo_timeout", "reorder"},
		{"tcp_retransmit_timer", "timeout"},
		{"tcp_write_timer_handler", "timeout"},
		{"tcp_xmit_retransmit_queue", "recovery"},
		{"tcp_ack", "recovery"},
	}
}

// why makes the stack of a retransmission its reason.
func why(m *events.Value) {
	for _, k := range kinds() {
		if slices.ContainsFunc(m.Frames, func(f events.Frame) bool { return plain(f.Func) == k.function }) {
			*m = tcp.Text(k.kind)
			return
		}
	}
	*m = tcp.Text("other")
}

// plain is a function's name without what the compiler has put behind it for a
// part: tcp_xmit_retransmit_queue.part.0.
func plain(name string) string {
	name, _, _ = strings.Cut(name, ".")
	return name
}

// words are the marks of a table.
func words(lossprobe bool) map[string]string {
	marks := map[string]string{"other": "R>", "probe": "R>"}
	for _, k := range kinds() {
		marks[k.kind] = "R>"
	}
	if lossprobe {
		marks["probe"] = "L>"
	}
	return marks
}
