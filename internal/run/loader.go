package run

import (
	"runtime"

	"github.com/rpcxray/rpcxray/internal/attach"
	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/lower"
)

// Loader takes scripts a part of Run's way, many of them with the same facts
// and binaries, and attaches nothing. It is not safe for concurrent use.
type Loader struct {
	facts *kernel.Facts
	bins  *binaries
}

// NewLoader returns a Loader for this machine; Close it.
func NewLoader() *Loader { return &Loader{kernel.Detect(), newBinaries()} }

// Close closes the binaries that scripts named.
func (l *Loader) Close() { l.bins.close() }

// Check says what is wrong with a script on this machine, in the order of its
// text. It uses Source, Params, Named, PID, Unsafe and Env of o; the error is not
// the script's.
func (l *Loader) Check(o Options) (*diag.List, error) {
	_, _, diags, err := l.check(o)
	return diags, err
}

// Load checks a script and, if it is right, has the kernel's verifier look at
// its programs, which needs the right to load them. A refusal is a
// *diag.ListError at the script's text where it can be told.
func (l *Loader) Load(o Options) (*diag.List, error) {
	s, checked, diags, err := l.check(o)
	if err != nil || diags.HasErrors() {
		return diags, err
	}
	if err := l.facts.Require(kernel.FeatureMemlock); err != nil { // which raises the limit
		return diags, err
	}
	s.checked, s.prog = checked, checked.Program
	plan := lower.Lower(checked.Bodies, s.planner(), archs[runtime.GOARCH])
	t, err := s.target(plan.Units)
	if err != nil {
		return diags, err
	}
	if s.kernel, err = attach.NewSession(l.facts, codegen.Maps(s.prog, plan.Units, t)); err != nil {
		return diags, err
	}
	defer s.kernel.Close()
	_, err = s.load(plan.Units, t)
	return diags, err
}

func (l *Loader) check(o Options) (*session, *check.Result, *diag.List, error) {
	diags := diag.NewList(o.Source)
	file := Parse(o.Source, o.Params, diags)
	diags.Sort()
	if diags.HasErrors() {
		return nil, nil, diags, nil
	}
	s, err := newSession(o, file, l.facts, nil)
	if err != nil {
		return nil, nil, diags, err
	}
	s.bins, s.world.bins = l.bins, l.bins
	checked := check.Check(file, s.world, o.check(nil), diags)
	diags.Sort()
	s.world.hint(diags)
	return s, checked, diags, nil
}
