package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// errorf reports an error of this pass. In a macro it tells from where the
// macro was called.
func (b *body) errorf(at diag.Span, format string, args ...any) *diag.Diagnostic {
	d := b.pass.Errorf(at, format, args...)
	b.trace(d)
	return d
}

func (b *body) warnf(at diag.Span, format string, args ...any) *diag.Diagnostic {
	if b.owner != "" {
		return &diag.Diagnostic{} // in a framework's script: nothing that the user wrote
	}
	d := b.pass.Warnf(at, format, args...)
	b.trace(d)
	return d
}

func (b *body) trace(d *diag.Diagnostic) {
	for i := len(b.calls) - 1; i >= 0; i-- {
		d.Notes = append(d.Notes, diag.Note{Span: b.calls[i].at, Msg: fmt.Sprintf("expanded from %q here", b.calls[i].name())})
	}
}

// notYet tells that something is of the language, but not built.
func (c *checker) notYet(at diag.Span, what string) {
	c.pass.Errorf(at, "%s is not supported yet", what)
}

// Names.

func (b *body) unknownName(name string, at diag.Span) {
	var names []string
	for n := range b.builtins {
		names = append(names, n)
	}
	for n := range b.macros {
		names = append(names, n)
	}
	b.errorf(at, "Unknown identifier: '%s'", name).Hint = suggest(name, names)
}

func (b *body) unknownFunction(e *syntax.CallExpr) {
	var names []string
	for n := range b.functions {
		names = append(names, n)
	}
	for n := range b.macros {
		names = append(names, n)
	}
	b.errorf(e.NameSpan, "Unknown function: '%s'", e.Name).Hint = suggest(e.Name, names)
}

func (b *body) notExpression(d *syntax.Define, at diag.Span) {
	b.errorf(at, "%q is not an expression: %s", d.Name, d.Text)
}

func (b *body) undefinedVariable(e *syntax.VarExpr) {
	b.errorf(e.At, "Undefined or undeclared variable: $%s", e.Name)
}

func (b *body) untypedVariable(e *syntax.VarExpr, v *variable) {
	d := b.errorf(e.At, "Could not resolve the type of this variable: nothing is assigned to $%s", e.Name)
	d.Notes = append(d.Notes, diag.Note{Span: v.span, Msg: "declared here"})
}

func (b *body) unassigned(e *syntax.VarExpr) {
	b.warnf(e.At, "Variable used before it was assigned: $%s", e.Name)
}

func (b *body) neverAssigned(v *variable) {
	b.warnf(v.span, "Variable %s was never assigned to.", v.v.Name)
}

func (b *body) redeclared(e *syntax.VarExpr, v *variable, loop bool) {
	text := "Variable $%s was already declared. Variable shadowing is not allowed."
	if loop {
		text = "Loop declaration shadows existing variable: $%s"
	}
	d := b.errorf(e.At, text, e.Name)
	d.Notes = append(d.Notes, diag.Note{Span: v.span, Msg: "first declared here"})
}

func (b *body) shadowsParam(e *syntax.VarExpr) {
	b.errorf(e.At, "Variable declaration shadows macro arg $%s", e.Name)
}

func (b *body) foreignMap(at diag.Span, name string) {
	b.errorf(at, "Unhygienic access to map: @%s. Maps must be passed into the macro as arguments.", name)
}

func (b *body) noOverload(name string, args []syntax.Expr, at diag.Span) {
	d := b.errorf(at, "Call to %s() has arguments that do not match any definition.", name)
	for _, m := range b.macros[name] {
		d.Notes = append(d.Notes, diag.Note{Span: m.At, Msg: unlike(m, args)})
	}
}

// unlike tells why a macro does not take arguments.
func unlike(m *syntax.Macro, args []syntax.Expr) string {
	if len(m.Params) != len(args) {
		return fmt.Sprintf("This definition of %s() has a different number of arguments. Expected: %d but got %d", m.Name, len(m.Params), len(args))
	}
	for i, p := range m.Params {
		if !fitsParam(p, args[i]) {
			name := paramName(p)
			return fmt.Sprintf("%s() expects a %s for arg %s but got an expression.", m.Name, map[byte]string{'$': "variable", '@': "map"}[name[0]], name)
		}
	}
	panic("BUG: the macro fits")
}

func (c *checker) macroTwice(m, first *syntax.Macro) {
	d := c.pass.Errorf(m.At, "Redefinition of macro: %s", m.Name)
	d.Notes = append(d.Notes, diag.Note{Span: first.At, Msg: "This is the original definition."})
}

func (c *checker) paramTwice(p syntax.Expr) {
	c.pass.Errorf(p.Span(), "Ident for macro argument has already been used: %s", paramName(p))
}

func (b *body) recursion(m *syntax.Macro, at diag.Span) {
	chain := m.Name
	for i := len(b.calls) - 1; i >= 0 && b.calls[i].macro != m; i-- {
		chain = b.calls[i].macro.Name + " > " + chain
	}
	b.errorf(at, "Recursive macro call detected. Call chain: %s > %s", m.Name, chain)
}

// wrongFunction tells that a function is not for this kind of probe.
func (b *body) wrongFunction(at diag.Span, name string) {
	if name == "path" {
		b.errorf(at, "The path function can only be used with 'fentry', 'fexit', 'iter' probes")
		return
	}
	b.errorf(at, "%s can not be used with \"%s\" probes", name, b.point.Provider)
}

// wrongBuiltin tells that a builtin is not for this kind of probe, and where it
// is known.
func (b *body) wrongBuiltin(at diag.Span, name string) {
	switch {
	case name == "args":
		b.errorf(at, "The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and uprobe probes (%s used here)", b.probeType())
	case name == "retval":
		d := b.errorf(at, "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes")
		if b.point.Kind == prog.KindTracepoint {
			d.Hint = "try args.ret, which system calls have when they return"
		}
	case name == "ctx" && b.point.Kind == prog.KindTracepoint:
		b.errorf(at, "Use args instead of ctx in tracepoint")
	case strings.TrimRight(strings.TrimPrefix(name, "s"), "0123456789") == "arg":
		b.errorf(at, "The %s builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes", name)
	default:
		b.errorf(at, "The %s builtin can not be used with '%s' probes", name, b.point.Provider)
	}
}

func (b *body) missingParam(e *syntax.PositionalExpr) {
	b.warnf(e.At, "Positional parameter $%d is empty or not provided. ", e.N)
}

func (b *body) noChild(at diag.Span) { b.warnf(at, "No child command (`-c`); cpid is zero") }

// Arguments and results.

func (b *body) place() string {
	if b.group.Target != nil && len(b.group.Funcs) > 0 {
		return b.point.Provider + " " + b.group.Funcs[0].Name
	}
	return b.point.Provider + " " + strings.Trim(b.point.Target+":"+b.point.Func, ":")
}

func (b *body) noSuchArg(e *syntax.FieldExpr) {
	names := argNames(b.group.Args)
	d := b.errorf(e.NameSpan, "args of %s does not contain a field named '%s'", b.place(), e.Name)
	d.Hint = suggest(e.Name, names)
	if len(names) > 0 {
		d.Notes = append(d.Notes, diag.Note{Span: b.point.Span, Msg: "its arguments are " + strings.Join(names, ", ")})
	}
}

func (b *body) noSuchResult(e *syntax.FieldExpr) {
	names := argNames(b.group.Rets)
	for i, n := range names {
		if n == "" || n[0] == '~' { // as the Go compiler calls results without a name
			names[i] = strconv.Itoa(i)
		}
	}
	d := b.errorf(e.NameSpan, "ret of %s does not contain a field named '%s'", b.place(), e.Name)
	d.Hint = suggest(e.Name, names)
	d.Notes = append(d.Notes, diag.Note{Span: b.point.Span, Msg: "its results are " + strings.Join(names, ", ")})
}

func argNames(args []prog.Arg) []string {
	var names []string
	for _, a := range args {
		names = append(names, a.Name)
	}
	return names
}

func (b *body) noArgs(at diag.Span) {
	b.errorf(at, "Could not parse arguments of \"%s\": %s", b.place(), b.group.NoArgs)
}

func (b *body) noResults(at diag.Span, word string) {
	why := b.group.NoRets
	if why == "" {
		why = "it returns nothing"
	}
	b.errorf(at, "%s has no value in %s: %s", word, b.place(), why)
}

func (b *body) outOfReach(a prog.Arg, at diag.Span) {
	b.warnf(at, "%s can not be read here: it is %s", a.Name, a.Place.Err)
}

func (b *body) noArgNumber(at diag.Span, name string, n int) {
	b.errorf(at, "%s does not exist: %s has %d arguments", name, b.place(), n)
}

func (b *body) noArgRegister(at diag.Span, name string) {
	b.errorf(at, "%s doesn't support %s: it is not passed in a register", b.world.Arch(), name).Hint = "s" + name + " reads the stack"
}

func (b *body) notGo(at diag.Span, word string) {
	b.errorf(at, "%s is known only in functions written in Go", word)
}

func (b *body) goidUnknown(at diag.Span) {
	b.errorf(at, "goid is not known in this binary: %s", b.group.Go.Unknown)
}

// Types.

func (b *body) badOperands(op syntax.Op, l, r *types.Type, at diag.Span) {
	if l.Kind != r.Kind && l.Kind != types.Pointer && r.Kind != types.Pointer {
		b.errorf(at, "Type mismatch for '%s': comparing %s with %s", op, l, r)
		return
	}
	b.errorf(at, "The %s operator can not be used on expressions of types %s, %s", op, l, r)
}

func (b *body) literalRange(at diag.Span) {
	b.errorf(at, "unable to fold literals due to overflow or underflow")
}

func (b *body) zeroDivision(at diag.Span) {
	b.errorf(at, "unable to fold literals: division by zero")
}

func (b *body) badOperand(e *syntax.UnaryExpr, t *types.Type) {
	b.errorf(e.At, "The %s operator can not be used on expressions of type '%s'", e.Op, t)
}

func (b *body) badStep(t *types.Type, at diag.Span) {
	b.errorf(at, "The ++ and -- operators can not be used on expressions of type '%s'", t)
}

func (b *body) badCondition(x prog.Expr) {
	b.errorf(x.Span(), "Invalid condition: %s", x.Type()).Hint = "it has to be a bool, an integer or a pointer"
}

func (b *body) branchTypes(x, y *types.Type, at diag.Span) {
	b.errorf(at, "Branches must return the same type or nothing: have '%s' and '%s'", x, y)
}

// mixedSigns warns of the operand whose large values change their sign.
func (b *body) mixedSigns(x, y prog.Expr) {
	if !losesSign(x.Type(), y.Type()) {
		return
	}
	if x.Type().Signed {
		x = y
	}
	b.warnf(x.Span(), "Expression of type: %s being cast to type: int64. This may cause unexpected results. Use an explicit cast to suppress this warning.", x.Type())
}

func (b *body) distinctPointers(x, y prog.Expr, at diag.Span) {
	b.warnf(at, "comparison of distinct pointer types: %s, %s", x.Type().Elem, y.Type().Elem)
}

func (b *body) variableMismatch(v *variable, t *types.Type, at diag.Span) {
	b.errorf(at, "Type mismatch for %s: trying to assign value of type '%s' when variable already has a type '%s'", v.v.Name, t, v.v.Type)
}

func (b *body) valueMismatch(m *mapState, t *types.Type, at diag.Span) {
	text := fmt.Sprintf("Type mismatch for %s: trying to assign value of type '%s' when map already has a type '%s'", m.m.Name, t, m.m.Value)
	if t.Kind == m.m.Value.Kind {
		switch t.Kind {
		case types.Hist:
			text = "Different bits in a single hist unsupported"
		case types.LHist, types.TSeries:
			text = fmt.Sprintf("Different %s bounds in a single map unsupported", strings.TrimSuffix(t.String(), "_t"))
		}
	}
	d := b.errorf(at, "%s", text)
	d.Notes = append(d.Notes, diag.Note{Span: m.m.Span, Msg: "first used here"})
}

func (b *body) frozenValue(m *mapState, t *types.Type, at diag.Span) {
	b.errorf(at, "Type mismatch for %s: this target has values of type '%s', but the map was made for '%s'", m.m.Name, t, m.m.Value)
}

func (b *body) frozenKey(m *mapState, x prog.Expr, t *types.Type) {
	b.errorf(x.Span(), "Argument mismatch for %s: this target has keys of type '%s', but the map was made for '%s'", m.m.Name, t, m.m.Key)
}

func (b *body) perCPUValue(m *mapState, t *types.Type, at diag.Span) {
	b.errorf(at, "Incompatible map types. Type from declaration: percpuhash. Type from value/key type: hash").Hint =
		fmt.Sprintf("%s has values for each CPU: it holds count(), sum() and the like, not '%s'", m.m.Name, t)
}

func (b *body) keyMismatch(m *mapState, x prog.Expr) {
	d := b.errorf(x.Span(), "Argument mismatch for %s: trying to access with arguments: '%s' when map expects arguments: '%s'", m.m.Name, x.Type(), m.m.Key)
	d.Notes = append(d.Notes, diag.Note{Span: m.m.Span, Msg: "first used here"})
}

func (b *body) mixedShape(m *mapState, at diag.Span, scalar bool) {
	how := map[bool]string{true: "without an explicit key (scalar map)", false: "with an explicit key (non-scalar map)"}
	d := b.errorf(at, "%s used as a map %s, previously used %s", m.m.Name, how[scalar], how[!scalar])
	d.Notes = append(d.Notes, diag.Note{Span: m.shape, Msg: "first used here"})
}

func (b *body) signMismatch(name string, old, t *types.Type, at diag.Span) {
	b.warnf(at, "Expression of type: %s being cast to type: %s. This may cause unexpected results. Use an explicit cast to suppress this warning.", t, old).Hint =
		name + " has type '" + old.String() + "': large numbers may change sign"
}

func (b *body) copiedAggregate(m *mapState, e *syntax.MapExpr, from *prog.Map, at diag.Span) {
	d := b.errorf(at, "Map value '%s' cannot be assigned from one map to another. The function that returns this type must be called directly e.g. `%s = %s();`.",
		from.Value, m.m.Name, strings.TrimSuffix(from.Value.String(), "_t"))
	d.Hint = "a cast takes its value as it is now: (int64)" + from.Name
}

func (b *body) undefinedMap(m *mapState, at diag.Span) {
	if !b.keepDead {
		b.keepDead, b.changed = true, true
	}
	if b.missing {
		return
	}
	b.errorf(at, "Undefined map: %s", m.m.Name).Hint = "nothing is assigned to it"
}

func (c *checker) neverSet(m *mapState) {
	if m.m.Hidden {
		return // a framework's: this binary lacks what sets it
	}
	c.diags.Warnf(m.m.Span, "%s is read, but nothing is assigned to it", m.m.Name)
}

func (b *body) notReadable(m *mapState, at diag.Span) {
	b.errorf(at, "Value '%s' of %s cannot be used in an expression.", m.m.Value, m.m.Name).Hint =
		"print(" + m.m.Name + ") prints the map"
}

func (b *body) badKey(at diag.Span, t *types.Type) {
	b.errorf(at, "Value '%s' cannot be used as a map key.", t)
}

func (b *body) badValue(t, part *types.Type, at diag.Span) {
	d := b.errorf(at, "Value '%s' cannot be assigned to a map.", t)
	if part.Kind >= types.GoString && part.Kind <= types.GoInterface {
		d.Hint = fmt.Sprintf("'%s' leads to memory that may be gone when the map is printed; print it here", part)
	}
}

func (b *body) badVariable(v *variable, t *types.Type, at diag.Span) {
	b.errorf(at, "Value '%s' cannot be assigned to a scratch variable.", t)
}

func (b *body) noFields(e *syntax.FieldExpr, t *types.Type) {
	b.errorf(e.At, "Can not access field '%s' on expression of type '%s'", e.Name, t)
}

func (b *body) notCallable(e *syntax.FieldExpr) {
	b.errorf(e.NameSpan, "%s is no function: nothing but rpc has members that take arguments", e.Name)
}

func (b *body) noSuchField(e *syntax.FieldExpr, t *types.Type) {
	var names []string
	for _, f := range t.Fields {
		names = append(names, f.Name)
	}
	what := "Record"
	if t.Kind == types.Struct {
		what = "Struct/union of type '" + t.String() + "'"
	}
	b.errorf(e.NameSpan, "%s does not contain a field named '%s'", what, e.Name).Hint = suggest(e.Name, names)
}

func (b *body) noMember(at diag.Span, t *types.Type, name string) {
	b.errorf(at, "'%s' has no field named '%s'", t, name)
}

func (b *body) noSuchElement(e *syntax.FieldExpr, t *types.Type) {
	if _, err := strconv.Atoi(e.Name); err != nil {
		b.noFields(e, t)
		return
	}
	b.errorf(e.NameSpan, "Invalid tuple index: %s. Found %d elements in tuple.", e.Name, len(t.Fields))
}

func (b *body) noValue(at diag.Span) { b.errorf(at, "this has no value") }

func (b *body) typeAsValue(at diag.Span) { b.errorf(at, "a type can only be the argument of a macro") }

func (b *body) derefVoid(at diag.Span) {
	b.errorf(at, "Can not dereference a pointer whose type is not known").Hint = "cast it: *(uint64 *)p"
}

func (b *body) badIndex(e *syntax.IndexExpr, t *types.Type) {
	b.errorf(e.Index.Span(), "The array index operator [] only accepts non-negative integer indices. Got: %s", t)
}

func (b *body) outOfBounds(e *syntax.IndexExpr, i prog.Expr, n int, t *types.Type) {
	v, ok := constant(i)
	if !ok {
		b.errorf(e.Index.Span(), "Array-style access for tuples only valid for integer literals")
		return
	}
	if t.Kind == types.Tuple {
		b.errorf(e.At, "Invalid tuple index: %d. Found %d elements in tuple.", int64(v), n)
		return
	}
	b.errorf(e.At, "the index %d is out of bounds for array of size %d", int64(v), n)
}

func (b *body) notIndexable(e *syntax.IndexExpr, t *types.Type) {
	b.errorf(e.At, "The array index operator [] can only be used on arrays, pointers, strings, slices, and tuples, found %s.", t)
}

func (b *body) unknownType(t *syntax.NamedType, name string) {
	if enum, ok := strings.CutPrefix(name, "enum "); ok {
		b.errorf(t.Span(), "Unknown enum: %s", enum)
		return
	}
	b.errorf(t.Span(), "Cannot resolve unknown type \"%s\"", name)
}

func (b *body) badLength(t *syntax.ArrayType) {
	b.errorf(t.Len.Span(), "the length of an array must be a literal from 0 to %d", maxStrlen)
}

func (b *body) badBits(f *syntax.CField) {
	b.errorf(f.Span(), "the width of '%s' does not fit its type", f.Name)
}

func (b *body) redefined(at diag.Span, name string) { b.errorf(at, "%s is defined twice", name) }

func (b *body) uselessCast(e *syntax.CastExpr, t *types.Type) {
	b.warnf(e.At, "Unnecessary cast: expression is already of type %s", t)
}

func (b *body) badCast(e *syntax.CastExpr, from, to *types.Type) {
	d := b.errorf(e.At, "Cannot cast from \"%s\" to \"%s\"", from, to)
	if from.Kind == types.String && to.IsInt() {
		d.Hint = "bpf has no text to number conversion"
	}
}

func (b *body) notVariant(e *syntax.CastExpr, x *prog.Int, t *types.Type) {
	b.errorf(e.At, "Enum: %s doesn't contain a variant value of %d", strings.TrimPrefix(t.String(), "enum "), int64(x.Val))
}

// Statements.

func (b *body) unreachable(at diag.Span) { b.warnf(at, "Unreachable statement.") }
func (b *body) discarded(at diag.Span)   { b.warnf(at, "Return value discarded.") }

func (b *body) notConstant(at diag.Span) { b.errorf(at, "Unable to resolve comptime expression") }

func (b *body) unrollRange(at diag.Span, msg string) { b.errorf(at, "%s", msg) }

func (b *body) tooManyCopies(at diag.Span) {
	b.errorf(at, "macros and unroll() make the program too large: more than %d copies", maxCopies)
}

func (b *body) badRange(which string, at diag.Span) {
	b.errorf(at, "Loop range requires an integer for the %s value", which)
}

func (b *body) outsideLoop(at diag.Span, word string) {
	b.errorf(at, "'%s' statement is not allowed in a probe", word).Hint = "it stands in a loop"
}

func (b *body) badReturn(x prog.Expr) {
	b.errorf(x.Span(), "Probe return values can only be integers. Found %s", x.Type())
}

// suggest is a hint that names the one of names nearest to name.
func suggest(name string, names []string) string {
	return diag.DidYouMean(name, slices.Sorted(slices.Values(names)))
}
