package check

import (
	"net/netip"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// memory is an argument as bytes that lie somewhere: a string, buffer or array
// as it is, n bytes behind a pointer.
func (b *body) memory(fn string, e syntax.Expr, n int64) prog.Expr {
	x := rawBytes(b.value(e))
	if isBad(x) {
		return x
	}
	t := x.Type()
	switch {
	case t.Kind == types.Pointer, t.IsInt():
		return b.load(b.address(x), 0, types.ArrayOf(types.TUint8, int(n)), e.Span())
	case t.Kind == types.Array, t.Kind == types.String, t.Kind == types.Struct:
		return x
	case t.Kind == types.Buffer:
		return &prog.Member{Meta: meta(types.ArrayOf(types.TUint8, t.Size-4), e.Span()), X: x, Off: 4}
	case t.Kind == types.GoString, t.Kind == types.Probe:
		return b.asString(x)
	}
	b.wantKind(fn, "memory", t, e.Span())
	return bad(e.Span())
}

func (b *body) callMemcmp(e *syntax.CallExpr) prog.Expr {
	n, ok := b.literalInt(e.Name, e.Args[2])
	if !ok {
		return bad(e.At)
	}
	if n < 0 || n > maxStrlen {
		b.negativeLength(e.Name, n, e.Args[2].Span())
		return bad(e.At)
	}
	x, y := b.memory(e.Name, e.Args[0], n), b.memory(e.Name, e.Args[1], n)
	return invoke(prog.FnMemcmp, types.TInt64, e.At, x, y, integer(types.TUint64, uint64(n), e.At))
}

func (b *body) callStrConcat(e *syntax.CallExpr) prog.Expr {
	x, y := b.textArg(e.Name, e.Args[0]), b.textArg(e.Name, e.Args[1])
	if isBad(x, y) {
		return bad(e.At)
	}
	if l, ok := x.(*prog.Str); ok {
		if r, ok := y.(*prog.Str); ok {
			x := text(l.Val+r.Val, e.At)
			return &prog.Cast{Meta: meta(x.T, e.At), X: x} // known, but no literal
		}
	}
	return invoke(prog.FnStrConcat, types.Str(b.concatSize(x.Type().Size, y.Type().Size)), e.At, x, y)
}

// concatPasses is after how many passes a string that still grows is taken for
// one that is added to itself.
const concatPasses = 16

// concatSize is the size of two strings in one, at most two of the longest. One
// that is added to itself, as in @s = str_concat(@s, "."), grows to the longest.
func (c *checker) concatSize(x, y int) int {
	longest := c.prog.Config.MaxStrlen
	if c.passes < concatPasses {
		return max(x, y, min(x+y-1, 2*longest))
	}
	return max(x, y, longest)
}

// callPton is a constant: the bytes of an address.
func (b *body) callPton(e *syntax.CallExpr) prog.Expr {
	s, ok := b.literalText(e.Name, e.Args[0])
	if !ok {
		return bad(e.At)
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		b.errorf(e.At, "pton() expects an string argument of an IPv4/IPv6 address, got %s", s)
		return bad(e.At)
	}
	bytes := addr.AsSlice()
	out := &prog.Compose{Meta: meta(types.ArrayOf(types.TUint8, len(bytes)), e.At)}
	for _, v := range bytes {
		out.Parts = append(out.Parts, integer(types.TUint8, uint64(v), e.At))
	}
	return out
}

// callContainerOf is container_of(ptr, typeof(T), member).
func (b *body) callContainerOf(e *syntax.CallExpr) prog.Expr {
	var t *types.Type
	if of, ok := e.Args[1].(*syntax.TypeofExpr); ok {
		t = b.resolve(b.typ(of.Type))
	} else {
		b.wantSyntax(e.Name, "typeof(type)", e.Args[1].Span())
	}
	ptr := b.value(e.Args[0])
	if t == nil || isBad(ptr) {
		return bad(e.At)
	}
	off, ok := b.memberOffset(t, e.Args[2])
	if !ok || ptr.Type().Kind != types.Pointer {
		if ok {
			b.wantKind(e.Name, "pointer", ptr.Type(), e.Args[0].Span())
		}
		return bad(e.At)
	}
	plain := b.convert(ptr, types.PointerTo(nil, ptr.Type().Space))
	moved := b.movePointer(plain, integer(types.TInt64, uint64(-off), e.At), e.At)
	return b.convert(moved, types.PointerTo(t, ptr.Type().Space))
}

// memberOffset is the distance of the member that a.b.c names from t's start.
func (b *body) memberOffset(t *types.Type, e syntax.Expr) (int64, bool) {
	path, ok := memberPath(e)
	if !ok {
		b.wantSyntax("container_of", "a member", e.Span())
		return 0, false
	}
	off, ok := b.pathOffset(t, path, e.Span())
	return int64(off), ok
}

// memberPath is a.b.c as names.
func memberPath(e syntax.Expr) ([]string, bool) {
	switch e := e.(type) {
	case *syntax.IdentExpr:
		return []string{e.Name}, true
	case *syntax.FieldExpr:
		path, ok := memberPath(e.X)
		return append(path, e.Name), ok
	}
	return nil, false
}

// callPercpuKaddr is the address of a CPU's copy of a symbol: the symbol's
// address and the CPU's distance, which the kernel keeps in a table.
func (b *body) callPercpuKaddr(e *syntax.CallExpr) prog.Expr {
	name, ok := b.literalText(e.Name, e.Args[0])
	if !ok {
		return bad(e.At)
	}
	cpu := prog.Expr(&prog.Builtin{Meta: meta(types.TUint32, e.At), ID: prog.BCPU})
	if len(e.Args) > 1 {
		cpu = b.integerArg(e.Name, e.Args[1], types.TUint64)
	}
	addr, ok := b.world.PerCPUSymbol(name)
	table, found := b.world.KernelSymbol("__per_cpu_offset")
	if !ok || !found || isBad(cpu) {
		b.noKernelSymbol(name, e.At)
		return bad(e.At)
	}
	word := types.PointerTo(types.TUint64, types.SpaceKernel)
	distance := b.load(b.movePointer(integer(word, table, e.At), cpu, e.At), 0, types.TUint64, e.At)
	return b.arithmetic(prog.Add, distance, integer(types.TUint64, addr, e.At), e.At)
}

// callSocketCookie reads the cookie that the kernel gave the socket, zero
// where nobody has asked for it yet.
func (b *body) callSocketCookie(e *syntax.CallExpr) prog.Expr {
	x := b.value(e.Args[0])
	if isBad(x) {
		return x
	}
	sock, ok := b.world.Type("struct sock", b.group)
	if !ok || !x.Type().IsInt() && x.Type().Kind != types.Pointer {
		b.wantKind(e.Name, "struct sock *", x.Type(), e.Args[0].Span())
		return bad(e.At)
	}
	x = b.convert(x, types.PointerTo(sock, types.SpaceKernel))
	return b.convert(b.chain(x, e.At, "__sk_common", "skc_cookie", "counter"), types.TUint64)
}

// maxDebugArgs is what bpf_trace_printk takes besides the format.
const maxDebugArgs = 3

func (b *body) callDebugf(e *syntax.CallExpr) prog.Expr {
	format, verbs, args, ok := b.formatArgs(e)
	if !ok {
		return bad(e.At)
	}
	if len(args) > maxDebugArgs {
		b.errorf(e.At, "cannot use more than %d conversion specifiers", maxDebugArgs)
		return bad(e.At)
	}
	b.warnf(e.At, "The debugf() builtin is not recommended for production use. For more information see bpf_trace_printk in bpf-helpers(7).")
	for i, v := range verbs {
		t := args[i].Type()
		if v.Conv == "s" && t.Kind == types.String {
			continue
		}
		if v.Conv == "s" || !v.takes(t) {
			b.verbMismatch(v, args[i], e.Args[i+1].Span())
			return bad(e.At)
		}
		args[i] = b.convert(args[i], types.Integer(8, t.Signed))
	}
	args = append([]prog.Expr{text(format, e.At)}, args...)
	call := &prog.Call{Meta: meta(types.TInt64, e.At), Fn: prog.FnDebugf, Args: args}
	return sequence([]prog.Stmt{&prog.Eval{At: at(e.At), X: call}}, nil, e.At)
}

func (b *body) callWriteUser(e *syntax.CallExpr) prog.Expr {
	n, ok := b.literalInt(e.Name, e.Args[2])
	dst, src := b.value(e.Args[0]), b.value(e.Args[1])
	if !ok || isBad(dst, src) {
		return bad(e.At)
	}
	if n < 1 || n > maxStrlen {
		b.negativeLength(e.Name, n, e.Args[2].Span())
		return bad(e.At)
	}
	if t := src.Type(); t.Scalar() && t.Kind != types.Pointer || int64(t.Size) < n && t.Kind != types.Pointer {
		b.wantKind(e.Name, "memory of that length", t, e.Args[1].Span())
		return bad(e.At)
	}
	dst = b.convert(dst, types.PointerTo(nil, types.SpaceUser))
	if src.Type().Kind == types.Pointer {
		src = b.load(src, 0, types.ArrayOf(types.TUint8, int(n)), e.At)
	}
	r := invoke(prog.FnWriteUser, types.TInt64, e.At, dst, src, integer(types.TUint64, uint64(n), e.At))
	return &prog.Binary{Meta: meta(types.TBool, e.At), Op: prog.Eq, X: r, Y: integer(types.TInt64, 0, e.At)}
}

func (b *body) callOverride(e *syntax.CallExpr) prog.Expr {
	rc := b.integerArg(e.Name, e.Args[0], types.TUint64)
	call := invoke(prog.FnOverride, types.TInt64, e.At, rc)
	if isBad(call) {
		return call
	}
	return sequence([]prog.Stmt{&prog.Eval{At: at(e.At), X: call}}, nil, e.At)
}

// callPath is path(args.file.f_path) or path(args.path).
func (b *body) callPath(e *syntax.CallExpr) prog.Expr {
	size := int64(b.prog.Config.MaxStrlen)
	if len(e.Args) > 1 {
		n, ok := b.literalInt(e.Name, e.Args[1])
		if !ok {
			return bad(e.At)
		}
		if n < 1 || n > size {
			b.errorf(e.Args[1].Span(), "path() has room for 1 to %d bytes (%d provided)", size, n)
			return bad(e.At)
		}
		size = n
	}
	x := b.value(e.Args[0])
	if isBad(x) {
		return x
	}
	t := x.Type()
	if t.Kind == types.Pointer && t.Elem != nil {
		t = t.Elem
	}
	if _, read := x.(*prog.Load); t.Name != "struct path" || t == x.Type() && !read {
		b.wantKind(e.Name, "a struct path of an argument, or a pointer to one", x.Type(), e.Args[0].Span())
		return bad(e.At)
	}
	return invoke(prog.FnPath, types.Str(int(size)), e.At, x)
}

func (b *body) callSkboutput(e *syntax.CallExpr) prog.Expr {
	file, ok := b.literalText(e.Name, e.Args[0])
	skb := b.value(e.Args[1])
	length, off := b.integerArg(e.Name, e.Args[2], types.TUint64), b.integerArg(e.Name, e.Args[3], types.TUint64)
	if !ok || isBad(skb, length, off) {
		return bad(e.At)
	}
	if t := skb.Type(); t.Kind != types.Pointer || t.Elem == nil || t.Elem.Name != "struct sk_buff" {
		b.wantKind(e.Name, "a struct sk_buff *", t, e.Args[1].Span())
		return bad(e.At)
	}
	act := b.action(prog.Action{Kind: prog.ActPacket, Span: e.At, Format: file})
	return invoke(prog.FnSkbOutput, types.TInt64, e.At, skb, length, off, integer(types.TUint64, uint64(act.ID), e.At))
}
