package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/kernel"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Show which kernel features rpcxray finds, and what it costs to lack one",
		Long: `Try every kernel feature that rpcxray uses; nothing is left behind. The exit status
is 0 if functions of Go programs can be counted, timed and read here.`,
		Example: `  rpcxray doctor
  rpcxray doctor | grep -A3 ^no                  only what is missing`,
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := newPage(cmd.OutOrStdout())
			missing := examine(out, kernel.Detect().Probe())
			if len(missing) == 0 {
				out.printf("\nFunctions of Go programs can be counted, timed and read on this machine.\n")
			}
			return errors.Join(out.Flush(), unfit(missing))
		},
	}
}

// examine prints the findings and returns the names of those without which
// nothing works.
func examine(out page, results []kernel.Result) (missing []string) {
	for _, r := range results {
		if r.Err == nil {
			out.printf("yes  %-23s %s%s\n", r.Feature.Name, r.Feature.Title, inParentheses(r.Detail))
			continue
		}
		out.printf("no   %-23s %s\n", r.Feature.Name, r.Feature.Title)
		for _, line := range []struct{ label, text string }{
			{"found:", r.Err.Error()}, {"needs:", r.Feature.Need}, {"without it:", r.Feature.Cost},
		} {
			out.printf("     %-11s %s\n", line.label, line.text)
		}
		if r.Feature.Required {
			missing = append(missing, r.Feature.Name)
		}
	}
	return missing
}

func inParentheses(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func unfit(missing []string) error {
	switch {
	case len(missing) == 0:
		return nil
	case os.Geteuid() != 0:
		return fmt.Errorf("functions cannot be traced by this user, %s missing: use sudo", listed(missing))
	}
	return fmt.Errorf("functions cannot be traced here: %s missing", listed(missing))
}

func listed(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " are"
}
