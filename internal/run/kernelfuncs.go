package run

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// kprobeGroups resolves a kprobe or kretprobe. All functions share their code:
// their arguments are raw registers.
func (w *world) kprobeGroups(p *prog.Point) ([]*prog.Group, error) {
	if err := w.require(kernel.FeatureKprobe, p); err != nil {
		return nil, err
	}
	funcs, err := w.kernelFuncs(p)
	if err != nil {
		return nil, err
	}
	if len(funcs) == 0 {
		return nil, noMatches(pointText(p))
	}
	g := &prog.Group{Point: p, Funcs: funcs, NoArgs: p.Provider + " sees registers only: use arg0, arg1, … or an fentry probe"}
	return []*prog.Group{g}, nil
}

// pointText is an attach point of a kernel function for messages.
func pointText(p *prog.Point) string {
	if p.Target == "" {
		return p.Provider + " " + p.Func
	}
	return p.Provider + " " + p.Target + ":" + p.Func
}

// fentryGroups resolves an fentry or fexit probe: one group a function, for the
// types of its arguments are its own. Of the functions that a pattern matches,
// those without types are left out.
func (w *world) fentryGroups(p *prog.Point) ([]*prog.Group, error) {
	if err := w.require(kernel.FeatureFentry, p); err != nil {
		return nil, err
	}
	if p.Target == "bpf" {
		return w.programGroups(p)
	}
	funcs, err := w.kernelFuncs(p)
	if err != nil {
		return nil, err
	}
	var groups []*prog.Group
	var untyped error
	for _, f := range funcs {
		proto, err := w.prototype(f)
		if err != nil {
			untyped = err
			continue
		}
		groups = append(groups, fentryGroup(p, f, proto))
	}
	switch {
	case len(groups) > 0:
		return groups, nil
	case untyped != nil:
		return nil, fmt.Errorf("%s: %w (a kprobe needs no types)", pointText(p), untyped)
	}
	return nil, noMatches(pointText(p))
}

// programGroups resolves an fentry or fexit probe on functions of eBPF programs.
func (w *world) programGroups(p *prog.Point) ([]*prog.Group, error) {
	programs, err := kernel.BPFPrograms(p.Program)
	if err != nil {
		return nil, err
	}
	var groups []*prog.Group
	for _, bpf := range programs {
		for _, name := range bpf.Funcs {
			if p.Exact && name != p.Func || !p.Exact && !globMatches(p.Func, name) {
				continue
			}
			proto, err := bpf.BTF.FuncProto(name)
			if err != nil {
				return nil, err
			}
			full := fmt.Sprintf("bpf:%d", bpf.ID)
			w.modules[full] = bpf.BTF
			id := w.bins.eventID(full + ":" + name)
			groups = append(groups, fentryGroup(p, prog.Func{ID: id, Name: name, Module: full, Program: bpf.ID}, proto))
		}
	}
	if len(groups) == 0 {
		return nil, &check.NoMatch{What: pointText(p), Hint: "programs without BTF cannot be probed"}
	}
	return groups, nil
}

func fentryGroup(p *prog.Point, f prog.Func, proto *kernel.Func) *prog.Group {
	g := &prog.Group{Point: p, Funcs: []prog.Func{f}, Layout: f.Module + ":" + f.Name,
		NoArgs: f.Name + " takes no arguments", NoRets: f.Name + " returns nothing"}
	slot := 0
	for i, a := range proto.Params {
		name := a.Name
		if name == "" {
			name = fmt.Sprint("arg", i)
		}
		g.Args = append(g.Args, prog.Arg{Name: name, Type: a.Type, From: prog.FromArg, N: slot})
		slot += max(1, (a.Type.Size+7)/8)
	}
	if p.Kind == prog.KindFexit && proto.Result.Size > 0 {
		g.Rets = []prog.Arg{{Name: "retval", Type: proto.Result, From: prog.FromArg, N: slot}}
	}
	return g
}

// prototype finds the types of a kernel function.
func (w *world) prototype(f prog.Func) (*kernel.Func, error) {
	btf, err := w.facts.BTF()
	if err != nil {
		return nil, err
	}
	if f.Module == "" {
		return btf.FuncProto(f.Name)
	}
	module, ok := w.modules[f.Module]
	if !ok {
		if module, err = btf.Module(f.Module); err != nil {
			return nil, err
		}
		w.modules[f.Module] = module
	}
	return module.FuncProto(f.Name)
}

// require returns nil if the kernel has what a point needs, else an error that says
// what works without it.
func (w *world) require(id kernel.FeatureID, p *prog.Point) error {
	var lack *kernel.UnsupportedError
	if !errors.As(w.facts.Require(id), &lack) {
		return nil
	}
	f := kernel.Features()[id]
	return &diag.HintError{
		Msg:  fmt.Sprintf("%s probes do not work on this kernel, which lacks %s (%s): %v", p.Provider, f.Title, f.Need, lack.Cause),
		Hint: tracepointInstead(p.Func),
	}
}

// tracepointInstead says how to see a system call without kernel functions.
func tracepointInstead(fn string) string {
	for _, prefix := range []string{"__x64_sys_", "__arm64_sys_", "ksys_", "sys_", "do_sys_"} {
		if call, ok := strings.CutPrefix(fn, prefix); ok {
			return "use tracepoint:syscalls:sys_enter_" + call
		}
	}
	return "tracepoints and raw tracepoints work without it"
}

// kernelFuncs lists the functions that match and, where that is known, can be
// probed. A single name is looked up among the kernel's symbols, for its list of
// functions may be locked away, and lacks what only a breakpoint can probe.
func (w *world) kernelFuncs(p *prog.Point) ([]prog.Func, error) {
	syms, err := w.facts.Symbols()
	if err != nil {
		return nil, err
	}
	if p.HasAddr {
		return []prog.Func{w.kernelFuncAt(syms, p.Address)}, nil
	}
	var funcs []prog.Func
	if !strings.Contains(p.Func, "*") || p.Exact {
		for _, s := range syms.FunctionsNamed(p.Func) {
			if ofModule(p.Target, s.Module) {
				funcs = append(funcs, w.kernelFunc(p, s))
			}
		}
		return funcs, nil
	}
	probed, err := w.probedNames(p)
	if err != nil {
		return nil, err
	}
	syms.Functions(func(s kernel.Symbol) bool {
		if probed[moduleFunc{s.Module, s.Name}] {
			funcs = append(funcs, w.kernelFunc(p, s))
		}
		return true
	})
	return funcs, nil
}

type moduleFunc struct{ module, name string }

// probedNames are the functions that match and that the kernel lists as ones that
// can be probed.
func (w *world) probedNames(p *prog.Point) (map[moduleFunc]bool, error) {
	tfs, err := w.facts.Tracefs()
	if err != nil {
		return nil, err
	}
	probed := map[moduleFunc]bool{}
	match := gobin.Glob(p.Func)
	err = tfs.Functions(func(name, module string) bool {
		if match(name) && ofModule(p.Target, module) {
			probed[moduleFunc{module, name}] = true
		}
		return true
	})
	return probed, err
}

// ofModule tells whether a module, "" for the kernel itself, is one that an attach
// point means: any, unless it names some.
func ofModule(pattern, module string) bool {
	return pattern == "" || globMatches(pattern, moduleName(module))
}

// moduleName is what attach points call a module.
func moduleName(module string) string {
	if module == "" {
		return "vmlinux"
	}
	return module
}

// kernelFunc is a function as the probe builtin names it: with its module where
// the attach point has one, and always in fentry probes.
func (w *world) kernelFunc(p *prog.Point, s kernel.Symbol) prog.Func {
	name := s.Name
	if p.Target != "" || p.Kind == prog.KindFentry || p.Kind == prog.KindFexit {
		name = moduleName(s.Module) + ":" + name
	}
	return prog.Func{ID: w.bins.eventID(name), Name: s.Name, Module: s.Module, Address: s.Addr}
}

// kernelFuncAt names an address after the function that it is in.
func (w *world) kernelFuncAt(syms *kernel.Symbols, addr uint64) prog.Func {
	name := fmt.Sprintf("%#x", addr)
	if s, ok := syms.At(addr); ok {
		name = s.Name
	}
	return prog.Func{ID: w.bins.eventID(name), Name: name, Address: addr}
}
