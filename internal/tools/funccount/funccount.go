// Package funccount is the tool that counts calls of functions and events.
package funccount

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
	"github.com/rpcxray/rpcxray/internal/types"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:  "funccount",
		Usage: "[flags] PATTERN",
		Short: "Count the calls of functions, tracepoints or static probes",
		Long: `Count how often each function, tracepoint or static probe that matches PATTERN is hit.

PATTERN is PROGRAM:FUNCTION, LIBRARY:FUNCTION, :FUNCTION (of the program of -p),
t:CATEGORY:EVENT or u:PROGRAM:PROBE. A function of exactly that name is taken first; else * is any text,
. any character, and the rest stands for itself; with -r it is a regular expression.`,
		Example: `  rpcxray funccount -d 10 './server:main.*.Mul'      # calls within 10 seconds
  rpcxray funccount -Ti 5 './server:runtime.*.gc*'   # every 5 seconds, with the time
  rpcxray funccount -p 1234 ':main.*'                # functions of a process's program
  rpcxray funccount -r c:'^(malloc|free)$'           # of the C library
  rpcxray funccount 't:sched:*'                      # tracepoints
  rpcxray funccount 'u:./server:*'                   # static probes (USDT) of a program`,
		MinArgs: 1, MaxArgs: 1,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tool.Timing
	regexp bool
	cpu    int
	debug  bool
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	fl := cmd.Flags()
	c.Timing.Flags(cmd)
	fl.BoolVarP(&c.regexp, "regexp", "r", false, "PATTERN is a regular expression")
	fl.IntVarP(&c.cpu, "cpu", "c", anyCPU, "count on this CPU only")
	fl.BoolVarP(&c.debug, "debug", "D", false, "print the program's code instead of running it")
	fl.Lookup("cpu").DefValue = ""
}

// anyCPU is the default of --cpu; no CPU has the number.
const anyCPU = -1 << 31

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	if c.cpu != anyCPU {
		if err := tool.CheckCPU(c.cpu); err != nil {
			return nil, err
		}
	}
	m, err := tool.Match(tool.Query{Kind: "uprobe", Pattern: args[0], Regexp: c.regexp, PID: o.PID, Events: true})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	p := &tool.Plan{
		Template: script,
		Traced:   []tool.Variant{{Points: m.Points}},
		Consts:   tool.Consts{"events": tool.Bool(m.Events())},
		Keys:     2 * m.Count,
		Layout: render.Layout{Clock: c.Clock, Maps: map[string]render.MapLayout{"@calls": {Columns: []render.Column{
			{Field: "func", Title: "FUNC", Width: 36},
			{Field: "count", Title: "COUNT", Width: 8, Right: true},
		}}}},
		Banner: fmt.Sprintf(`Tracing %d functions for "b'%s'"... Hit Ctrl-C to end.`, m.Count, args[0]),
		Bye:    "Detaching...",
	}
	if c.cpu != anyCPU {
		p.Consts["one_cpu"], p.Consts["cpu"] = tool.Bool(true), tool.Int(uint64(c.cpu))
	}
	if m.Events() {
		p.Change = eventNames
	}
	if c.debug {
		p.Debug = []string{"ir"}
	}
	p.Reports(c.Interval.Duration, c.Duration.Duration)
	return p, nil
}

// eventNames makes the names of probes those of events.
func eventNames(e events.Event) events.Event {
	r, ok := e.(*events.Report)
	if !ok {
		return e
	}
	for i := range r.Entries {
		for j := range r.Entries[i].Key {
			if k := &r.Entries[i].Key[j]; k.Type.Kind == types.Probe {
				k.Text = eventName(k.Text)
			}
		}
	}
	return r
}

// eventName is category:event of a tracepoint, and a static probe's own name.
func eventName(probe string) string {
	if name, ok := strings.CutPrefix(probe, "tracepoint:"); ok {
		return name
	}
	return probe[strings.LastIndexByte(probe, ':')+1:]
}
