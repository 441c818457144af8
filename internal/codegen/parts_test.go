package codegen

import (
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// TestParts sets tuples in every way that one can be set, and compares their parts, and
// the whole, with what was put in.
func TestParts(t *testing.T) {
	target := hostTarget(t)
	pair := types.TupleOf(types.TInt8, types.TUint64, types.TInt32)
	m, whole := mapOf("@m", types.TUint64, pair), mapOf("@w", types.TUint64, pair)
	in := func(v int64) prog.Expr { // not known while compiling
		return bin(prog.Add, i64(v), cast(types.TInt64, builtin(prog.BGid, types.TUint64)))
	}
	made := func(a, b, c int64) prog.Expr {
		return compose(pair, cast(types.TInt8, in(a)), cast(types.TUint64, in(b)), cast(types.TInt32, in(c)))
	}
	part := func(v *prog.Var, i int) prog.Expr {
		f := pair.Fields[i]
		return cast(types.TInt64, &prog.Member{Meta: meta(f.Type), X: ref(v), Off: int64(f.Offset)})
	}
	show := func(id int, v *prog.Var) prog.Stmt { return printf(id, part(v, 0), part(v, 1), part(v, 2)) }
	fresh := func() *prog.Var { return &prog.Var{Type: pair} }
	a, b, c, d, e, n, z := fresh(), fresh(), fresh(), fresh(), fresh(), fresh(), fresh()
	inner := &prog.Var{Type: types.TInt64}
	p, u := script(prog.KindBegin, []*prog.Map{m, whole},
		setVar(a, made(-3, 4, -5)), show(1, a),
		setMap(m, u64(1), ref(a)),
		setVar(b, get(m, u64(1), pair)), show(2, b),
		setVar(n, get(m, u64(2), pair)), show(3, n),
		setVar(c, &prog.Cond{Meta: meta(pair), C: bin(prog.Lt, part(a, 0), i64(0)), A: ref(b), B: made(1, 1, 1)}), show(4, c),
		setVar(d, &prog.Block{Meta: meta(pair), Stmts: []prog.Stmt{setVar(inner, in(7))}, X: made(6, 0, 0)}),
		setVar(d, compose(pair, cast(types.TInt8, part(d, 2)), cast(types.TUint64, part(d, 0)), cast(types.TInt32, ref(inner)))), show(5, d),
		&prog.If{At: at(), Cond: bin(prog.Eq, ref(a), ref(b)), Then: []prog.Stmt{printf(6, ref(a))}, Else: []prog.Stmt{printf(7)}},
		&prog.If{At: at(), Cond: bin(prog.Eq, in(0), i64(1)), Then: []prog.Stmt{setVar(e, made(1, 2, 3))}}, show(8, e),
		setVar(z, compose(pair)), show(9, z),
		setMap(whole, u64(1), ref(d)),
	)
	l := loadUnit(t, p, u, target)
	l.run()
	numbers := func(id uint32, a, b, c int64) []byte { return wire(id, 0, a, b, c) }
	wantRecords(t, l, numbers(1, -3, 4, -5), numbers(2, -3, 4, -5), numbers(3, 0, 0, 0), numbers(4, -3, 4, -5), numbers(5, 0, 6, 7),
		wire(6, 0, int8(-3), uint64(4), int32(-5)), numbers(8, 0, 0, 0), numbers(9, 0, 0, 0))
	if ir := compileIR(t, p, u, target); strings.Contains(ir, "map scratch") {
		t.Errorf("tuples of a few numbers take a scratch slot:\n%s", ir)
	}
}

// TestUnused tests that what has no effect is left out, and only that.
func TestUnused(t *testing.T) {
	word := func(addr uint64) prog.Expr { return load(types.TUint64, userPtr(addr), 0, false) }
	a, b, c, d, turn, checked := &prog.Var{Type: types.TUint64}, &prog.Var{Type: types.TUint64}, &prog.Var{Type: types.TUint64},
		&prog.Var{Type: types.TUint64}, &prog.Var{Type: types.TUint64}, &prog.Var{Type: types.TUint64}
	loop := &prog.Block{Meta: meta(types.TUint64), X: ref(turn), Stmts: []prog.Stmt{
		setVar(turn, word(0x7001)),
		&prog.While{At: at(), Cond: bin(prog.Ne, ref(turn), u64(0)), Body: []prog.Stmt{setVar(turn, word(0x7002))}},
	}}
	p, u := script(prog.KindBegin, nil,
		setVar(a, word(0x7003)),
		setVar(b, bin(prog.Add, ref(a), word(0x7004))), // only needed for what is not
		setVar(c, loop),
		setVar(c, ref(c)),
		setVar(d, word(0x7105)),
		setVar(checked, load(types.TUint64, userPtr(0x7106), 0, true)), // counts what it cannot read
		printf(1, ref(d)),
	)
	for _, warn := range []bool{false, true} {
		target := testTarget
		target.HelperWarnings = warn
		ir := compileIR(t, p, u, target)
		for _, addr := range []string{"28673", "28674", "28675", "28676"} {
			if strings.Contains(ir, addr) != warn {
				t.Errorf("warnings %v: the read of %s:\n%s", warn, addr, ir)
			}
		}
		for _, addr := range []string{"28933", "28934"} {
			if !strings.Contains(ir, addr) {
				t.Errorf("warnings %v: there is no read of %s:\n%s", warn, addr, ir)
			}
		}
	}
}

func compileIR(t *testing.T, p *prog.Program, u *lower.Unit, target Target) string {
	t.Helper()
	o, err := Compile(p, u, target)
	if err != nil {
		t.Fatal(err)
	}
	return o.IR()
}
