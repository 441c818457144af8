package run

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/gobin"
)

// count notes for -v where the types of a function's arguments came from.
func (w *world) count(b *binary, from gobin.Source) {
	if from == "" {
		return
	}
	if w.sources[b] == nil {
		w.sources[b] = map[gobin.Source]int{}
	}
	w.sources[b][from]++
}

// tellSources says, for -v, by which means arguments are read in each binary.
func (s *session) tellSources() error {
	if !s.opts.Verbose {
		return nil
	}
	var lines []string
	for b, sources := range s.world.sources {
		var words []string
		for _, from := range slices.Sorted(maps.Keys(sources)) {
			words = append(words, fmt.Sprintf("%s (functions: %d)", from, sources[from]))
		}
		lines = append(lines, b.target.Path+": arguments from "+strings.Join(words, ", "))
	}
	clear(s.world.sources)
	slices.Sort(lines)
	for _, line := range lines {
		if err := s.info("%s", line); err != nil {
			return err
		}
	}
	return s.tellPlaces()
}
