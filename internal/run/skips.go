package run

import (
	"errors"
	"strings"
	"syscall"

	"github.com/rpcxray/rpcxray/internal/attach"
	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// refused is the error of attach points none of whose functions can carry a
// probe, each at its place in the script.
func (s *session) refused(plan *lower.Lowered) error {
	taken := map[*prog.Point]bool{}
	for _, u := range plan.Units {
		for _, b := range u.Bodies {
			taken[b.Group.Point] = true
		}
	}
	first, count := map[*prog.Point]lower.Skip{}, map[*prog.Point]int{}
	for _, sk := range plan.Skipped {
		if count[sk.Point] == 0 {
			first[sk.Point] = sk
		}
		count[sk.Point]++
	}
	l := diag.NewList(s.opts.Source)
	for p, sk := range first {
		switch {
		case taken[p]:
		case count[p] == 1:
			l.Errorf(p.Span, "%s cannot be probed: %v", sk.Func.Name, sk.Reason)
		default:
			l.Errorf(p.Span, "none of the %d functions that match can be probed; %s: %v", count[p], sk.Func.Name, sk.Reason)
		}
	}
	return l.Err()
}

// maxListedSkips is how many skipped functions are named; the rest is counted.
const maxListedSkips = 10

// reportSkips names the functions that get no probe while others of their
// attach point do.
func (s *session) reportSkips(skips []lower.Skip) error {
	s.skipped += len(skips)
	for i, sk := range skips {
		if i == maxListedSkips && !s.opts.Verbose {
			return s.warning("%d more functions get no probe (-v lists them)", len(skips)-i)
		}
		if err := s.warning("%s gets no probe: %v", sk.Func.Name, sk.Reason); err != nil {
			return err
		}
	}
	return nil
}

// refusedUnit drops a unit that the kernel refuses, if it was one of several that a
// pattern stands for or the script may do without it; else it is an error.
func (s *session) refusedUnit(u *attach.Unit, refusal error) error {
	if !optional(u.Plan.Point) && s.prog.Config.MissingProbes == "error" {
		return s.notAttached(u, refusal)
	}
	if err := s.kernel.Drop(u); err != nil {
		return err
	}
	return s.lacks(check.PointName(u.Plan.Point, "", ""), refusal)
}

// optional tells whether a point's kind or name is a pattern, of whose matches the
// kernel may refuse some.
func optional(p *prog.Point) bool { return p.Pattern || !p.Exact && strings.Contains(p.Func, "*") }

// refusedFunc tells of a kernel function that its own program is refused for: an error,
// unless it was one of several.
func (s *session) refusedFunc(plan *lower.Unit, refusal error) error {
	name := plan.Bodies[0].Group.Funcs[0].Name
	var told *diag.ListError
	var errno syscall.Errno
	if !errors.As(refusal, &told) && errors.As(refusal, &errno) {
		refusal = errno // the rest names the program
	}
	switch {
	case optional(plan.Point):
		return s.lacks(name, refusal)
	case told != nil:
		return refusal
	}
	l := diag.NewList(s.opts.Source)
	l.Errorf(plan.Point.Span, "the kernel refuses a probe on %s: %v", name, refusal)
	return l.Err()
}

// lacks tells of a probe that there is not, unless the script does not want to know.
func (s *session) lacks(probe string, refusal error) error {
	if s.prog.Config.MissingProbes == "ignore" {
		return nil
	}
	s.skipped++
	return s.warning("%s gets no probe: %v", probe, refusal)
}

// notAttached shows a refusal of the kernel's at the attach point.
func (s *session) notAttached(u *attach.Unit, err error) error {
	if u.Plan.Point == nil {
		return err
	}
	l := diag.NewList(s.opts.Source)
	l.Errorf(u.Plan.Point.Span, "%v", err).Hint = "rpcxray doctor shows what this kernel offers"
	return l.Err()
}

// strict makes a run whose numbers are not complete one that did not succeed.
func (s *session) strict() error {
	incomplete := s.skipped + len(s.guard.shed)
	if !s.opts.Strict || s.lost == 0 && incomplete == 0 {
		return nil
	}
	s.status = 1
	return s.warning("the numbers are not complete: %d lost, %d functions without a probe (--strict makes the exit status 1)", s.lost, incomplete)
}

// reportMissed tells what the kernel has counted in place of the programs.
func (s *session) reportMissed() error {
	var missed uint64
	for _, u := range s.kernel.Units() {
		n, err := u.Missed()
		if err != nil {
			return err
		}
		missed += n
	}
	if missed == 0 {
		return nil
	}
	s.lost += missed
	return s.opts.Sink.Event(&events.Loss{Kind: prog.LossMissed, Count: missed})
}

// isLoss tells what is missing in the output from what is only told about it.
func isLoss(kind prog.Loss) bool {
	switch kind {
	case prog.LossUnpaired, prog.LossReplaced, prog.LossEnded:
		return false
	}
	return true
}
