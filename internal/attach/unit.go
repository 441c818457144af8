package attach

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// Unit is a loaded program and its links.
type Unit struct {
	Plan    *lower.Unit
	Skipped []SkippedSite // refused by the kernel

	facts   *kernel.Facts
	program *ebpf.Program
	kind    ebpf.AttachType
	pair    *pair      // of a unit that nests: what is attached in place of the program
	iter    *link.Iter // of an iterator
	links   []io.Closer
	only    int // process that has the probes; 0: all that run the program
}

// SkippedSite is a site that the kernel would not probe.
type SkippedSite struct {
	Site   prog.Site
	Reason error
}

// Load loads the program of o with the session's maps; Add makes it the session's. A
// refusal by the verifier is returned as an *ebpf.VerifierError.
func (s *Session) Load(plan *lower.Unit, o *codegen.Object) (*Unit, error) {
	spec := o.Spec.Copy()
	if err := s.bindMaps(spec); err != nil {
		return nil, err
	}
	if id := probedProgram(plan); id != 0 {
		target, err := ebpf.NewProgramFromID(id)
		if err != nil {
			return nil, fmt.Errorf("eBPF program %d: %w", id, err)
		}
		defer target.Close()
		spec.AttachTarget = target
	}
	p, err := s.facts.LoadProgram(spec, s.programOptions())
	if point := plan.Point; point.Kind == prog.KindIter && slices.Contains(ofOneMap, point.Func) && errors.Is(err, unix.EPERM) {
		return nil, unnamed(point.Func, err)
	}
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", plan.Name, err)
	}
	if s.Log != nil {
		if _, err := fmt.Fprintf(s.Log, "BPF verifier log for %s:\n%s\n", plan.Name, p.VerifierLog); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	s.spareStacks(o.Spec.Instructions)
	u := &Unit{Plan: plan, facts: s.facts, program: p, kind: spec.AttachType}
	if plan.Nests {
		if u.pair, err = newPair(s.facts, o, p); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return u, nil
}

func (s *Session) programOptions() ebpf.ProgramOptions {
	if s.Log == nil {
		return ebpf.ProgramOptions{}
	}
	return ebpf.ProgramOptions{LogLevel: ebpf.LogLevelInstruction | ebpf.LogLevelStats}
}

// probedProgram is the eBPF program that the unit's function is in, 0 if it is none.
func probedProgram(plan *lower.Unit) ebpf.ProgramID {
	if plan.Kind != prog.KindFentry && plan.Kind != prog.KindFexit {
		return 0
	}
	return ebpf.ProgramID(plan.Bodies[0].Group.Funcs[0].Program)
}

func (s *Session) bindMaps(spec *ebpf.ProgramSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range spec.Instructions {
		ins := &spec.Instructions[i]
		if !ins.IsLoadFromMap() {
			continue
		}
		m := s.maps[ins.Reference()]
		if m == nil {
			return fmt.Errorf("BUG: program %s uses the unknown map %q", spec.Name, ins.Reference())
		}
		if err := ins.AssociateMap(m); err != nil {
			return fmt.Errorf("map %s: %w", ins.Reference(), err)
		}
	}
	return nil
}

// Attach links the program to its sites. Sites that the kernel refuses are
// left out and listed in Skipped; an error means that no site was taken.
func (u *Unit) Attach() error {
	switch u.Plan.Kind {
	case prog.KindBegin, prog.KindEnd, prog.KindSelf, prog.KindTest, prog.KindBench:
		return nil // run by Run
	case prog.KindUprobe, prog.KindUretprobe, prog.KindUSDT:
		return u.attachUser()
	case prog.KindKprobe, prog.KindKretprobe:
		return u.attachKernel()
	case prog.KindIter:
		return u.attachIter()
	case prog.KindTracepoint:
		return u.attachTracepoints()
	case prog.KindRawTracepoint, prog.KindFentry, prog.KindFexit:
		return u.attachRaw()
	case prog.KindInterval, prog.KindProfile, prog.KindSoftware, prog.KindHardware, prog.KindWatchpoint:
		return u.attachPerf()
	}
	return fmt.Errorf("BUG: nothing attaches %s", u.Plan.Point.Provider)
}

// Run runs the program once, as begin and end probes are.
func (u *Unit) Run() error {
	if _, err := u.program.Run(&ebpf.RunOptions{}); err != nil {
		return fmt.Errorf("running %s: %w", u.Plan.Point.Provider, err)
	}
	return nil
}

// Stats returns how often the program ran and for how long, if the kernel was
// told to count (kernel.bpf_stats_enabled, or ebpf.EnableStats).
func (u *Unit) Stats() (runs uint64, total time.Duration, err error) {
	programs := []*ebpf.Program{u.program}
	if u.pair != nil {
		programs = []*ebpf.Program{u.pair.first, u.pair.second}
	}
	for _, p := range programs {
		st, err := p.Stats()
		if err != nil {
			return 0, 0, err
		}
		runs, total = max(runs, st.RunCount), total+st.Runtime
	}
	return runs, total, nil
}

// Detach closes the links; the program can be attached again.
func (u *Unit) Detach() error {
	var errs []error
	for _, l := range u.links {
		errs = append(errs, l.Close())
	}
	u.links = nil
	return errors.Join(errs...)
}

func (u *Unit) close() error {
	err := u.Detach()
	if u.pair != nil {
		err = errors.Join(err, u.pair.close())
	}
	return errors.Join(err, u.program.Close())
}
