package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/run"
)

// runFlags are the flags of rpcxray run; short letters are bpftrace's.
type runFlags struct {
	expr, command, output, format, debug, overhead string
	pid                                            int
	verbose, unsafe, quiet, noWarnings, dryRun     bool
	stats                                          bool
}

func runCommand(status *exitStatus) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [-e PROGRAM | FILE | -] [ARG...]",
		Short: "Run a script of the tracing language",
		Example: `  rpcxray run -e 'uprobe:./server:main.*.Mul { @[func] = count() }'
  rpcxray run -e 'uretprobe:./server:main.*.Mul { @ns = hist(duration) }'
  rpcxray run -p 1234 script.bt
  rpcxray run -c './server' script.bt
  rpcxray run -d insns -e 'BEGIN { @ = nsecs }'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := f.run(cmd, args)
			status.code = code
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.expr, "expr", "e", "", "the program's text")
	fl.IntVarP(&f.pid, "pid", "p", 0, "trace only this process")
	fl.StringVarP(&f.command, "cmd", "c", "", "start this command, trace it, and end with it")
	fl.StringVarP(&f.output, "output", "o", "", "write output to this file")
	fl.StringVarP(&f.format, "format", "f", "text", "text or json")
	fl.StringVarP(&f.debug, "debug", "d", "", "print a stage instead of running: "+strings.Join(run.Stages, ", "))
	fl.StringVar(&f.overhead, "max-overhead", "50%", "share of a CPU that probes may cost a traced process, or none")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "say more: verifier logs, skipped functions, where types come from")
	fl.BoolVar(&f.unsafe, "unsafe", false, "allow functions that change something: system, signal")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "do not tell how many probes are attached")
	fl.BoolVar(&f.noWarnings, "no-warnings", false, "do not print warnings")
	fl.BoolVar(&f.dryRun, "dry-run", false, "compile, load and attach, then leave")
	fl.BoolVar(&f.stats, "stats", false, "tell hits, cost and losses at the end")
	return cmd
}

func (f *runFlags) run(cmd *cobra.Command, args []string) (int, error) {
	src, params, err := f.source(args)
	if err != nil {
		return 1, err
	}
	limit, err := parseOverhead(f.overhead)
	if err != nil {
		return 1, err
	}
	out, terminal := io.Writer(os.Stdout), isTerminal(os.Stdout)
	if f.output != "" {
		file, err := os.Create(f.output)
		if err != nil {
			return 1, err
		}
		defer file.Close()
		out, terminal = file, false
	}
	sink, err := f.renderer(src, out, terminal)
	if err != nil {
		return 1, err
	}
	code, err := run.Run(cmd.Context(), run.Options{
		Source: src, Params: params, PID: f.pid, Command: strings.Fields(f.command), Env: environment(),
		Unsafe: f.unsafe, NoWarnings: f.noWarnings, DryRun: f.dryRun, Debug: f.debug, Verbose: f.verbose,
		Stats: f.stats, MaxOverhead: limit, Sink: sink, Out: out, Stderr: os.Stderr, Color: isTerminal(os.Stderr),
	})
	return code, errors.Join(err, sink.Close())
}

// source reads the script and returns what is left of the arguments.
func (f *runFlags) source(args []string) (*diag.Source, []string, error) {
	if f.expr != "" {
		return &diag.Source{Name: "stdin", Text: f.expr}, args, nil
	}
	if len(args) == 0 {
		return nil, nil, errors.New("no program: give -e PROGRAM, a FILE, or - for standard input")
	}
	if args[0] == "-" {
		text, err := io.ReadAll(os.Stdin)
		return &diag.Source{Name: "stdin", Text: string(text)}, args[1:], err
	}
	text, err := os.ReadFile(args[0])
	return &diag.Source{Name: args[0], Text: string(text)}, args[1:], err
}

func (f *runFlags) renderer(src *diag.Source, out io.Writer, terminal bool) (render.Renderer, error) {
	o := render.Options{Out: out, Err: os.Stderr, Terminal: terminal, Trailer: "..", Source: src, Quiet: f.quiet, MaxMapKeys: 4096}
	switch f.format {
	case "text":
		return render.NewText(o), nil
	case "json":
		return render.NewJSON(o), nil
	}
	return nil, fmt.Errorf("invalid output format %q: text or json", f.format)
}

// parseOverhead reads a share of a CPU: "50%", "0.5", "none".
func parseOverhead(s string) (float64, error) {
	if s == "none" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("--max-overhead %q: a share of a CPU such as 50%%, or none", s)
	}
	if percent {
		v /= 100
	}
	return v, nil
}

// environment returns the settings that bpftrace's users keep in BPFTRACE_*.
func environment() map[string]string {
	env := map[string]string{}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if short, ok := strings.CutPrefix(name, "BPFTRACE_"); ok {
			env[short] = value
		}
	}
	return env
}
