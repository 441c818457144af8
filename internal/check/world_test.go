package check

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// fakeWorld is a machine with one Go server, one C program and a few kernel
// events.
type fakeWorld struct{ gone bool }

var (
	goString = &types.Type{Kind: types.GoString, Size: 16}
	goError  = &types.Type{Kind: types.GoInterface, Size: 16, Name: "error"}
	goInts   = &types.Type{Kind: types.GoSlice, Size: 24, Elem: types.TInt64}
	goMap    = &types.Type{Kind: types.GoMap, Size: 8, Name: "map[string]int"}
	goArgs   = &types.Type{Kind: types.Struct, Name: "main.Args", Size: 40, Fields: []types.Field{
		{Name: "A", Type: types.TInt64}, {Name: "B", Type: types.TInt64, Offset: 8},
		{Name: "Who", Type: goString, Offset: 16}, {Name: "Next", Type: userPtr(goNamed("main.Args")), Offset: 32},
	}}
	goPoint = &types.Type{Kind: types.Struct, Name: "main.Point", Size: 24, Fields: []types.Field{
		{Name: "X", Type: types.TInt32}, {Name: "Name", Type: goString, Offset: 8},
	}}
	taskStruct = &types.Type{Kind: types.Struct, Name: "struct task_struct", Size: 64, Fields: []types.Field{
		{Name: "pid", Type: types.TInt32}, {Name: "comm", Type: types.ArrayOf(types.TChar, 16), Offset: 8},
		{Name: "flags", Type: types.TUint32, Offset: 24, BitOff: 3, BitSize: 2},
		{Name: "parent", Type: types.PointerTo(cNamed("struct task_struct"), types.SpaceKernel), Offset: 32},
		{Name: "prio", Type: types.ArrayOf(types.TInt32, 4), Offset: 40},
	}}
	colorEnum = &types.Type{Kind: types.Enum, Size: 4, Name: "color", Enum: []types.EnumValue{{Name: "RED", Value: 0}, {Name: "BLUE", Value: 7}}}
)

func userPtr(t *types.Type) *types.Type { return types.PointerTo(t, types.SpaceUser) }
func goNamed(n string) *types.Type      { return &types.Type{Kind: types.Struct, Name: n} }
func cNamed(n string) *types.Type       { return &types.Type{Kind: types.Struct, Name: n} }

func reg(size int, names ...string) prog.Place {
	var p prog.Place
	for _, n := range names {
		p.Pieces = append(p.Pieces, prog.Piece{Reg: n, Size: size})
	}
	return p
}

func placed(name string, t *types.Type, p prog.Place) prog.Arg {
	return prog.Arg{Name: name, Type: t, From: prog.FromPlace, Place: p}
}

var goFacts = &prog.GoFacts{Version: "go1.26", GReg: "r14", MapLenBytes: 8}

// hookScript is a framework: a call begins at the probe begin and ends at end.
const hookScript = `
let @open = lruhash(7);

macro twice(x) { 2 * x }

begin=uprobe:f:begin {
	if (want_seq) {
		@open[args.g] = (nsecs, args.text);
	} else {
		@open[args.g] = (nsecs, (struct text *)0);
	}
}

end=uprobe:f:end {
	let $c = @open[args.g];
	if ($c.0 == 0) {
		return;
	}
	delete(@open, args.g);
	let $t = $c.1;
	report((framework = "fw", service = $t.name, status = "ok", duration = nsecs - $c.0, seq = twice($t.number), metadata = key == "a" ? ($t.number, (uint64)1) : ((uint64)0, (uint64)0), oneway = $t.number > 3));
}
`

// hookGroups are the probes of hookScript.
func hookGroups(p *prog.Point) []*prog.Group {
	textType := &types.Type{Kind: types.Struct, Name: "text", Size: 24, Fields: []types.Field{
		{Name: "name", Type: goString}, {Name: "number", Type: types.TUint64, Offset: 16}}}
	args := []prog.Arg{placed("g", types.TUint64, reg(8, "r14")), placed("text", userPtr(textType), reg(8, "bx"))}
	fw := &prog.Framework{Name: "fw", Script: hookScript, Types: map[string]*types.Type{"text": textType}, Wanted: map[string]bool{"seq": p.Func == "server"}}
	var gs []*prog.Group
	for i, name := range []string{"begin", "end"} {
		point := *p
		point.Kind, point.Func = prog.KindUprobe, name
		gs = append(gs, &prog.Group{Point: &point, Target: &prog.Target{Path: "./s"}, Go: goFacts, Args: args,
			Funcs: []prog.Func{{ID: uint32(30 + i), Name: name}},
			Hook:  &prog.Hook{Of: p, Framework: fw, Probe: name}})
	}
	return gs
}

// goGroups are the functions of the Go server by layout.
func goGroups() []*prog.Group {
	target := &prog.Target{Path: "./s"}
	return []*prog.Group{{
		Target: target, Go: goFacts, Layout: "mul",
		Funcs: []prog.Func{{ID: 1, Name: "main.(*Arith).Mul"}},
		Args: []prog.Arg{
			placed("t", userPtr(goNamed("main.Arith")), reg(8, "ax")), placed("ctx", goError, reg(8, "bx", "cx")),
			placed("args", userPtr(goNamed("main.Args")), reg(8, "di")), placed("reply", userPtr(goNamed("main.Args")), reg(8, "si")),
		},
		Rets: []prog.Arg{placed("~r0", goError, reg(8, "ax", "bx"))},
	}, {
		Target: target, Go: goFacts, Layout: "greet",
		Funcs: []prog.Func{{ID: 2, Name: "main.Greet"}},
		Args: []prog.Arg{
			placed("name", goString, reg(8, "ax", "bx")), placed("xs", goInts, reg(8, "cx", "di", "si")),
			placed("m", goMap, reg(8, "r8")), placed("f", &types.Type{Kind: types.Float, Size: 8}, prog.Place{Err: "in xmm"}),
			placed("p", goPoint, prog.Place{Pieces: []prog.Piece{{Reg: "r9", Size: 4}, {Reg: prog.NoReg, Size: 4}, {Reg: "r10", Size: 8}, {Off: 8, Size: 8}}}),
			placed("n", types.TInt8, reg(1, "r11")),
		},
		Rets: []prog.Arg{placed("text", goString, reg(8, "ax", "bx")), placed("err", goError, reg(8, "cx", "di"))},
	}, {
		Target: target, Go: goFacts, Layout: "map",
		Funcs: []prog.Func{{ID: 3, Name: "main.Map[go.shape.struct { A int; B string },int]"}},
		Args:  []prog.Arg{placed("n", types.TInt64, reg(8, "ax"))}, NoRets: "the binary has no DWARF",
	}}
}

func (w *fakeWorld) Groups(p *prog.Point) ([]*prog.Group, error) {
	var found []*prog.Group
	for _, g := range w.all(p) {
		if g.Hook == nil {
			g.Point = p
		}
		found = append(found, g)
	}
	if len(found) == 0 && !w.gone {
		return nil, errors.New("No matches for " + PointName(p, "", "") + ".")
	}
	return found, nil
}

func (w *fakeWorld) all(p *prog.Point) []*prog.Group {
	switch {
	case w.gone:
		return nil
	case p.Kind == prog.KindTracepoint && p.Func == "sched_switch":
		return []*prog.Group{{Funcs: []prog.Func{{ID: 20, Name: "sched:sched_switch"}}, Args: []prog.Arg{
			{Name: "prev_comm", Type: types.ArrayOf(types.TChar, 16), Off: 8}, {Name: "prev_pid", Type: types.TInt32, Off: 24},
			{Name: "saddr", Type: types.ArrayOf(types.TUint8, 4), Off: 28},
			{Name: "filename", Type: types.PointerTo(types.TInt8, types.SpaceKernel), From: prog.FromDataLoc, Off: 32},
			{Name: "path", Type: types.PointerTo(types.TInt8, types.SpaceUser), Off: 40},
		}}}
	case p.Kind == prog.KindRawTracepoint && p.Func == "sched_switch":
		task := prog.Arg{Name: "prev", Type: types.PointerTo(cNamed("struct task_struct"), types.SpaceKernel), From: prog.FromArg, N: 1}
		return []*prog.Group{{Args: []prog.Arg{task}, RawArgs: []prog.Arg{{Name: "preempt", Type: types.TBool, From: prog.FromArg}, task}}}
	case p.Kind == prog.KindRPC:
		return hookGroups(p)
	case p.Target == "/bin/c" && p.Func == "typed":
		return []*prog.Group{{Target: &prog.Target{Path: "/bin/c"}, Funcs: []prog.Func{{ID: 8, Name: p.Func}},
			Args: []prog.Arg{placed("n", types.TInt32, reg(4, "di")), placed("s", types.PointerTo(types.TInt8, types.SpaceUnknown), reg(8, "si"))},
			Rets: []prog.Arg{placed("", types.TInt32, reg(4, "ax"))}}}
	case p.Target == "/bin/c":
		return []*prog.Group{{Target: &prog.Target{Path: "/bin/c"}, NoArgs: "the binary has no DWARF",
			Funcs: []prog.Func{{ID: 9, Name: p.Func}}}}
	case p.Target == "./s":
		var found []*prog.Group
		for _, g := range goGroups() {
			if glob(p, g.Funcs[0].Name) {
				found = append(found, g)
			}
		}
		return found
	}
	return nil
}

// glob matches patterns of the form text*text.
func glob(p *prog.Point, name string) bool {
	head, tail, star := strings.Cut(p.Func, "*")
	if !star || p.Exact {
		return p.Func == name
	}
	return strings.HasPrefix(name, head) && strings.HasSuffix(name, tail)
}

func (w *fakeWorld) Type(name string, g *prog.Group) (*types.Type, bool) {
	known := map[string]*types.Type{
		"struct task_struct": taskStruct, "task_struct": taskStruct, "main.Args": goArgs,
		"enum color": colorEnum, "pid_t": types.TInt32,
	}
	t, ok := known[name]
	return t, ok
}

func (w *fakeWorld) Resolve(t *types.Type, g *prog.Group) *types.Type {
	if full, ok := w.Type(t.Name, g); ok {
		return full
	}
	return t
}

func (w *fakeWorld) EnumConst(name string) (int64, *types.Type, bool) {
	for _, v := range colorEnum.Enum {
		if v.Name == name {
			return v.Value, colorEnum, true
		}
	}
	return 0, nil, false
}

func (w *fakeWorld) PerCPUSymbol(name string) (uint64, bool) { return w.KernelSymbol(name) }

func (w *fakeWorld) KernelSymbol(name string) (uint64, bool) {
	return 0xffffffff81000000, name == "_text"
}

func (w *fakeWorld) UserSymbol(name string, g *prog.Group) (uint64, int, bool) {
	return 0x401000, 4, name == "main.counter"
}

func (w *fakeWorld) LabelText(table string, n uint64) string { return fmt.Sprint(table, " ", n) }
func (w *fakeWorld) MayCall(uint32, prog.ProbeKind) bool     { return true }

func (w *fakeWorld) KernelFunction(name string) (uint32, bool) {
	return 7, name == "known" || strings.HasPrefix(name, "bpf_task_")
}
func (w *fakeWorld) CgroupID(path string) (uint64, error) {
	if path != "/sys/fs/cgroup" {
		return 0, errors.New("no such group")
	}
	return 7, nil
}

func (w *fakeWorld) Register(name string) bool { return name == "ax" || name == "sp" }

func (w *fakeWorld) ArgReg(n int) (string, bool) {
	regs := []string{"di", "si", "dx", "cx", "r8", "r9"}
	if n >= len(regs) {
		return "", false
	}
	return regs[n], true
}

func (w *fakeWorld) RetReg() string       { return "ax" }
func (w *fakeWorld) StackReg() string     { return "sp" }
func (w *fakeWorld) StackArg(n int) int64 { return int64(8 * (n + 1)) }
func (w *fakeWorld) Arch() string         { return "x86_64" }

var _ fmt.Stringer = Verb{}
