package run

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/rpc"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// panicOffset is where runtime.g keeps the innermost panic: behind its stack's
// bounds and guards, in every release.
const panicOffset = 32

// errNoFramework is the error of a binary without a framework that is known.
var errNoFramework = errors.New("holds no RPC framework that is known")

// rpcGroups resolves an rpc point: the binaries, the frameworks in them, and a
// group a function that a framework's script probes.
func (w *world) rpcGroups(p *prog.Point) ([]*prog.Group, error) {
	if _, err := rpc.Sides(p.Func); err != nil {
		return nil, err
	}
	bins, err := w.targets(p)
	if err != nil {
		return nil, err
	}
	var all []*prog.Group
	for _, b := range bins {
		gs, err := w.rpcGroupsIn(p, b)
		if err != nil && p.Target != "*" {
			return nil, err
		}
		all = append(all, gs...)
	}
	return all, nil
}

// rpcGroupsIn finds the frameworks in one binary.
func (w *world) rpcGroupsIn(p *prog.Point, b *binary) ([]*prog.Group, error) {
	if b.file.Go == nil {
		return nil, fmt.Errorf("%s is not a Go binary: rpc probes see the calls of Go services", b.target.Path)
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
		first = fmt.Errorf("%s %w: %s", b.target.Path, errNoFramework, frameworkNames())
	}
	return nil, first
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
	wanted := w.callFields(p)
	var all []*prog.Group
	var missing error
	for _, side := range sides {
		for _, pr := range f.On([]rpc.Side{side}, wanted) {
			if _, err := w.probed(b, pr); err != nil {
				missing = err
				sides = without(sides, side)
				break
			}
		}
	}
	if len(sides) == 0 {
		if f.Module == rpc.Std || !inModule(b.file, f.Module) {
			return nil, nil
		}
		return nil, fmt.Errorf("%s: no calls can be seen on the side %q of its %s %s: %w (known are versions from %s on)",
			b.target.Path, p.Func, f.Name, moduleVersion(b.file, f.Module), missing, f.Oldest)
	}
	hook, err := w.hook(b, f, sides, wanted)
	if err != nil {
		return nil, err
	}
	w.noteAge(b, f)
	for _, pr := range f.On(sides, wanted) {
		fns, err := w.probed(b, pr)
		if err != nil {
			return nil, err
		}
		for _, fn := range fns {
			all = append(all, w.hookGroup(p, b, hook, pr, fn))
		}
	}
	return all, nil
}

// noteAge keeps for a warning that the binary's framework is older than its facts.
func (w *world) noteAge(b *binary, f *rpc.Framework) {
	has := moduleVersion(b.file, f.Module)
	text := fmt.Sprintf("%s: its %s %s is older than %s, from which on calls are known: some may be missing or told wrongly",
		b.target.Path, f.Name, has, f.Oldest)
	if rpc.Older(has, f.Oldest) && !slices.Contains(w.aged, text) {
		w.aged = append(w.aged, text)
	}
}

func without(sides []rpc.Side, side rpc.Side) []rpc.Side {
	var kept []rpc.Side
	for _, s := range sides {
		if s != side {
			kept = append(kept, s)
		}
	}
	return kept
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
		fns, err := exactly(decl.Name, b.file)
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
// any of its names, or its returns; else its first byte.
func placesIn(f *gobin.File, fn gobin.Func, decl rpc.Func) ([]uint64, error) {
	if decl.Returns {
		return returnsOf(f, fn)
	}
	callee := decl.Calling
	if callee == nil {
		return []uint64{0}, nil
	}
	to, err := f.Match(func(name string) bool { return slices.Contains(callee, name) })
	if err != nil {
		return nil, err
	}
	var all []uint64
	for _, c := range to {
		offs, err := f.CallsOf(fn, c)
		if err != nil {
			return nil, err
		}
		all = append(all, offs...)
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

// hook says what the framework's script needs to know of the binary.
func (w *world) hook(b *binary, f *rpc.Framework, sides []rpc.Side, wanted map[string]bool) (*prog.Hook, error) {
	h := &prog.Hook{Framework: f.Name, Script: f.Script, Common: rpc.Common, Types: map[string]*types.Type{}, Wanted: wanted,
		Consts: map[string]uint64{"NOTHING": ^uint64(0), "on_server": 0, "on_client": 0, "g_panic": panicOffset, "g_goid": 0, "g_parent": 0}}
	maps.Copy(h.Types, f.Types)
	for _, s := range sides {
		h.Consts["on_"+string(s)] = 1
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
	maps.Copy(h.Consts, w.rpcFacts(b, f))
	return h, w.kernelTypes(h)
}

// kernelTypes adds the kernel's structs that scripts read, where it describes them.
func (w *world) kernelTypes(h *prog.Hook) error {
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

// hookGroup is the group of one function that a framework's script probes. Its point
// is a uprobe's in the name of the script's.
func (w *world) hookGroup(p *prog.Point, b *binary, h *prog.Hook, pr rpc.Probe, f found) *prog.Group {
	point, hook := *p, *h
	point.Kind, point.Func, point.Exact = prog.KindUprobe, f.fn.Name, true
	hook.Probe, hook.Of = pr.Name, p
	point.Offset, point.HasOff = f.off, f.decl.Calling != nil || f.decl.Returns
	facts := w.goFacts(b, f.fn, needs{})
	g := &prog.Group{Point: &point, Target: b.target, Go: facts, Hook: &hook, Args: f.decl.Args(string(w.arch), facts.GReg)}
	g.Funcs = []prog.Func{{ID: w.bins.funcID(b, f.fn), Name: gobin.Demangle(f.fn.Name), Address: f.fn.Entry}}
	g.Layout = fmt.Sprint(b.target.ID, b.target.PID, f.decl.Name, f.off)
	return g
}

// callFields are the fields of rpc that the point's probe names, all of them where
// it takes rpc as a whole. What makes a framework follow calls closer than others
// counts for all points of the script: they share what is known of spans.
func (w *world) callFields(p *prog.Point) map[string]bool {
	wanted := map[string]bool{}
	for _, d := range w.file.Decls {
		_, other := d.(*syntax.Probe)
		sp := d.Span()
		own := !other || sp.Start <= p.Span.Start && p.Span.End <= sp.End
		for name := range fieldsNamed(d) {
			wanted[name] = wanted[name] || own || !special(name)
		}
	}
	return wanted
}

// special tells whether a body that names the field sees calls that others do not.
func special(field string) bool {
	return slices.Contains([]string{"heartbeat", "late", "attempts", "transfer"}, field)
}

// fieldsNamed are the fields of rpc that a probe or a macro names.
func fieldsNamed(d syntax.Node) map[string]bool {
	named := map[string]bool{}
	whole := false
	syntax.Walk(d, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.FieldExpr:
			if id, ok := node.X.(*syntax.IdentExpr); ok && id.Name == "rpc" {
				named[node.Name] = true
				return false
			}
		case *syntax.IdentExpr:
			whole = whole || node.Name == "rpc"
		}
		return true
	})
	for _, f := range check.CallFields() {
		if whole && !special(f.Name) && f.Type.Name != types.PayloadName {
			named[f.Name] = true
		}
	}
	return named
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
