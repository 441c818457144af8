package codegen

import (
	"fmt"
	"testing"

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

func TestOldKernelForms(t *testing.T) {
	target := hostTarget(t)
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
	p, u := script(prog.KindUprobe, nil, printf(1, reg("di"), reg("sp"), reg("flags")))
	loadUnit(t, p, u, target)
}
