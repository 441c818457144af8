package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/run"
)

// runFlags are the flags of rpcxray run; short letters are bpftrace's.
type runFlags struct {
	expr, command, output, debug                string
	format                                      choiceFlag
	overhead                                    overheadFlag
	pid                                         pidFlag
	list                                        bool
	verbose, unsafe, secrets, quiet, noWarnings bool
	dryRun, stats, strict                       bool
	exprGiven, commandGiven                     bool
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
	f := &runFlags{format: choiceFlag{"text", []string{"text", "json"}}, overhead: defaultOverhead}
	cmd := &cobra.Command{
		Use:                   "run [flags] {-e PROGRAM | FILE | -} [ARG...] [-- OPTION...]",
		Short:                 "Run a script of the tracing language",
		Long:                  runLong,
		Example:               runExample,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.exprGiven, f.commandGiven = cmd.Flags().Changed("expr"), cmd.Flags().Changed("cmd")
			code, err := f.main(cmd, args)
			status.code = code
			return err
		},
	}
	f.define(cmd)
	return cmd
}

func (f *runFlags) define(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.expr, "expr", "e", "", "the program's `text`")
	fl.BoolVarP(&f.list, "list", "l", false, "list the probes that a pattern, FILE or -e matches; all of the kernel's without one")
	fl.VarP(&f.pid, "pid", "p", "trace only this process")
	fl.StringVarP(&f.command, "cmd", "c", "", "start this `command`, probe its functions only, and end with it")
	fl.StringVarP(&f.output, "output", "o", "", "write output to this `file`")
	fl.VarP(&f.format, "format", "f", "text or json")
	fl.StringVarP(&f.debug, "debug", "d", "", "print a `stage` instead of running: "+strings.Join(run.Stages, ", "))
	fl.Var(&f.overhead, "max-overhead", "share of a CPU that probes may cost a traced process, or none")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "say more: verifier logs, skipped functions, where types come from")
	fl.BoolVar(&f.secrets, "show-secrets", false, "do not mask credentials in the metadata of calls")
	fl.BoolVar(&f.unsafe, "unsafe", false, "allow functions that change something: system, signal")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "do not tell how many probes are attached")
	fl.BoolVar(&f.noWarnings, "no-warnings", false, "do not print warnings")
	fl.BoolVar(&f.dryRun, "dry-run", false, "compile, load and attach, then leave")
	fl.BoolVar(&f.stats, "stats", false, "tell hits, cost and losses at the end")
	fl.BoolVar(&f.strict, "strict", false, "exit with status 1 when something was lost or left out")
	complete(cmd, "debug", run.Stages)
	complete(cmd, "format", f.format.choices)
}

// complete offers words for a flag to the shell.
func complete(cmd *cobra.Command, flag string, words []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("BUG: " + err.Error())
	}
}

func (f *runFlags) main(cmd *cobra.Command, args []string) (int, error) {
	if f.list {
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
	command, err := f.child()
	if err != nil {
		return 1, err
	}
	out, err := openOutput(f.output)
	if err != nil {
		return 1, err
	}
	sink := f.renderer(src, out)
	code, err := run.Run(cmd.Context(), run.Options{
		Source: src, Params: f.params, Named: f.named, PID: int(f.pid), Command: command, Env: environment(),
		Unsafe: f.unsafe, Secrets: f.secrets, NoWarnings: f.noWarnings, DryRun: f.dryRun, Notify: notice(), Debug: f.debug,
		Verbose: f.verbose,
		Stats:   f.stats, Strict: f.strict, MaxOverhead: float64(f.overhead),
		Sink: sink, Out: out, Stderr: os.Stderr, Color: colored(os.Stderr),
	})
	if errors.Is(err, run.ErrProcessEnded) { // a script that saw the process to its end did what it should
		fmt.Fprintf(os.Stderr, "rpcxray: %v\n", err)
		err = nil
	}
	closing := errors.Join(sink.Close(), out.Close())
	if err := cmp.Or(err, closing); err != nil { // the output's error may be both
		return 1, err
	}
	return code, nil
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

// source reads the program; what is left of the arguments are its parameters.
func (f *runFlags) source(args []string) (*diag.Source, error) {
	if f.exprGiven {
		if len(args) > 0 && !strings.Contains(f.expr, "$") && isFile(args[0]) {
			return nil, fmt.Errorf("-e and the file %s: one program at a time (as an argument it would be $1, which the program of -e does not use)", args[0])
		}
		f.params = args
		return nonempty(&diag.Source{Name: stdinName, Text: f.expr})
	}
	if len(args) == 0 {
		return nil, errors.New("no program: give -e PROGRAM, a FILE, or - for standard input; see rpcxray run --help")
	}
	f.params = args[1:]
	return openProgram(args[0])
}

// stdinName is what messages call a program that is in no file.
const stdinName = "stdin"

// openProgram reads the program of a file, or of standard input for "-".
func openProgram(name string) (*diag.Source, error) {
	if name == "-" {
		return readProgram(stdinName, os.Stdin)
	}
	file, err := os.Open(name)
	if err != nil && strings.Contains(name, "{") {
		return nil, fmt.Errorf("reading the program: %w; a program's text stands behind -e", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the program: %w", err)
	}
	defer file.Close()
	return readProgram(name, file)
}

// maxProgram is more than any program may have: what is cut off is not missed,
// and a device has no end.
const maxProgram = 8 << 20

func readProgram(name string, r io.Reader) (*diag.Source, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxProgram))
	if err != nil {
		return nil, fmt.Errorf("reading the program: %w", err)
	}
	return nonempty(&diag.Source{Name: name, Text: string(text)})
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

func nonempty(src *diag.Source) (*diag.Source, error) {
	if strings.TrimSpace(src.Text) == "" {
		return nil, fmt.Errorf("%s: the program is empty; a short one is: BEGIN { printf(\"hello\\n\"); exit() }", src.Name)
	}
	return src, nil
}

// child splits the command of -c.
func (f *runFlags) child() ([]string, error) {
	if !f.commandGiven {
		return nil, nil
	}
	if f.pid != 0 {
		return nil, errors.New("-c starts a process and -p names one: give one of them")
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

// listProbes is -l: of a pattern, or of the probes of a program.
func (f *runFlags) listProbes(w io.Writer, args []string) (int, error) {
	list, err := f.listed(args)
	if err != nil {
		return 1, err
	}
	out := newPage(w)
	for _, l := range list {
		out.printf("%s\n", l.Probe)
		for _, a := range l.Args {
			out.printf("    %s\n", a)
		}
	}
	if err := out.Flush(); err != nil {
		return 1, err
	}
	return 0, nil
}

func (f *runFlags) listed(args []string) ([]run.Listed, error) {
	if f.exprGiven || len(args) > 0 && isFile(args[0]) {
		src, err := f.source(args)
		if err != nil {
			return nil, err
		}
		return run.ListScript(src, f.params, int(f.pid), f.verbose)
	}
	if len(args) > 1 {
		return nil, fmt.Errorf("-l takes one pattern; quote it, so that the shell does not expand it: %s", strings.Join(args, " "))
	}
	return run.List(strings.Join(args, ""), int(f.pid), f.verbose)
}
