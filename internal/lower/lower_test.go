package lower

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/types"
)

// fakePlanner gives each function an entry at its address and one return ten
// bytes on; a function called refused has none of them.
type fakePlanner struct{}

var errRefused = errors.New("its bytes do not decode")

func (fakePlanner) Entry(t *prog.Target, f prog.Func) (prog.Site, error) {
	if f.Name == "refused" {
		return prog.Site{}, errRefused
	}
	kind := prog.SiteEntry
	if f.Name == "checked" {
		kind = prog.SiteStack
	}
	return prog.Site{Func: f.ID, Kind: kind, Addr: f.Address}, nil
}

func (fakePlanner) Returns(t *prog.Target, f prog.Func) ([]prog.Site, error) {
	if f.Name == "refused" {
		return nil, errRefused
	}
	return []prog.Site{{Func: f.ID, Kind: prog.SiteReturn, Addr: f.Address + 10}}, nil
}

func (fakePlanner) Offset(t *prog.Target, f prog.Func, off uint64) (prog.Site, error) {
	return prog.Site{Func: f.ID, Kind: prog.SiteOffset, Addr: f.Address + off}, nil
}

var (
	goFacts   = &prog.GoFacts{GReg: "r14", StackHi: 8, GoID: 152, M: 48, CurG: 184, MapLenBytes: 8}
	intParam  = prog.Place{Pieces: []prog.Piece{{Reg: "di", Size: 8}}}
	ptrParam  = prog.Place{Pieces: []prog.Piece{{Reg: "si", Size: 8}}}
	strParam  = prog.Place{Pieces: []prog.Piece{{Reg: "bx", Size: 8}, {Reg: "cx", Size: 8}}}
	goString  = &types.Type{Kind: types.GoString, Size: 16, Name: "string"}
	goAny     = &types.Type{Kind: types.GoInterface, Size: 16, Name: "any", Empty: true}
	bytesType = &types.Type{Kind: types.GoSlice, Size: 24, Elem: types.TUint8, Name: "[]uint8"}
)

func functions(names ...string) []prog.Func {
	fs := make([]prog.Func, len(names))
	for i, n := range names {
		fs[i] = prog.Func{ID: uint32(i + 1), Name: n, Address: uint64(0x1000 * (i + 1))}
	}
	return fs
}

func goBody(kind prog.ProbeKind, stmts []prog.Stmt, names ...string) *prog.Body {
	point := &prog.Point{Kind: kind, Provider: "uprobe", Target: "./s", Func: "*"}
	group := &prog.Group{Point: point, Target: &prog.Target{Path: "./s", ID: "1:2/x"}, Funcs: functions(names...), Go: goFacts, Layout: "l"}
	return &prog.Body{Probe: &prog.Probe{Points: []*prog.Point{point}}, Group: group, Stmts: stmts}
}

func goParam(name string, t *types.Type, at prog.Place) *prog.GoParam {
	return &prog.GoParam{Meta: prog.Meta{T: t}, Name: name, Place: at}
}

func emit(args ...prog.Expr) *prog.Emit {
	a := &prog.Action{Kind: prog.ActPrintf, Format: "f"}
	for _, x := range args {
		a.Args = append(a.Args, x.Type())
	}
	return &prog.Emit{Action: a, Args: args}
}

func TestLower(t *testing.T) {
	duration := &prog.Duration{Meta: prog.Meta{T: types.TUint64}}
	goid := &prog.GoID{Meta: prog.Meta{T: types.TUint64}}
	ustack := &prog.Builtin{Meta: prog.Meta{T: &types.Type{Kind: types.Stack, Size: types.StackSize, User: true}}, ID: prog.BUstack}
	reply := &prog.Load{Meta: prog.Meta{T: types.TInt64}, Ptr: goParam("reply", types.PointerTo(types.TInt64, types.SpaceUser), ptrParam), Off: 16, Checked: true}
	for _, c := range []struct {
		name   string
		bodies []*prog.Body
	}{
		{"entry", []*prog.Body{goBody(prog.KindUprobe, []prog.Stmt{emit(goParam("a", types.TInt64, intParam))}, "f")}},
		{"goid", []*prog.Body{goBody(prog.KindUprobe, []prog.Stmt{emit(goid)}, "f")}},
		{"stack", []*prog.Body{goBody(prog.KindUprobe, []prog.Stmt{emit(ustack)}, "f")}},
		{"values", []*prog.Body{goBody(prog.KindUprobe, []prog.Stmt{emit(goParam("s", goString, strParam), goParam("b", bytesType,
			prog.Place{Pieces: []prog.Piece{{Off: 8, Size: 24}}}), goParam("e", goAny, strParam))}, "f")}},
		{"checked", []*prog.Body{goBody(prog.KindUprobe, []prog.Stmt{emit(goParam("a", types.TInt64, intParam))}, "f", "checked")}},
		{"count_returns", []*prog.Body{goBody(prog.KindUretprobe, []prog.Stmt{emit()}, "f", "g")}},
		{"duration", []*prog.Body{goBody(prog.KindUretprobe, []prog.Stmt{emit(duration, reply)}, "f")}},
		{"kept_string", []*prog.Body{goBody(prog.KindUretprobe, []prog.Stmt{emit(goParam("s", goString, strParam))}, "f")}},
		{"refused", []*prog.Body{goBody(prog.KindUretprobe, []prog.Stmt{emit(duration)}, "refused")}},
		{"two_probes", []*prog.Body{
			goBody(prog.KindUprobe, []prog.Stmt{emit()}, "f", "g"),
			goBody(prog.KindUprobe, []prog.Stmt{emit()}, "f")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			testkit.Golden(t, "testdata/"+c.name+".txt", dump(Lower(c.bodies, fakePlanner{}, AMD64)))
		})
	}
}

func dump(l *Lowered) []byte {
	var b bytes.Buffer
	for _, s := range l.Skipped {
		fmt.Fprintf(&b, "skipped %s: %v\n", s.Func.Name, s.Reason)
	}
	for _, u := range l.Units {
		fmt.Fprintf(&b, "unit %s order %d sleepable %v sites", u.Name, u.Order, u.Sleepable)
		for _, s := range u.Sites {
			fmt.Fprintf(&b, " %d:%#x/%d", s.Func, s.Addr, s.Kind)
		}
		fmt.Fprintln(&b)
		for _, m := range u.Maps {
			fmt.Fprintf(&b, "map %s %v -> %v\n", m.Name, m.Key, m.Value)
		}
		for _, body := range u.Bodies {
			prog.DumpBody(&b, body)
		}
	}
	return b.Bytes()
}

// A call's identity must not depend on what moves: only the return's and the
// entry's key being built alike makes frames meet.
func TestEntryAndReturnShareTheTable(t *testing.T) {
	b := goBody(prog.KindUretprobe, []prog.Stmt{emit(&prog.Duration{Meta: prog.Meta{T: types.TUint64}})}, "f")
	units := Lower([]*prog.Body{b}, fakePlanner{}, AMD64).Units
	if len(units) != 2 {
		t.Fatalf("%d units, want a return's and an entry's", len(units))
	}
	if units[0].SiteKind != prog.SiteReturn || units[1].SiteKind != prog.SiteEntry {
		t.Errorf("returns must attach before entries, have %v, %v", units[0].SiteKind, units[1].SiteKind)
	}
	if units[0].Maps[0] != units[1].Maps[0] {
		t.Error("entry and return use different frame tables")
	}
}

// TestKernelCaller: a kernel stack lacks the caller only where the return address is in
// a register still, at a function's first instruction.
func TestKernelCaller(t *testing.T) {
	for _, c := range []struct {
		arch  Arch
		point prog.Point
		put   string
	}{
		{ARM64, prog.Point{Kind: prog.KindKprobe}, "r30"},
		{ARM64, prog.Point{Kind: prog.KindKprobe, HasOff: true}, "r30"},
		{ARM64, prog.Point{Kind: prog.KindKprobe, HasOff: true, Offset: 4}, ""},
		{ARM64, prog.Point{Kind: prog.KindKprobe, HasAddr: true}, ""},
		{ARM64, prog.Point{Kind: prog.KindKretprobe}, ""},
		{ARM64, prog.Point{Kind: prog.KindFentry}, ""},
		{ARM64, prog.Point{Kind: prog.KindTracepoint}, ""},
		{AMD64, prog.Point{Kind: prog.KindKprobe}, ""},
	} {
		stack := func(id prog.BuiltinID) prog.Expr {
			return &prog.Builtin{Meta: prog.Meta{T: &types.Type{Kind: types.Stack, Size: types.StackSize}}, ID: id}
		}
		e := emit(stack(prog.BKstack), stack(prog.BUstack))
		group := &prog.Group{Point: &c.point, Funcs: functions("f")}
		Lower([]*prog.Body{{Probe: &prog.Probe{}, Group: group, Stmts: []prog.Stmt{e}}}, fakePlanner{}, c.arch)
		put := ""
		if call, ok := e.Items[0].X.(*prog.Call); ok && call.Fn == prog.FnStackPush {
			put = call.Args[1].(*prog.Reg).Name
		}
		if _, ok := e.Items[1].X.(*prog.Builtin); put != c.put || !ok {
			t.Errorf("%+v: kstack gets %q, want %q; ustack is %T", c.point, put, c.put, e.Items[1].X)
		}
	}
}
