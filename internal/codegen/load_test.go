package codegen

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

func reg(name string) prog.Expr { return &prog.Reg{Meta: meta(types.TUint64), Name: name} }

func strN(ptr, n prog.Expr, size int) prog.Expr {
	return &prog.StrN{Meta: meta(types.Str(size)), Ptr: ptr, Len: n, Checked: true}
}

var stackType = &types.Type{Kind: types.Stack, Size: types.StackSize, User: true}

// bodies are what scripts do, by name; each is loaded as a program of every
// kind that can hold it.
func bodies() map[string]func() ([]*prog.Map, []prog.Stmt) {
	counts := mapOf("@", types.TupleOf(types.Str(16), types.TUint32), &types.Type{Kind: types.Count})
	return map[string]func() ([]*prog.Map, []prog.Stmt){
		"count by comm and pid": func() ([]*prog.Map, []prog.Stmt) {
			key := tuple(builtin(prog.BComm, types.Str(16)), builtin(prog.BPid, types.TUint32))
			return []*prog.Map{counts}, []prog.Stmt{agg(counts, key, nil)}
		},
		"latency": func() ([]*prog.Map, []prog.Stmt) {
			start := mapOf("@start", types.TUint64, types.TUint64)
			ns := mapOf("@ns", types.TUint64, &types.Type{Kind: types.Hist})
			tid := func() prog.Expr { return builtin(prog.BTgidTid, types.TUint64) }
			return []*prog.Map{start, ns}, []prog.Stmt{
				&prog.If{At: at(), Cond: get(start, tid(), types.TUint64), Then: []prog.Stmt{
					agg(ns, builtin(prog.BFunc, types.TUint64), bin(prog.Sub, builtin(prog.BNsecs, types.TUint64), get(start, tid(), types.TUint64))),
					&prog.Delete{At: at(), Map: start, Key: tid()},
				}},
				setMap(start, tid(), builtin(prog.BNsecs, types.TUint64)),
			}
		},
		"stacks": func() ([]*prog.Map, []prog.Stmt) {
			m := mapOf("@s", stackType, &types.Type{Kind: types.Count})
			push := call(prog.FnStackPush, stackType, builtin(prog.BUstack, stackType), builtin(prog.BNsecs, types.TUint64))
			return []*prog.Map{m}, []prog.Stmt{
				agg(m, builtin(prog.BUstack, stackType), nil),
				printf(1, push, builtin(prog.BKstack, stackType)),
			}
		},
		"many strings": func() ([]*prog.Map, []prog.Stmt) {
			var args []prog.Expr
			for i := range 10 {
				args = append(args, call(prog.FnStr, types.Str(1024), userPtr(uint64(i)<<20)), i64(int64(i)))
			}
			return nil, []prog.Stmt{printf(1, args...)}
		},
		"checked reads": func() ([]*prog.Map, []prog.Stmt) {
			var args []prog.Expr
			for i := range 12 {
				args = append(args, load(types.TInt64, userPtr(uint64(i)<<20), 8, true))
			}
			args = append(args, strN(userPtr(5), load(types.TUint64, userPtr(6), 0, true), 200))
			return nil, []prog.Stmt{printf(1, args...)}
		},
	}
}

func TestLoadEveryKind(t *testing.T) {
	target := hostTarget(t)
	target.SelfTGID = 0
	kinds := map[string]prog.ProbeKind{
		"uprobe": prog.KindUprobe, "uretprobe": prog.KindUretprobe, "tracepoint": prog.KindTracepoint,
		"rawtracepoint": prog.KindRawTracepoint, "profile": prog.KindProfile, "interval": prog.KindInterval,
		"begin": prog.KindBegin,
	}
	for kind, k := range kinds {
		for name, body := range bodies() {
			for _, sleepable := range []bool{false, true} {
				if sleepable && k != prog.KindUprobe {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%v", kind, name, sleepable), func(t *testing.T) {
					maps, stmts := body()
					p, u := script(k, maps, stmts...)
					u.Sleepable = sleepable
					loadUnit(t, p, u, target)
				})
			}
		}
	}
}

// TestKeepStack looks for what has the kernel leave large frames on the thread's stack:
// in programs on user code, and there only.
func TestKeepStack(t *testing.T) {
	for _, c := range []struct {
		kind prog.ProbeKind
		args int
		want bool
	}{{prog.KindUprobe, 10, true}, {prog.KindUprobe, 1, false}, {prog.KindProfile, 10, false}} {
		p, u := script(c.kind, nil, printf(1, slices.Repeat([]prog.Expr{builtin(prog.BNsecs, types.TUint64)}, c.args)...))
		o, err := Compile(p, u, testTarget)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(fmt.Sprint(o.Spec.Instructions), asm.FnTailCall.String()); got != c.want {
			t.Errorf("kind %v, %d values: tail call %v, want %v\n%v", c.kind, c.args, got, c.want, o.Insns())
		}
	}
}

func TestOldKernelForms(t *testing.T) {
	target := machine(t)
	old := Target{Arch: target.Arch, CPUs: target.CPUs}
	for name, body := range bodies() {
		t.Run(name, func(t *testing.T) {
			maps, stmts := body()
			p, u := script(prog.KindUprobe, maps, stmts...)
			u.Sites = u.Sites[:1]
			loadUnit(t, p, u, old)
		})
	}
}

func TestRegisters(t *testing.T) {
	target := hostTarget(t)
	names := map[string][]string{"amd64": {"di", "flags"}, "arm64": {"r0", "pstate"}}[target.Arch]
	p, u := script(prog.KindUprobe, nil, printf(1, reg(names[0]), reg("sp"), reg(names[1])))
	loadUnit(t, p, u, target)
}

// TestContext reads what the contexts of kernel events hold.
func TestContext(t *testing.T) {
	target := hostTarget(t)
	task := types.PointerTo(nil, types.SpaceKernel)
	arg := func(n int, t *types.Type) prog.Expr { return &prog.CtxArg{Meta: meta(t), N: n} }
	ctx := func(t *types.Type, off int) prog.Expr { return &prog.CtxLoad{Meta: meta(t), Off: off} }
	name := &prog.CtxAddr{Meta: meta(types.PointerTo(nil, types.SpaceKernel)), Off: 8, DataLoc: true}
	comm := &prog.CtxAddr{Meta: meta(types.PointerTo(nil, types.SpaceKernel)), Off: 8}
	cases := []struct {
		name string
		kind prog.ProbeKind
		args []prog.Expr
	}{
		{"rawtracepoint", prog.KindRawTracepoint, []prog.Expr{arg(0, types.TBool), arg(1, task), arg(3, types.TUint32),
			load(types.TUint32, arg(1, task), 16, true), load(types.ArrayOf(types.TUint8, 40), arg(2, task), 64, false),
			bin(prog.Ne, arg(1, task), arg(2, task)), call(prog.FnStr, types.Str(16), arg(1, task))}},
		{"tracepoint", prog.KindTracepoint, []prog.Expr{ctx(types.TInt32, 8), ctx(types.TUint64, 16), ctx(types.TInt8, 24),
			call(prog.FnStr, types.Str(64), name), call(prog.FnStr, types.Str(16), comm), ctx(types.ArrayOf(types.TInt8, 16), 8)}},
		{"profile", prog.KindProfile, []prog.Expr{reg("pc"), reg("sp"), builtin(prog.BCPU, types.TUint32), builtin(prog.BCurtask, task)}},
		{"uprobe", prog.KindUprobe, []prog.Expr{builtin(prog.BCtx, task), call(prog.FnReadTLS, types.TUint64, i64(-8)),
			builtin(prog.BElapsed, types.TUint64), builtin(prog.BUid, types.TUint64), builtin(prog.BCookie, types.TUint64)}},
	}
	target.HasFSBase, target.FSBaseOff, target.StartNS = true, 4096, 1<<40
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, u := script(c.kind, nil, printf(1, c.args...))
			loadUnit(t, p, u, target)
		})
	}
}

// TestNamespace asks for ids in a pid namespace that is not the initial one.
func TestNamespace(t *testing.T) {
	target := hostTarget(t)
	target.PIDNSDev, target.PIDNSIno, target.FilterPIDs = 4, 0xeffffffc, true
	p, u := script(prog.KindUprobe, nil, printf(1, builtin(prog.BPid, types.TUint32), builtin(prog.BTid, types.TUint32)))
	loadUnit(t, p, u, target)
}

// TestManyStacks takes as many stacks as the verifier once had too many ways through.
func TestManyStacks(t *testing.T) {
	const n = 140
	m := mapOf("@", types.TupleOf(types.TInt64, stackType), &types.Type{Kind: types.Count})
	var stmts []prog.Stmt
	for i := range int64(n) {
		stmts = append(stmts, agg(m, tuple(i64(i), builtin(prog.BUstack, stackType)), nil))
	}
	p, u := script(prog.KindUprobe, []*prog.Map{m}, stmts...)
	loadUnit(t, p, u, hostTarget(t))
}

// TestManyMaps has as many maps as a program may use, and more.
func TestManyMaps(t *testing.T) {
	target := hostTarget(t)
	for n, want := range map[int]string{50: "", 70: "it uses "} {
		var maps []*prog.Map
		var stmts []prog.Stmt
		for i := range n {
			m := mapOf(fmt.Sprintf("@m%d", i), types.TInt64, types.TInt64)
			maps, stmts = append(maps, m), append(stmts, setMap(m, i64(1), i64(2)))
		}
		p, u := script(prog.KindUprobe, maps, stmts...)
		if want == "" {
			loadUnit(t, p, u, target)
		} else if _, err := Compile(p, u, target); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d maps: %v, want %q", n, err, want)
		}
	}
}

// TestManyVariables has more values at once than the stack holds.
func TestManyVariables(t *testing.T) {
	target := hostTarget(t)
	for _, n := range []int{20, 120} {
		var stmts []prog.Stmt
		var parts []any
		var args []prog.Expr
		for i := range n {
			v := &prog.Var{Type: types.TInt64}
			stmts = append(stmts, setVar(v, bin(prog.Add, cast(types.TInt64, bin(prog.And, builtin(prog.BRand, types.TUint32), num(types.TUint32, 0))), i64(int64(i)))))
			args, parts = append(args, bin(prog.Mul, ref(v), i64(3))), append(parts, int64(3*i))
		}
		stmts = append(stmts, printf(1, args...))
		p, u := script(prog.KindBegin, nil, stmts...)
		l := loadUnit(t, p, u, target)
		l.run()
		wantRecords(t, l, wire(1, 0, parts...))
	}
}
