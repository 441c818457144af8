package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
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
	Headers Headers           // of --include and -I
	Named   map[string]string // getopt() values
	Env     map[string]string // BPFTRACE_* settings without the prefix
	PID     int               // only this process; 0: all
	// DwarfPIDs are processes whose stacks can be unwound besides that of PID and the command.
	DwarfPIDs []int
	// DebugDirs are further folders with separate debug information, relative
	// to a binary's own.
	DebugDirs []string
	Filter    *regexp.Regexp     // only probes whose name it matches, begin and end besides; nil: all
	Without   []kernel.FeatureID // features that are not made use of

	TraceableFunctions string // file of the kernel functions that can be traced; "": the kernel's own

	Command []string // -c: run this and end with it

	Unsafe         bool
	Secrets        bool // credentials in traced values are not masked
	NoWarnings     bool
	HelperWarnings bool          // tell where the kernel could not read, and keys that are not there
	DryRun         bool          // load and attach, then leave
	Notify         string        // a line of output that tells when all is attached
	Duration       time.Duration // 0: until the script, the process or the user ends it
	MaxOverhead    float64       // CPUs a traced process may lose to probes; 0: no limit
	Debug          []string      // stages to print instead of running: see Stages
	GoOn           bool          // run after Debug's stages are printed
	Mode           string        // one of the Mode constants; empty: trace
	CompileOnly    bool          // load nothing
	Verbose        bool
	Lean           bool // for long runs: what is needed to attach only is not kept in memory
	Stats          bool
	UnderWay       time.Duration // tell every so often which calls are under way; 0: never
	Strict         bool          // losses and skipped functions make the status 1

	Facts  *kernel.Facts   // what is known of the kernel; nil: nothing yet
	Sink   render.Renderer // where events go
	Out    io.Writer       // where Debug prints
	Stderr io.Writer       // diagnostics, warnings
	Color  bool            // Stderr is a terminal
}

// Stages are the arrows of the pipeline that Options.Debug can print.
var Stages = []string{"ast", "check", "lower", "ir", "insns", "maps", "sites", "verifier"}

// Run takes a script from its text to its output and returns the exit status
// the script asked for. Errors in the script are a *diag.ListError.
func Run(ctx context.Context, o Options) (status int, err error) {
	o.slim()
	diags := diag.NewList(o.Source)
	file := o.File
	if file == nil {
		file = parse(o.Source, o.Params, diags, o.Headers)
	} else {
		file.BindParams(o.Params, diags)
	}
	if err := diags.Err(); err != nil || o.show("ast", func() { syntax.Dump(o.Out, file) }) {
		return 0, err
	}

	facts, err := o.facts()
	if err != nil {
		return 1, err
	}
	if err := mayTrace(facts, o); err != nil {
		return 1, err
	}
	facts.Foresee(always...)
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
	if err := s.tellFound(); err != nil {
		return 1, err
	}
	if err := diags.Err(); err != nil || o.show("check", func() { check.Dump(o.Out, checked) }) {
		return 0, err
	}

	return s.compiled(ctx, checked)
}

// compiled takes a checked script from its typed tree to its output.
func (s *session) compiled(ctx context.Context, checked *check.Result) (status int, err error) {
	s.checked, s.prog = checked, checked.Program
	o := s.opts
	if o.Mode == ModeCompilerBench {
		return 0, s.compilerBench()
	}
	bodies, err := o.forMode(checked.Bodies)
	if err != nil {
		return 1, err
	}
	plan := lower.Lower(bodies, s.planner(), archs[runtime.GOARCH])
	if done, err := s.dump(checked.Program, plan); done || err != nil {
		return 0, err
	}

	if err := s.start(plan); err != nil {
		return 1, err
	}
	if o.DryRun || s.verifying() {
		return 0, o.Sink.Event(&events.Ended{})
	}
	if pinned, err := s.pin(); pinned || err != nil {
		return 0, err
	}
	if list, alone := s.iterators(); alone {
		return s.iterate(ctx, list)
	}
	if err := s.child.resume(s.warning, s.unwinds()); err != nil {
		return 1, err
	}
	if o.Mode != "" {
		return s.suite()
	}
	return s.trace(ctx, s.child)
}

// show prints a stage if it was asked for, and tells whether the run ends with it.
func (o Options) show(stage string, dump func()) (last bool) {
	at := slices.Index(o.Debug, stage)
	if at < 0 {
		return false
	}
	dump()
	return !o.GoOn && at == len(o.Debug)-1
}

// verifying tells whether the verifier's log was all that was asked for.
func (s *session) verifying() bool { return s.opts.show("verifier", func() {}) }

// facts are those of the kernel, without what the user does not want.
func (o Options) facts() (*kernel.Facts, error) {
	facts := o.Facts
	if facts == nil {
		facts = kernel.Detect()
	}
	for _, id := range o.Without {
		facts.Refuse(id, errUnwanted)
	}
	if o.TraceableFunctions != "" {
		if err := facts.UseTraceable(o.TraceableFunctions); err != nil {
			return nil, err
		}
	}
	return facts, nil
}

var errUnwanted = errors.New("--no-feature")

func (o Options) check(c *child) check.Options {
	return check.Options{Params: o.Params, Named: o.Named, PID: o.PID, CPID: c.pid(), Unwind: o.PID != 0 || c != nil || len(o.DwarfPIDs) > 0,
		Unsafe: o.Unsafe, Secrets: o.Secrets, Env: o.Env, NoWarnings: o.NoWarnings, Filter: o.filter()}
}

// filter is the pattern of the probes that are wanted, for check.
func (o Options) filter() func(string) bool {
	if o.Filter == nil {
		return nil
	}
	return o.Filter.MatchString
}

var archs = map[string]lower.Arch{"amd64": lower.AMD64, "arm64": lower.ARM64}

// newSession prepares a session; nothing is loaded yet.
func newSession(o Options, file *syntax.File, facts *kernel.Facts, c *child) (*session, error) {
	start, err := kernel.SinceBoot()
	if err != nil {
		return nil, err
	}
	w := newWorld(facts, file, max(o.PID, c.pid()))
	w.bins.debugDirs = o.DebugDirs
	return &session{opts: o, facts: facts, bins: w.bins, world: w, child: c, startNS: uint64(start), bootNS: uint64(time.Now().Add(-start).UnixNano())}, nil
}

// warn prints the warnings of a script that may run; errors travel as errors.
func (s *session) warn(l *diag.List) {
	if l.HasErrors() || s.opts.NoWarnings || len(l.All) == 0 {
		return
	}
	diag.Render(s.opts.Stderr, l, s.opts.Color)
}

// tellFound tells what was found out about binaries since it was told last.
func (s *session) tellFound() error {
	if err := s.tellGaps(); err != nil {
		return err
	}
	return s.tellSources()
}

// tellGaps warns of what is not seen of binaries, once of each.
func (s *session) tellGaps() error {
	if s.opts.NoWarnings {
		return nil
	}
	for _, text := range s.world.gaps[s.gapsTold:] {
		if err := s.warning("%s", text); err != nil {
			return err
		}
	}
	s.gapsTold = len(s.world.gaps)
	return nil
}

func (s *session) planner() lower.Planner { return planner{s.bins} }

func (s *session) info(format string, args ...any) error {
	return s.opts.Sink.Event(&events.Message{Level: "info", Text: fmt.Sprintf(format, args...)})
}

func (s *session) warning(format string, args ...any) error {
	return s.opts.Sink.Event(&events.Message{Level: "warning", Text: fmt.Sprintf(format, args...)})
}
