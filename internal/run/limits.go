package run

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/lower"
)

// withinLimits compares the plan with max_probes and max_bpf_progs.
func (s *session) withinLimits(plan *lower.Lowered) error {
	probes, c := 0, s.prog.Config
	for _, u := range plan.Units {
		probes += max(len(u.Sites), 1)
	}
	switch {
	case c.MaxProbes > 0 && probes > c.MaxProbes:
		return &diag.HintError{
			Msg:  fmt.Sprintf("Can't attach to %d probes because it exceeds the current limit of %d probes.", probes, c.MaxProbes),
			Hint: "You can increase the limit through the BPFTRACE_MAX_PROBES environment variable."}
	case c.MaxPrograms > 0 && len(plan.Units) > c.MaxPrograms:
		return &diag.HintError{
			Msg: fmt.Sprintf("Your program is trying to generate more than %d BPF programs, which exceeds the current limit of %d",
				len(plan.Units), c.MaxPrograms),
			Hint: "You can increase the limit through the BPFTRACE_MAX_BPF_PROGS environment variable."}
	}
	return nil
}
