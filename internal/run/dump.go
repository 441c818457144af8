package run

import (
	"errors"
	"fmt"
	"sort"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// dump prints the stages after check that were asked for; done tells that the
// script is not to be run.
func (s *session) dump(p *prog.Program, plan *lower.Lowered) (done bool, err error) {
	if len(s.opts.Debug) == 0 && !s.opts.CompileOnly {
		return false, nil
	}
	if err := errors.Join(s.refused(plan), s.reportSkips(plan.Skipped)); err != nil {
		return false, err
	}
	t, err := s.target(plan.Units)
	if err != nil {
		return false, err
	}
	for _, stage := range []struct {
		name string
		dump func() error
	}{
		{"lower", func() error { return s.dumpLowered(plan) }},
		{"ir", func() error { return s.dumpCode("ir", p, plan, t) }},
		{"insns", func() error { return s.dumpCode("insns", p, plan, t) }},
		{"maps", func() error { return s.dumpMaps(p, plan, t) }},
		{"sites", func() error { return s.dumpSites(plan) }},
	} {
		last := s.opts.show(stage.name, func() { err = stage.dump() })
		if last || err != nil {
			return true, err
		}
	}
	return s.opts.CompileOnly, nil
}

func (s *session) dumpLowered(plan *lower.Lowered) error {
	for _, u := range plan.Units {
		fmt.Fprintf(s.opts.Out, "unit %s: %d sites\n", u.Name, len(u.Sites))
		for _, b := range u.Bodies {
			prog.DumpBody(s.opts.Out, b)
		}
	}
	return nil
}

func (s *session) dumpCode(stage string, p *prog.Program, plan *lower.Lowered, t codegen.Target) error {
	for _, u := range plan.Units {
		o, err := codegen.Compile(p, u, t)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.opts.Out, "unit %s\n", u.Name)
		if stage == "ir" {
			fmt.Fprint(s.opts.Out, o.IR())
		} else {
			fmt.Fprintf(s.opts.Out, "%v", o.Spec.Instructions)
		}
	}
	return nil
}

func (s *session) dumpSites(plan *lower.Lowered) error {
	kinds := map[prog.SiteKind]string{prog.SiteEntry: "entry", prog.SiteStack: "stack check", prog.SiteReturn: "return",
		prog.SiteOffset: "offset", prog.SiteUret: "kernel's return probe"}
	for _, u := range plan.Units {
		for _, site := range u.Sites {
			cost := "stepped"
			if site.Fast {
				cost = "emulated"
			}
			note := ""
			if site.MayOver {
				note = ", may count a call more than once"
			}
			fmt.Fprintf(s.opts.Out, "%s %#x %s, %s%s: %s\n", u.Name, site.Addr, kinds[site.Kind], cost, note, s.bins.name(site.Func).name)
		}
	}
	return nil
}

func (s *session) dumpMaps(p *prog.Program, plan *lower.Lowered, t codegen.Target) error {
	specs := codegen.Maps(p, plan.Units, t)
	for _, u := range plan.Units {
		for name, spec := range codegen.UnitMaps(p, u, t) {
			specs[name] = spec
		}
	}
	names := make([]string, 0, len(specs))
	for name := range specs {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		m := specs[name]
		fmt.Fprintf(s.opts.Out, "%-24s %-12v key %d, value %d bytes, %d entries\n", name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries)
	}
	return nil
}
