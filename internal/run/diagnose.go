package run

import (
	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// Diagnose says what is wrong with a script on this machine, in the order of
// its text, and runs nothing. It uses Source, Params, Named, PID, Unsafe and Env
// of o; the error is not the script's.
func Diagnose(o Options) (*diag.List, error) {
	diags := diag.NewList(o.Source)
	file := syntax.Parse(o.Source, diags)
	file.BindParams(o.Params, diags)
	diags.Sort()
	if diags.HasErrors() {
		return diags, nil
	}
	s, err := newSession(o, file, kernel.Detect(), nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	check.Check(file, s.world, o.check(nil), diags)
	diags.Sort()
	s.world.hint(diags)
	return diags, nil
}
