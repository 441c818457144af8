package run

import (
	"context"
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/attach"
	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// iterGroups resolves an iterator. Its context is a struct of what the kernel's
// function of that name takes, eight bytes each.
func (w *world) iterGroups(p *prog.Point) ([]*prog.Group, error) {
	btf, err := w.facts.BTF()
	if err != nil {
		return nil, fmt.Errorf("iter needs the kernel's BTF: %w", err)
	}
	if err := w.facts.Require(kernel.FeatureIterator); err != nil {
		return nil, err
	}
	params, err := btf.Iterator(p.Func)
	if err != nil {
		hint := diag.DidYouMean(p.Func, btf.Iterators())
		if hint == "" {
			hint = "this kernel has " + strings.Join(btf.Iterators(), ", ")
		}
		return nil, &check.NoMatch{What: "iter " + p.Func, Hint: hint}
	}
	ctx := &types.Type{Kind: types.Struct, Name: "struct bpf_iter__" + p.Func, Size: 8 * len(params)}
	g := &prog.Group{Point: p, Context: ctx, Layout: p.Func}
	for i, a := range params {
		ctx.Fields = append(ctx.Fields, types.Field{Name: a.Name, Type: a.Type, Offset: 8 * i})
		g.Args = append(g.Args, prog.Arg{Name: a.Name, Type: a.Type, From: prog.FromArg, N: i})
	}
	return []*prog.Group{g}, nil
}

// iterators are the script's, and whether it has nothing else to run but begin and
// end probes: then its end is theirs. Beside other probes they run once, before the
// trace is said to have begun: what is there already is looked at by them, what comes
// by the others.
func (s *session) iterators() (list []*attach.Unit, alone bool) {
	alone = !s.awaitsTargets()
	for _, u := range s.kernel.Units() {
		switch u.Plan.Kind {
		case prog.KindIter:
			list = append(list, u)
		case prog.KindBegin, prog.KindEnd:
		default:
			alone = false
		}
	}
	return list, alone && len(list) > 0
}

// iterate runs the iterators of a script that is nothing else, handles what they
// report and ends the run. A process of -c stays where it is, at its first
// instruction: while it runs its exec it has no mappings, or only some.
func (s *session) iterate(ctx context.Context, list []*attach.Unit) (int, error) {
	for _, u := range list {
		err := u.Iterate(func() error {
			if err := s.reader.Drain(s.handle); err != nil {
				return err
			}
			if s.stopped {
				return context.Canceled
			}
			return ctx.Err()
		})
		if err != nil && !s.stopped && ctx.Err() == nil {
			return 1, err
		}
	}
	if err := s.finish(); err != nil {
		return 1, err
	}
	return s.status, s.stopErr
}

// pin leaves the script's iterator as a file, if the script says so.
func (s *session) pin() (pinned bool, err error) {
	for _, u := range s.kernel.Units() {
		if u.Plan.Kind != prog.KindIter || u.Plan.Point.Target == "" {
			continue
		}
		path, err := u.Pin(u.Plan.Point.Target)
		if err != nil {
			return true, err
		}
		if err := s.info("Program pinned to %s", path); err != nil {
			return true, err
		}
		pinned = true
	}
	return pinned, s.opts.Sink.Flush()
}
