package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/run"
)

const checkLong = `Tell what is wrong with scripts, and run nothing: syntax, names, types and whether
this machine has the probes. It needs no root where the kernel's own files do not.

With --json each diagnostic is one JSON object a line, for editors: file, line, col,
endLine, endCol (from 1, in characters, the end behind the last one), severity (error
or warning), message, and where there are some hint and notes (each with a place and a
message). What follows -- are the positional parameters $1, $2, … of each script.
The exit status is 1 if there are errors, also in one script of several.`

const checkExample = `  rpcxray check *.bt
  rpcxray check --json script.bt
  cat script.bt | rpcxray check --json -
  rpcxray check script.bt -- ./server`

func checkCommand(status *exitStatus) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:                   "check [--json] {FILE... | -} [-- ARG...]",
		Short:                 "Tell what is wrong with scripts without running them",
		Long:                  checkLong,
		Example:               checkExample,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			var params []string
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				args, params = args[:dash], args[dash:]
			}
			show := func(l *diag.List) error {
				diag.Render(os.Stderr, l, colored(os.Stderr))
				return nil
			}
			if asJSON {
				show = func(l *diag.List) error { return diag.WriteJSON(cmd.OutOrStdout(), l) }
			}
			loader := run.NewLoader()
			defer loader.Close()
			return eachProgram(args, func(src *diag.Source) error {
				l, err := loader.Check(run.Options{Source: src, Params: params, Env: environment(), Unsafe: true})
				if err != nil {
					return err
				}
				if l.HasErrors() {
					status.code = 1
				}
				return show(l)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each diagnostic as a JSON object on standard output")
	return cmd
}

// eachProgram calls f for the program of each file, or of standard input for
// "-". One that fails does not keep f from the next.
func eachProgram(files []string, f func(*diag.Source) error) error {
	if len(files) == 0 {
		return errors.New("no program: give FILE..., or - for standard input")
	}
	var errs []error
	for _, name := range files {
		src, err := openProgram(name)
		if err == nil {
			err = f(src)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
