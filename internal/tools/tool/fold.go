package tool

import (
	"reflect"

	"github.com/rpcxray/rpcxray/internal/syntax"
)

// Consts are the values of a script's options, each an expression: most are
// literals.
type Consts map[string]syntax.Expr

// Int is a constant for Consts.
func Int(n uint64) syntax.Expr { return &syntax.IntExpr{Value: n} }

// Bool is a constant for Consts.
func Bool(b bool) syntax.Expr { return &syntax.BoolExpr{Value: b} }

// fold puts constants in place of getopt() calls and removes what they make
// dead.
type fold struct{ consts []Consts }

var (
	exprType  = reflect.TypeFor[syntax.Expr]()
	stmtsType = reflect.TypeFor[[]syntax.Stmt]()
	nodeType  = reflect.TypeFor[syntax.Node]()
)

// node folds everything below n, innermost first.
func (f *fold) node(n syntax.Node) {
	v := reflect.ValueOf(n).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			f.field(v.Field(i))
		}
	}
}

func (f *fold) field(v reflect.Value) {
	switch {
	case v.Type() == stmtsType:
		v.Set(reflect.ValueOf(f.stmts(v.Interface().([]syntax.Stmt))))
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			f.field(v.Index(i))
		}
	case (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && !v.IsNil() && v.Type().Implements(nodeType):
		f.node(v.Interface().(syntax.Node))
		if v.Type() == exprType {
			v.Set(reflect.ValueOf(f.expr(v.Interface().(syntax.Expr))))
		}
	}
}

// stmts folds a list of statements; an if that is decided leaves the branch
// that is taken.
func (f *fold) stmts(list []syntax.Stmt) []syntax.Stmt {
	var out []syntax.Stmt
	for _, s := range list {
		f.node(s)
		out = append(out, decided(s)...)
	}
	return out
}

func decided(s syntax.Stmt) []syntax.Stmt {
	i, ok := s.(*syntax.IfStmt)
	if !ok {
		return []syntax.Stmt{s}
	}
	switch yes, known := truth(i.Cond); {
	case !known:
		return []syntax.Stmt{s}
	case yes:
		return i.Then.Stmts
	}
	switch e := i.Else.(type) {
	case nil:
		return nil
	case *syntax.Block:
		return e.Stmts
	default:
		return decided(e)
	}
}

// expr simplifies an expression whose parts are simple already.
func (f *fold) expr(x syntax.Expr) syntax.Expr {
	switch x := x.(type) {
	case *syntax.CallExpr:
		if x.Name == "getopt" {
			return f.option(x)
		}
	case *syntax.UnaryExpr:
		if yes, known := truth(x.X); known && x.Op == syntax.OpNot {
			return Bool(!yes)
		}
	case *syntax.CondExpr:
		if yes, known := truth(x.Cond); known && x.Then != nil {
			if yes {
				return x.Then
			}
			return x.Else
		}
	case *syntax.BinaryExpr:
		return binary(x)
	}
	return x
}

// option is the constant given for a getopt() call, else its default.
func (f *fold) option(x *syntax.CallExpr) syntax.Expr {
	name := x.Args[0].(*syntax.StringExpr).Value
	for _, c := range f.consts {
		if e, ok := c[name]; ok {
			return e
		}
	}
	if len(x.Args) > 1 {
		return x.Args[1]
	}
	return Bool(false)
}

func binary(x *syntax.BinaryExpr) syntax.Expr {
	l, lok := truth(x.L)
	r, rok := truth(x.R)
	switch {
	case x.Op == syntax.OpLAnd && lok, x.Op == syntax.OpLOr && lok:
		if l == (x.Op == syntax.OpLAnd) {
			return x.R
		}
		return x.L
	case x.Op == syntax.OpLAnd && rok && r, x.Op == syntax.OpLOr && rok && !r:
		return x.L
	}
	b, bok := x.R.(*syntax.IntExpr)
	if bok && b.Value == 1 && x.Op == syntax.OpDiv {
		return x.L
	}
	if a, aok := x.L.(*syntax.IntExpr); aok && bok {
		return compare(x, a.Value, b.Value)
	}
	return x
}

func compare(x *syntax.BinaryExpr, a, b uint64) syntax.Expr {
	switch x.Op {
	case syntax.OpEq:
		return Bool(a == b)
	case syntax.OpNe:
		return Bool(a != b)
	case syntax.OpGt:
		return Bool(a > b)
	case syntax.OpLt:
		return Bool(a < b)
	}
	return x
}

// truth is the value of a boolean literal.
func truth(x syntax.Expr) (yes, known bool) {
	b, ok := x.(*syntax.BoolExpr)
	return ok && b.Value, ok
}
