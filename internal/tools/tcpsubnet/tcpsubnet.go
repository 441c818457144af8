// Package tcpsubnet is the tool that counts the bytes sent over TCP to subnets.
package tcpsubnet

import (
	"cmp"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
		Name:   "tcpsubnet",
		Family: tcp.Family,
		Usage:  "[flags] [SUBNETS]",
		Short:  "Count the bytes sent over TCP, by the subnet of the receiver",
		Long: `Count the bytes that programs send over TCP, by the first of the subnets that the receiver
lies in. SUBNETS is a list with commas, of IPv4 and IPv6 alike; by default it is
127.0.0.1/32,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,0.0.0.0/0,::/0.`,
		Example: `  rpcxray tcpsubnet                              # every second
  rpcxray tcpsubnet -i 5 -f K                    # every 5 seconds, in KiB
  rpcxray tcpsubnet 10.1.0.0/16,0.0.0.0/0        # one subnet, and the rest
  rpcxray tcpsubnet --format jsonl 2001:db8::/32`,
		MaxArgs: 1,
		New:     func() tool.Command { return &command{} },
	}
}

type command struct {
	tcp.Common
	tool.Timing
	unit string
	json bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.AddReport(cmd, tcp.Names{"verbose": "v"})
	fl := cmd.Flags()
	c.FlagsBy(cmd, "i", "", "")
	fl.BoolVarP(&c.json, "json", "J", false, "an object for each report, as bcc's tool prints it")
	fl.StringVarP(&c.unit, "unit", "f", "B", "b, k, m for bits, B, K, M for bytes, in steps of 1024")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	divisor, ok := units()[c.unit]
	if !ok {
		return nil, fmt.Errorf("-f %q: not one of b, k, m, B, K, M", c.unit)
	}
	list := defaults
	if len(args) > 0 {
		list = args[0]
	}
	names := strings.Split(list, ",")
	which, err := first(names)
	if err != nil {
		return nil, err
	}
	p, err := c.Common.Plan(o, script, tcp.Current)
	if err != nil {
		return nil, err
	}
	if err := tcp.Traffic(p, o.Kernel()); err != nil {
		return nil, err
	}
	p.Consts["subnet"] = which
	v := &view{names: names, divisor: divisor, table: o.Format == "table", json: c.json}
	interval := cmp.Or(c.Interval.Duration, time.Second)
	p.Aside = false
	if c.json {
		p.Format = "table" // of lines that are objects
	} else {
		p.Banner = fmt.Sprintf("Tracing... Output every %v secs. Hit Ctrl-C to end", interval.Seconds())
	}
	p.Layout = render.Layout{Maps: map[string]render.MapLayout{"@sent": {Descending: true, Bare: true, Columns: []render.Column{
		{Field: "subnet", Width: 21}, {Field: "tx_bytes", Width: 6, Right: true},
	}}}}
	p.Join = v.report
	p.Reports(interval, c.Duration.Duration)
	return p, nil
}

const defaults = "127.0.0.1/32,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,0.0.0.0/0,::/0"

// units are the bytes of each unit.
func units() map[string]float64 {
	const step = 1024
	return map[string]float64{"b": 1. / 8, "k": step / 8, "m": step * step / 8, "B": 1, "K": step, "M": step * step}
}

// first is the number of the first subnet that the receiver lies in, -1 for none.
func first(names []string) (syntax.Expr, error) {
	which := tool.Expr("(int64)-1")
	for i := len(names) - 1; i >= 0; i-- {
		subnet, err := tcp.Subnet(names[i])
		if err != nil {
			return nil, err
		}
		which = &syntax.CondExpr{Cond: subnet.Remote(), Then: tool.Expr(fmt.Sprintf("(int64)%d", i)), Else: which}
	}
	return which, nil
}
