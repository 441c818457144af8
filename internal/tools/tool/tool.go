// Package tool is what the tools are made of. A tool is a script of the tracing
// language, flags that become constants and attach points of it, and a layout
// for what it prints. There is no second engine: a tool runs what its --script
// prints.
package tool

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/tui"
)

// Tool is a command. Adding one is adding a folder and an entry to the list in
// package tools.
type Tool struct {
	Name    string
	Family  string   // command that lists tools of a kind, "" for none
	Aliases []string // other names of the command
	Usage   string   // what follows the name: "[flags] PATTERN"
	Short   string   // one line
	Long    string
	Example string
	MinArgs int
	MaxArgs int // -1: any number
	New     func() Command
}

// Command is one use of a tool: its flags, and what they make of its script.
type Command interface {
	// Flags adds the tool's own flags to its command.
	Flags(cmd *cobra.Command)
	// Plan says what to run for the arguments.
	Plan(o Options, args []string) (*Plan, error)
}

// Plan is a tool with its flags.
type Plan struct {
	Template string                           // the tool's script
	Library  string                           // what a family of tools shares: probes to run before the template's, macros and types to use
	Traced   []Variant                        // for the probe whose attach point is called "traced"; none if there is no such probe
	Points   map[string][]*syntax.AttachPoint // for other named attach points; without any the probe goes
	Consts   Consts                           // for getopt()
	Count    []string                         // members of printed records: rows are not printed but counted by them, in CountMap
	Omit     []string                         // members of printed records that nobody asked for
	Keys     int                              // keys that a map may get, 0: as many as by default
	OwnPID   bool                             // the script itself tests for the process of --pid

	Layout render.Layout
	Format string                          // instead of the one asked for, "" for that
	Screen []tui.Level                     // what a live screen shows on Options.Screen, instead of tables; none: there is no such screen
	Banner string                          // printed when everything is attached, "" for nothing
	Aside  bool                            // the banner is none of the output: it goes to standard error
	Lacks  []string                        // what this kernel cannot give, told at the begin
	Bye    string                          // printed at the end
	Change func(events.Event) events.Event // before an event is rendered; nil: nothing to change
	// Join is what is shown instead of a report: a line above it in tables, if it is
	// not empty, and events; nil: the report.
	Join func(*events.Report) (line string, list []events.Event)
	// Gather takes all events and gives others in their place, when it is time for
	// them; nil: they are shown as they come.
	Gather Gatherer

	Lean     bool          // for long runs, as in run.Options
	UnderWay time.Duration // as in run.Options
	Verbose  bool
	Debug    []string // stages to print instead of running, as in run.Options
}

// Gatherer makes of what a script reports what a tool shows, which may take more than
// one event, and time.
type Gatherer interface {
	// Event takes an event and returns what is to be shown now.
	Event(e events.Event) ([]events.Event, error)
	// Due is called at least every 20 ms.
	Due() ([]events.Event, error)
	// Rest returns what is left when no event follows.
	Rest() ([]events.Event, error)
}

// Variant is a version of the traced probe, for functions that are alike.
type Variant struct {
	Points []*syntax.AttachPoint
	Consts Consts   // besides the plan's
	Omit   []string // members of printed records that these functions do not have
}

// Reports are the points and constants that a script with periodic reports
// needs: a report every interval (0: none before the end), and an end after
// duration (0: none). The last report is the end's, so that none is empty.
func (p *Plan) Reports(interval, duration time.Duration) {
	if p.Points == nil {
		p.Points = map[string][]*syntax.AttachPoint{}
	}
	if duration > 0 {
		p.Points["last"] = []*syntax.AttachPoint{every(duration)}
	}
	full := 0
	if interval > 0 && duration > 0 {
		full = int((duration+interval-1)/interval) - 1
	}
	if interval > 0 && (duration == 0 || full > 0) {
		p.Points["every"] = []*syntax.AttachPoint{every(interval)}
	}
	if p.Consts == nil {
		p.Consts = Consts{}
	}
	p.Consts["reports"] = Int(uint64(full))
}

// Dated makes the times of rows whole dates where they are data.
func (p *Plan) Dated() {
	p.Consts["time_format"] = &syntax.StringExpr{Value: "%Y-%m-%dT%H:%M:%S.%f%z"}
}

// Then adds a change to the plan's, done behind those that it has. An event that it
// makes nil is not rendered.
func (p *Plan) Then(change func(events.Event) events.Event) {
	before := p.Change
	if before == nil {
		p.Change = change
		return
	}
	p.Change = func(e events.Event) events.Event {
		if e = before(e); e == nil {
			return nil
		}
		return change(e)
	}
}

// every is an interval probe's attach point.
func every(d time.Duration) *syntax.AttachPoint {
	a := &syntax.AttachPoint{Provider: "interval", Kind: "interval", Unit: "us", Count: uint64(d.Microseconds())}
	switch {
	case d%time.Second == 0:
		a.Unit, a.Count = "s", uint64(d/time.Second)
	case d%time.Millisecond == 0:
		a.Unit, a.Count = "ms", uint64(d/time.Millisecond)
	}
	return a
}
