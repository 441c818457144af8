package check

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// body is the state of building one body.
type body struct {
	*checker
	job
	scope    *scope
	out      []prog.Stmt // of the block being built
	declared []*prog.Var
	ordinals map[string]int // how often a name was declared in this body
	unrolled *unrolled      // the innermost around here
	loops    int
	calls    []expansion // macros and functions being built, outermost first
	fn       *fnCall     // the innermost of the functions; nil: none
	copies   int         // blocks that macros and unroll() have made so far
	quiet    bool        // only constants are looked for, no probe is known
	rpc      *rpcCall    // the call that an rpc probe's body is run for

	// Of a framework's probe: what the user's body is built with.
	user      job
	userNames names
}

// varKey names a declaration so that its type is found again in the next
// pass: the n-th of that name in the body.
type varKey struct {
	point *prog.Point
	group *prog.Group
	name  string
	n     int
}

// variable is a scratch variable in scope.
type variable struct {
	v     *prog.Var
	key   varKey
	fixed bool // its type was declared, of a string also how long it is
	span  diag.Span
	bare  bool // declared without a value, and none was assigned so far
	used  bool // read while it was bare
}

// scope is a block's names. A macro's scope has no outer one: its body sees
// its parameters only.
type scope struct {
	outer  *scope
	vars   map[string]*variable
	params map[string]param // macro parameters, by name with its sigil
	macro  bool
}

// param is what a macro parameter stands for, in the scope of the call.
type param struct {
	arg   syntax.Expr
	scope *scope
	depth int // how many macros were being expanded at the call
}

// expansion is a macro or a function of the script whose body is being built.
type expansion struct {
	macro *syntax.Macro
	fn    *syntax.Func
	at    diag.Span
}

func (e expansion) name() string {
	if e.fn != nil {
		return e.fn.Name
	}
	return e.macro.Name
}

func (b *body) scoped(f func()) {
	outer := b.scope
	b.scope = &scope{outer: outer, vars: map[string]*variable{}}
	f()
	for _, v := range b.scope.vars {
		if v.bare {
			b.neverAssigned(v)
		}
	}
	b.scope = outer
}

// collect returns the statements that f adds.
func (b *body) collect(f func()) []prog.Stmt {
	outer := b.out
	b.out = nil
	f()
	stmts := b.out
	b.out = outer
	return stmts
}

// maxCopies bounds what nested macros and unroll() may grow a body to.
const maxCopies = 10_000

// copied counts one more block made of the same text; false if there are too
// many.
func (b *body) copied(at diag.Span) bool {
	if b.copies++; b.copies == maxCopies+1 {
		b.tooManyCopies(at)
	}
	return b.copies <= maxCopies
}

func (b *body) add(s prog.Stmt) { b.out = append(b.out, s) }

// lookup finds a variable by its name without the $.
func (b *body) lookup(name string) *variable {
	for s := b.scope; s != nil; s = s.outer {
		if v := s.vars[name]; v != nil {
			return v
		}
	}
	return nil
}

// known finds a variable by its name; a macro's parameter is a variable of its caller.
func (b *body) known(name string) (v *variable) {
	p, ok := b.param("$" + name)
	if !ok {
		return b.lookup(name)
	}
	b.within(p, func() { v = b.known(p.arg.(*syntax.VarExpr).Name) })
	return v
}

// param finds what a macro parameter stands for.
func (b *body) param(name string) (param, bool) {
	for s := b.scope; s != nil; s = s.outer {
		if p, ok := s.params[name]; ok {
			return p, true
		}
	}
	return param{}, false
}

// nameTaken tells whether a variable, or that of a loop, cannot be declared because there
// is one of its name.
func (b *body) nameTaken(e *syntax.VarExpr, loop bool) bool {
	if outer := b.lookup(e.Name); outer != nil {
		b.redeclared(e, outer, loop)
		return true
	}
	_, given := b.param("$" + e.Name)
	if given {
		b.shadowsParam(e)
	}
	return given
}

// dropParam makes the name of a macro's parameter free for a variable of the macro.
func (b *body) dropParam(name string) {
	for s := b.scope; s != nil; s = s.outer {
		delete(s.params, name)
	}
}

// inMacro tells whether the code being checked is a macro's.
func (b *body) inMacro() bool {
	for s := b.scope; s != nil; s = s.outer {
		if s.macro {
			return true
		}
	}
	return false
}

// within evaluates f in the scope of a macro's call.
func (b *body) within(p param, f func()) {
	scope, calls := b.scope, b.calls
	b.scope, b.calls = p.scope, b.calls[:p.depth]
	f()
	b.scope, b.calls = scope, calls
}

// declare makes a variable in the current block; typ is nil if it is to be
// inferred.
func (b *body) declareVar(name string, typ *types.Type, span diag.Span) *variable {
	key := varKey{b.point, b.group, name, b.ordinals[name]}
	b.ordinals[name]++
	v := &variable{v: &prog.Var{Name: "$" + name, Type: typ}, key: key, fixed: typ != nil, span: span}
	if typ == nil {
		v.v.Type = b.checker.vars[key]
	}
	if v.v.Type == nil {
		v.v.Type = unknown
	}
	b.scope.vars[name] = v
	b.declared = append(b.declared, v.v)
	return v
}

// temp makes a variable that the script does not see.
func (b *body) temp(t *types.Type) *prog.Var {
	v := &prog.Var{Type: t}
	b.declared = append(b.declared, v)
	return v
}

// grow lets v hold values of t as well; false if it cannot.
func (b *body) grow(v *variable, t *types.Type) bool {
	merged, ok := merge(v.v.Type, t)
	if !ok {
		return false
	}
	if !same(merged, v.v.Type) {
		v.v.Type = merged
		b.vars[v.key] = merged
		b.changed = true
	}
	return true
}
