package check

import (
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Messages about calls of functions and their arguments; those about everything
// else are in errors.go. Their words are bpftrace's, which programs look for;
// hints are ours.

func (b *body) badArity(fn *Function, e *syntax.CallExpr) {
	n := len(e.Args)
	var need string
	switch {
	case fn.Max == 0:
		need = "requires " + count(0)
	case fn.Min == fn.Max:
		need = "requires " + count(fn.Min)
	case n < fn.Min:
		need = "requires at least " + count(fn.Min)
	default:
		need = "takes up to " + count(fn.Max)
	}
	b.errorf(e.At, "%s() %s (%d provided)", fn.Name, need, n).Hint = fn.Name + "(" + fn.Args + ")"
}

// count is a number of arguments.
func count(k int) string {
	switch k {
	case 0:
		return "no arguments"
	case 1:
		return "one argument"
	}
	return fmt.Sprintf("%d arguments", k)
}

func (c *checker) fnTwice(f, old *syntax.Func) {
	d := c.pass.Errorf(f.Span(), "function %q is already defined", f.Name)
	d.Notes = append(d.Notes, diag.Note{Span: old.Span(), Msg: "first defined here"})
}

func (b *body) fnArguments(f *syntax.Func, e *syntax.CallExpr) {
	d := b.errorf(e.At, "%s() requires %s (%d provided)", f.Name, count(len(f.Params)), len(e.Args))
	d.Notes = append(d.Notes, diag.Note{Span: f.Span(), Msg: "defined here"})
}

func (b *body) fnRecursion(f *syntax.Func, at diag.Span) {
	b.errorf(at, "Recursive call of function %q", f.Name).Hint = "use a loop: a program of the kernel's has no stack for it"
}

func (b *body) noReturn(f *syntax.Func) {
	b.errorf(f.Result.Span(), "function %q has a result, but no return", f.Name)
}

func (b *body) returnWithout(f *syntax.Func, s *syntax.ReturnStmt) {
	b.errorf(s.Span(), "function %q returns a value", f.Name).Hint = "write return VALUE"
}

func (b *body) returnOf(f *syntax.Func, s *syntax.ReturnStmt) {
	b.errorf(s.Value.Span(), "function %q has no result", f.Name).Hint = "declare one: fn " + f.Name + "(...) : TYPE"
}

func (b *body) unsafeFunction(e *syntax.CallExpr) {
	if strings.HasPrefix(e.Name, "signal") || e.Name == "write_user" {
		b.errorf(e.At, "%s() is unsafe. To use you need the --unsafe flag", e.Name)
		return
	}
	b.errorf(e.At, "%s() is an unsafe function being used in safe mode", e.Name).Hint = "--unsafe allows it"
}

func (b *body) wantSyntax(fn, what string, at diag.Span) {
	b.errorf(at, "%s() expects %s here", fn, what)
}

func (b *body) wantLiteral(fn, what string, x prog.Expr) {
	b.errorf(x.Span(), "%s() expects a %s literal (%s provided)", fn, what, kindWord(x.Type()))
}

// kindWord is what a type is called without its size.
func kindWord(t *types.Type) string {
	switch t.Kind {
	case types.Int:
		return "int"
	case types.String:
		return "string"
	}
	return t.String()
}

func (b *body) wantKind(fn, what string, t *types.Type, at diag.Span) {
	b.errorf(at, "%s() only supports %s arguments (%s provided)", fn, what, kindWord(t))
}

// wantNumber tells that an aggregate is fed with a number.
func (b *body) wantNumber(fn string, x prog.Expr) {
	if strings.HasSuffix(fn, "hist") {
		b.wantKind(fn, "int", x.Type(), x.Span())
		return
	}
	b.errorf(x.Span(), "%s() only supports integer arguments (%s provided)", fn, x.Type())
}

func (b *body) wrongDelete(scalar bool, at diag.Span) {
	if scalar {
		b.errorf(at, "call to delete() with two arguments expects a map with explicit keys (non-scalar map)")
		return
	}
	b.errorf(at, "call to delete() with a single argument expects a map without explicit keys (scalar map)")
}

func (b *body) wantMap(fn string, at diag.Span) {
	b.errorf(at, "%s() expects a map argument", fn)
}

func (b *body) noLength(t *types.Type, at diag.Span) {
	b.errorf(at, "call to len() expects a map, ustack, or kstack (%s provided)", t).Hint = "in Go functions also a string, slice or map"
}

func (b *body) keyedOnly(at diag.Span, what string) {
	b.errorf(at, "%s expects a map with explicit keys (non-scalar map)", what)
}

func (b *body) notIterable(m *mapState, at diag.Span) {
	b.errorf(at, "%s has no explicit keys (scalar map), and cannot be used for iteration", m.m.Name)
}

func (b *body) topOfValue(e *syntax.CallExpr) {
	b.errorf(e.At, "Non-map print() only takes 1 argument, %d found", len(e.Args))
}

func (b *body) negativeDivisor(at diag.Span) {
	b.errorf(at, "print() expects a divisor of 0 and above")
}

func (b *body) notPrintable(at diag.Span) {
	b.errorf(at, "none type passed to print() is not printable")
}

func (b *body) argumentCount(e *syntax.CallExpr, have, want int) {
	few := "too many"
	if have < want {
		few = "not enough"
	}
	b.errorf(e.At, "%s arguments for format string (%d supplied, %d expected)", few, have, want)
}

func (b *body) tooManyArguments(e *syntax.CallExpr) {
	b.errorf(e.At, "%s() takes at most %d arguments after the format", e.Name, maxFormatArgs)
}

func (b *body) verbMismatch(v Verb, x prog.Expr, at diag.Span) {
	want := "an integer"
	switch v.Conv {
	case "s":
		want = "a printable value"
	case "r", "rx", "rh":
		want = "a buffer"
	case "p":
		want = "a pointer or an integer"
	}
	b.errorf(at, "unsupported format specifier for type '%s': %s", x.Type(), v.Conv).Hint = fmt.Sprintf("%s takes %s", v, want)
}

func (b *body) negativeLength(fn string, n int64, at diag.Span) {
	b.errorf(at, "%s() cannot use negative length (%d)", fn, n)
}

func (b *body) histBits(at diag.Span, bits int64) {
	b.errorf(at, "hist: bits %d must be 0..%d", bits, maxHistBits)
}

func (b *body) unknownStackMode(fn string, e syntax.Expr) {
	b.errorf(e.Span(), "Error parsing stack mode: %s: Invalid value for stack_mode: valid values are %s.", fn, listed(stackModeNames()))
}

func (b *body) stackLimit(e *syntax.CallExpr, n int64) {
	if n > maxFrames {
		b.errorf(e.At, "%s([int limit]): limit shouldn't exceed %d, %d given", e.Name, maxFrames, n)
		return
	}
	b.errorf(e.At, "%s: invalid limit value: it must be 1..%d", e.Name, maxFrames)
}

func (b *body) noKernelSymbol(name string, at diag.Span) {
	b.errorf(at, "Failed to resolve kernel symbol: %s", name)
}

func (b *body) noUserSymbol(name string, at diag.Span) {
	b.errorf(at, "Could not resolve symbol: %s:%s", b.point.Target, name)
}

func (b *body) noRegister(name string, at diag.Span) {
	b.errorf(at, "'%s' is not a valid register on this architecture (%s)", name, b.world.Arch())
}

func (b *body) unknownClock(mode string, at diag.Span) {
	b.errorf(at, "Invalid timestamp mode: %s", mode).Hint = "one of boot, monotonic, tai, sw_tai"
}

func (b *body) badOption(name, what, value string) {
	b.errorf(diag.Span{}, "program command line option --%s %s (value: %s)", name, what, value).Placeless = true
}

func (b *body) unknownSignal(s *prog.Str) {
	b.errorf(s.At, "Invalid string for signal: %s", s.Val)
}

func (b *body) signalRange(e *syntax.CallExpr, n int64) {
	b.errorf(e.At, "%s() accepts a string literal or an integer between 1 and %d (inclusive)", e.Name, maxSignal).Hint = fmt.Sprintf("%d is no signal", n)
}
