package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/gobin"
)

func symbolsCommand() *cobra.Command {
	var sites bool
	cmd := &cobra.Command{
		Use:   "symbols [flags] BINARY [GLOB]",
		Short: "List the functions of a binary: address, size, file and line, or where they were inlined",
		Long: `List the functions of a binary whose names match GLOB (* is any text; text without
a * matches anywhere in the name). Functions that exist only inlined are listed with
the places they went to. It needs no root.`,
		Example: `  rpcxray symbols ./server Mul
  rpcxray symbols ./server 'main.*'
  rpcxray symbols /proc/1234/exe Mul             the program of a process, also a deleted one
  rpcxray symbols --sites ./server 'runtime.mallocgc'`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     completeFunctions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return errors.New("symbols takes a binary and, if you like, a pattern: rpcxray symbols ./server 'main.*'")
			}
			pattern := "*"
			if len(args) == 2 {
				pattern = args[1]
			}
			out := newPage(cmd.OutOrStdout())
			return errors.Join(listSymbols(out, args[0], pattern, sites), out.Flush())
		},
	}
	cmd.Flags().BoolVar(&sites, "sites", false, "show where probes would be placed, what they cost and why")
	return cmd
}

// maxCompletions is how many functions the shell is offered.
const maxCompletions = 200

// completeFunctions offers files for the first argument and the functions of
// that file for the second.
func completeFunctions(_ *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return nil, cobra.ShellCompDirectiveDefault
	case 1:
		return functionsOf(args[0], begun), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func functionsOf(path, begun string) []cobra.Completion {
	f, err := gobin.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	fns, err := f.Match(func(name string) bool { return strings.HasPrefix(name, begun) })
	if err != nil {
		return nil
	}
	names := make([]cobra.Completion, 0, maxCompletions)
	for _, fn := range fns[:min(len(fns), maxCompletions)] {
		names = append(names, fn.Name)
	}
	return names
}

func listSymbols(out page, path, pattern string, sites bool) error {
	f, err := gobin.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	glob := pattern
	if !strings.Contains(glob, "*") {
		glob = "*" + glob + "*"
	}
	match := gobin.Glob(glob)
	fns, err := f.Match(match)
	if err != nil {
		return err
	}
	for _, fn := range fns {
		printFunc(out, f, fn)
		if sites {
			printSites(out, f, fn)
		}
	}
	inlined := 0
	if glob != "*" {
		if inlined, err = listInlined(out, f, match); err != nil {
			return err
		}
	}
	if len(fns)+inlined == 0 {
		return noSymbol(f, pattern)
	}
	return nil
}

func noSymbol(f *gobin.File, pattern string) error {
	msg := fmt.Sprintf("%s: no function matches %q", f.Path, pattern)
	if near := f.Nearest(strings.Trim(pattern, "*"), 3); len(near) > 0 {
		msg += "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return errors.New(msg)
}

func printFunc(out page, f *gobin.File, fn gobin.Func) {
	out.printf("%#-18x %8d  %s", fn.Entry, fn.Size(), gobin.Demangle(fn.Name))
	if file, line := f.FileLine(fn.Entry); file != "" {
		out.printf("  %s:%d", file, line)
	}
	io.WriteString(out, "\n")
}

func printSites(out page, f *gobin.File, fn gobin.Func) {
	p := f.Plan(fn, gobin.WantEntry|gobin.WantRets)
	if p.EntryErr != nil {
		out.printf("    entry   none: %v\n", p.EntryErr)
	} else {
		out.printf("    entry   +%-6d %-6v %-11v %s\n", p.Entry.Addr-fn.Entry, p.Entry.Kind, p.Entry.Cost, p.Why)
	}
	if p.RetErr != nil {
		out.printf("    return  none: %v\n", p.RetErr)
	}
	for _, r := range p.Rets {
		shared := ""
		if r.Shared {
			shared = " shared with other functions"
		}
		out.printf("    return  +%-6d %-6v %v%s\n", int64(r.Addr-fn.Entry), r.Kind, r.Cost, shared)
	}
}

// shownPlaces is how many of the places are named that a function was inlined
// into.
const shownPlaces = 3

// listInlined prints where functions went that match and that the compiler put
// into their callers, and returns how many functions that are.
func listInlined(out page, f *gobin.File, match gobin.Matcher) (int, error) {
	places := map[string][]gobin.InlineSite{}
	err := f.Inlined(match, func(s gobin.InlineSite) bool {
		places[s.Name] = append(places[s.Name], s)
		return true
	})
	for _, name := range slices.Sorted(maps.Keys(places)) {
		at := places[name]
		out.printf("%-18s %8d  %s  into", "inlined", len(at), name)
		for i, s := range at[:min(len(at), shownPlaces)] {
			out.printf("%s %s (%s:%d)", [...]string{"", ",", ","}[i], s.Caller, s.File, s.Line)
		}
		if len(at) > shownPlaces {
			out.printf(" and %d more places", len(at)-shownPlaces)
		}
		io.WriteString(out, "\n")
	}
	return len(places), err
}
