package run

import (
	"fmt"
	"slices"

	"github.com/rpcxray/rpcxray/internal/rpc"
)

// sight is what a binary has of a framework's probes.
type sight struct {
	at    map[string][]found // by the probes' names
	lacks map[string]error   // probes that it has no functions for
}

func (w *world) sight(b *binary, probes []rpc.Probe) sight {
	s := sight{map[string][]found{}, map[string]error{}}
	for _, pr := range probes {
		at, err := w.probed(b, pr)
		if err != nil {
			s.lacks[pr.Name] = err
			continue
		}
		s.at[pr.Name] = at
	}
	return s
}

// side tells whether calls of a side with these probes can be seen: an error if not, and
// whether the binary has the side nevertheless.
func (s sight) side(probes []rpc.Probe) (has bool, err error) {
	for _, pr := range probes {
		needed := pr.Lost == "" && slices.ContainsFunc(pr.Funcs, func(fn rpc.Func) bool { return !fn.Optional })
		switch {
		case !needed:
		case s.lacks[pr.Name] != nil:
			return has, s.lacks[pr.Name]
		default:
			has = true
		}
	}
	return has, nil
}

// sides are those of a framework that are seen in a binary, and why others are not.
func (w *world) sides(b *binary, f *rpc.Framework, s sight, asked []rpc.Side, wanted map[string]bool) (seen []rpc.Side, missing error) {
	for _, side := range asked {
		has, err := s.side(f.On([]rpc.Side{side}, wanted))
		if err == nil {
			seen = append(seen, side)
			continue
		}
		missing = err
		if has {
			w.noteGap(b, f, fmt.Sprintf("%v: not seen are calls on the %s's side", err, side))
		}
	}
	return seen, missing
}

// noteAge keeps for a warning that the binary's framework is older than its facts.
func (w *world) noteAge(b *binary, f *rpc.Framework) {
	if rpc.Older(moduleVersion(b.file, f.Module), f.Oldest) {
		w.noteGap(b, f, fmt.Sprintf("it is older than %s, from which on calls are known: some may be missing or told wrongly", f.Oldest))
	}
}

// noteGap keeps for a warning what is not seen of the binary's framework.
func (w *world) noteGap(b *binary, f *rpc.Framework, gap string) {
	w.note(fmt.Sprintf("%s: its %s %s: %s", b.target.Path, f.Name, moduleVersion(b.file, f.Module), gap))
}

func (w *world) note(gap string) {
	if !slices.Contains(w.gaps, gap) {
		w.gaps = append(w.gaps, gap)
	}
}
