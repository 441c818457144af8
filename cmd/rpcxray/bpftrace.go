package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// Started under the name compatName, the binary takes bpftrace's command line,
// and calls itself the release whose language and options it speaks.
const (
	compatName    = "bpftrace"
	compatVersion = "v0.27.1"
)

const bpftraceLong = `bpftrace's command line, served by rpcxray: the tracing language compiled in Go.`

const bpftraceUse = `bpftrace [options] FILE [ARG...]
    bpftrace [options] - [ARG...]              the program is standard input
    bpftrace [options] -e 'PROGRAM' [ARG...]
    named parameters of the program stand behind --, as in -- --depth=3`

const bpftraceExample = `    bpftrace -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count() }'
        count system calls by program
    bpftrace -e 'tracepoint:syscalls:sys_enter_openat { printf("%s %s\n", comm, str(args.filename)) }'
        show which files are opened
    bpftrace -p 1234 -e 'uprobe:libc:malloc { @[ustack] = count() }'
        count allocations of a process by the stacks that lead to them
    bpftrace -l 'tracepoint:sched:*'
        list probes; -lv with their arguments
    bpftrace -c './server -addr :8972' -e 'uprobe:./server:main.*.Mul { @[func] = count() }'
        run a command and count its functions

SEE ALSO:
    rpcxray --help, which has tools made of such programs`

// bpftraceHelp prints the page. It is no template of cobra's: with those the linker
// keeps every method of every type: 2.6 MB.
func bpftraceHelp(cmd *cobra.Command, _ []string) {
	flags := strings.TrimRight(cmd.LocalFlags().FlagUsages(), " \n")
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nUSAGE:\n    %s\n\nOPTIONS:\n%s\n\nEXAMPLES:\n%s\n", cmd.Long, cmd.Use, flags, cmd.Example)
}

// bpftraceCommand is the whole command line under the name compatName.
func bpftraceCommand(status *exitStatus) *cobra.Command {
	cmd := &cobra.Command{
		Use:           bpftraceUse,
		Long:          bpftraceLong,
		Example:       bpftraceExample,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	newRunFlags(cmd, status).compat = true
	fl := cmd.Flags()
	showVersion := fl.BoolP("version", "V", false, "show the version")
	fl.BoolP("help", "h", false, "show this page")
	fl.SetNormalizeFunc(abbreviations(fl))
	cmd.SetHelpFunc(bpftraceHelp)
	cmd.SetFlagErrorFunc(bpftraceFlagError)
	trace := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *showVersion {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s (rpcxray %s)\n", compatName, compatVersion, version)
			return err
		}
		err := trace(cmd, args)
		if errors.Is(err, errNoProgram) {
			return usageError(cmd, "ERROR: USAGE: filename or -e 'program' required.")
		}
		return err
	}
	return cmd
}

// abbreviations returns what completes the beginnings of long options, as GNU's
// getopt does.
func abbreviations(fl *pflag.FlagSet) func(*pflag.FlagSet, string) pflag.NormalizedName {
	var names []string
	fl.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		found := ""
		for _, n := range names {
			switch {
			case n == name:
				return pflag.NormalizedName(name)
			case strings.HasPrefix(n, name) && found != "":
				return pflag.NormalizedName(name) // ambiguous
			case strings.HasPrefix(n, name):
				found = n
			}
		}
		if found == "" {
			found = name
		}
		return pflag.NormalizedName(found)
	}
}

// usageError prints the page after what is wrong with the command line.
func usageError(cmd *cobra.Command, text string) error {
	cmd.SetOut(os.Stderr)
	fmt.Fprintln(os.Stderr, text)
	return errors.Join(cmd.Help(), errTold)
}

// errTold ends the run after its reason was printed.
var errTold = errors.New("told already")

// bpftraceFlagError puts what is wrong with the options into bpftrace's words.
func bpftraceFlagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var value *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usageError(cmd, fmt.Sprintf("bpftrace: invalid option -- '%s'", unknown.GetSpecifiedName()))
	case errors.As(err, &unknown):
		return usageError(cmd, fmt.Sprintf("bpftrace: unrecognized option '--%s'", unknown.GetSpecifiedName()))
	case errors.As(err, &missing) && missing.GetSpecifiedShortnames() != "":
		return usageError(cmd, fmt.Sprintf("bpftrace: option requires an argument -- '%s'", missing.GetSpecifiedName()))
	case errors.As(err, &missing):
		return usageError(cmd, fmt.Sprintf("bpftrace: option '--%s' requires an argument", missing.GetSpecifiedName()))
	case errors.As(err, &value):
		return badValue(value)
	}
	return err
}

// badValue tells what an option does not take.
func badValue(value *pflag.InvalidValueError) error {
	given, why := value.GetValue(), errors.Unwrap(value)
	switch value.GetFlag().Name {
	case "pid":
		return badPID(given)
	case "format":
		return &diag.HintError{Msg: fmt.Sprintf("Invalid output format %q", given), Hint: "Valid formats: 'text', 'json'"}
	case "buffering":
		return diag.Sentencef("USAGE: -B must be either 'line', 'full', or 'none'.")
	case "debug":
		return diag.Sentencef("USAGE: invalid option for -d: %s", given)
	case "mode":
		return diag.Sentencef("USAGE: --mode can only be 'codegen', 'compiler-bench', 'bench', 'test' or 'format'.")
	case "no-feature":
		return diag.Sentencef("USAGE: --no-feature can only have values '%s'.", strings.Join(features, ","))
	case "probe-filter", "warnings":
		return why
	}
	return fmt.Errorf("--%s %q: %w", value.GetFlag().Name, given, why)
}

func badPID(given string) error {
	n, err := strconv.ParseInt(given, 0, 64)
	if err != nil {
		_, err := syntax.ParseInt(given)
		return diag.Sentencef("Failed to parse pid: %v", err)
	}
	if n == 0 {
		return diag.Sentencef("Failed to attach to pid: Unable to open pidfd (Invalid argument)")
	}
	return diag.Sentencef("Pid out of range: %d", uint64(n))
}
