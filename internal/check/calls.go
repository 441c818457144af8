package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// call is name(args): a macro, a function, or a builtin with parentheses.
func (b *body) call(e *syntax.CallExpr) prog.Expr {
	if b.macros[e.Name] != nil {
		return b.expand(e.Name, e.Args, e.At)
	}
	if f := b.funcs[e.Name]; f != nil {
		return b.callFn(f, e)
	}
	if b.owner != "" {
		switch e.Name {
		case "report":
			return b.report(e)
		case "encoded":
			return b.encoded(e)
		case "letters":
			return b.letters(e)
		}
	}
	fn := b.functions[e.Name]
	if fn == nil {
		return b.callBuiltin(e)
	}
	switch {
	case !b.arity(fn, e):
	case fn.aggregate != nil:
		b.aggregateAsValue(e)
	case !fn.Kinds.has(b.point.Kind):
		b.wrongFunction(e.NameSpan, e.Name)
	case fn.Unsafe && !b.opts.Unsafe:
		b.unsafeFunction(e)
	default:
		return fn.call(b, e)
	}
	return bad(e.At)
}

func (b *body) callBuiltin(e *syntax.CallExpr) prog.Expr {
	if b.builtins[builtinName(e.Name)] == nil {
		b.unknownFunction(e)
		return bad(e.At)
	}
	if len(e.Args) == 0 {
		return b.ident(e.Name, e.At)
	}
	if e.Name == "comm" && len(e.Args) == 1 {
		return b.commOf(e)
	}
	if ids, ok := inNamespace()[e.Name]; ok && len(e.Args) == 1 {
		return b.taskID(e, ids)
	}
	b.errorf(e.At, "%s requires no arguments (%d provided)", e.Name+"()", len(e.Args))
	return bad(e.At)
}

// namespaced is pid or tid as seen from rpcxray's namespace and from the first
// one.
type namespaced struct {
	own   prog.BuiltinID
	shift uint64 // of the half of BTgidTid that has it
}

func inNamespace() map[string]namespaced {
	return map[string]namespaced{"pid": {prog.BPid, 32}, "tid": {prog.BTid, 0}}
}

// taskID is pid(namespace) and tid(namespace).
func (b *body) taskID(e *syntax.CallExpr, ids namespaced) prog.Expr {
	id, _ := e.Args[0].(*syntax.IdentExpr)
	switch {
	case id != nil && id.Name == "curr_ns":
		return &prog.Builtin{Meta: meta(types.TUint32, e.At), ID: ids.own}
	case id != nil && id.Name == "init":
		both := &prog.Builtin{Meta: meta(types.TUint64, e.At), ID: prog.BTgidTid}
		half := &prog.Binary{Meta: meta(types.TUint64, e.At), Op: prog.Shr, X: both, Y: integer(types.TUint64, ids.shift, e.At)}
		return &prog.Cast{Meta: meta(types.TUint32, e.At), X: half}
	}
	b.errorf(e.Args[0].Span(), "%s() expects a namespace here", e.Name).Hint = "one of curr_ns, init"
	return bad(e.At)
}

// arity checks the number of arguments.
func (b *body) arity(fn *Function, e *syntax.CallExpr) bool {
	n := len(e.Args)
	if n >= fn.Min && (fn.Max < 0 || n <= fn.Max) {
		return true
	}
	b.badArity(fn, e)
	return false
}

// emit reports to user space: one action of the program, one event a run.
func (b *body) emit(a prog.Action, args []prog.Expr, span diag.Span) prog.Expr {
	if isBad(args...) {
		return bad(span)
	}
	if b.pinned() {
		b.errorf(span, "a pinned iterator can only printf(): nobody else is there when its file is read")
		return bad(span)
	}
	a.Span = span
	for _, x := range args {
		a.Args = append(a.Args, x.Type())
	}
	e := &prog.Emit{At: at(span), Action: b.action(a), Args: args}
	return sequence([]prog.Stmt{e}, nil, span)
}

// madeAction is an action with what check made of it; lower changes the types
// of its arguments.
type madeAction struct {
	prog.Action
	point prog.ProbeKind // entry and return probes send other images of a value
}

// action returns the program's action that equals a, made on first use. Bodies
// of several groups share one unless the types of the arguments differ.
func (b *body) action(a prog.Action) *prog.Action {
	for i, old := range b.actions {
		if old.Span == a.Span && old.Kind == a.Kind && old.Map == a.Map && old.Format == a.Format &&
			old.Top == a.Top && old.Div == a.Div && old.Sep == a.Sep && old.point == b.point.Kind && sameImages(old.Args, a.Args) {
			return b.prog.Actions[i]
		}
	}
	a.ID = len(b.prog.Actions)
	b.actions = append(b.actions, madeAction{a, b.point.Kind})
	made := a
	made.Args = slices.Clone(a.Args)
	b.prog.Actions = append(b.prog.Actions, &made)
	return &made
}

func sameImages(a, b []*types.Type) bool { return slices.EqualFunc(a, b, sameImage) }

// sameImage tells whether values of a and b are decoded alike. Structs of the
// same name may differ from one binary to the next.
func sameImage(a, b *types.Type) bool {
	switch {
	case a == b:
		return true
	case !types.Equal(a, b), a.Kind == types.Struct, a.Kind == types.GoSlice:
		return false
	case a.Kind == types.Array:
		return sameImage(a.Elem, b.Elem)
	}
	return slices.EqualFunc(a.Fields, b.Fields, func(f, g types.Field) bool { return sameImage(f.Type, g.Type) })
}

// values evaluates arguments that must have values.
func (b *body) values(args []syntax.Expr) []prog.Expr {
	var xs []prog.Expr
	for _, a := range args {
		xs = append(xs, b.value(a))
	}
	return xs
}

// printed evaluates what is to be printed: a value, or what stats() has gathered.
func (b *body) printed(e syntax.Expr) prog.Expr {
	if m, ok := e.(*syntax.MapExpr); ok {
		if s := b.mapOf(m); s.m.Value != nil && s.m.Value.Kind == types.Stats {
			return b.statsOf(s, m)
		}
	}
	return b.value(e)
}

// literalText is an argument that has to be a string literal.
func (b *body) literalText(fn string, e syntax.Expr) (string, bool) {
	x := b.expr(e)
	if s, ok := x.(*prog.Str); ok {
		return s.Val, true
	}
	if !isBad(x) {
		b.wantLiteral(fn, "string", x)
	}
	return "", false
}

// literalInt is an argument that has to be a constant number.
func (b *body) literalInt(fn string, e syntax.Expr) (int64, bool) {
	x := b.expr(e)
	if v, ok := constant(x); ok && x.Type().IsInt() {
		return int64(v), true
	}
	if !isBad(x) {
		b.wantLiteral(fn, "int", x)
	}
	return 0, false
}

// integerArg is an argument that has to be an integer, or a pointer taken as
// one.
func (b *body) integerArg(fn string, e syntax.Expr, t *types.Type) prog.Expr {
	x := b.value(e)
	if isBad(x) {
		return x
	}
	if !x.Type().IsInt() && x.Type().Kind != types.Pointer {
		b.wantKind(fn, "int", x.Type(), e.Span())
		return bad(e.Span())
	}
	return b.convert(x, t)
}

// textArg is an argument that has to be a string.
func (b *body) textArg(fn string, e syntax.Expr) prog.Expr {
	x := b.value(e)
	if isBad(x) {
		return x
	}
	s := b.asString(x)
	if s == nil {
		b.wantKind(fn, "string", x.Type(), e.Span())
		return bad(e.Span())
	}
	return s
}

// invoke makes a call of codegen's; bad if an argument is.
func invoke(fn prog.FuncID, t *types.Type, span diag.Span, args ...prog.Expr) prog.Expr {
	if isBad(args...) {
		return bad(span)
	}
	return &prog.Call{Meta: meta(t, span), Fn: fn, Args: args}
}

func (b *body) callPrintf(e *syntax.CallExpr) prog.Expr { return b.formatted(prog.ActPrintf, e) }
func (b *body) callErrorf(e *syntax.CallExpr) prog.Expr { return b.formatted(prog.ActErrorf, e) }
func (b *body) callWarnf(e *syntax.CallExpr) prog.Expr  { return b.formatted(prog.ActWarnf, e) }
func (b *body) callCat(e *syntax.CallExpr) prog.Expr    { return b.formatted(prog.ActCat, e) }
func (b *body) callSystem(e *syntax.CallExpr) prog.Expr { return b.formatted(prog.ActSystem, e) }

// callPrint is print(x): a value by itself, a map as it stands when the event
// is handled.
func (b *body) callPrint(e *syntax.CallExpr) prog.Expr {
	if m, ok := e.Args[0].(*syntax.MapExpr); ok && m.Key == nil {
		return b.printMap(m, e)
	}
	if len(e.Args) > 1 {
		b.topOfValue(e)
		return bad(e.At)
	}
	x := b.printed(e.Args[0])
	if isBad(x) {
		return bad(e.At)
	}
	if t := x.Type(); (t.Kind == types.Tuple || t.Kind == types.Record) && len(t.Fields) == 0 {
		b.notPrintable(e.At)
		return bad(e.At)
	}
	return b.emit(prog.Action{Kind: prog.ActPrint}, []prog.Expr{x}, e.At)
}

func (b *body) printMap(m *syntax.MapExpr, e *syntax.CallExpr) prog.Expr {
	s := b.mapOf(m)
	if s.m.Value == nil {
		b.undefinedMap(s, m.Span())
		return bad(e.At)
	}
	if s.m.Value.Kind == types.Stats && len(e.Args) > 1 {
		b.warnf(e.At, "print()'s top and div arguments are ignored when used on stats() maps.")
	}
	a := prog.Action{Kind: prog.ActPrintMap, Map: s.m}
	for i, arg := range e.Args[1:] {
		n, ok := b.literalInt("print", arg)
		if !ok {
			return bad(e.At)
		}
		if n < 0 && i == 1 {
			b.negativeDivisor(arg.Span())
			return bad(e.At)
		}
		*[]*int{&a.Top, &a.Div}[i] = int(max(n, 0))
	}
	return b.emit(a, nil, e.At)
}

// callTime is time(format): the time of day of the event.
func (b *body) callTime(e *syntax.CallExpr) prog.Expr {
	format := "%H:%M:%S\n"
	if len(e.Args) > 0 {
		var ok bool
		if format, ok = b.literalText("time", e.Args[0]); !ok {
			return bad(e.At)
		}
	}
	now := &prog.Builtin{Meta: meta(types.TUint64, e.At), ID: prog.BNsecs}
	return b.emit(prog.Action{Kind: prog.ActTime, Format: format}, []prog.Expr{now}, e.At)
}

// callExit ends the session and this body.
func (b *body) callExit(e *syntax.CallExpr) prog.Expr {
	code := prog.Expr(integer(types.TInt32, 0, e.At))
	if len(e.Args) > 0 {
		code = b.integerArg("exit", e.Args[0], types.TInt32)
	}
	x := b.emit(prog.Action{Kind: prog.ActExit}, []prog.Expr{code}, e.At)
	if blk, ok := x.(*prog.Block); ok {
		blk.Stmts = append(blk.Stmts, b.leaveProbe(e.At)...)
	}
	return x
}

func (b *body) callUnwatch(e *syntax.CallExpr) prog.Expr {
	addr := b.integerArg(e.Name, e.Args[0], types.TUint64)
	return b.emit(prog.Action{Kind: prog.ActUnwatch}, []prog.Expr{addr}, e.At)
}

// callAssert ends the session with an error unless the condition holds.
func (b *body) callAssert(e *syntax.CallExpr) prog.Expr {
	cond := b.not(b.expr(e.Args[0]), e.Args[0].Span())
	msg, ok := b.literalText("assert", e.Args[1])
	if !ok || isBad(cond) {
		return bad(e.At)
	}
	act := b.action(prog.Action{Kind: prog.ActAssert, Span: e.At, Format: "assert failed: " + strings.ReplaceAll(msg, "%", "%%")})
	then := append([]prog.Stmt{&prog.Emit{At: at(e.At), Action: act}}, b.leaveProbe(e.At)...)
	return sequence([]prog.Stmt{&prog.If{At: at(e.At), Cond: cond, Then: then}}, nil, e.At)
}

// maxJoin is the number of strings that join() reads.
const maxJoin = 16

// callJoin reads strings up to the first null pointer; those behind it are
// sent empty.
func (b *body) callJoin(e *syntax.CallExpr) prog.Expr {
	a := prog.Action{Kind: prog.ActJoin, Sep: " "}
	argv := b.value(e.Args[0])
	if t := argv.Type(); !isBad(argv) && !t.IsInt() && t.Kind != types.Pointer {
		b.wantKind("join", "int or pointer", t, e.Args[0].Span())
		return bad(e.At)
	}
	if len(e.Args) > 1 {
		sep, ok := b.literalText("join", e.Args[1])
		if !ok {
			return bad(e.At)
		}
		a.Sep = sep
	}
	if isBad(argv) {
		return bad(e.At)
	}
	argv = b.address(argv)
	chars := types.PointerTo(types.TInt8, argv.Type().Space)
	var args []prog.Expr
	stmts := b.collect(func() {
		argv = b.bind(argv)
		live := prog.Expr(argv)
		for i := range int64(maxJoin) {
			next := &prog.Load{Meta: meta(chars, e.At), Ptr: prog.Clone(argv), Off: 8 * i}
			live = b.bind(&prog.Cond{Meta: meta(chars, e.At), C: b.truth(prog.Clone(live)), A: next, B: integer(chars, 0, e.At)})
			args = append(args, b.readString(live, b.prog.Config.MaxStrlen, e.At))
		}
	})
	emit := b.emit(a, args, e.At).(*prog.Block)
	return sequence(append(stmts, emit.Stmts...), nil, e.At)
}

// formatArgs are the format of a call, its conversions and their arguments.
func (b *body) formatArgs(e *syntax.CallExpr) (format string, verbs []Verb, args []prog.Expr, ok bool) {
	format, ok = b.literalText(e.Name, e.Args[0])
	for _, a := range e.Args[1:] {
		args = append(args, b.printed(a))
	}
	if !ok || isBad(args...) {
		return "", nil, nil, false
	}
	verbs = Verbs(format)
	if len(verbs) != len(args) {
		b.argumentCount(e, len(args), len(verbs))
		return "", nil, nil, false
	}
	return format, verbs, args, true
}

// formatted is printf and its kin.
func (b *body) formatted(kind prog.ActionKind, e *syntax.CallExpr) prog.Expr {
	format, verbs, args, ok := b.formatArgs(e)
	if !ok {
		return bad(e.At)
	}
	if len(args) > maxFormatArgs {
		b.tooManyArguments(e)
		return bad(e.At)
	}
	for i, v := range verbs {
		if !v.takes(args[i].Type()) {
			b.verbMismatch(v, args[i], e.Args[i+1].Span())
			return bad(e.At)
		}
	}
	if kind == prog.ActPrintf && b.pinned() {
		return b.seqPrintf(format, verbs, args, e.At)
	}
	return b.emit(prog.Action{Kind: kind, Format: inFull(format, verbs, args)}, args, e.At)
}

// inFull gives conversions without a length 64 bits where they print what has no
// counterpart in C: Go values, times, goroutine ids. bpftrace's 32 bits would
// cut them.
func inFull(format string, verbs []Verb, args []prog.Expr) string {
	for i := len(verbs) - 1; i >= 0; i-- {
		v := verbs[i]
		if v.Length == "" && len(v.Conv) == 1 && strings.Contains("diouxX", v.Conv) && ownWord(args[i]) {
			at := v.End - len(v.Conv)
			format = format[:at] + "ll" + format[at:]
		}
	}
	return format
}

// ownWord tells whether x computes with a 64-bit value that only this language
// has, or with a clock.
func ownWord(x prog.Expr) bool {
	found := x.Type().Optional
	prog.RewriteExpr(x, func(e prog.Expr) prog.Expr {
		switch e := e.(type) {
		case *prog.GoParam, *prog.Duration, *prog.GoID:
			found = true
		case *prog.Builtin:
			found = found || e.ID <= prog.BElapsed
		}
		return e
	})
	return found && x.Type().Size == 8
}

// maxFormatArgs bounds the arguments behind a format.
const maxFormatArgs = 127

// Verb is one conversion of a format: its text is Format[Start:End].
type Verb struct {
	Start, End int
	Flags      string // of "-+ #0"
	Width      int    // 0: none
	Precision  int    // -1: none
	Length     string // hh h l ll j z t, or ""
	Conv       string // d i u o x X c p s r rx rh gr
}

// String returns the verb without flags and width.
func (v Verb) String() string { return fmt.Sprintf("%%%s%s", v.Length, v.Conv) }

// takes tells whether the verb can print values of t.
func (v Verb) takes(t *types.Type) bool {
	switch v.Conv {
	case "s":
		return t.Kind != types.Void && !t.IsAggregate()
	case "r", "rx", "rh":
		return t.Kind == types.Buffer
	case "gr":
		return t.IsInt()
	}
	return t.Scalar()
}
