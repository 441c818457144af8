// Package funclatency is the tool that shows how long calls take.
package funclatency

import (
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
	"github.com/rpcxray/rpcxray/internal/types"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:  "funclatency",
		Usage: "[flags] PATTERN",
		Short: "Show how long calls of functions take, as a histogram",
		Long: `Time each call of the functions that match PATTERN, and show a histogram of powers
of two, with the average and the total. Calls that nest or recurse are timed each by
itself, and calls of goroutines that change threads are timed right.

PATTERN is PROGRAM:FUNCTION, LIBRARY:FUNCTION or :FUNCTION (of the program of -p). A
function of exactly that name is taken first; else * is any text, . any character, and
the rest stands for itself; with -r it is a regular expression.`,
		Example: `  rpcxray funclatency -d 10 './server:main.*.Mul'     # within 10 seconds, in ns
  rpcxray funclatency -uTi 5 './server:main.*.Mul'    # every 5 seconds, in µs
  rpcxray funclatency -F -p 1234 ':main.*'            # one histogram a function
  rpcxray funclatency -m c:getaddrinfo                # of the C library, in ms`,
		MinArgs: 1, MaxArgs: 1,
		New: func() tool.Command { return &command{} },
	}
}

type command struct {
	tool.Timing
	micro, milli, perFunc, regexp, verbose, kprobes bool
	level                                           int
	cgroup                                          string
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	fl := cmd.Flags()
	c.Timing.Flags(cmd)
	fl.BoolVarP(&c.micro, "microseconds", "u", false, "microseconds instead of nanoseconds")
	fl.BoolVarP(&c.milli, "milliseconds", "m", false, "milliseconds instead of nanoseconds")
	fl.BoolVarP(&c.perFunc, "function", "F", false, "a histogram for each function")
	fl.BoolVarP(&c.regexp, "regexp", "r", false, "PATTERN is a regular expression")
	fl.IntVarP(&c.level, "level", "l", 1, "accepted for bcc's sake: calls are timed at every level of nesting")
	fl.BoolVarP(&c.verbose, "verbose", "v", false, "say more: skipped functions, verifier logs")
	fl.StringVarP(&c.cgroup, "cgroup", "c", "", "only processes in this cgroup, a folder of /sys/fs/cgroup, or below it")
	fl.BoolVarP(&c.kprobes, "kprobes", "k", false, "accepted for libbpf-tools' sake: the way to a kernel function is chosen by what the kernel has")
}

// unit is what times are shown in.
type unit struct {
	name string
	time time.Duration
}

func (c *command) unit() unit {
	switch {
	case c.milli:
		return unit{"msecs", time.Millisecond}
	case c.micro:
		return unit{"usecs", time.Microsecond}
	}
	return unit{"nsecs", time.Nanosecond}
}

func (c *command) check() error {
	if c.micro && c.milli {
		return errors.New("-u and -m: only one of them can be given")
	}
	if c.level < 1 {
		return fmt.Errorf("-l %d: a level of nesting is 1 or more", c.level)
	}
	return nil
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	u := c.unit()
	consts := tool.Consts{"unit": tool.Int(uint64(u.time)), "keyed": tool.Bool(c.perFunc || o.PID == 0)}
	if c.cgroup != "" {
		in, err := tool.InCgroup(c.cgroup, &syntax.IdentExpr{Name: "cgroup"})
		if err != nil {
			return nil, err
		}
		consts["one_cgroup"], consts["in_cgroup"] = tool.Bool(true), in
	}
	m, err := tool.Match(tool.Query{Kind: "uretprobe", Pattern: args[0], Regexp: c.regexp, PID: o.PID})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	p := &tool.Plan{
		Template: script,
		Traced:   []tool.Variant{{Points: m.Points}},
		Consts:   consts,
		Keys:     4 * m.Count,
		Layout:   c.layout(u),
		Banner:   fmt.Sprintf(`Tracing %d functions for "b'%s'"... Hit Ctrl-C to end.`, m.Count, args[0]),
		Bye:      "Detaching...",
		Change:   func(e events.Event) events.Event { return scale(e, u.time) },
		Verbose:  c.verbose,
	}
	p.Reports(c.Interval.Duration, c.Duration.Duration)
	return p, nil
}

func (c *command) layout(u unit) render.Layout {
	return render.Layout{Clock: c.Clock, Maps: map[string]render.MapLayout{
		"@latency": {Section: "Function", Unit: u.name, Columns: []render.Column{{Field: "func"}, {Field: "pid"}}},
		"@total":   {Footer: true, Unit: u.name},
	}}
}

// scale shows the exact total, which is in nanoseconds, in the unit.
func scale(e events.Event, u time.Duration) events.Event {
	r, ok := e.(*events.Report)
	if !ok || r.Map.Value.Kind != types.Stats {
		return e
	}
	for i := range r.Entries {
		r.Entries[i].Value.Total /= int64(u)
	}
	return r
}
