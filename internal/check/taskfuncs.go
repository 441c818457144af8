package check

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// chain reads x.a.b.c, pointers followed.
func (b *body) chain(x prog.Expr, span diag.Span, names ...string) prog.Expr {
	for _, n := range names {
		if isBad(x) {
			return x
		}
		x = b.fieldOf(x, &syntax.FieldExpr{Loc: syntax.Loc{At: span}, Name: n, NameSpan: span})
	}
	return x
}

// task is the argument of a function that takes one, else the running task.
func (b *body) task(e *syntax.CallExpr) prog.Expr {
	if len(e.Args) == 0 {
		return b.curtask(e.At)
	}
	x := b.value(e.Args[0])
	if isBad(x) {
		return x
	}
	if t := x.Type(); t.Kind != types.Pointer || t.Elem == nil || t.Elem.Name != "struct task_struct" && t.Elem.Name != "task_struct" {
		b.wantKind(e.Name, "struct task_struct *", t, e.Args[0].Span())
		return bad(e.At)
	}
	return x
}

func (b *body) callPpid(e *syntax.CallExpr) prog.Expr {
	x := b.chain(b.task(e), e.At, "real_parent", "tgid")
	return b.convert(x, types.TUint32)
}

func (b *body) callPcomm(e *syntax.CallExpr) prog.Expr {
	return b.chain(b.task(e), e.At, "real_parent", "comm")
}

func (b *body) callLeaderComm(e *syntax.CallExpr) prog.Expr {
	return b.chain(b.task(e), e.At, "group_leader", "comm")
}

func (b *body) callLeaderTid(e *syntax.CallExpr) prog.Expr {
	return b.convert(b.chain(b.task(e), e.At, "group_leader", "pid"), types.TUint32)
}

// ringMask are the bits of cs that hold the privilege level on x86.
const ringMask = 3

func (b *body) callUsermode(e *syntax.CallExpr) prog.Expr {
	if onOwn.has(b.point.Kind) {
		return integer(types.TUint8, 1, e.At)
	}
	if !b.world.Register("cs") {
		b.errorf(e.At, "usermode is not known on %s", b.world.Arch())
		return bad(e.At)
	}
	cs := &prog.Reg{Meta: meta(types.TUint64, e.At), Name: "cs"}
	ring := b.arithmetic(prog.And, cs, integer(types.TUint64, ringMask, e.At), e.At)
	return b.convert(b.truth(ring), types.TUint8)
}

// probeType is what the language calls the kind of a probe.
func (b *body) probeType() string {
	if k := b.point.Kind; k == prog.KindBegin || k == prog.KindEnd || k == prog.KindSelf {
		return "special"
	}
	return b.point.Provider
}

func (b *body) callSignalThread(e *syntax.CallExpr) prog.Expr {
	return b.send(prog.FnSignalThread, e)
}

func (b *body) callCgroupid(e *syntax.CallExpr) prog.Expr {
	path, ok := b.literalText("cgroupid", e.Args[0])
	if !ok {
		return bad(e.At)
	}
	id, err := b.world.CgroupID(path)
	if err != nil {
		b.errorf(e.At, "cgroupid(): %v", err)
		return bad(e.At)
	}
	return integer(types.TUint64, id, e.At)
}

func (b *body) callSignalName(e *syntax.CallExpr) prog.Expr  { return b.label("signal", e) }
func (b *body) callStrerror(e *syntax.CallExpr) prog.Expr    { return b.label("error", e) }
func (b *body) callSyscallName(e *syntax.CallExpr) prog.Expr { return b.label("syscall", e) }

// label is a number that prints as a text of a table, or the text itself where
// the number is a constant.
func (b *body) label(table string, e *syntax.CallExpr) prog.Expr {
	x := b.integerArg(e.Name, e.Args[0], types.TInt64)
	if n, ok := constant(x); ok {
		return text(b.world.LabelText(table, n), e.At)
	}
	return invoke(prog.FnLabel, &types.Type{Kind: types.Label, Size: 8, Name: table}, e.At, x)
}

// settings is config: a record of the settings in effect.
func (b *body) settings(span diag.Span) prog.Expr {
	out := &prog.Compose{Meta: meta(nil, span)}
	var fields []types.Field
	for _, s := range Settings() {
		var x prog.Expr
		v := b.prog.Config.Values[s.Name]
		switch s.Kind {
		case "bool":
			x = boolean(truthWord(v), span)
		case "number":
			n, _ := parameter(v, span).(*prog.Int)
			x = integer(types.TUint64, n.Val, span)
		default:
			x = text(v, span)
		}
		out.Parts = append(out.Parts, x)
		fields = append(fields, types.Field{Name: s.Name, Type: x.Type()})
	}
	out.T = types.RecordOf(fields)
	return out
}

// onTaskFunctions are the kinds whose programs may ask the kernel for a task.
const onTaskFunctions = onTracepoint | onRawTracepoint | onFentry | onFexit | onIter | onInterval | onProfile | onSoftware | onHardware | onWatchpoint

// commOf is comm(pid): the name of any task, as long as it lives.
func (b *body) commOf(e *syntax.CallExpr) prog.Expr {
	pid := b.integerArg(e.Name, e.Args[0], types.TInt32)
	if isBad(pid) {
		return pid
	}
	if !onTaskFunctions.has(b.point.Kind) {
		b.errorf(e.At, "Syntax comm(PID) is not supported in this probe type yet. Type: %s", b.probeType())
		return bad(e.At)
	}
	find, ok := b.world.KernelFunction("bpf_task_from_pid")
	release, ok2 := b.world.KernelFunction("bpf_task_release")
	task, ok3 := b.world.Type("struct task_struct", b.group)
	if !ok || !ok2 || !ok3 {
		b.errorf(e.At, "comm(pid) needs the kernel's function bpf_task_from_pid (Linux 6.2)")
		return bad(e.At)
	}
	off, ok := b.pathOffset(b.resolve(task), []string{"comm"}, e.At)
	if !ok {
		return bad(e.At)
	}
	number := func(n uint64) prog.Expr { return integer(types.TUint64, n, e.At) }
	return invoke(prog.FnCommOf, types.Str(16), e.At, pid, number(uint64(find)), number(uint64(release)), number(uint64(off)))
}
