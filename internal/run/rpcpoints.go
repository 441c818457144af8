package run

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/rpc"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// panicOffset is where runtime.g keeps the innermost panic: behind its stack's
// bounds and guards, in every release.
const panicOffset = 32

// The text of an error has at most so many pieces; few where the kernel's verifier looks
// at each of them.
const manyPieces, fewPieces = 100, 30

// errNoFramework is the error of a binary without a framework that is known.
var errNoFramework = errors.New("holds no RPC framework that is known")

// rpcGroups resolves an rpc point: the binaries, the frameworks in them, and a
// group a function that a framework's script probes. Of all services it is the first that
// has one; the others are bound when that is attached.
func (w *world) rpcGroups(p *prog.Point) ([]*prog.Group, error) {
	if _, err := rpc.Sides(p.Func); err != nil {
		return nil, err
	}
	bins, err := w.targets(p)
	if err != nil && p.Target == "" && w.pid != 0 {
		return nil, &diag.HintError{Msg: fmt.Sprintf("process %d: %v", w.pid, err), Placeless: true}
	}
	if err != nil {
		return nil, err
	}
	var all []*prog.Group
	for _, b := range bins {
		gs, err := w.rpcGroupsIn(p, b)
		switch {
		case !everyService(p) && err != nil:
			return nil, err
		case everyService(p) && len(gs) > 0:
			return gs, nil
		}
		all = append(all, gs...)
	}
	return all, nil
}

// rpcGroupsIn finds the frameworks in one binary.
func (w *world) rpcGroupsIn(p *prog.Point, b *binary) ([]*prog.Group, error) {
	if b.file.Go == nil {
		return nil, w.noService(p, b, errors.New("is not a Go binary: rpc probes see the calls of Go services"))
	}
	if err := w.foreign(b); err != nil {
		return nil, w.noService(p, b, err)
	}
	if len(b.file.Frameworks()) > 0 {
		b.file.ReadAhead()
	}
	var all []*prog.Group
	var first error
	for _, f := range rpc.All() {
		gs, err := w.frameworkGroups(p, b, f)
		if err != nil && first == nil {
			first = err
		}
		all = append(all, gs...)
	}
	if len(all) > 0 {
		return all, nil
	}
	if first == nil {
		first = w.noService(p, b, fmt.Errorf("%w: %s", errNoFramework, frameworkNames()))
	}
	return nil, first
}

// noService is the error of a binary without calls. Where -p has named it, a place in the
// script says nothing about it.
func (w *world) noService(p *prog.Point, b *binary, cause error) error {
	if p.Target != "" {
		return fmt.Errorf("%s %w", b.target.Path, cause)
	}
	path := strings.TrimPrefix(b.target.Path, rootPath(w.pid, ""))
	return &diag.HintError{Msg: fmt.Sprintf("process %d: its program %s %v", w.pid, path, cause),
		Hint: "'rpcxray ps' lists the Go programs that run here, with the frameworks in them", Placeless: true}
}

func frameworkNames() string {
	var names []string
	for _, f := range rpc.All() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// frameworkGroups are the groups of one framework; none where the binary does not
// hold it.
func (w *world) frameworkGroups(p *prog.Point, b *binary, f *rpc.Framework) ([]*prog.Group, error) {
	sides, err := rpc.Sides(p.Func)
	if err != nil {
		return nil, err
	}
	at := f.At(moduleVersion(b.file, f.Module))
	wanted := w.callFields(p)
	for _, name := range f.Methods {
		wanted[name] = b.file.MayHaveMethod(name)
	}
	sight := w.sight(b, at.On(sides, wanted))
	sides, missing := w.sides(b, at, sight, sides, wanted)
	if len(sides) == 0 {
		if f.Module == rpc.Std || !inModule(b.file, f.Module) {
			return nil, nil
		}
		return nil, fmt.Errorf("%s: no calls can be seen on the side %q of its %s %s: %w (known are versions from %s on)",
			b.target.Path, p.Func, f.Name, moduleVersion(b.file, f.Module), missing, f.Oldest)
	}
	script, err := w.scriptIn(b, f, sides, wanted)
	if err != nil {
		return nil, err
	}
	w.noteAge(b, f)
	var all []*prog.Group
	for _, pr := range at.On(sides, wanted) {
		if err := sight.lacks[pr.Name]; err != nil {
			w.noteGap(b, f, fmt.Sprintf("%v: not seen are %s", err, pr.Lost))
			continue
		}
		script.Consts["has_"+pr.Name] = 1
		var alike []*prog.Group
		for _, fn := range sight.at[pr.Name] {
			alike = joined(alike, w.hookGroup(p, b, script, pr, fn))
		}
		all = append(all, alike...)
	}
	return all, nil
}

// found is a function of a framework in a binary.
type found struct {
	decl rpc.Func
	fn   gobin.Func
	off  uint64 // of an instruction that calls decl.Calling, or returns
}

// probed finds the functions of a probe; one that has to be there and is not is an
// error.
func (w *world) probed(b *binary, pr rpc.Probe) ([]found, error) {
	var list []found
	for _, decl := range pr.Funcs {
		fns, err := b.file.GoFuncs(decl.Name)
		if err != nil {
			return nil, err
		}
		needed := !decl.Optional && !pr.Any
		if len(fns) == 0 && needed {
			return nil, errors.New("it lacks " + decl.Name)
		}
		for _, fn := range fns {
			offs, err := placesIn(b.file, fn, decl)
			if err != nil && needed {
				return nil, err
			}
			for _, off := range offs {
				list = append(list, found{decl, fn, off})
			}
		}
	}
	if pr.Any && len(list) == 0 {
		return nil, errors.New("it lacks " + pr.Funcs[0].Name)
	}
	return list, nil
}

// placesIn are the offsets in fn where a probe stands: of its calls of a callee, by
// any of its names, or behind them, or its returns; else its first byte.
func placesIn(f *gobin.File, fn gobin.Func, decl rpc.Func) ([]uint64, error) {
	if decl.Returns {
		return returnsOf(f, fn)
	}
	callee := decl.Calling
	if callee == nil {
		return []uint64{0}, nil
	}
	var all []uint64
	for _, name := range callee {
		to, err := f.GoFuncs(name)
		if err != nil {
			return nil, err
		}
		for _, c := range to {
			offs, err := f.CallsOf(fn, c, decl.Behind)
			if err != nil {
				return nil, err
			}
			all = append(all, offs...)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s does not call %s", fn.Name, strings.Join(callee, " or "))
	}
	return all, nil
}

func returnsOf(f *gobin.File, fn gobin.Func) ([]uint64, error) {
	plan := f.Plan(fn, gobin.WantRets)
	if plan.RetErr != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name, plan.RetErr)
	}
	var offs []uint64
	for _, s := range plan.Rets {
		if s.Shared {
			return nil, fmt.Errorf("%s returns in another function", fn.Name)
		}
		offs = append(offs, s.Addr-fn.Entry)
	}
	return offs, nil
}

func inModule(f *gobin.File, path string) bool { return moduleVersion(f, path) != "" }

// moduleVersion is the version of a module in a binary, "" if it is not there.
func moduleVersion(f *gobin.File, path string) string {
	if f.Go == nil || f.Go.BuildInfo == nil {
		return ""
	}
	if path == rpc.Std {
		return f.Go.Version
	}
	for _, d := range f.Go.BuildInfo.Deps {
		if d.Path == path {
			return d.Version
		}
	}
	return ""
}

// scriptIn is the framework's script with what it needs to know of the binary.
func (w *world) scriptIn(b *binary, f *rpc.Framework, sides []rpc.Side, wanted map[string]bool) (*prog.Framework, error) {
	h := &prog.Framework{Name: f.Name, Script: f.Script, Common: rpc.Common, Types: map[string]*types.Type{}, Wanted: wanted,
		Consts: map[string]uint64{"NOTHING": ^uint64(0), "on_server": 0, "on_client": 0, "g_panic": panicOffset, "g_goid": 0, "g_parent": 0, "of_binary": 0, "error_pieces": fewPieces}}
	maps.Copy(h.Types, f.Types)
	for _, s := range sides {
		h.Consts["on_"+string(s)] = 1
	}
	for _, pr := range f.Probes {
		h.Consts["has_"+pr.Name] = 0
	}
	for name, fields := range rpc.Groups() {
		h.Consts["want_"+name] = 0
		if slices.ContainsFunc(fields, func(field string) bool { return wanted[field] }) {
			h.Consts["want_"+name] = 1
		}
	}
	if g, err := b.gofact(); err == nil {
		h.Consts["g_goid"], h.Consts["g_parent"] = g.Goid, g.ParentGoid
	}
	maps.Copy(h.Consts, w.rpcFacts(b, f, sides))
	maps.Copy(h.Consts, rpc.PieceNames())
	if wanted["error"] {
		h.Consts["of_binary"] = w.errors.add(b)
		if w.facts.Has(kernel.FeatureLoop) {
			h.Consts["error_pieces"] = manyPieces
		}
	}
	return h, w.kernelTypes(h)
}

// kernelTypes adds the kernel's structs that scripts read, where it describes them.
func (w *world) kernelTypes(h *prog.Framework) error {
	h.Consts["know_sockets"] = 0
	btf, err := w.facts.BTF()
	if err != nil {
		return nil // an older kernel: ids are then made without sockets
	}
	for _, name := range rpc.KernelTypes() {
		t, err := btf.TypeByName(name)
		if err != nil {
			return nil
		}
		h.Types[strings.TrimPrefix(name, "struct ")] = t
	}
	h.Consts["know_sockets"] = 1
	return nil
}

// joined adds a group to those of the same probe: to one that finds its arguments in
// the same places, so that both are one program.
func joined(groups []*prog.Group, g *prog.Group) []*prog.Group {
	for _, o := range groups {
		if o.Point.HasOff == g.Point.HasOff && reflect.DeepEqual(o.Args, g.Args) && reflect.DeepEqual(o.Go, g.Go) {
			o.Funcs = append(o.Funcs, g.Funcs...)
			return groups
		}
	}
	return append(groups, g)
}

// hookGroup is the group of one place that a framework's script probes. Its point is a
// uprobe's in the name of the script's.
func (w *world) hookGroup(p *prog.Point, b *binary, script *prog.Framework, pr rpc.Probe, f found) *prog.Group {
	point := *p
	point.Kind, point.Func, point.Exact = prog.KindUprobe, f.fn.Name, true
	point.HasOff = f.decl.Calling != nil || f.decl.Returns
	facts := w.goFacts(b, f.fn, needs{})
	g := &prog.Group{Point: &point, Target: b.target, Go: facts, Hook: &prog.Hook{Of: p, Framework: script, Probe: pr.Name}, Args: f.decl.Args(string(w.arch), facts.GReg)}
	g.Funcs = []prog.Func{{ID: w.bins.funcID(b, f.fn), Name: gobin.Demangle(f.fn.Name), Address: f.fn.Entry, Offset: f.off}}
	g.Layout = fmt.Sprint(b.target.ID, b.target.PID, f.decl.Name, f.off)
	return g
}

// calls lists the sides of the programs that a names, with the fields of rpc as
// arguments.
func (l *lister) calls(a *syntax.AttachPoint, err error) error {
	target, side := a.Target.Text, a.Func.Text
	switch {
	case len(a.Parts) == 0:
		side, err = "*", nil
	case len(a.Parts) == 1 && isFile(a.Parts[0].Text):
		target, side, err = a.Parts[0].Text, "*", nil
	}
	if err != nil {
		return err
	}
	sides, err := rpc.Sides(side)
	if err != nil {
		return err
	}
	var fields []string
	for _, f := range check.CallFields() {
		fields = append(fields, fieldKind(f.Type)+" "+f.Name)
	}
	bins, err := l.world.targets(&prog.Point{Target: target})
	if err != nil {
		return err
	}
	for _, b := range bins {
		for _, side := range sides {
			p := &prog.Point{Kind: prog.KindRPC, Provider: "rpc", Target: b.target.Path, Func: string(side)}
			if gs, err := l.world.rpcGroupsIn(p, b); err != nil || len(gs) == 0 {
				continue
			}
			name := check.PointName(p, "", "")
			l.found[name] = nil
			if l.args {
				l.found[name] = fields
			}
		}
	}
	return nil
}

// fieldKind is the type of a field for people: how long its text is, only a script
// shows.
func fieldKind(t *types.Type) string {
	if t.Kind == types.String {
		return "string"
	}
	return t.String()
}
