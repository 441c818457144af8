package check

import (
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// callStr is str(ptr[, n]): at most n bytes with the NUL.
func (b *body) callStr(e *syntax.CallExpr) prog.Expr {
	size, n := b.readSize("str", e)
	if s, ok := b.positionalString(e.Args[0]); ok {
		return b.prefix(text(s, e.At), size, n, e)
	}
	if s, ok := numberText(e.Args[0]); ok {
		return b.prefix(text(s, e.At), size, n, e)
	}
	x := b.value(e.Args[0])
	if isBad(x, n) {
		return bad(e.At)
	}
	if s := b.asString(x); s != nil {
		return b.prefix(s, size, n, e)
	}
	if !x.Type().IsInt() && x.Type().Kind != types.Pointer && x.Type().Kind != types.Array {
		b.wantKind("str", "int or pointer", x.Type(), e.Args[0].Span())
		return bad(e.At)
	}
	return invoke(prog.FnStr, types.Str(size), e.At, b.address(x), n)
}

// numberText is a literal number as text.
func numberText(e syntax.Expr) (string, bool) {
	switch e := e.(type) {
	case *syntax.IntExpr:
		return strconv.FormatUint(e.Value, 10), true
	case *syntax.UnaryExpr:
		if n, ok := e.X.(*syntax.IntExpr); ok && e.Op == syntax.OpSub {
			return "-" + strconv.FormatUint(n.Value, 10), true
		}
	}
	return "", false
}

// prefix is the start of a string that the program has.
func (b *body) prefix(s prog.Expr, size int, n prog.Expr, e *syntax.CallExpr) prog.Expr {
	if len(e.Args) < 2 {
		return s
	}
	_, ok := constant(n)
	size = min(size, s.Type().Size)
	if _, literal := s.(*prog.Str); ok && literal {
		// Of a literal all characters that are asked for are taken, whatever max_strlen is.
		v, _ := constant(b.expr(e.Args[1]))
		size = int(min(v, uint64(s.Type().Size-1))) + 1
	}
	if !ok {
		return invoke(prog.FnStr, types.Str(size), e.At, b.placed(s), n)
	}
	return &prog.Cast{Meta: meta(types.Str(size), e.At), X: s}
}

// placed is the address of a copy of x.
func (b *body) placed(x prog.Expr) prog.Expr {
	v := b.temp(x.Type())
	set := &prog.SetVar{At: at(x.Span()), Var: v, X: x}
	p := types.PointerTo(nil, types.SpaceKernel)
	return sequence([]prog.Stmt{set}, &prog.Addr{Meta: meta(p, x.Span()), Var: v}, x.Span())
}

// positionalString is $N, or $N + k, which leaves out the first k characters.
func (b *body) positionalString(e syntax.Expr) (string, bool) {
	skip := int64(0)
	if sum, ok := e.(*syntax.BinaryExpr); ok && sum.Op == syntax.OpAdd {
		if _, ok := sum.L.(*syntax.PositionalExpr); !ok {
			return "", false
		}
		n, ok := constant(b.expr(sum.R))
		if !ok {
			return "", false
		}
		e, skip = sum.L, int64(n)
	}
	p, ok := e.(*syntax.PositionalExpr)
	if !ok || p.N == 0 {
		return "", false
	}
	s := ""
	if p.N <= len(b.opts.Params) {
		s = b.opts.Params[p.N-1]
	}
	return s[max(0, min(skip, int64(len(s)))):], true
}

// address is x as a pointer: an integer as it is, an array in memory by where
// it lies.
func (b *body) address(x prog.Expr) prog.Expr {
	if x.Type().Kind == types.Array {
		if load, ok := x.(*prog.Load); ok {
			return offset(load.Ptr, load.Off)
		}
		return b.placed(x)
	}
	t := x.Type()
	if t.Kind == types.Pointer && t.Space != types.SpaceUnknown {
		return x
	}
	return b.convert(x, types.PointerTo(nil, b.spaceOf(t)))
}

// readSize is the second argument of str and buf: the capacity that it asks
// for, and the number at run time.
func (b *body) readSize(fn string, e *syntax.CallExpr) (int, prog.Expr) {
	limit := b.prog.Config.MaxStrlen
	if len(e.Args) < 2 {
		return limit, integer(types.TUint64, uint64(limit)+1, e.At)
	}
	n := b.integerArg(fn, e.Args[1], types.TUint64)
	if v, ok := constant(n); ok {
		if int64(v) < 0 {
			b.negativeLength(fn, int64(v), e.Args[1].Span())
			return limit, bad(e.At)
		}
		n = integer(types.TUint64, min(v, uint64(limit)+1), e.At)
		limit = max(min(int(v), limit), 1)
	}
	return limit, n
}

// callBuf is buf(x[, n]): bytes as they are.
func (b *body) callBuf(e *syntax.CallExpr) prog.Expr {
	size, n := b.readSize("buf", e)
	x := rawBytes(b.value(e.Args[0]))
	if isBad(x, n) {
		return bad(e.At)
	}
	if x.Type().Kind == types.Probe {
		x = b.asString(x)
	}
	if s, ok := e.Args[0].(*syntax.StringExpr); ok {
		// A string ends at a NUL, bytes do not.
		x = &prog.Str{Meta: meta(x.Type(), s.At), Val: s.Value}
	}
	x, wrap := b.single(x)
	t := x.Type()
	switch {
	case t.Kind == types.GoSlice && t.Elem.Size == 1, t.Kind == types.GoString:
		if len(e.Args) < 2 {
			n = part(x, 8, types.TUint64)
		}
		x = part(x, 0, types.PointerTo(types.TUint8, types.SpaceUser))
	case t.Kind == types.Array && len(e.Args) < 2:
		size = min(size, t.Size)
		n = integer(types.TUint64, uint64(size), e.At)
		if _, ok := x.(*prog.Load); !ok {
			return wrap(&prog.Cast{Meta: meta(bufferOf(size), e.At), X: x})
		}
		x = b.address(x)
	case t.Kind == types.String:
		return wrap(b.bufOfString(x, e, size, n))
	case t.Kind == types.Array:
		size = min(size, t.Size)
		x = b.address(x)
	case t.IsInt(), t.Kind == types.Pointer:
		x = b.address(x)
	default:
		b.wantKind("buf", "int, pointer, string or array", t, e.Args[0].Span())
		return bad(e.At)
	}
	return wrap(invoke(prog.FnBuf, bufferOf(size), e.At, x, n))
}

// bufOfString is the first bytes of a string, with zeros behind it; all of them
// without a size.
func (b *body) bufOfString(x prog.Expr, e *syntax.CallExpr, size int, n prog.Expr) prog.Expr {
	all := x.Type().Size
	if len(e.Args) > 1 {
		if v, ok := constant(n); !ok || v == 0 {
			all = min(all, size)
			return invoke(prog.FnBuf, bufferOf(all), e.At, b.placed(x), n)
		}
		if size > all {
			x = b.convert(x, types.Str(size))
		}
		all = size
	}
	bytes := &prog.Member{Meta: meta(types.ArrayOf(types.TUint8, all), e.At), X: x}
	return &prog.Cast{Meta: meta(bufferOf(all), e.At), X: bytes}
}

// rawBytes is a field of chars as the bytes that it has in memory, where it
// was read as a string.
func rawBytes(x prog.Expr) prog.Expr {
	call, ok := x.(*prog.Call)
	if !ok || call.Fn != prog.FnStr || call.Args[0].Type().Kind != types.Pointer {
		return x
	}
	if n, ok := constant(call.Args[1]); !ok || n != uint64(call.T.Size) {
		return x
	}
	return &prog.Load{Meta: meta(types.ArrayOf(types.TInt8, call.T.Size), call.At), Ptr: call.Args[0]}
}

func bufferOf(n int) *types.Type {
	return &types.Type{Kind: types.Buffer, Size: (4 + n + 3) &^ 3}
}

func (b *body) callStrlen(e *syntax.CallExpr) prog.Expr {
	x := b.value(e.Args[0])
	if s, ok := x.(*prog.Str); ok {
		return literal(int64(len(s.Val)), e.At)
	}
	if x.Type().Kind == types.GoString {
		return b.callLen(e)
	}
	return invoke(prog.FnStrlen, types.TUint64, e.At, b.textArg("strlen", e.Args[0]))
}

func (b *body) callStrcap(e *syntax.CallExpr) prog.Expr {
	x := b.textArg("strcap", e.Args[0])
	if isBad(x) {
		return x
	}
	return literal(int64(x.Type().Size), e.At)
}

func (b *body) callStrncmp(e *syntax.CallExpr) prog.Expr {
	x, y := b.textArg("strncmp", e.Args[0]), b.textArg("strncmp", e.Args[1])
	n, ok := b.literalInt("strncmp", e.Args[2])
	if !ok || isBad(x, y) {
		return bad(e.At)
	}
	if n < 0 {
		b.negativeLength("strncmp", n, e.Args[2].Span())
		return bad(e.At)
	}
	if l, ok := x.(*prog.Str); ok {
		if r, ok := y.(*prog.Str); ok {
			return literal(map[bool]int64{false: 1}[head(l.Val, n) == head(r.Val, n)], e.At)
		}
	}
	x, y = shorten(x, int(min(n, maxStrlen))+1), shorten(y, int(min(n, maxStrlen))+1)
	return invoke(prog.FnStrncmp, types.TUint64, e.At, x, y, integer(types.TUint64, uint64(n), e.At))
}

func head(s string, n int64) string { return s[:min(int64(len(s)), n)] }

func (b *body) callStrcontains(e *syntax.CallExpr) prog.Expr {
	x, y := b.textArg("strcontains", e.Args[0]), b.textArg("strcontains", e.Args[1])
	return invoke(prog.FnStrcontains, types.TBool, e.At, x, y)
}

func (b *body) callStrstr(e *syntax.CallExpr) prog.Expr {
	x, y := b.textArg("strstr", e.Args[0]), b.textArg("strstr", e.Args[1])
	return invoke(prog.FnStrstr, types.TInt64, e.At, x, y)
}

func (b *body) callStrftime(e *syntax.CallExpr) prog.Expr {
	format, ok := b.literalText("strftime", e.Args[0])
	ns := b.integerArg("strftime", e.Args[1], types.TUint64)
	if !ok {
		return bad(e.At)
	}
	i, known := b.formats[format]
	if !known {
		i = len(b.prog.Formats)
		b.formats[format] = i
		b.prog.Formats = append(b.prog.Formats, format)
	}
	t := &types.Type{Kind: types.Timestamp, Size: types.TimestampSize}
	return invoke(prog.FnStrftime, t, e.At, integer(types.TUint64, uint64(i), e.At), ns)
}

func (b *body) callBswap(e *syntax.CallExpr) prog.Expr {
	x := b.value(e.Args[0])
	if isBad(x) {
		return x
	}
	if !isNumber(x.Type()) {
		b.wantKind("bswap", "integer", x.Type(), e.Args[0].Span())
		return bad(e.At)
	}
	t := types.Integer(x.Type().Size, false)
	if t.Size == 1 {
		return b.convert(x, t)
	}
	return invoke(prog.FnBswap, t, e.At, b.convert(x, t))
}

func (b *body) callUptr(e *syntax.CallExpr) prog.Expr { return b.respace(e, types.SpaceUser) }
func (b *body) callKptr(e *syntax.CallExpr) prog.Expr { return b.respace(e, types.SpaceKernel) }

func (b *body) respace(e *syntax.CallExpr, space types.Space) prog.Expr {
	x := b.value(e.Args[0])
	if isBad(x) {
		return x
	}
	t := x.Type()
	if t.Kind != types.Pointer && !t.IsInt() {
		b.wantKind(e.Name, "int or pointer", t, e.Args[0].Span())
		return bad(e.At)
	}
	if t.IsInt() {
		return &prog.Cast{Meta: meta(t.In(space), e.At), X: x}
	}
	return b.convert(x, t.In(space))
}

// addressArg is an argument that has to be an address.
func (b *body) addressArg(fn string, e syntax.Expr) prog.Expr {
	x := b.value(e)
	if isBad(x) {
		return x
	}
	if !x.Type().IsInt() && x.Type().Kind != types.Pointer {
		b.errorf(e.Span(), "%s() expects an integer or pointer argument (%s provided)", fn, kindWord(x.Type()))
		return bad(e.Span())
	}
	return b.convert(x, types.TUint64)
}

func (b *body) callKsym(e *syntax.CallExpr) prog.Expr {
	x := b.addressArg("ksym", e.Args[0])
	return invoke(prog.FnKSym, &types.Type{Kind: types.KSym, Size: 8}, e.At, x)
}

func (b *body) callUsym(e *syntax.CallExpr) prog.Expr {
	x := b.addressArg("usym", e.Args[0])
	return invoke(prog.FnUSym, &types.Type{Kind: types.USym, Size: types.USymSize}, e.At, x)
}

func (b *body) callKaddr(e *syntax.CallExpr) prog.Expr {
	name, ok := b.literalText("kaddr", e.Args[0])
	if !ok {
		return bad(e.At)
	}
	addr, ok := b.world.KernelSymbol(name)
	if !ok {
		b.noKernelSymbol(name, e.At)
		return bad(e.At)
	}
	return integer(types.TUint64, addr, e.At)
}

// callUaddr is a pointer to a symbol, typed by the symbol's size.
func (b *body) callUaddr(e *syntax.CallExpr) prog.Expr {
	name, ok := b.literalText("uaddr", e.Args[0])
	if !ok {
		return bad(e.At)
	}
	addr, size, ok := b.world.UserSymbol(name, b.group)
	if !ok {
		b.noUserSymbol(name, e.At)
		return bad(e.At)
	}
	elem := types.TUint64
	switch size {
	case 1, 2, 4:
		elem = types.Integer(size, false)
	}
	return b.loaded(addr, types.PointerTo(elem, types.SpaceUser), e.At)
}

// loaded is the pointer to what lies at a virtual address of the binary: as far from there as the probed instruction is from its own.
func (b *body) loaded(addr uint64, t *types.Type, at diag.Span) prog.Expr {
	if !b.group.Moved {
		return integer(t, addr, at)
	}
	ip := &prog.GoParam{Meta: meta(types.TUint64, at), Name: "ip", Place: prog.Place{Pieces: []prog.Piece{{Reg: "ip", Size: 8}}}}
	if b.world.Arch() == "aarch64" {
		ip.Place.Pieces[0].Reg = "pc"
	}
	moved := &prog.Binary{Meta: meta(types.TUint64, at), Op: prog.Add, X: ip, Y: integer(types.TUint64, addr-b.group.Site, at)}
	return &prog.Cast{Meta: meta(t, at), X: moved}
}

func (b *body) callReg(e *syntax.CallExpr) prog.Expr {
	name, ok := b.literalText("reg", e.Args[0])
	if !ok {
		return bad(e.At)
	}
	if !b.world.Register(name) {
		b.noRegister(name, e.Args[0].Span())
		return bad(e.At)
	}
	return &prog.Reg{Meta: meta(types.TUint64, e.At), Name: name}
}

func (b *body) callNsecs(e *syntax.CallExpr) prog.Expr {
	id := prog.BNsecs
	if len(e.Args) > 0 {
		mode, _ := e.Args[0].(*syntax.IdentExpr)
		clocks := map[string]prog.BuiltinID{"boot": prog.BNsecs, "monotonic": prog.BNsecsMono, "tai": prog.BNsecsTAI, "sw_tai": prog.BNsecsTAI}
		known := false
		if mode != nil {
			id, known = clocks[mode.Name]
		}
		if !known {
			b.unknownClock(b.file.Source.Slice(e.Args[0].Span()), e.Args[0].Span())
			return bad(e.At)
		}
	}
	return &prog.Builtin{Meta: meta(types.TUint64, e.At), ID: id}
}

// Address families of ntop().
const (
	afInet  = 2
	afInet6 = 10
)

func (b *body) callNtop(e *syntax.CallExpr) prog.Expr {
	x := rawBytes(b.value(e.Args[len(e.Args)-1]))
	if isBad(x) {
		return x
	}
	t := x.Type()
	af := prog.Expr(integer(types.TUint32, afInet, e.At))
	switch {
	case t.IsInt():
		x = b.convert(x, types.TUint32)
	case t.Kind == types.Array && t.Size == 16:
		af = integer(types.TUint32, afInet6, e.At)
	case t.Kind == types.Array && t.Size == 4:
	default:
		b.errorf(e.Args[len(e.Args)-1].Span(), "ntop() argument must be 4 or 16 bytes in size (%s provided)", t)
		return bad(e.At)
	}
	if len(e.Args) == 2 {
		af = b.integerArg("ntop", e.Args[0], types.TUint32)
	}
	return invoke(prog.FnNtop, &types.Type{Kind: types.Inet, Size: types.InetSize}, e.At, af, x)
}

func (b *body) callMacaddr(e *syntax.CallExpr) prog.Expr {
	x := rawBytes(b.value(e.Args[0]))
	if isBad(x) {
		return x
	}
	if _, ok := x.(*prog.Str); ok {
		b.errorf(e.At, "macaddr() does not support literal string arguments")
		return bad(e.At)
	}
	if x.Type().Size != 6 || x.Type().Kind != types.Array {
		b.wantKind("macaddr", "6 byte array", x.Type(), e.Args[0].Span())
		return bad(e.At)
	}
	return invoke(prog.FnMac, &types.Type{Kind: types.Mac, Size: 6}, e.At, x)
}

// callCgroupPath is cgroup_path(id[, filter]); the type's name is the filter.
func (b *body) callCgroupPath(e *syntax.CallExpr) prog.Expr {
	filter := ""
	if len(e.Args) > 1 {
		var ok bool
		if filter, ok = b.literalText("cgroup_path", e.Args[1]); !ok {
			return bad(e.At)
		}
	}
	x := b.integerArg("cgroup_path", e.Args[0], types.TUint64)
	return invoke(prog.FnCgroupPath, &types.Type{Kind: types.CgroupPath, Size: 8, Name: filter}, e.At, x)
}

// callGetopt is a constant: the option's value, or its default. Without a
// default it is a flag.
// bareOption is the value of an option that was given none.
const bareOption = "true"

func (b *body) callGetopt(e *syntax.CallExpr) prog.Expr {
	name, ok := b.literalText("getopt", e.Args[0])
	if !ok {
		return bad(e.At)
	}
	def := prog.Expr(boolean(false, e.At))
	if len(e.Args) > 1 {
		def = b.expr(e.Args[1])
	}
	switch def.(type) {
	case *prog.Str, *prog.Int:
	default:
		if !isBad(def) {
			b.errorf(e.Args[1].Span(), "Second argument to 'getopt' must be a string literal, integer literal, or a boolean literal.")
		}
		return bad(e.At)
	}
	value, given := b.opts.Named[name]
	if !given {
		return relocate(def, e.At)
	}
	switch d := def.(type) {
	case *prog.Str:
		if value == bareOption {
			b.badOption(name, "expects a string", value)
			return bad(e.At)
		}
		return text(value, e.At)
	case *prog.Int:
		if d.T.Kind == types.Bool {
			if truthWord(value) || falseWord(value) || value == "" {
				return boolean(!falseWord(value), e.At)
			}
			b.badOption(name, "expects a boolean (e.g. 'true')", value)
			return bad(e.At)
		}
		if x := parameter(value, e.At); x.Type().IsInt() {
			return x
		}
		what := "invalid integer"
		if value == bareOption {
			what = "expects an integer"
		}
		b.badOption(name, what, value)
		return bad(e.At)
	}
	panic("BUG: getopt's default")
}

// signals are the numbers that Linux has on the architectures served.
func signals() map[string]int {
	names := strings.Fields("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS")
	out := map[string]int{}
	for i, n := range names {
		out[n] = i + 1
	}
	return out
}

const maxSignal = 64

func (b *body) callSignal(e *syntax.CallExpr) prog.Expr { return b.send(prog.FnSignal, e) }

// send is signal() and signal_thread().
func (b *body) send(fn prog.FuncID, e *syntax.CallExpr) prog.Expr {
	x := b.expr(e.Args[0])
	if s, ok := x.(*prog.Str); ok {
		n, err := strconv.Atoi(s.Val)
		if err != nil {
			n = signals()[strings.TrimPrefix(s.Val, "SIG")]
		}
		if n == 0 {
			b.unknownSignal(s)
			return bad(e.At)
		}
		x = literal(int64(n), e.At)
	}
	if v, ok := constant(x); ok && (v < 1 || v > maxSignal) {
		b.signalRange(e, int64(v))
		return bad(e.At)
	}
	if isBad(x) || !x.Type().IsInt() {
		if !isBad(x) {
			b.wantKind(e.Name, "int or string", x.Type(), e.Args[0].Span())
		}
		return bad(e.At)
	}
	call := invoke(fn, types.TInt64, e.At, b.convert(x, types.TUint32))
	return sequence([]prog.Stmt{&prog.Eval{At: at(e.At), X: call}}, nil, e.At)
}
