package check

import (
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// PointName is a probe's full name as the probe builtin prints it, with fn in
// the place of a pattern: "uprobe:./bin:main.f+4", "interval:ms:1", "begin". A
// tracepoint's fn has its category: "sched:sched_switch", a kernel function's the
// module that is to be shown. A target that is no path shows as found, the binary
// that it stands for.
func PointName(p *prog.Point, found, fn string) string {
	target := p.Target
	if found != "" && (!strings.Contains(target, "/") || strings.Contains(target, "*")) {
		target = found
	}
	parts := []string{p.Provider}
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	switch p.Kind {
	case prog.KindBegin, prog.KindEnd:
	case prog.KindSelf:
		parts = append(parts, "signal", p.Signal)
	case prog.KindRPC:
		parts = append(parts, p.Target, p.Func)
	case prog.KindSoftware, prog.KindHardware:
		parts = append(parts, p.Target)
		if p.Counted {
			add(fmt.Sprint(p.Period))
		}
	default:
		switch {
		case fn == "":
			add(target)
			fn = p.Func
		case p.Kind == prog.KindRawTracepoint:
			add("vmlinux")
		case p.Kind != prog.KindTracepoint && !onKernelFunc.has(p.Kind):
			add(target)
		}
		switch {
		case p.HasAddr || p.File != "":
			fn = fmt.Sprintf("%d", p.Address)
		case p.HasOff:
			fn = fmt.Sprintf("%s+%d", fn, p.Offset)
		}
		add(fn)
	}
	return strings.Join(parts, ":")
}

// targetPath is where the binary of g was found; "" for the kernel.
func targetPath(g *prog.Group) string {
	if g.Target == nil {
		return ""
	}
	return g.Target.Path
}
