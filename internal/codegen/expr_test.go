package codegen

import (
	"math/rand"
	"testing"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

var intTypes = []*types.Type{
	types.TInt8, types.TInt16, types.TInt32, types.TInt64, types.TUint8, types.TUint16, types.TUint32, types.TUint64,
}

// env is what an evaluated expression sees.
type env struct {
	vars     map[*prog.Var]uint64
	texts    map[*prog.Var]string
	divZeros uint64
}

// norm cuts v to t and extends it to 64 bits.
func norm(t *types.Type, v uint64) uint64 {
	n := 64 - 8*t.Size
	if t.Signed {
		return uint64(int64(v<<n) >> n)
	}
	return v << n >> n
}

func truthOf(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// eval is the language's arithmetic, written a second time.
func (n *env) eval(e prog.Expr) uint64 {
	switch e := e.(type) {
	case *prog.Int:
		return norm(e.T, e.Val)
	case *prog.VarRef:
		return n.vars[e.Var]
	case *prog.Cast:
		if e.T.Kind == types.Bool {
			return truthOf(n.eval(e.X) != 0)
		}
		return norm(e.T, n.eval(e.X))
	case *prog.Unary:
		x := n.eval(e.X)
		switch e.Op {
		case prog.Neg:
			return norm(e.T, -x)
		case prog.BitNot:
			return norm(e.T, ^x)
		}
		return truthOf(x == 0)
	case *prog.Cond:
		if n.eval(e.C) != 0 {
			return n.eval(e.A)
		}
		return n.eval(e.B)
	case *prog.Block:
		set := e.Stmts[0].(*prog.SetVar)
		n.vars[set.Var] = n.eval(set.X)
		return n.eval(e.X)
	case *prog.Binary:
		if e.X.Type().Kind == types.String {
			return truthOf((n.text(e.X) == n.text(e.Y)) == (e.Op == prog.Eq))
		}
		return n.binary(e)
	case *prog.Call:
		return n.call(e)
	}
	panic("BUG: node without arithmetic")
}

func (n *env) binary(e *prog.Binary) uint64 {
	x := n.eval(e.X)
	switch e.Op {
	case prog.AndAnd:
		return truthOf(x != 0 && n.eval(e.Y) != 0)
	case prog.OrOr:
		return truthOf(x != 0 || n.eval(e.Y) != 0)
	}
	y := n.eval(e.Y)
	signed := e.X.Type().Signed
	less := x < y
	if signed {
		less = int64(x) < int64(y)
	}
	switch e.Op {
	case prog.Eq:
		return truthOf(x == y)
	case prog.Ne:
		return truthOf(x != y)
	case prog.Lt:
		return truthOf(less)
	case prog.Ge:
		return truthOf(!less)
	case prog.Gt:
		return truthOf(!less && x != y)
	case prog.Le:
		return truthOf(less || x == y)
	case prog.Div, prog.Mod:
		return norm(e.T, n.divide(e.Op, x, y, signed))
	}
	return norm(e.T, map[prog.Op]uint64{
		prog.Add: x + y, prog.Sub: x - y, prog.Mul: x * y, prog.And: x & y, prog.Or: x | y, prog.Xor: x ^ y,
		prog.Shl: x << (y & 63), prog.Shr: x >> (y & 63),
	}[e.Op])
}

func (n *env) divide(op prog.Op, x, y uint64, signed bool) uint64 {
	switch {
	case y == 0:
		n.divZeros++
		return 1
	case signed && op == prog.Div:
		return uint64(int64(x) / int64(y))
	case signed:
		return uint64(int64(x) % int64(y))
	case op == prog.Div:
		return x / y
	}
	return x % y
}

// generator makes random expressions.
type generator struct {
	*rand.Rand
	vars []*prog.Var
}

func (g *generator) interesting() uint64 {
	edges := []uint64{0, 1, 2, 3, 7, 8, 63, 64, 127, 128, 255, 256, 1 << 15, 1<<31 - 1, 1 << 31, 1 << 32, 1<<63 - 1, 1 << 63}
	v := edges[g.Intn(len(edges))]
	switch g.Intn(4) {
	case 0:
		return -v
	case 1:
		return g.Uint64()
	}
	return v
}

func (g *generator) leaf(t *types.Type) prog.Expr {
	if v := g.vars[g.Intn(len(g.vars))]; g.Intn(3) > 0 {
		if v.Type == t {
			return ref(v)
		}
		return cast(t, ref(v))
	}
	return num(t, int64(g.interesting()))
}

func (g *generator) expr(t *types.Type, depth int) prog.Expr {
	if depth == 0 {
		return g.leaf(t)
	}
	switch g.Intn(8) {
	case 0:
		return &prog.Unary{Meta: meta(t), Op: []prog.Op{prog.Neg, prog.BitNot}[g.Intn(2)], X: g.expr(t, depth-1)}
	case 1:
		return cast(t, g.expr(intTypes[g.Intn(len(intTypes))], depth-1))
	case 2:
		return &prog.Cond{Meta: meta(t), C: g.truth(depth - 1), A: g.expr(t, depth-1), B: g.expr(t, depth-1)}
	case 3:
		return cast(t, g.truth(depth-1))
	case 4:
		v := g.vars[g.Intn(len(g.vars))]
		return &prog.Block{Meta: meta(t), Stmts: []prog.Stmt{setVar(v, g.expr(v.Type, depth-1))}, X: g.expr(t, depth-1)}
	}
	ops := []prog.Op{prog.Add, prog.Sub, prog.Mul, prog.Div, prog.Mod, prog.And, prog.Or, prog.Xor, prog.Shl, prog.Shr}
	return bin(ops[g.Intn(len(ops))], g.expr(t, depth-1), g.expr(t, depth-1))
}

func (g *generator) truth(depth int) prog.Expr {
	t := intTypes[g.Intn(len(intTypes))]
	if depth > 0 {
		switch g.Intn(6) {
		case 0:
			return bin(prog.AndAnd, g.truth(depth-1), g.truth(depth-1))
		case 1:
			return bin(prog.OrOr, g.truth(depth-1), g.truth(depth-1))
		case 2:
			return &prog.Unary{Meta: meta(types.TBool), Op: prog.Not, X: g.truth(depth - 1)}
		case 3:
			return cast(types.TBool, g.expr(t, depth-1))
		}
	}
	ops := []prog.Op{prog.Eq, prog.Ne, prog.Lt, prog.Le, prog.Gt, prog.Ge}
	return bin(ops[g.Intn(len(ops))], g.expr(t, max(depth-1, 0)), g.expr(t, max(depth-1, 0)))
}

// TestArithmetic compares what the kernel computes for random expressions with
// the evaluator above. Variables come out of a map, so that nothing is folded.
func TestArithmetic(t *testing.T) {
	target := hostTarget(t)
	const programs, each = 50, 10
	g := &generator{Rand: rand.New(rand.NewSource(42))}
	for range programs {
		in := mapOf("@in", types.TUint64, types.TUint64)
		out := mapOf("@out", types.TUint64, types.TUint64)
		g.vars = nil
		n := &env{vars: map[*prog.Var]uint64{}}
		inputs := map[uint64]uint64{}
		var stmts []prog.Stmt
		for i, it := range intTypes {
			v := &prog.Var{Name: "$v", Type: it}
			g.vars = append(g.vars, v)
			inputs[uint64(i)] = g.interesting()
			n.vars[v] = norm(it, inputs[uint64(i)])
			stmts = append(stmts, setVar(v, cast(it, get(in, u64(uint64(i)), types.TUint64))))
		}
		var exprs []prog.Expr
		for i := range each {
			e := g.expr(intTypes[g.Intn(len(intTypes))], 1+g.Intn(4))
			exprs = append(exprs, e)
			stmts = append(stmts, setMap(out, u64(uint64(i)), cast(types.TUint64, e)))
		}
		p, u := script(prog.KindBegin, []*prog.Map{in, out}, stmts...)
		l := loadUnit(t, p, u, target)
		for k, v := range inputs {
			if err := l.coll.Maps["@in"].Put(k, v); err != nil {
				t.Fatal(err)
			}
		}
		l.run()
		for i, e := range exprs {
			var got uint64
			if err := l.coll.Maps["@out"].Lookup(uint64(i), &got); err != nil {
				t.Fatal(err)
			}
			if want := n.eval(e); got != want {
				t.Fatalf("expression %d: %#x, want %#x\n%s", i, got, want, l.obj.IR())
			}
		}
		if got := l.remarks()[prog.RemarkDivZero]; got != n.divZeros {
			t.Fatalf("%d divisions by zero, want %d", got, n.divZeros)
		}
	}
}
