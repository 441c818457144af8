package run

import (
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// kprobeGroups resolves a kprobe or kretprobe. All functions share their code:
// their arguments are raw registers.
func (w *world) kprobeGroups(p *prog.Point) ([]*prog.Group, error) {
	if err := w.facts.Require(kernel.FeatureKprobe); err != nil {
		return nil, fmt.Errorf("%w; %s", err, tracepointInstead(p.Func))
	}
	names, err := w.kernelFuncs(p)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, noMatches(p.Provider + " " + p.Func)
	}
	g := &prog.Group{Point: p, NoArgs: "arguments of kernel functions by name are not built yet: use arg0, arg1, …"}
	for _, name := range names {
		g.Funcs = append(g.Funcs, prog.Func{ID: w.bins.eventID(name), Name: name})
	}
	return []*prog.Group{g}, nil
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

// kernelFuncs lists the functions that can be probed and match. A single name is
// looked up among the kernel's symbols, for its list of functions may be locked
// away.
func (w *world) kernelFuncs(p *prog.Point) ([]string, error) {
	if !strings.Contains(p.Func, "*") || p.Exact {
		if _, ok := w.KernelSymbol(p.Func); !ok {
			return nil, nil
		}
		return []string{p.Func}, nil
	}
	tfs, err := w.facts.Tracefs()
	if err != nil {
		return nil, err
	}
	var names []string
	seen := map[string]bool{}
	err = tfs.Functions(func(name string) bool {
		if globMatches(p.Func, name) && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
		return true
	})
	return names, err
}
