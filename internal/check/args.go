package check

import (
	"strconv"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// onArgs are the kinds whose arguments have names.
const onArgs = onTracepoint | onRawTracepoint | onFentry | onFexit | onUprobe | onUretprobe

// argNamed is args.name.
func (b *body) argNamed(e *syntax.FieldExpr) prog.Expr {
	if !b.hasArgs(e.X.Span()) {
		return bad(e.At)
	}
	for _, a := range b.group.Args {
		if a.Name == e.Name {
			return b.argument(a, false, e.At)
		}
	}
	b.noSuchArg(e)
	return bad(e.At)
}

func (b *body) hasArgs(span diag.Span) bool {
	if !onArgs.has(b.point.Kind) {
		b.wrongBuiltin(span, "args")
		return false
	}
	if len(b.group.Args) == 0 && b.group.NoArgs != "" {
		b.noArgs(span)
		return false
	}
	return true
}

// allArgs is args as a whole: a record of all of them.
func (b *body) allArgs(span diag.Span) prog.Expr {
	if !b.hasArgs(span) {
		return bad(span)
	}
	out := &prog.Compose{Meta: meta(nil, span)}
	var fields []types.Field
	for _, a := range b.group.Args {
		x := b.argument(a, false, span)
		out.Parts = append(out.Parts, x)
		fields = append(fields, types.Field{Name: a.Name, Type: x.Type()})
	}
	out.T = types.RecordOf(fields)
	return out
}

// resultNamed is ret.name or ret.N.
func (b *body) resultNamed(e *syntax.FieldExpr) prog.Expr {
	if !b.hasResults(e.X.Span(), "ret") {
		return bad(e.At)
	}
	if n, err := strconv.Atoi(e.Name); err == nil && n >= 0 && n < len(b.group.Rets) {
		return b.argument(b.group.Rets[n], true, e.At)
	}
	for _, a := range b.group.Rets {
		if a.Name == e.Name {
			return b.argument(a, true, e.At)
		}
	}
	b.noSuchResult(e)
	return bad(e.At)
}

func (b *body) hasResults(span diag.Span, word string) bool {
	if !onReturn.has(b.point.Kind) {
		b.wrongBuiltin(span, word)
		return false
	}
	if len(b.group.Rets) == 0 {
		b.noResults(span, word)
		return false
	}
	return true
}

// retval is the first result where results are typed, else the register that
// the C ABI returns in.
func (b *body) retval(span diag.Span) prog.Expr {
	if b.group.Go == nil && len(b.group.Rets) == 0 && b.point.Kind != prog.KindFexit {
		return &prog.Reg{Meta: meta(types.TUint64, span), Name: b.world.RetReg()}
	}
	if !b.hasResults(span, "retval") {
		return bad(span)
	}
	return b.argument(b.group.Rets[0], true, span)
}

// argument reads a named value of the probe's context.
func (b *body) argument(a prog.Arg, ret bool, span diag.Span) prog.Expr {
	t := b.resolve(a.Type)
	switch a.From {
	case prog.FromCtx:
		return b.ctxField(a.Off, t, span)
	case prog.FromDataLoc:
		return b.dataLoc(a.Off, t, span)
	case prog.FromArg:
		if !t.Scalar() {
			return b.ctxField(8*a.N, t, span)
		}
		if t.Kind == types.Pointer && t.Elem == nil {
			// It may lead to a function: the verifier lets only helpers read such.
			word := &prog.CtxAddr{Meta: meta(types.PointerTo(t, types.SpaceKernel), span), Off: 8 * a.N}
			return b.load(word, 0, t, span)
		}
		return b.reinterpret(&prog.CtxArg{Meta: meta(types.TUint64, span), N: a.N}, t)
	}
	if a.Place.Err != "" {
		b.outOfReach(a, span)
		return text("<"+a.Place.Err+">", span)
	}
	return b.fieldValue(&prog.GoParam{Meta: meta(t, span), Name: a.Name, Place: a.Place, Ret: ret}, span)
}

// ctxField reads a field of a tracepoint's record. What is not a scalar lies
// in kernel memory at the record's address.
func (b *body) ctxField(off int, t *types.Type, span diag.Span) prog.Expr {
	if t.Scalar() {
		return &prog.CtxLoad{Meta: meta(t, span), Off: off}
	}
	addr := &prog.CtxAddr{Meta: meta(types.PointerTo(t, types.SpaceKernel), span), Off: off}
	if t.Kind == types.String {
		return b.readString(addr, t.Size, span)
	}
	if t.Kind == types.Array && t.Len == 0 && t.Elem.Size == 1 && t.Elem.Signed { // what follows the record
		return b.readString(addr, b.prog.Config.MaxStrlen, span)
	}
	return b.fieldValue(b.load(addr, 0, t, span), span)
}

// dataLoc is a field whose place the record holds. Arrays of char there have
// no fixed length and are read up to max_strlen.
func (b *body) dataLoc(off int, t *types.Type, span diag.Span) prog.Expr {
	if t.Kind != types.Pointer {
		t = types.PointerTo(t, types.SpaceKernel)
	}
	addr := &prog.CtxAddr{Meta: meta(t, span), Off: off, DataLoc: true}
	if e := t.Elem; e != nil && (e.Kind == types.String || e.IsText() || e.Kind == types.Int && e.Size == 1 && e.Signed) {
		return b.readString(addr, b.prog.Config.MaxStrlen, span)
	}
	return addr
}

func (b *body) readString(ptr prog.Expr, size int, span diag.Span) prog.Expr {
	return &prog.Call{Meta: meta(types.Str(size), span), Fn: prog.FnStr,
		Args: []prog.Expr{ptr, integer(types.TUint64, uint64(size), span)}}
}

// reinterpret makes a 64-bit word a value of t.
func (b *body) reinterpret(x prog.Expr, t *types.Type) prog.Expr {
	if types.Equal(x.Type(), t) {
		return x
	}
	return &prog.Cast{Meta: meta(t, x.Span()), X: x}
}

// register is argN: a register of the C ABI, or a slot of a raw tracepoint.
func (b *body) register(n int, name string, span diag.Span) prog.Expr {
	if b.point.Kind == prog.KindRawTracepoint {
		if len(b.group.RawArgs) > 0 && n >= len(b.group.RawArgs) {
			b.noArgNumber(span, name, len(b.group.RawArgs))
			return bad(span)
		}
		return &prog.CtxArg{Meta: meta(types.TInt64, span), N: n}
	}
	if b.point.Kind == prog.KindUSDT {
		if n >= len(b.group.RawArgs) {
			b.noArgNumber(span, name, len(b.group.RawArgs))
			return bad(span)
		}
		return b.operand(b.group.RawArgs[n].Operand, name, span)
	}
	reg, ok := b.world.ArgReg(n)
	if !ok {
		b.noArgRegister(span, name)
		return bad(span)
	}
	if b.point.Kind == prog.KindUretprobe || b.point.Kind == prog.KindKretprobe {
		at := prog.Place{Pieces: []prog.Piece{{Reg: reg, Size: 8}}}
		return &prog.GoParam{Meta: meta(types.TInt64, span), Name: name, Place: at}
	}
	return &prog.Reg{Meta: meta(types.TInt64, span), Name: reg}
}

// stackArg is sargN: a word of the stack as it is at a function's entry.
func (b *body) stackArg(n int, span diag.Span) prog.Expr {
	sp := &prog.Reg{Meta: meta(types.TUint64, span), Name: b.world.StackReg()}
	ptr := &prog.Cast{Meta: meta(types.PointerTo(types.TInt64, b.space()), span), X: sp}
	return &prog.Load{Meta: meta(types.TInt64, span), Ptr: ptr, Off: b.world.StackArg(n)}
}

// operand reads an argument of a static probe.
func (b *body) operand(o prog.Operand, name string, span diag.Span) prog.Expr {
	if o.Err != "" {
		b.errorf(span, "%s can not be read here: it is %s", name, o.Err)
		return bad(span)
	}
	word := func(reg string) prog.Expr { return &prog.Reg{Meta: meta(types.TUint64, span), Name: reg} }
	x := prog.Expr(integer(types.TUint64, uint64(o.Off), span))
	if o.Reg != "" {
		x = word(o.Reg)
	}
	if !o.Memory {
		return b.convert(b.convert(x, o.Type), types.TInt64)
	}
	if o.Index != "" {
		x = b.arithmetic(prog.Add, x, b.arithmetic(prog.Mul, word(o.Index), integer(types.TUint64, uint64(o.Scale), span), span), span)
	}
	ptr := &prog.Cast{Meta: meta(types.PointerTo(o.Type, types.SpaceUser), span), X: x}
	off := o.Off
	if o.Reg == "" {
		off = 0
	}
	return b.convert(&prog.Load{Meta: meta(o.Type, span), Ptr: ptr, Off: off}, types.TInt64)
}

// callUsdtArg is usdt_arg(n).
func (b *body) callUsdtArg(e *syntax.CallExpr) prog.Expr {
	n, ok := b.literalInt(e.Name, e.Args[0])
	if !ok {
		return bad(e.At)
	}
	if n < 0 || n >= int64(len(b.group.RawArgs)) {
		b.noArgNumber(e.At, "argument "+strconv.FormatInt(n, 10), len(b.group.RawArgs))
		return bad(e.At)
	}
	return b.register(int(n), "arg"+strconv.FormatInt(n, 10), e.At)
}
