package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/run"
)

// runFlags are the flags of rpcxray run, all of bpftrace's among them.
type runFlags struct {
	expr, command, output                       string
	format, buffering                           choiceFlag
	mode                                        choiceFlag
	debug                                       stagesFlag
	overhead                                    overheadFlag
	pid                                         pidFlag
	list, info                                  bool
	verbose, unsafe, secrets, quiet, noWarnings bool
	helperWarnings                              onceFlag
	dryRun, stats, strict                       bool
	test, bench, reformat                       bool
	noFeature                                   featuresFlag
	filter                                      patternFlag
	traceable                                   string
	headers                                     run.Headers
	debugDirs                                   []string
	dwarfPIDs                                   []int
	exprGiven, commandGiven                     bool
	compat                                      bool // started under the name bpftrace
	params                                      []string
	named                                       map[string]string
}

const runLong = `Run a script of the tracing language, which is bpftrace's and knows more of Go:
uretprobe works on Go functions, args.NAME and ret.N are typed, duration is the
time of the call, goid the goroutine.

The program is the text of -e, or a FILE, or - for standard input. What follows
are the positional parameters $1, $2, …; options of the program (getopt) come
behind --, as in: rpcxray run x.bt -- --depth=3

It ends with the script's exit(), the command of -c, the process of -p, or
Ctrl-C: then the end probes run and the maps are printed. A second Ctrl-C ends
it at once. The exit status is 0 or that of exit(), and 1 after an error.`

const runExample = `  rpcxray run -e 'uprobe:./server:main.*.Mul { @[func] = count() }'
  rpcxray run -e 'uretprobe:./server:main.*.Mul { @ns = hist(duration) }'
  rpcxray run -p 1234 script.bt                  only this process; its program needs no path
  rpcxray run -c './server -addr :8972' script.bt
  rpcxray run -l 'uprobe:./server:main.*'        list probes; -lv with their arguments
  rpcxray run -l 'tracepoint:tcp:*'
  rpcxray run -d insns -e 'BEGIN { @ = nsecs }'  show what the program is compiled to`

func runCommand(status *exitStatus) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "run [flags] {-e PROGRAM | FILE | -} [ARG...] [-- OPTION...]",
		Short:                 "Run a script of the tracing language",
		Long:                  runLong,
		Example:               runExample,
		DisableFlagsInUseLine: true,
	}
	newRunFlags(cmd, status)
	return cmd
}

// newRunFlags gives cmd the flags and has it run a script.
func newRunFlags(cmd *cobra.Command, status *exitStatus) *runFlags {
	f := &runFlags{
		format:    choiceFlag{"text", []string{"text", "json"}},
		buffering: choiceFlag{"line", []string{"line", "full", "none"}},
		mode:      choiceFlag{"", []string{"codegen", "compiler-bench", "bench", "test", "format"}},
		overhead:  defaultOverhead,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.exprGiven, f.commandGiven = cmd.Flags().Changed("expr"), cmd.Flags().Changed("cmd")
		code, err := f.main(cmd, args)
		status.code = code
		return err
	}
	f.define(cmd)
	f.defineRare(cmd.Flags())
	complete(cmd, "debug", run.Stages)
	complete(cmd, "format", f.format.choices)
	complete(cmd, "buffering", f.buffering.choices)
	complete(cmd, "no-feature", features)
	return f
}

func (f *runFlags) define(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.expr, "expr", "e", "", "the program's `text`")
	fl.BoolVarP(&f.list, "list", "l", false, "list the probes that a pattern, FILE or -e matches; all of the kernel's without one")
	fl.VarP(&f.pid, "pid", "p", "trace only this process")
	fl.IntSliceVar(&f.dwarfPIDs, "dwarf-pid", nil, "dw_ustack() knows the stacks of this process, too")
	fl.StringVarP(&f.command, "cmd", "c", "", "start this `command`, probe its functions only, and end with it")
	fl.StringVarP(&f.output, "output", "o", "", "write output to this `file`")
	fl.VarP(&f.format, "format", "f", "text or json")
	fl.VarP(&f.buffering, "buffering", "B", "when output is written: line and none at once, full when a buffer is full")
	fl.VarP(&f.debug, "debug", "d", "print a `stage` instead of running: "+strings.Join(run.Stages, ", "))
	fl.Var(&f.overhead, "max-overhead", "share of a CPU that probes may cost a traced process, or none")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "say more: verifier logs, skipped functions, where types come from; with -l the arguments")
	fl.BoolVar(&f.secrets, "show-secrets", false, "do not mask credentials in the metadata of calls")
	fl.BoolVar(&f.unsafe, "unsafe", false, "allow functions that change something: system, signal")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "do not tell how many probes are attached")
	fl.VarP(&f.helperWarnings, "warnings", "k", "warn where the kernel could not read memory, or a map has no such key")
	fl.Lookup("warnings").NoOptDefVal = "true"
	fl.BoolVar(&f.noWarnings, "no-warnings", false, "do not print warnings")
	fl.BoolVar(&f.dryRun, "dry-run", false, "compile, load and attach, then leave")
	fl.BoolVar(&f.stats, "stats", false, "tell hits, cost and losses at the end")
	fl.BoolVar(&f.strict, "strict", false, "exit with status 1 when something was lost or left out")
	fl.Var(&f.filter, "probe-filter", "attach only probes whose name matches this `regexp`, and begin and end")
	fl.Var(&f.noFeature, "no-feature", "do without these features: "+strings.Join(features, ", "))
	fl.StringVar(&f.traceable, "traceable-functions", "", "take the names of the kernel functions that can be traced from this `file`")
	fl.BoolVar(&f.info, "info", false, "show what the kernel offers, in bpftrace's layout; rpcxray doctor tells more")
}

// refusedFlag is an option of bpftrace's that has no meaning here.
type refusedFlag string

// Set implements pflag.Value.
func (r refusedFlag) Set(string) error { return errors.New(string(r)) }

// Type implements pflag.Value.
func (refusedFlag) Type() string { return "FILE" }

// String implements pflag.Value.
func (refusedFlag) String() string { return "" }

// defineRare adds what bpftrace takes for its developers, and what does nothing
// here.
func (f *runFlags) defineRare(fl *pflag.FlagSet) {
	fl.Var(&f.mode, "mode", "codegen: compile only; compiler-bench: tell how long that takes; test, bench: run such probes; format: print the program")
	fl.BoolVar(&f.test, "test", false, "run the test probes, as --mode test")
	fl.BoolVar(&f.bench, "bench", false, "run the bench probes, as --mode bench")
	fl.BoolVar(&f.reformat, "fmt", false, "print the program in its canonical form, as rpcxray fmt")
	fl.StringArrayVar(&f.headers.Files, "include", nil, "take definitions from this `file`, as #include in the script")
	fl.StringArrayVarP(&f.headers.Dirs, "include-dir", "I", nil, "look for #include files in this `folder`, too")
	fl.StringArrayVar(&f.debugDirs, "debuginfo", nil, "look for separate debug information in this `folder`, too; relative to the binary's, more than one divided by :")
	fl.Bool("usdt-file-activation", false, "static probes are always activated by file")
	fl.BoolP("btf", "b", false, "the kernel's types are always used")
	fl.Bool("verify-llvm-ir", false, "there is no LLVM")
	for _, name := range []string{"aot", "emit-elf", "emit-llvm"} {
		fl.Var(refusedFlag("no LLVM is used and programs are not kept in files; rpcxray run -d insns shows the code"), name, "")
	}
	for _, name := range []string{"mode", "usdt-file-activation", "btf", "verify-llvm-ir", "aot",
		"emit-elf", "emit-llvm"} {
		fl.Lookup(name).Hidden = true
	}
}

// suite is what the script is run for, other than tracing.
func (f *runFlags) suite() string {
	switch {
	case f.test:
		return run.ModeTest
	case f.bench:
		return run.ModeBench
	case f.mode.value == "codegen":
		return ""
	}
	return f.mode.value
}

// complete offers words for a flag to the shell.
func complete(cmd *cobra.Command, flag string, words []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("BUG: " + err.Error())
	}
}

func (f *runFlags) main(cmd *cobra.Command, args []string) (int, error) {
	switch {
	case f.info:
		return 0, showInfo(cmd.OutOrStdout())
	case bool(f.helperWarnings) && f.noWarnings:
		return 1, diag.Sentencef("USAGE: -k, --warnings conflicts with --no-warnings")
	case f.list:
		return f.listProbes(cmd.OutOrStdout(), args)
	}
	args, err := f.options(args, cmd.ArgsLenAtDash())
	if err != nil {
		return 1, err
	}
	src, err := f.source(args)
	if err != nil {
		return 1, err
	}
	if f.reformat || f.mode.value == "format" {
		return printFormatted(cmd.OutOrStdout(), src)
	}
	return f.trace(cmd.Context(), src)
}

// trace runs the program.
func (f *runFlags) trace(ctx context.Context, src *diag.Source) (int, error) {
	o, err := f.runOptions(src)
	if err != nil {
		return 1, err
	}
	out, err := openOutput(f.output, f.buffering.value == "full")
	if err != nil {
		return 1, err
	}
	o.Out, o.Sink = out, f.renderer(src, out)
	code, err := run.Run(ctx, o)
	if errors.Is(err, run.ErrProcessEnded) { // a script that saw the process to its end did what it should
		fmt.Fprintf(os.Stderr, "rpcxray: %v\n", err)
		err = nil
	}
	closing := errors.Join(o.Sink.Close(), out.Close())
	if err := cmp.Or(err, closing); err != nil { // the output's error may be both
		return 1, err
	}
	return code, nil
}

func (f *runFlags) runOptions(src *diag.Source) (run.Options, error) {
	command, err := f.child()
	if err != nil {
		return run.Options{}, err
	}
	return run.Options{
		Source: src, Params: f.params, Headers: f.headers, Named: f.named, PID: int(f.pid), DwarfPIDs: f.dwarfPIDs, Command: command, Env: environment(),
		Unsafe: f.unsafe, Secrets: f.secrets, NoWarnings: f.noWarnings, HelperWarnings: bool(f.helperWarnings), DryRun: f.dryRun, Notify: notice(),
		Debug: f.debug, GoOn: f.compat, CompileOnly: f.mode.value == "codegen", Mode: f.suite(), Verbose: f.verbose, Stats: f.stats, Strict: f.strict,
		MaxOverhead: float64(f.overhead), Filter: f.filter.Regexp, Without: f.noFeature, TraceableFunctions: f.traceable, DebugDirs: folders(f.debugDirs),
		Stderr: os.Stderr, Color: colored(os.Stderr),
	}, nil
}

// folders divides lists of folders. The + that bpftrace puts before one whose
// files are to be checked says nothing here: all are.
func folders(lists []string) []string {
	var dirs []string
	for _, list := range lists {
		for _, dir := range filepath.SplitList(list) {
			if dir = strings.TrimPrefix(dir, "+"); dir != "" {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// options takes what stands behind -- and looks like an option of the program
// from the arguments.
func (f *runFlags) options(args []string, dash int) ([]string, error) {
	if dash < 0 {
		return args, nil
	}
	rest := args[:dash:dash]
	f.named = map[string]string{}
	for _, a := range args[dash:] {
		option, ok := strings.CutPrefix(a, "--")
		if !ok {
			rest = append(rest, a)
			continue
		}
		name, value, given := strings.Cut(option, "=")
		if name == "" {
			return nil, fmt.Errorf("%q behind --: an option of the program is --NAME or --NAME=VALUE", a)
		}
		if !given {
			value = "true"
		}
		f.named[name] = value
	}
	return rest, nil
}

var errNoProgram = errors.New("no program: give -e PROGRAM, a FILE, or - for standard input; see rpcxray run --help")

// source reads the program; what is left of the arguments are its parameters.
func (f *runFlags) source(args []string) (*diag.Source, error) {
	if f.exprGiven {
		if !f.compat && len(args) > 0 && !strings.Contains(f.expr, "$") && isFile(args[0]) {
			return nil, fmt.Errorf("-e and the file %s: one program at a time (as an argument it would be $1, which the program of -e does not use)", args[0])
		}
		f.params = args
		return nonempty(&diag.Source{Name: stdinName, Text: f.expr})
	}
	if len(args) == 0 {
		return nil, errNoProgram
	}
	f.params = args[1:]
	return openProgram(args[0])
}

// child splits the command of -c.
func (f *runFlags) child() ([]string, error) {
	if !f.commandGiven {
		return nil, nil
	}
	if f.pid != 0 {
		return nil, diag.Sentencef("USAGE: Cannot use both -c and -p.")
	}
	if f.compat && f.command == "" {
		return nil, nil
	}
	words, err := splitWords(f.command)
	if err != nil {
		return nil, fmt.Errorf("-c %q: %w", f.command, err)
	}
	return words, nil
}

func (f *runFlags) renderer(src *diag.Source, out *output) render.Renderer {
	o := render.Options{Out: out, Err: os.Stderr, Terminal: out.terminal, Trailer: "..", Source: src, Quiet: f.quiet, MaxMapKeys: 4096}
	if f.format.value == "json" {
		return render.NewJSON(o)
	}
	return render.NewText(o)
}
