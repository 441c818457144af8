// Command rpcxray looks into running Go services with eBPF: it counts, times
// and reads the calls of processes that were never prepared for it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
)

// The probes of a script's begin and end run on the thread that asks for them. Where
// this is the process's first, tid is pid there, as it is in bpftrace.
func init() { runtime.LockOSThread() }

func main() {
	// A closed pipe is an error of the write. Ignoring the signal would do the
	// same, but the command of -c would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once, but not one that comes with the
	// first: timeout(1) signals its child and then its group, sudo does alike.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	status := &exitStatus{label: "rpcxray"}
	cmd := root
	if filepath.Base(os.Args[0]) == compatName {
		cmd, status.label = bpftraceCommand, diag.Error.String()
	}
	err := cmd(status).ExecuteContext(ctx)
	os.Exit(report(err, status))
}

// exitStatus is what the command asks to end with when it did not fail, and what
// stands before its error when it did.
type exitStatus struct {
	code  int
	label string
}

const rootExample = `  rpcxray doctor                                     can this machine be traced?
  rpcxray ps                                         which Go programs run here?
  rpcxray symbols ./server 'main.*'                  which functions does this one have?
  rpcxray funccount -d 10 './server:main.*'          how often are they called?
  rpcxray funclatency -d 10 './server:main.*.Mul'    how long do they take?
  rpcxray run -e 'uretprobe:./server:main.*.Mul { printf("%s took %d ns\n", func, duration) }'`

func root(status *exitStatus) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "rpcxray",
		Short:         "See what running Go services do, without changing or restarting them",
		Long:          "See what running Go services do, without changing or restarting them.\nTracing needs root; nothing in a traced process is written.",
		Example:       rootExample,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var value *pflag.InvalidValueError
		var number *strconv.NumError
		switch {
		case errors.As(err, &number) && errors.As(err, &value):
			return fmt.Errorf("--%s %q: it takes a value of type %s", value.GetFlag().Name, value.GetValue(), value.GetFlag().Value.Type())
		case errors.As(err, &value):
			return fmt.Errorf("--%s %q: %w", value.GetFlag().Name, value.GetValue(), errors.Unwrap(value))
		}
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	const tools = "tools"
	cmd.AddGroup(&cobra.Group{ID: tools, Title: "Tools:"})
	for _, c := range append([]*cobra.Command{rpcCommand(status)}, toolCommands(status)...) {
		c.GroupID = tools
		cmd.AddCommand(c)
	}
	cmd.AddCommand(familyCommand(tcp.Family), runCommand(status), checkCommand(status), fmtCommand(status), symbolsCommand(), psCommand(), doctorCommand(), demoCommand(), versionCommand())
	return cmd
}

// report prints err once and returns the exit status.
func report(err error, status *exitStatus) int {
	var list *diag.ListError
	var closed *render.ClosedError
	var hint *diag.HintError
	switch {
	case err == nil:
		return status.code
	case errors.As(err, &closed), errors.Is(err, syscall.EPIPE):
		return 0
	case errors.Is(err, errTold):
	case errors.As(err, &list):
		list.List.Sort()
		diag.Render(os.Stderr, list.List, colored(os.Stderr))
	default:
		fmt.Fprintf(os.Stderr, "%s: %s\n", status.label, diag.Printable(err.Error()))
		if errors.As(err, &hint) && hint.Hint != "" {
			fmt.Fprintf(os.Stderr, "HINT: %s\n", diag.Printable(hint.Hint))
		}
	}
	return 1
}
