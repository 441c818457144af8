package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "devel"

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version and how this binary was built",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "rpcxray %s %s/%s %s\n", version, runtime.GOOS, runtime.GOARCH, runtime.Version())
			bi, ok := debug.ReadBuildInfo()
			if !ok {
				return nil
			}
			for _, s := range bi.Settings {
				switch s.Key {
				case "vcs.revision", "vcs.time", "vcs.modified", "CGO_ENABLED":
					fmt.Fprintf(out, "  %s=%s\n", s.Key, s.Value)
				}
			}
			return nil
		},
	}
}
