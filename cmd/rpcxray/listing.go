package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rpcxray/rpcxray/internal/run"
)

// listProbes is -l: of a pattern, or of the probes of a program.
func (f *runFlags) listProbes(w io.Writer, args []string) (int, error) {
	list, err := f.listed(args)
	var none *run.NoProbeError
	if f.compat && errors.As(err, &none) {
		return 0, nil // what drives bpftrace takes an empty list for an answer
	}
	if err != nil {
		return 1, err
	}
	out := newPage(w)
	for _, l := range list {
		if l.Text != "" {
			out.printf("%s\n", l.Text)
			continue
		}
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

func (f *runFlags) listOptions() run.ListOptions {
	return run.ListOptions{PID: int(f.pid), Args: f.verbose, TraceableFunctions: f.traceable}
}

func (f *runFlags) listed(args []string) ([]run.Listed, error) {
	if f.exprGiven || len(args) > 0 && isFile(args[0]) {
		src, err := f.source(args)
		if err != nil {
			return nil, err
		}
		return run.ListScript(src, f.params, f.listOptions())
	}
	if len(args) > 1 {
		return nil, fmt.Errorf("-l takes one pattern; quote it, so that the shell does not expand it: %s", strings.Join(args, " "))
	}
	pattern := strings.Join(args, "")
	if strings.HasSuffix(pattern, ".bt") {
		fmt.Fprintf(os.Stderr, "WARNING: It appears that '%[1]s' is a filename but the file does not exist. Treating '%[1]s' as a search pattern.\n", pattern)
	}
	return run.List(pattern, f.listOptions())
}
