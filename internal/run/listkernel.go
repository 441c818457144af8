package run

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
)

// kernel adds the probes of a kind whose text behind the kind matches.
func (l *lister) kernel(kind string, match gobin.Matcher) error {
	switch kind {
	case "begin", "end":
		l.found[kind] = nil
	case "test", "bench":
		l.found[suiteKinds[kind]+"::"] = nil
	case "self":
		return l.add(kind, "signal:SIGUSR1", match, nil)
	case "interval", "profile":
		for _, unit := range timerUnits {
			l.add(kind, unit+":", match, nil)
		}
	case "software", "hardware":
		l.counters(kind, match)
	case "iter":
		return l.iterators(match)
	case "tracepoint":
		return l.tracepoints(match)
	case "rawtracepoint":
		return l.rawTracepoints(match)
	case "kprobe", "kretprobe":
		return l.kernelFunctions(kind, kernel.FeatureKprobe, match)
	case "fentry", "fexit":
		return l.kernelFunctions(kind, kernel.FeatureFentry, match)
	}
	return nil
}

// counters adds events by their names and their short ones.
func (l *lister) counters(kind string, match gobin.Matcher) {
	for _, name := range check.CounterNames(kind) {
		l.add(kind, name+":", match, nil)
	}
}

func (l *lister) iterators(match gobin.Matcher) error {
	btf, err := l.world.facts.BTF()
	if err != nil {
		return fmt.Errorf("iterators are found in the kernel's BTF: %w", err)
	}
	for _, name := range btf.Iterators() {
		err := l.add("iter", name, match, func() ([]string, error) {
			params, err := btf.Iterator(name)
			return spelled(params), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// spelled are parameters as C writes them.
func spelled(params []kernel.Param) []string {
	var list []string
	for _, p := range params {
		list = append(list, p.CType+" "+p.Name)
	}
	return list
}

func (l *lister) tracepoints(match gobin.Matcher) error {
	tfs, err := l.world.facts.Tracefs()
	if err != nil {
		return err
	}
	all, err := tfs.Tracepoints("*", "*")
	if err != nil {
		return err
	}
	for _, full := range all {
		if strings.HasPrefix(full, "ftrace:") {
			continue // records of the function tracer, which nothing can attach to
		}
		err := l.add("tracepoint", full, match, func() ([]string, error) {
			n := splitEvent(full)
			f, err := tfs.Tracepoint(n.category, n.event)
			if err != nil {
				return nil, err
			}
			var args []string
			for _, fl := range f.Fields {
				if !strings.HasPrefix(fl.Name, "common_") {
					args = append(args, declared(fl))
				}
			}
			return args, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// declared is a field as its format has it.
func declared(f kernel.TracepointField) string {
	base, bounds, array := strings.Cut(f.CType, "[")
	text := strings.TrimSpace(base)
	if f.DataLoc {
		return "__data_loc " + f.CType + " " + f.Name
	}
	if array {
		return text + " " + f.Name + "[" + bounds
	}
	return text + " " + f.Name
}

func (l *lister) rawTracepoints(match gobin.Matcher) error {
	btf, err := l.world.facts.BTF()
	if err != nil {
		return fmt.Errorf("raw tracepoints are found in the kernel's BTF: %w", err)
	}
	for _, name := range btf.RawTracepoints() {
		err := l.add("rawtracepoint", "vmlinux:"+name, match, func() ([]string, error) {
			params, err := btf.RawTracepoint(name)
			return spelled(params), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// kernelFunctions adds functions of the kernel where it can probe them.
func (l *lister) kernelFunctions(kind string, needs kernel.FeatureID, match gobin.Matcher) error {
	if !l.told && !l.world.facts.Has(needs) {
		return nil
	}
	tfs, err := l.world.facts.Tracefs()
	if err != nil {
		return err
	}
	btf, btfErr := l.world.facts.BTF()
	return tfs.Functions(func(name, module string) bool {
		shown := name
		if needs == kernel.FeatureFentry {
			shown = cmp.Or(module, "vmlinux") + ":" + name
		}
		err = l.add(kind, shown, match, func() ([]string, error) {
			if btfErr != nil {
				return nil, btfErr
			}
			f, err := btf.FuncProto(name)
			if err != nil {
				return nil, nil // assembly, or of a module without types
			}
			return spelled(f.Params), nil
		})
		return err == nil
	})
}
