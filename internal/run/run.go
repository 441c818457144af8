package run

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// Options say what to run and how. The zero value of each is the default.
type Options struct {
	Source *diag.Source // the script
	File   *syntax.File // a tree made without text; Source is then what it prints as

	Params  []string          // $1, $2, …
	Named   map[string]string // getopt() values
	Env     map[string]string // BPFTRACE_* settings without the prefix
	PID     int               // only this process; 0: all
	Command []string          // -c: run this and end with it

	Unsafe      bool
	Secrets     bool // credentials in traced values are not masked
	NoWarnings  bool
	DryRun      bool          // load and attach, then leave
	Notify      string        // a line of output that tells when all is attached
	Duration    time.Duration // 0: until the script, the process or the user ends it
	MaxOverhead float64       // CPUs a traced process may lose to probes; 0: no limit
	Debug       string        // stage to print instead of running: see Stages
	Verbose     bool
	Stats       bool
	Strict      bool // losses and skipped functions make the status 1

	Facts  *kernel.Facts   // what is known of the kernel; nil: nothing yet
	Sink   render.Renderer // where events go
	Out    io.Writer       // where Debug prints
	Stderr io.Writer       // diagnostics, warnings
	Color  bool            // Stderr is a terminal
}

// Stages are the arrows of the pipeline that Options.Debug can print.
var Stages = []string{"ast", "check", "lower", "ir", "insns", "maps", "sites"}

// Run takes a script from its text to its output and returns the exit status
// the script asked for. Errors in the script are a *diag.ListError.
func Run(ctx context.Context, o Options) (status int, err error) {
	if o.Debug != "" && !slices.Contains(Stages, o.Debug) {
		return 1, fmt.Errorf("no stage is called %q: the stages are %s", o.Debug, strings.Join(Stages, ", "))
	}
	diags := diag.NewList(o.Source)
	file := o.File
	if file == nil {
		file = Parse(o.Source, o.Params, diags)
	} else {
		file.BindParams(o.Params, diags)
	}
	if err := diags.Err(); err != nil || o.Debug == "ast" {
		return 0, orDump(err, func() { syntax.Dump(o.Out, file) })
	}

	facts := o.Facts
	if facts == nil {
		facts = kernel.Detect()
	}
	if err := mayTrace(facts, o); err != nil {
		return 1, err
	}
	child, err := startStopped(o.Command)
	if err != nil {
		return 1, err
	}
	defer child.kill()

	s, err := newSession(o, file, facts, child)
	if err != nil {
		return 1, err
	}
	defer s.close()
	checked := check.Check(file, s.world, o.check(child), diags)
	diags.Sort()
	s.world.hint(diags)
	s.warn(diags)
	if err := s.tellSources(); err != nil {
		return 1, err
	}
	if err := diags.Err(); err != nil || o.Debug == "check" {
		return 0, orDump(err, func() { check.Dump(o.Out, checked) })
	}

	plan := lower.Lower(checked.Bodies, s.planner(), archs[runtime.GOARCH])
	if o.Debug != "" {
		return 0, s.dump(checked.Program, plan)
	}

	if err := s.start(checked, plan); err != nil {
		return 1, err
	}
	if o.DryRun {
		return 0, nil
	}
	if err := child.resume(s.warning); err != nil {
		return 1, err
	}
	return s.trace(ctx, child)
}

// orDump returns err, or prints and returns nil.
func orDump(err error, dump func()) error {
	if err == nil {
		dump()
	}
	return err
}

func (o Options) check(c *child) check.Options {
	return check.Options{Params: o.Params, Named: o.Named, PID: o.PID, CPID: c.pid(),
		Unsafe: o.Unsafe, Secrets: o.Secrets, Env: o.Env, NoWarnings: o.NoWarnings}
}

var archs = map[string]lower.Arch{"amd64": lower.AMD64, "arm64": lower.ARM64}

// newSession prepares a session; nothing is loaded yet.
func newSession(o Options, file *syntax.File, facts *kernel.Facts, c *child) (*session, error) {
	start, err := kernel.SinceBoot()
	if err != nil {
		return nil, err
	}
	w := newWorld(facts, file, max(o.PID, c.pid()))
	return &session{opts: o, facts: facts, bins: w.bins, world: w, child: c, startNS: uint64(start), bootNS: uint64(time.Now().Add(-start).UnixNano())}, nil
}

// warn prints the warnings of a script that may run; errors travel as errors.
func (s *session) warn(l *diag.List) {
	if l.HasErrors() || s.opts.NoWarnings || len(l.All) == 0 {
		return
	}
	diag.Render(s.opts.Stderr, l, s.opts.Color)
}

func (s *session) planner() lower.Planner { return planner{s.bins} }

func (s *session) info(format string, args ...any) error {
	return s.opts.Sink.Event(&events.Message{Level: "info", Text: fmt.Sprintf(format, args...)})
}

func (s *session) warning(format string, args ...any) error {
	return s.opts.Sink.Event(&events.Message{Level: "warning", Text: fmt.Sprintf(format, args...)})
}
