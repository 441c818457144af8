package run

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// world answers check's questions from this machine.
type world struct {
	facts *kernel.Facts
	bins  *binaries
	file  *syntax.File
	pid   int // whose functions are probed: of -p, or the child of -c; 0: every process
	arch  gobin.Arch
	// sources says, for -v, where the types of arguments came from: how many
	// functions of each binary by source.
	sources map[*binary]map[gobin.Source]int
	// placed says, for -v, what has told where the fields of frameworks lie: by binary
	// and framework, then by what tells, the fields.
	placed map[string]map[string]map[string]bool
	// modules is the type information of the kernel's modules that probes named.
	modules map[string]*kernel.BTF
	errors  errorTexts
	// gaps says of binaries, and of RPC frameworks in them, what is not seen or not told
	// apart.
	gaps  []string
	noBTF error // set when the kernel was asked for a type and tells none
}

// hint adds to errors what the script's author cannot know: that the kernel's
// types are missing.
func (w *world) hint(l *diag.List) {
	if w.noBTF == nil {
		return
	}
	for _, d := range l.All {
		if d.Severity == diag.Error && d.Hint == "" {
			d.Hint = fmt.Sprintf("the kernel's types are not known here: %v", w.noBTF)
		}
	}
}

func newWorld(facts *kernel.Facts, file *syntax.File, pid int) *world {
	return &world{facts: facts, bins: newBinaries(), file: file, pid: pid, arch: gobin.Arch(runtime.GOARCH),
		sources: map[*binary]map[gobin.Source]int{}, placed: map[string]map[string]map[string]bool{}, modules: map[string]*kernel.BTF{},
		errors: errorTexts{of: map[*binary]uint64{}}}
}

// Groups implements check.World.
func (w *world) Groups(p *prog.Point) ([]*prog.Group, error) {
	switch p.Kind {
	case prog.KindUprobe, prog.KindUretprobe:
		return w.userGroups(p)
	case prog.KindUSDT:
		return w.usdtGroups(p)
	case prog.KindRPC:
		return w.rpcGroups(p)
	case prog.KindTracepoint:
		return w.tracepointGroups(p)
	case prog.KindRawTracepoint:
		return w.rawGroups(p)
	case prog.KindKprobe, prog.KindKretprobe:
		return w.kprobeGroups(p)
	case prog.KindFentry, prog.KindFexit:
		return w.fentryGroups(p)
	case prog.KindIter:
		return w.iterGroups(p)
	}
	return nil, fmt.Errorf("BUG: nothing finds %s probes", p.Provider)
}

// needs looks up what the point's probe asks for, in its text and in the
// definitions and macros that it may use.
func (w *world) needs(p *prog.Point) needs {
	var n needs
	syntax.Walk(w.file, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.Probe:
			sp := node.Span()
			return sp.Start <= p.Span.Start && p.Span.End <= sp.End
		case *syntax.IdentExpr:
			n.add(node.Name)
		case *syntax.CallExpr:
			n.add(node.Name)
		}
		return true
	})
	return n
}

// Type implements check.World.
func (w *world) Type(name string, g *prog.Group) (*types.Type, bool) {
	if t, ok := builtinTypes[name]; ok {
		return t, true
	}
	if g != nil && g.Target != nil {
		if t, err := w.bins.of(g.Target).file.LookupType(strings.TrimPrefix(name, "struct ")); err == nil {
			return t, true
		}
	}
	btf, err := w.btfOf(g)
	if err != nil {
		w.noBTF = err
		return nil, false
	}
	t, err := btf.TypeByName(name)
	return t, err == nil
}

// btfOf are the types of the kernel or, in a probe on a module's function,
// those of the module as well.
func (w *world) btfOf(g *prog.Group) (*kernel.BTF, error) {
	if g != nil && len(g.Funcs) > 0 {
		if module := w.modules[g.Funcs[0].Module]; module != nil {
			return module, nil
		}
	}
	return w.facts.BTF()
}

// Resolve implements check.World.
func (w *world) Resolve(t *types.Type, g *prog.Group) *types.Type {
	btf, err := w.btfOf(g)
	if err != nil {
		return t
	}
	if full, err := btf.Resolve(t); err == nil {
		return full
	}
	return t
}

// EnumConst implements check.World.
func (w *world) EnumConst(name string) (int64, *types.Type, bool) {
	btf, err := w.facts.BTF()
	if err != nil {
		w.noBTF = err
		return 0, nil, false
	}
	v, t, err := btf.EnumConstant(name)
	return v, t, err == nil
}

// KernelSymbol implements check.World.
func (w *world) KernelSymbol(name string) (uint64, bool) {
	syms, err := w.facts.Symbols()
	if err != nil {
		return 0, false
	}
	s, ok := syms.Named(name)
	return s.Addr, ok
}

// PerCPUSymbol implements check.World.
func (w *world) PerCPUSymbol(name string) (uint64, bool) {
	syms, err := w.facts.Symbols()
	if err != nil {
		return 0, false
	}
	return syms.PerCPU(name)
}

// UserSymbol implements check.World.
func (w *world) UserSymbol(name string, g *prog.Group) (addr uint64, size int, ok bool) {
	if g == nil || g.Target == nil {
		return 0, 0, false
	}
	s, ok := w.bins.of(g.Target).file.Symbol(name)
	return s.Addr, int(s.Size), ok
}

// abi is what scripts see of an architecture's C calling convention.
type abi struct {
	args       []string
	ret        string
	stackArg   int64 // of argument 0, from SP at the first byte
	registers  string
	compatName string // as bpftrace calls it
}

var abis = map[gobin.Arch]abi{
	gobin.AMD64: {
		args: []string{"di", "si", "dx", "cx", "r8", "r9"}, ret: "ax", stackArg: 8, compatName: "x86_64",
		registers: " r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss pc ",
	},
	gobin.ARM64: {
		args: []string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"}, ret: "r0", compatName: "aarch64",
		registers: " r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 r13 r14 r15 r16 r17 r18 r19 r20 r21 r22 r23 r24 r25 r26 r27 r28 r29 r30 sp pc pstate ",
	},
}

// LabelText implements check.World.
func (w *world) LabelText(table string, n uint64) string { return events.LabelText(table, n) }

// KernelFunction implements check.World.
func (w *world) KernelFunction(name string) (id uint32, ok bool) {
	btf, err := w.facts.BTF()
	if err != nil {
		return 0, false
	}
	return btf.FuncID(name)
}

// MayCall implements check.World.
func (w *world) MayCall(id uint32, kind prog.ProbeKind) bool {
	t := ebpf.RawTracepoint
	switch kind {
	case prog.KindKprobe, prog.KindKretprobe, prog.KindUprobe, prog.KindUretprobe, prog.KindUSDT:
		t = ebpf.Kprobe
	case prog.KindTracepoint:
		t = ebpf.TracePoint
	case prog.KindInterval, prog.KindProfile, prog.KindSoftware, prog.KindHardware, prog.KindWatchpoint:
		t = ebpf.PerfEvent
	case prog.KindRawTracepoint, prog.KindFentry, prog.KindFexit, prog.KindIter:
		t = ebpf.Tracing
	}
	return w.facts.MayCall(id, t)
}

// CgroupID implements check.World.
func (w *world) CgroupID(path string) (uint64, error) { return kernel.CgroupID(path) }

// Register implements check.World.
func (w *world) Register(name string) bool {
	return strings.Contains(abis[w.arch].registers, " "+name+" ")
}

// ArgReg implements check.World.
func (w *world) ArgReg(n int) (string, bool) {
	if args := abis[w.arch].args; n < len(args) {
		return args[n], true
	}
	return "", false
}

// RetReg implements check.World.
func (w *world) RetReg() string { return abis[w.arch].ret }

// StackReg implements check.World.
func (w *world) StackReg() string { return "sp" }

// StackArg implements check.World.
func (w *world) StackArg(n int) int64 { return abis[w.arch].stackArg + 8*int64(n) }

// Arch implements check.World.
func (w *world) Arch() string { return abis[w.arch].compatName }

func globMatches(pattern, s string) bool { return gobin.Glob(pattern)(s) }
