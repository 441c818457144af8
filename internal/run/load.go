package run

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rpcxray/rpcxray/internal/attach"
	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/rpc"
)

// load compiles and loads units. One that the kernel refuses in its fast form
// is planned again without that feature.
func (s *session) load(plans []*lower.Unit, t codegen.Target) ([]*attach.Unit, error) {
	var units []*attach.Unit
	var refusal, failure error
	if !t.Cookies {
		plans = apart(plans)
	}
	for i, l := range s.loadAll(plans, t) {
		plan, u, err := plans[i], l.unit, l.err
		if err != nil && failure == nil && t.Sleepable && plan.Sleepable && !isVerifier(err) {
			s.facts.Refuse(kernel.FeatureUprobeMultiSleepable, err)
			slow := t
			slow.Sleepable = false
			u, err = s.loadUnit(plan, slow)
		}
		if err != nil && (plan.Kind == prog.KindFentry || plan.Kind == prog.KindFexit) {
			refusal = err
			if err := s.refusedFunc(plan, err); err != nil && failure == nil {
				failure = err
			}
			continue
		}
		if err != nil && failure == nil {
			failure = err
		}
		if u != nil {
			s.kernel.Add(u)
			units = append(units, u)
		}
	}
	if failure != nil {
		return nil, failure
	}
	if err := s.tellErrors(); err != nil {
		return nil, err
	}
	if err := s.tellNames(plans); err != nil {
		return nil, err
	}
	if len(units) == 0 {
		return nil, refusal
	}
	return units, nil
}

// tellErrors tells the scripts of frameworks what the texts of errors are made of.
func (s *session) tellErrors() error {
	left, err := s.world.errors.tell(s.kernel.Map(rpc.ErrorTable))
	if err != nil || left == 0 {
		return err
	}
	return s.warning("errors of some types have no text: the table of their texts is full (%d pieces are left out)", left)
}

// apart gives each function a program of its own: without cookies a program does not
// know at which of several it runs.
func apart(plans []*lower.Unit) []*lower.Unit {
	var list []*lower.Unit
	for _, p := range plans {
		of := map[uint32]*lower.Unit{}
		for _, site := range p.Sites {
			u := of[site.Func]
			if u == nil {
				one := *p
				one.Sites = nil
				if len(of) > 0 {
					one.Name = fmt.Sprintf("u%d_%s", len(plans)+len(list), p.Name)
				}
				u = &one
				of[site.Func] = u
				list = append(list, u)
			}
			u.Sites = append(u.Sites, site)
		}
		if len(p.Sites) == 0 {
			list = append(list, p)
		}
	}
	return list
}

// loaded is a unit, or why it cannot be loaded.
type loaded struct {
	unit *attach.Unit
	err  error
}

// loadAll compiles and loads units on all CPUs: most of the time of a script with many
// probes is the verifier's.
func (s *session) loadAll(plans []*lower.Unit, t codegen.Target) []loaded {
	list := make([]loaded, len(plans))
	workers := min(runtime.GOMAXPROCS(0), len(plans))
	if s.kernel.Log != nil {
		workers = 1 // logs come in the order of the script
	}
	var next atomic.Int32
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(plans); i = next.Add(1) - 1 {
				list[i].unit, list[i].err = s.loadUnit(plans[i], t)
			}
		})
	}
	wg.Wait()
	return list
}

func isVerifier(err error) bool {
	var v *ebpf.VerifierError
	return errors.As(err, &v)
}

func (s *session) loadUnit(plan *lower.Unit, t codegen.Target) (*attach.Unit, error) {
	t.FilterPIDs = s.filtered(plan)
	o, err := codegen.Compile(s.prog, plan, t)
	if err != nil {
		return nil, err
	}
	if err := s.kernel.AddMaps(codegen.UnitMaps(s.prog, plan, t)); err != nil {
		return nil, err
	}
	u, err := s.kernel.Load(plan, o)
	if err != nil {
		return nil, s.explain(plan, o, err)
	}
	return u, nil
}
