package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "devel"

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "version",
		Short:                 "Show the version and how this binary was built",
		Example:               "  rpcxray version",
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := newPage(cmd.OutOrStdout())
			out.printf("rpcxray %s %s/%s %s\n", version, runtime.GOOS, runtime.GOARCH, runtime.Version())
			if bi, ok := debug.ReadBuildInfo(); ok {
				printSettings(out, bi.Settings)
			}
			return out.Flush()
		},
	}
}

func printSettings(out page, settings []debug.BuildSetting) {
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision", "vcs.time", "vcs.modified", "CGO_ENABLED":
			out.printf("  %s=%s\n", s.Key, s.Value)
		}
	}
}
