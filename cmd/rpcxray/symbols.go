package main

import (
	"bufio"
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
		Use:   "symbols BINARY [GLOB]",
		Short: "List the functions of a binary: address, size, file and line, or where they were inlined",
		Long: `List the functions of a binary whose names match GLOB (* is any text; text without
a * matches anywhere in the name). Functions that exist only inlined are listed with
the places they went to.`,
		Example: `  rpcxray symbols ./server Mul
  rpcxray symbols ./server 'main.*'
  rpcxray symbols --sites ./server 'runtime.mallocgc'`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern := "*"
			if len(args) == 2 {
				pattern = args[1]
			}
			return listSymbols(cmd.OutOrStdout(), args[0], pattern, sites)
		},
	}
	cmd.Flags().BoolVar(&sites, "sites", false, "show where probes would be placed, what they cost and why")
	return cmd
}

func listSymbols(w io.Writer, path, pattern string, sites bool) error {
	f, err := gobin.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if !strings.Contains(pattern, "*") {
		pattern = "*" + pattern + "*"
	}
	match := gobin.Glob(pattern)
	out := bufio.NewWriter(w)
	defer out.Flush()
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
	if pattern != "*" {
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

func printFunc(w io.Writer, f *gobin.File, fn gobin.Func) {
	fmt.Fprintf(w, "%#-18x %8d  %s", fn.Entry, fn.Size(), gobin.Demangle(fn.Name))
	if file, line := f.FileLine(fn.Entry); file != "" {
		fmt.Fprintf(w, "  %s:%d", file, line)
	}
	fmt.Fprintln(w)
}

func printSites(w io.Writer, f *gobin.File, fn gobin.Func) {
	p := f.Plan(fn, gobin.WantEntry|gobin.WantRets)
	if p.EntryErr != nil {
		fmt.Fprintf(w, "    entry   none: %v\n", p.EntryErr)
	} else {
		fmt.Fprintf(w, "    entry   +%-6d %-6v %-11v %s\n", p.Entry.Addr-fn.Entry, p.Entry.Kind, p.Entry.Cost, p.Why)
	}
	if p.RetErr != nil {
		fmt.Fprintf(w, "    return  none: %v\n", p.RetErr)
	}
	for _, r := range p.Rets {
		shared := ""
		if r.Shared {
			shared = "shared with other functions"
		}
		fmt.Fprintf(w, "    return  +%-6d %-6v %-11v %s\n", int64(r.Addr-fn.Entry), r.Kind, r.Cost, shared)
	}
}

// shownPlaces is how many of the places are named that a function was inlined
// into.
const shownPlaces = 3

// listInlined prints where functions went that match and that the compiler put
// into their callers, and returns how many functions that are.
func listInlined(w io.Writer, f *gobin.File, match gobin.Matcher) (int, error) {
	places := map[string][]gobin.InlineSite{}
	err := f.Inlined(match, func(s gobin.InlineSite) bool {
		places[s.Name] = append(places[s.Name], s)
		return true
	})
	for _, name := range slices.Sorted(maps.Keys(places)) {
		at := places[name]
		fmt.Fprintf(w, "%-18s %8d  %s  into", "inlined", len(at), name)
		for i, s := range at[:min(len(at), shownPlaces)] {
			fmt.Fprintf(w, "%s %s (%s:%d)", [...]string{"", ",", ","}[i], s.Caller, s.File, s.Line)
		}
		if len(at) > shownPlaces {
			fmt.Fprintf(w, " and %d more places", len(at)-shownPlaces)
		}
		fmt.Fprintln(w)
	}
	return len(places), err
}
