package codegen

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// textSize is the capacity of the variables of text.
const textSize = 24

// text is the value of an expression of text.
func (n *env) text(e prog.Expr) string {
	switch e := e.(type) {
	case *prog.Str:
		return e.Val
	case *prog.VarRef:
		return n.texts[e.Var]
	case *prog.Cond:
		if n.eval(e.C) != 0 {
			return n.text(e.A)
		}
		return n.text(e.B)
	case *prog.Call:
		whole := n.text(e.Args[0]) + n.text(e.Args[1])
		return whole[:min(len(whole), e.T.Size-1)]
	}
	panic("BUG: node without a text")
}

// call is a function of texts that gives a number.
func (n *env) call(e *prog.Call) uint64 {
	a := n.text(e.Args[0])
	if e.Fn == prog.FnStrlen {
		return uint64(len(a))
	}
	b := n.text(e.Args[1])
	switch e.Fn {
	case prog.FnStrstr:
		return uint64(strings.Index(a, b))
	case prog.FnStrcontains:
		return truthOf(strings.Contains(a, b))
	}
	size := int(min(e.Args[2].(*prog.Int).Val, uint64(e.Args[0].Type().Size), uint64(e.Args[1].Type().Size)))
	filled := func(s string) string { return (s + strings.Repeat("\x00", size))[:size] }
	order := strings.Compare(filled(a), filled(b))
	if e.Fn == prog.FnStrncmp {
		return truthOf(order != 0)
	}
	return uint64(int64(order))
}

// leaving says how statements were left.
type leaving int

const (
	goesOn leaving = iota
	breaks
	continues
)

func (n *env) run(list []prog.Stmt) leaving {
	for _, s := range list {
		if how := n.stmt(s); how != goesOn {
			return how
		}
	}
	return goesOn
}

func (n *env) stmt(s prog.Stmt) leaving {
	switch s := s.(type) {
	case *prog.SetVar:
		if s.Var.Type.Kind == types.String {
			n.texts[s.Var] = n.text(s.X)
		} else {
			n.vars[s.Var] = n.eval(s.X)
		}
	case *prog.If:
		if n.eval(s.Cond) != 0 {
			return n.run(s.Then)
		}
		return n.run(s.Else)
	case *prog.ForRange:
		for i, hi := int64(n.eval(s.Lo)), int64(n.eval(s.Hi)); i < hi; i++ {
			n.vars[s.Var] = uint64(i)
			if n.run(s.Body) == breaks {
				break
			}
		}
	case *prog.While:
		for n.eval(s.Cond) != 0 && n.run(s.Body) != breaks {
		}
	case *prog.Break:
		return breaks
	case *prog.Continue:
		return continues
	default:
		panic("BUG: statement without a meaning")
	}
	return goesOn
}

// loopWriter makes random statements.
type loopWriter struct {
	generator
	texts []*prog.Var
	depth int // loops around
	left  int // statements that may still be made
}

// word is short and of few letters, so that one is often in another.
func (g *loopWriter) word() prog.Expr {
	b := make([]byte, g.Intn(6))
	for i := range b {
		b[i] = "ab"[g.Intn(2)]
	}
	return lit(string(b))
}

func (g *loopWriter) textExpr(depth int) prog.Expr {
	switch n := g.Intn(6); {
	case depth > 0 && n == 0:
		return &prog.Cond{Meta: meta(types.Str(textSize)), C: g.truth(1), A: g.textExpr(depth - 1), B: g.textExpr(depth - 1)}
	case depth > 0 && n < 3:
		a, b := g.textExpr(depth-1), g.textExpr(depth-1)
		return call(prog.FnStrConcat, types.Str(min(a.Type().Size+b.Type().Size-1, textSize)), a, b)
	case n == 3:
		return g.word()
	}
	return ref(g.texts[g.Intn(len(g.texts))])
}

// number is a value that texts have a part in.
func (g *loopWriter) number() prog.Expr {
	a, b := g.textExpr(1), g.textExpr(1)
	size := i64(int64(1 + g.Intn(12)))
	texts := []prog.Expr{
		call(prog.FnStrlen, types.TUint64, a), call(prog.FnStrstr, types.TInt64, a, b), call(prog.FnStrcontains, types.TBool, a, b),
		call(prog.FnStrncmp, types.TUint64, a, b, size), call(prog.FnMemcmp, types.TInt64, a, b, size),
		bin(prog.Eq, a, b), bin(prog.Ne, a, b),
	}
	return bin(prog.Add, g.expr(types.TInt64, 2), cast(types.TInt64, texts[g.Intn(len(texts))]))
}

func (g *loopWriter) stmts(most int) []prog.Stmt {
	var list []prog.Stmt
	for range 1 + g.Intn(most) {
		if g.left--; g.left >= 0 {
			list = append(list, g.statement()...)
		}
	}
	return list
}

func (g *loopWriter) statement() []prog.Stmt {
	switch n := g.Intn(10); {
	case n < 2:
		v := g.texts[g.Intn(len(g.texts))]
		return []prog.Stmt{setVar(v, g.textExpr(2))}
	case n < 4:
		return []prog.Stmt{&prog.If{At: at(), Cond: g.truth(2), Then: g.stmts(3), Else: g.stmts(2)}}
	case n < 7 && g.depth < 3:
		return g.loop()
	case n == 7 && g.depth > 0:
		out := []prog.Stmt{&prog.Break{At: at()}, &prog.Continue{At: at()}}[g.Intn(2)]
		return []prog.Stmt{&prog.If{At: at(), Cond: g.truth(1), Then: []prog.Stmt{out}}}
	}
	v := g.vars[g.Intn(len(g.vars))]
	return []prog.Stmt{setVar(v, cast(v.Type, g.number()))}
}

func (g *loopWriter) loop() []prog.Stmt {
	g.depth++
	defer func() { g.depth-- }()
	few := func() prog.Expr {
		if g.Intn(2) == 0 {
			return i64(int64(g.Intn(12)))
		}
		return bin(prog.And, g.number(), i64(7))
	}
	i := &prog.Var{Type: types.TInt64}
	if g.Intn(2) == 0 {
		lo, hi := few(), few()
		g.vars = append(g.vars, i) // the body may change it: the next turn goes on from where it was
		body := g.stmts(4)
		g.vars = g.vars[:len(g.vars)-1]
		return []prog.Stmt{&prog.ForRange{At: at(), Var: i, Lo: lo, Hi: hi, Body: body}}
	}
	cond := bin(prog.AndAnd, bin(prog.Lt, ref(i), few()), g.truth(2))
	next := setVar(i, bin(prog.Add, ref(i), i64(1)))
	return []prog.Stmt{setVar(i, i64(0)), &prog.While{At: at(), Cond: cond, Body: append([]prog.Stmt{next}, g.stmts(4)...)}}
}

// TestLoops compares what random statements make of variables with the evaluator.
func TestLoops(t *testing.T) {
	target := hostTarget(t)
	g := &loopWriter{generator: generator{Rand: rand.New(rand.NewSource(7))}}
	for range 150 {
		in := mapOf("@in", types.TUint64, types.TUint64)
		n := &env{vars: map[*prog.Var]uint64{}, texts: map[*prog.Var]string{}}
		g.vars, g.texts, g.left = nil, nil, 20
		var stmts []prog.Stmt
		inputs := map[uint64]uint64{}
		for i, it := range intTypes {
			v := &prog.Var{Name: "$v", Type: it}
			g.vars = append(g.vars, v)
			inputs[uint64(i)] = g.interesting()
			n.vars[v] = norm(it, inputs[uint64(i)])
			stmts = append(stmts, setVar(v, cast(it, get(in, u64(uint64(i)), types.TUint64))))
		}
		for range 3 {
			v := &prog.Var{Name: "$t", Type: types.Str(textSize)}
			g.texts = append(g.texts, v)
			stmts = append(stmts, setVar(v, g.word()))
			n.texts[v] = stmts[len(stmts)-1].(*prog.SetVar).X.(*prog.Str).Val
		}
		body := g.stmts(8)
		var args []prog.Expr
		for _, v := range append(g.vars[:len(g.vars):len(g.vars)], g.texts...) {
			args = append(args, ref(v))
		}
		p, u := script(prog.KindBegin, []*prog.Map{in}, append(append(stmts, body...), printf(1, args...))...)
		l := loadUnit(t, p, u, target)
		for k, v := range inputs {
			if err := l.coll.Maps["@in"].Put(k, v); err != nil {
				t.Fatal(err)
			}
		}
		l.run()
		n.run(body)
		wantRecords(t, l, wire(1, 0, n.image(args)...))
		if got := l.remarks()[prog.RemarkDivZero]; got != n.divZeros {
			t.Fatalf("%d divisions by zero, want %d", got, n.divZeros)
		}
		if t.Failed() {
			return
		}
	}
}

// image is what a record has of variables.
func (n *env) image(args []prog.Expr) []any {
	var parts []any
	for _, a := range args {
		v := a.(*prog.VarRef).Var
		bits := n.vars[v]
		switch v.Type.Size {
		case 1:
			parts = append(parts, uint8(bits))
		case 2:
			parts = append(parts, uint16(bits))
		case 4:
			parts = append(parts, uint32(bits))
		case 8:
			parts = append(parts, bits)
		default:
			parts = append(parts, n.texts[v])
		}
	}
	return parts
}
