package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/gobin"
)

func psCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ps",
		Short:   "List the running Go processes: version, build, RPC frameworks, container",
		Example: "  rpcxray ps",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			procs, unreadable, err := gobin.GoProcesses()
			if err != nil {
				return err
			}
			if unreadable > 0 {
				fmt.Fprintf(os.Stderr, "rpcxray: %d processes of other users could not be looked at: root is needed\n", unreadable)
			}
			return printProcesses(cmd.OutOrStdout(), procs)
		},
	}
}

func printProcesses(w io.Writer, procs []gobin.Process) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "PID\tGO\tBUILD\tFRAMEWORKS\tCONTAINER\tEXECUTABLE")
	for _, p := range procs {
		exe := p.Exe
		if p.Deleted {
			exe += " (deleted)"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", p.PID, p.Go.Version, build(p.Go), list(p.Frameworks), short(p.Container), exe)
	}
	return t.Flush()
}

// build names what is unusual about a binary, and its module.
func build(g *gobin.GoInfo) string {
	var words []string
	if bi := g.BuildInfo; bi != nil && bi.Path != "" {
		words = append(words, bi.Path)
	}
	for word, is := range map[string]bool{"stripped": g.Stripped, "no-dwarf": !g.HasDWARF && !g.Stripped} {
		if is {
			words = append(words, word)
		}
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
	if id == "" {
		return "-"
	}
	return id[:12]
}
