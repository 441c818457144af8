package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/gobin"
)

func psCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ps",
		Short: "List the running Go processes: version, build, RPC frameworks, container",
		Long: `List the running Go processes with the Go version that built them, the main package
and what is unusual about the build (stripped, no-dwarf, pie), the RPC frameworks that
are linked in, the container, and the executable. Without root only your own
processes can be looked at.`,
		Example: `  rpcxray ps
  rpcxray ps | grep rpcx`,
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			procs, unreadable, err := gobin.GoProcesses()
			if err != nil {
				return err
			}
			if unreadable > 0 && os.Geteuid() != 0 {
				fmt.Fprintf(os.Stderr, "rpcxray: %d processes could not be looked at: use sudo to see them\n", unreadable)
			}
			procs = slices.DeleteFunc(procs, func(p gobin.Process) bool { return p.PID == os.Getpid() })
			if len(procs) == 0 {
				return errors.New("no Go process was found")
			}
			out := newPage(cmd.OutOrStdout())
			return errors.Join(printProcesses(out.columns(), procs), out.Flush())
		},
	}
}

func printProcesses(out page, procs []gobin.Process) error {
	out.printf("PID\tGO\tBUILD\tFRAMEWORKS\tCONTAINER\tEXECUTABLE\n")
	for _, p := range procs {
		exe := p.Exe
		if p.Deleted {
			exe += " (deleted)"
		}
		out.printf("%d\t%s\t%s\t%s\t%s\t%s\n", p.PID, p.Go.Version, build(p.Go), list(frameworks(p.PID)), short(p.Container), exe)
	}
	return out.Flush()
}

// build names the main package of a binary and what is unusual about it.
func build(g *gobin.GoInfo) string {
	var words []string
	if bi := g.BuildInfo; bi != nil && bi.Path != "" {
		words = append(words, bi.Path)
	}
	switch {
	case g.Stripped:
		words = append(words, "stripped")
	case !g.HasDWARF:
		words = append(words, "no-dwarf")
	}
	if g.PIE {
		words = append(words, "pie")
	}
	return list(words)
}

func list(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ",")
}

// short is a container's id as container tools show it.
func short(id string) string {
	const shown = 12
	if id == "" {
		return "-"
	}
	return id[:shown]
}

// frameworks names the RPC frameworks in a process's binary; none of one that has
// just ended.
func frameworks(pid int) []string {
	f, err := gobin.OpenProcess(pid)
	if err != nil {
		return nil
	}
	defer f.Close()
	return f.Frameworks()
}
