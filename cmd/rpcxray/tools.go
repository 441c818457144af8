package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/tools"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

// toolFlags are the flags that all tools have.
type toolFlags struct {
	tool.Options
	output   string
	format   choiceFlag
	overhead overheadFlag
	pid      pidFlag
}

// toolCommands makes a command of every tool.
func toolCommands(status *exitStatus) []*cobra.Command {
	var list []*cobra.Command
	for _, t := range tools.All() {
		list = append(list, toolCommand(&t, status))
	}
	return list
}

// rpcCommand is the command of the tools that look at RPC calls.
func rpcCommand(status *exitStatus) *cobra.Command {
	list := tools.RPC()
	cmd := toolCommand(&list[0], status)
	for _, t := range list[1:] {
		cmd.AddCommand(toolCommand(&t, status))
	}
	return cmd
}

// familyCommand lists the tools of a family.
func familyCommand(family string) *cobra.Command {
	return &cobra.Command{
		Use:   family,
		Short: "List the tools about " + strings.ToUpper(family),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var text strings.Builder
			for _, t := range tools.All() {
				if t.Family == family {
					fmt.Fprintf(&text, "%-12s %s\n", t.Name, t.Short)
				}
			}
			_, err := io.WriteString(cmd.OutOrStdout(), text.String())
			return err
		},
	}
}

func toolCommand(t *tool.Tool, status *exitStatus) *cobra.Command {
	f := &toolFlags{format: choiceFlag{"table", []string{"table", "json", "jsonl", "csv"}}, overhead: defaultOverhead}
	c := t.New()
	cmd := &cobra.Command{
		Use:     t.Name + " " + t.Usage,
		Aliases: t.Aliases,
		Short:   t.Short,
		Long:    t.Long,
		Example: t.Example,
		Args:    arguments(t),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := f.run(cmd, t, c, args)
			status.code = code
			return err
		},
		DisableFlagsInUseLine: true,
	}
	c.Flags(cmd)
	fl := cmd.Flags()
	letter := "p"
	if fl.ShorthandLookup(letter) != nil {
		letter = "" // bcc's tool of that name means something else by it
	}
	fl.VarP(&f.pid, "pid", letter, "trace only this process")
	fl.Lookup("pid").DefValue = ""
	fl.Var(&f.format, "format", "table, json (one array), jsonl (an object a line) or csv")
	fl.StringVar(&f.output, "output", "", "write output to this file")
	fl.Var(&f.overhead, "max-overhead", "share of a CPU that probes may cost a traced process, or none")
	fl.BoolVar(&f.Stats, "stats", false, "tell hits, cost and losses at the end")
	fl.BoolVar(&f.Strict, "strict", false, "exit with status 1 when something was lost or left out")
	fl.BoolVar(&f.Script, "script", false, "print the script that the tool runs, for rpcxray run")
	return cmd
}

func arguments(t *tool.Tool) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < t.MinArgs:
			return fmt.Errorf("%s %s: an argument is missing; --help shows examples", t.Name, t.Usage)
		case t.MaxArgs >= 0 && len(args) > t.MaxArgs:
			return fmt.Errorf("%s %s: %q is one argument too many; quote a pattern that has blanks or stars", t.Name, t.Usage, args[t.MaxArgs])
		}
		return nil
	}
}

func (f *toolFlags) run(cmd *cobra.Command, t *tool.Tool, c tool.Command, args []string) (int, error) {
	out, err := openOutput(f.output, false)
	if err != nil {
		return 1, err
	}
	o := f.Options
	o.PID, o.Format, o.MaxOverhead, o.Env, o.Version = int(f.pid), f.format.value, float64(f.overhead), environment(), version
	o.Out, o.Terminal = out, out.terminal
	o.Err, o.Color = os.Stderr, colored(os.Stderr)
	if o.Format == "table" {
		o.Screen = out.screen()
	}
	status, err := tool.Run(cmd.Context(), t, c, args, o)
	return status, errors.Join(err, out.Close())
}
