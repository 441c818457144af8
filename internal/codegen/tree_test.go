package codegen

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Short ways to write trees.

func meta(t *types.Type) prog.Meta { return prog.Meta{T: t, At: diag.Span{Start: 1, End: 2}} }

func num(t *types.Type, v int64) prog.Expr { return &prog.Int{Meta: meta(t), Val: uint64(v)} }
func i64(v int64) prog.Expr                { return num(types.TInt64, v) }
func u64(v uint64) prog.Expr               { return num(types.TUint64, int64(v)) }

func lit(s string) prog.Expr { return &prog.Str{Meta: meta(types.Str(len(s) + 1)), Val: s} }

func bin(op prog.Op, x, y prog.Expr) prog.Expr {
	t := x.Type()
	switch op {
	case prog.Eq, prog.Ne, prog.Lt, prog.Le, prog.Gt, prog.Ge, prog.AndAnd, prog.OrOr:
		t = types.TBool
	}
	return &prog.Binary{Meta: meta(t), Op: op, X: x, Y: y}
}

func ref(v *prog.Var) prog.Expr { return &prog.VarRef{Meta: meta(v.Type), Var: v} }

func setVar(v *prog.Var, x prog.Expr) prog.Stmt { return &prog.SetVar{At: at(), Var: v, X: x} }

func at() prog.At { return prog.At{Pos: diag.Span{Start: 1, End: 2}} }

func builtin(id prog.BuiltinID, t *types.Type) prog.Expr {
	return &prog.Builtin{Meta: meta(t), ID: id}
}

func call(fn prog.FuncID, t *types.Type, args ...prog.Expr) prog.Expr {
	return &prog.Call{Meta: meta(t), Fn: fn, Args: args}
}

func cast(t *types.Type, x prog.Expr) prog.Expr { return &prog.Cast{Meta: meta(t), X: x} }

func compose(t *types.Type, parts ...prog.Expr) prog.Expr {
	return &prog.Compose{Meta: meta(t), Parts: parts}
}

func tuple(parts ...prog.Expr) prog.Expr {
	ts := make([]*types.Type, len(parts))
	for i, p := range parts {
		ts[i] = p.Type()
	}
	return compose(types.TupleOf(ts...), parts...)
}

func load(t *types.Type, ptr prog.Expr, off int64, checked bool) prog.Expr {
	return &prog.Load{Meta: meta(t), Ptr: ptr, Off: off, Checked: checked}
}

func userPtr(addr uint64) prog.Expr {
	return num(types.PointerTo(nil, types.SpaceUser), int64(addr))
}

func get(m *prog.Map, key prog.Expr, t *types.Type) prog.Expr {
	return &prog.MapGet{Meta: meta(t), Map: m, Key: key}
}

func setMap(m *prog.Map, key, x prog.Expr) prog.Stmt {
	return &prog.SetMap{At: at(), Map: m, Key: key, X: x}
}

func agg(m *prog.Map, key, x prog.Expr) prog.Stmt {
	return &prog.Aggregate{At: at(), Map: m, Key: key, X: x}
}

func printf(id int, args ...prog.Expr) prog.Stmt {
	e := &prog.Emit{At: at(), Action: &prog.Action{ID: id}}
	for i, a := range args {
		e.Items = append(e.Items, prog.Item{Arg: i, X: a})
	}
	return e
}

func mapOf(name string, key, value *types.Type) *prog.Map {
	return &prog.Map{Name: name, Key: key, Value: value}
}

// script is a program of one unit of the kind.
func script(kind prog.ProbeKind, maps []*prog.Map, stmts ...prog.Stmt) (*prog.Program, *lower.Unit) {
	p := &prog.Program{
		Source: &diag.Source{Name: "test.bt", Text: "BEGIN\n{ }\n"},
		Config: prog.Config{MaxStrlen: 64, MaxMapKeys: 16, OnStackLimit: 32, PerfRBPages: 256},
		Maps:   maps,
	}
	point := &prog.Point{Index: 3, Named: 3, Kind: kind}
	g := &prog.Group{Point: point, Funcs: []prog.Func{{ID: 7, Name: "sched_switch"}}}
	u := &lower.Unit{
		Name: "test", Point: point, Kind: kind, Sites: []prog.Site{{Func: 7}},
		Bodies: []*prog.Body{{Probe: &prog.Probe{}, Group: g, Stmts: stmts}},
	}
	if kind == prog.KindUprobe || kind == prog.KindUretprobe {
		u.Target = &prog.Target{Path: "/bin/x"}
		u.Sites = append(u.Sites, prog.Site{Func: 8})
	}
	return p, u
}

var testTarget = Target{
	Arch: "amd64", CPUs: 2, SelfTGID: 1, AtomicFetch: true, Sleepable: true, Cookies: true, UprobeMulti: true,
	TypedRawTp: true, Loop: true, ForEach: true, PercpuRead: true, NoPrealloc: true,
}
