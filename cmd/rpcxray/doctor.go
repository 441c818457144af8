package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/kernel"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Show which kernel features rpcxray finds, and what it costs to lack one",
		Long: `Try every kernel feature that rpcxray uses. The exit status is 0 if functions of Go
programs can be counted and timed here.`,
		Example: "  rpcxray doctor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return doctor(cmd.OutOrStdout(), kernel.Detect().Probe())
		},
	}
}

func doctor(w io.Writer, results []kernel.Result) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fit := true
	for _, r := range results {
		found := "yes"
		note := r.Detail
		if r.Err != nil {
			found, note = "no", fmt.Sprintf("%v; without it: %s", r.Err, r.Feature.Cost)
			fit = fit && !r.Feature.Required
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", found, r.Feature.Name, r.Feature.Title, note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if !fit {
		return errors.New("functions cannot be traced here: a feature that has to be there is missing (see above)")
	}
	fmt.Fprintln(w, "\nFunctions of Go programs can be counted, timed and read on this machine.")
	return nil
}
