package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Builtin is a value with a name. Adding one is adding an entry to Builtins.
type Builtin struct {
	Name  string
	Type  string // for people
	Doc   string // one line
	Kinds Kinds

	make func(b *body, span diag.Span, name string) prog.Expr
}

// Function is a function of the language. Adding one is adding an entry to
// Functions.
type Function struct {
	Name     string
	Args     string // for people, as "ptr[, size]"
	Doc      string // one line
	Min, Max int    // number of arguments; Max -1: no limit
	Kinds    Kinds
	Unsafe   bool // needs --unsafe
	Async    bool // done in user space when the event is handled
	Effect   bool // called for what it does: the result may be dropped

	call      func(b *body, c *syntax.CallExpr) prog.Expr
	aggregate func(b *body, c *syntax.CallExpr) (*types.Type, prog.Expr)
}

// IsAggregate tells whether a function makes the value of a map that grows.
func IsAggregate(name string) bool {
	return slices.ContainsFunc(Functions(), func(f Function) bool { return f.Name == name && f.aggregate != nil })
}

// value makes a Builtin of one of codegen's.
func value(id prog.BuiltinID, t *types.Type) func(*body, diag.Span, string) prog.Expr {
	return func(_ *body, span diag.Span, _ string) prog.Expr {
		return &prog.Builtin{Meta: meta(t, span), ID: id}
	}
}

// numbered are the builtins with a number in their name.
func numbered() []string { return []string{"sarg", "arg"} }

// spelledOut are the builtins that bpftrace's own library calls __builtin_NAME.
func spelledOut() []string {
	return []string{"comm", "cpid", "cpu", "elapsed", "func", "ncpus", "probe", "retval", "usermode"}
}

// builtinName maps arg0, arg1, … to the one entry they share, and __builtin_cpu to cpu.
func builtinName(name string) string {
	if short, ok := strings.CutPrefix(name, "__builtin_"); ok && slices.Contains(spelledOut(), short) {
		return short
	}
	for _, prefix := range numbered() {
		if digits, ok := strings.CutPrefix(name, prefix); ok && digits != "" {
			if _, err := strconv.ParseUint(digits, 10, 8); err == nil {
				return prefix + "N"
			}
		}
	}
	return name
}

// number is the N of argN.
func argNumber(name string) int {
	n, err := strconv.Atoi(strings.TrimLeft(name, "sarg"))
	if err != nil {
		panic("BUG: no number in " + name)
	}
	return n
}

// Builtins lists the values, by name.
func Builtins() []Builtin {
	return []Builtin{
		{Name: "args", Type: "record", Kinds: onArgs, Doc: "the arguments by name; in a return probe as they were at entry",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.allArgs(span) }},
		{Name: "argN", Type: "int64", Kinds: onKprobe | onKretprobe | onUprobe | onUretprobe | onUSDT | onRawTracepoint, Doc: "argument N by the C calling convention; in a return probe as it was at entry",
			make: func(b *body, span diag.Span, name string) prog.Expr { return b.register(argNumber(name), name, span) }},
		{Name: "cgroup", Type: "uint64", Doc: "id of the task's cgroup", make: value(prog.BCgroup, types.TUint64)},
		{Name: "comm", Type: "string[16]", Doc: "name of the thread", make: value(prog.BComm, types.Str(16))},
		{Name: "config", Type: "record", Doc: "the settings",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.settings(span) }},
		{Name: "cpid", Type: "uint32", Doc: "process id of the command given with -c",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.childPID(span) }},
		{Name: "cpu", Type: "uint32", Doc: "number of the CPU", make: value(prog.BCPU, types.TUint32)},
		{Name: "ctx", Type: "void *", Kinds: onAll &^ (onOwn | onTracepoint), Doc: "the probe's raw context; of an iterator a struct: ctx.task, ctx.file, …",
			make: func(b *body, span diag.Span, name string) prog.Expr {
				return &prog.Builtin{Meta: meta(types.PointerTo(b.group.Context, types.SpaceKernel), span), ID: prog.BCtx}
			}},
		{Name: "curtask", Type: "struct task_struct *", Doc: "the running task",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.curtask(span) }},
		{Name: "duration", Type: "uint64", Kinds: onUretprobe | onKretprobe, Doc: "ns since this call's entry",
			make: func(_ *body, span diag.Span, _ string) prog.Expr {
				return &prog.Duration{Meta: meta(types.TUint64, span)}
			}},
		{Name: "elapsed", Type: "uint64", Doc: "ns since rpcxray started", make: value(prog.BElapsed, types.TUint64)},
		{Name: "func", Type: "string", Kinds: onFunction, Doc: "name of the traced function",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.funcName(span) }},
		{Name: "gid", Type: "uint64", Doc: "group id", make: value(prog.BGid, types.TUint64)},
		{Name: "goid", Type: "uint64", Kinds: onUser, Doc: "goroutine id",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.goid(span) }},
		{Name: "has_cpid", Type: "bool", Doc: "whether there is a command given with -c",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return boolean(b.opts.CPID != 0, span) }},
		{Name: "jiffies", Type: "uint64", Doc: "jiffies since boot", make: value(prog.BJiffies, types.TUint64)},
		{Name: "ncpus", Type: "uint64", Doc: "number of CPUs", make: value(prog.BNcpus, types.TUint64)},
		{Name: "numaid", Type: "uint32", Doc: "number of the NUMA node", make: value(prog.BNuma, types.TUint32)},
		{Name: "pid", Type: "uint32", Doc: "process id", make: value(prog.BPid, types.TUint32)},
		{Name: "probe", Type: "string", Doc: "full name of the probe",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.probeName(span) }},
		{Name: "probetype", Type: "string", Doc: "kind of the probe; special for begin and end",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return text(b.probeType(), span) }},
		{Name: "rand", Type: "uint32", Doc: "a random number", make: value(prog.BRand, types.TUint32)},
		{Name: "ret", Type: "record", Kinds: onReturn, Doc: "the results by name or number",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.allResults(span) }},
		{Name: "retval", Type: "uint64 or the first result's", Kinds: onReturn, Doc: "the return value",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.retval(span) }},
		{Name: "rpc", Type: "record", Kinds: onRPC, Doc: "the call, by field: rpc.service, rpc.duration, …",
			make: func(b *body, span diag.Span, _ string) prog.Expr { return b.allOfCall(span) }},
		{Name: "sargN", Type: "int64", Kinds: onEntry, Doc: "word N of the arguments on the stack",
			make: func(b *body, span diag.Span, name string) prog.Expr { return b.stackArg(argNumber(name), span) }},
		{Name: "tid", Type: "uint32", Doc: "thread id", make: value(prog.BTid, types.TUint32)},
		{Name: "uid", Type: "uint64", Doc: "user id", make: value(prog.BUid, types.TUint64)},
		{Name: "username", Type: "username_t", Doc: "name of the user",
			make: func(_ *body, span diag.Span, _ string) prog.Expr {
				uid := &prog.Builtin{Meta: meta(types.TUint64, span), ID: prog.BUid}
				return &prog.Call{Meta: meta(&types.Type{Kind: types.Username, Size: 8}, span), Fn: prog.FnUsername, Args: []prog.Expr{uid}}
			}},
	}
}

func (b *body) childPID(span diag.Span) prog.Expr {
	if b.opts.CPID == 0 {
		b.noChild(span)
	}
	return integer(types.TUint32, uint64(b.opts.CPID), span)
}

func (b *body) curtask(span diag.Span) prog.Expr {
	task := &types.Type{Kind: types.Struct, Name: "struct task_struct"}
	return &prog.Builtin{Meta: meta(types.PointerTo(task, types.SpaceKernel), span), ID: prog.BCurtask}
}

func (b *body) goid(span diag.Span) prog.Expr {
	if b.group.Go == nil {
		b.notGo(span, "goid")
		return bad(span)
	}
	if b.group.Go.Unknown != "" {
		b.goidUnknown(span)
		return bad(span)
	}
	return &prog.GoID{Meta: meta(types.TUint64, span)}
}

// allResults is ret as a whole; results without a name are called r0, r1, ….
func (b *body) allResults(span diag.Span) prog.Expr {
	if !b.hasResults(span, "ret") {
		return bad(span)
	}
	out := &prog.Compose{Meta: meta(nil, span)}
	var fields []types.Field
	for i, a := range b.group.Rets {
		x := b.argument(a, true, span)
		name := a.Name
		if name == "" || strings.HasPrefix(name, "~") {
			name = "r" + strconv.Itoa(i)
		}
		out.Parts = append(out.Parts, x)
		fields = append(fields, types.Field{Name: name, Type: x.Type()})
	}
	out.T = types.RecordOf(fields)
	return out
}

// funcName is the traced function: of the kernel a symbol like any other, so that
// it may share a map with those that ksym() gives; of a program its number in the
// session.
func (b *body) funcName(span diag.Span) prog.Expr {
	ksym := &types.Type{Kind: types.KSym, Size: 8}
	switch {
	case b.point.Kind == prog.KindKretprobe, b.point.Kind == prog.KindKprobe && !b.point.HasOff && !b.point.HasAddr:
		return &prog.Builtin{Meta: meta(ksym, span), ID: prog.BFuncIP}
	case onKernelFunc.has(b.point.Kind) && b.group.Funcs[0].Address != 0:
		return integer(ksym, b.group.Funcs[0].Address, span)
	}
	return &prog.Builtin{Meta: meta(&types.Type{Kind: types.Func, Size: 8}, span), ID: prog.BFunc}
}
