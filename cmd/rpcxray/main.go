// Command rpcxray looks into running Go services with eBPF: it counts, times
// and reads the calls of processes that were never prepared for it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/render"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is an error of the write
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status := &exitStatus{}
	err := root(status).ExecuteContext(ctx)
	os.Exit(report(err, status.code))
}

// exitStatus is what the command asks to end with when it did not fail.
type exitStatus struct{ code int }

func root(status *exitStatus) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "rpcxray",
		Short:         "See what running Go services do, without changing or restarting them",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.AddCommand(runCommand(status), symbolsCommand(), psCommand(), doctorCommand(), demoCommand(), versionCommand())
	cmd.AddCommand(toolCommands(status)...)
	return cmd
}

// report prints err once and returns the exit status.
func report(err error, status int) int {
	var list *diag.ListError
	var closed *render.ClosedError
	switch {
	case err == nil:
		return status
	case errors.As(err, &closed):
		return 0
	case errors.As(err, &list):
		list.List.Sort()
		diag.Render(os.Stderr, list.List, isTerminal(os.Stderr))
	default:
		fmt.Fprintf(os.Stderr, "rpcxray: %v\n", err)
	}
	return 1
}

func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
