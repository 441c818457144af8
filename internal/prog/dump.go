package prog

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/types"
)

// Dump writes a program and its bodies, one statement a line, every value with
// its type.
func Dump(w io.Writer, p *Program, bodies []*Body) {
	for _, m := range p.Maps {
		dumpMap(w, m)
	}
	for _, a := range p.Actions {
		fmt.Fprintf(w, "action %d %s%s\n", a.ID, a.Kind, a.detail())
	}
	for _, b := range bodies {
		DumpBody(w, b)
	}
}

func dumpMap(w io.Writer, m *Map) {
	fmt.Fprintf(w, "map %s", m.Name)
	if m.Key != nil {
		fmt.Fprintf(w, "[%s]", m.Key)
	}
	fmt.Fprintf(w, " %s", m.Value)
	for _, flag := range []struct {
		on   bool
		name string
	}{{m.LRU, "lru"}, {m.PerCPU, "percpu"}, {m.Hidden, "hidden"}, {m.Deleted, "deleted"}} {
		if flag.on {
			fmt.Fprintf(w, " %s", flag.name)
		}
	}
	if m.Entries > 0 {
		fmt.Fprintf(w, " entries=%d", m.Entries)
	}
	fmt.Fprintln(w)
}

var actionNames = [...]string{
	ActPrintf: "printf", ActPrint: "print", ActPrintMap: "print map", ActClear: "clear", ActZero: "zero",
	ActExit: "exit", ActUnwatch: "unwatch", ActPacket: "packet", ActSeqPrintf: "seq_printf", ActTime: "time", ActStrftime: "strftime", ActJoin: "join", ActCat: "cat",
	ActSystem: "system", ActErrorf: "errorf", ActWarnf: "warnf", ActAssert: "assert", ActRuntimeError: "runtime error", ActFail: "fail",
}

// String returns the name of the function that makes the action.
func (k ActionKind) String() string { return actionNames[k] }

func (a *Action) detail() string {
	var b strings.Builder
	if a.Map != nil {
		b.WriteString(" " + a.Map.Name)
	}
	if a.Top > 0 || a.Div > 0 {
		fmt.Fprintf(&b, " top=%d div=%d", a.Top, a.Div)
	}
	if a.Format != "" {
		b.WriteString(" " + strconv.Quote(a.Format))
	}
	if a.Sep != "" {
		b.WriteString(" sep=" + strconv.Quote(a.Sep))
	}
	if len(a.Args) > 0 {
		b.WriteString(" " + types.TupleOf(a.Args...).String())
	}
	return b.String()
}

// DumpBody writes one body.
func DumpBody(w io.Writer, b *Body) {
	d := &dumper{w: w, temps: map[*Var]string{}}
	p := b.Group.Point
	fmt.Fprintf(w, "body %d.%d %s", b.Probe.Index, p.Index, p.Provider)
	for _, s := range []string{p.Target, p.Func} {
		if s != "" {
			fmt.Fprintf(w, ":%s", s)
		}
	}
	var names []string
	for _, f := range b.Group.Funcs {
		names = append(names, f.Name)
	}
	if len(names) > 0 {
		fmt.Fprintf(w, " {%s}", strings.Join(names, ", "))
	}
	fmt.Fprintln(w)
	d.stmts(b.Stmts, 1)
}

// dumper names the temporaries in the order in which they appear.
type dumper struct {
	w     io.Writer
	temps map[*Var]string
}

func (d *dumper) variable(v *Var) string {
	if v.Name != "" {
		return v.Name
	}
	if d.temps[v] == "" {
		d.temps[v] = "%" + strconv.Itoa(len(d.temps))
	}
	return d.temps[v]
}

func (d *dumper) stmts(ss []Stmt, depth int) {
	for _, s := range ss {
		d.stmt(s, depth)
	}
}

func (d *dumper) line(depth int, format string, args ...any) {
	fmt.Fprintf(d.w, "%s%s\n", strings.Repeat("  ", depth), fmt.Sprintf(format, args...))
}

func (d *dumper) stmt(s Stmt, depth int) {
	switch s := s.(type) {
	case *Eval:
		d.line(depth, "eval %s", d.expr(s.X))
	case *SetVar:
		d.line(depth, "%s = %s", d.variable(s.Var), d.expr(s.X))
	case *SetMap:
		d.line(depth, "%s = %s", d.slot(s.Map, s.Key), d.expr(s.X))
	case *AddMap:
		d.line(depth, "%s += %s", d.slot(s.Map, s.Key), d.expr(s.X))
	case *Aggregate:
		line := fmt.Sprintf("%s <- %s(%s)", d.slot(s.Map, s.Key), strings.TrimSuffix(s.Map.Value.String(), "_t"), d.optional(s.X))
		if s.When != nil {
			line += " at " + d.expr(s.When)
		}
		d.line(depth, "%s", line)
	case *Delete:
		d.line(depth, "delete %s", d.slot(s.Map, s.Key))
	case *If:
		d.line(depth, "if %s", d.expr(s.Cond))
		d.stmts(s.Then, depth+1)
		if len(s.Else) > 0 {
			d.line(depth, "else")
			d.stmts(s.Else, depth+1)
		}
	case *While:
		d.line(depth, "while %s", d.expr(s.Cond))
		d.stmts(s.Body, depth+1)
	case *ForRange:
		d.line(depth, "for %s in %s .. %s", d.variable(s.Var), d.expr(s.Lo), d.expr(s.Hi))
		d.stmts(s.Body, depth+1)
	case *ForMap:
		d.line(depth, "for %s in %s", d.variable(s.Var), s.Map.Name)
		d.stmts(s.Body, depth+1)
	case *Inline:
		d.line(depth, "inline")
		d.stmts(s.Body, depth+1)
	case *Break:
		d.line(depth, "break")
	case *Continue:
		d.line(depth, "continue")
	case *Return:
		d.line(depth, "return %s", d.optional(s.X))
	case *Emit:
		d.line(depth, "emit %d %s(%s)%s", s.Action.ID, s.Action.Kind, d.list(s.Args), d.items(s.Items))
	case *Count:
		d.line(depth, "count loss %d", s.Loss)
	default:
		d.line(depth, "%T", s)
	}
}

func (d *dumper) items(items []Item) string {
	var b strings.Builder
	for _, it := range items {
		if it.X != nil {
			fmt.Fprintf(&b, " [%d: %s]", it.Arg, d.expr(it.X))
		} else {
			fmt.Fprintf(&b, " [%d: blob %s len %s max %d]", it.Arg, d.expr(it.Ptr), d.expr(it.Len), it.Max)
		}
	}
	return b.String()
}

func (d *dumper) slot(m *Map, key Expr) string {
	if key == nil {
		return m.Name
	}
	return m.Name + "[" + d.expr(key) + "]"
}

func (d *dumper) optional(e Expr) string {
	if e == nil {
		return ""
	}
	return d.expr(e)
}

func (d *dumper) list(es []Expr) string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = d.expr(e)
	}
	return strings.Join(parts, ", ")
}

// expr writes a value as text:type.
// Pointers say where they lead to.
func (d *dumper) expr(e Expr) string {
	t := e.Type()
	text := d.bare(e) + ":" + t.String()
	if t.Kind == types.Pointer {
		text += [...]string{types.SpaceUser: "user", types.SpaceKernel: "kernel", types.SpaceMap: "map", types.SpaceUnknown: "?"}[t.Space]
	}
	return text
}

var opNames = [...]string{
	Add: "+", Sub: "-", Mul: "*", Div: "/", Mod: "%", And: "&", Or: "|", Xor: "^", Shl: "<<", Shr: ">>",
	Eq: "==", Ne: "!=", Lt: "<", Le: "<=", Gt: ">", Ge: ">=", AndAnd: "&&", OrOr: "||", Neg: "-", Not: "!", BitNot: "~",
}

// String returns the operator as the language writes it.
func (o Op) String() string { return opNames[o] }

var builtinNames = [...]string{
	BNsecs: "nsecs", BNsecsMono: "nsecs(monotonic)", BNsecsTAI: "nsecs(tai)", BElapsed: "elapsed", BWall: "wall", BPid: "pid", BTid: "tid",
	BUid: "uid", BGid: "gid", BCPU: "cpu", BComm: "comm", BCgroup: "cgroup", BRand: "rand", BCurtask: "curtask",
	BNcpus: "ncpus", BJiffies: "jiffies", BFunc: "func", BFuncIP: "func_ip", BProbe: "probe", BKstack: "kstack", BUstack: "ustack", BDwarfStack: "dw_ustack",
	BCtx: "ctx", BNuma: "numaid", BCookie: "cookie", BTgidTid: "tgid_tid",
}

// String returns the builtin's name.
func (id BuiltinID) String() string { return builtinNames[id] }

var funcNames = [...]string{
	FnStr: "str", FnBuf: "buf", FnKSym: "ksym", FnUSym: "usym", FnNtop: "ntop", FnMac: "macaddr", FnStrftime: "strftime",
	FnUsername: "username", FnHasKey: "has_key", FnDelete: "delete", FnLen: "len", FnMapAddr: "map_addr", FnStrncmp: "strncmp", FnStrlen: "strlen",
	FnStrcontains: "strcontains", FnStrstr: "strstr", FnMemcmp: "memcmp", FnBswap: "bswap", FnKaddr: "kaddr",
	FnReadTLS: "read_tls", FnSignal: "signal", FnCgroupPath: "cgroup_path", FnStackPush: "stack_push",
	FnLabel: "label", FnStrConcat: "str_concat", FnDebugf: "debugf", FnSignalThread: "signal_thread",
	FnWriteUser: "write_user", FnOverride: "override", FnCommOf: "comm_of", FnPath: "path", FnSkbOutput: "skboutput",
}

// String returns the function's name.
func (id FuncID) String() string { return funcNames[id] }

func (d *dumper) bare(e Expr) string {
	switch e := e.(type) {
	case *Int:
		if e.T.Signed {
			return strconv.FormatInt(int64(e.Val), 10)
		}
		return strconv.FormatUint(e.Val, 10)
	case *Str:
		return strconv.Quote(e.Val)
	case *VarRef:
		return d.variable(e.Var)
	case *Reg:
		return "reg(" + e.Name + ")"
	case *CtxLoad:
		return fmt.Sprintf("ctx[%d]", e.Off)
	case *CtxAddr:
		if e.DataLoc {
			return fmt.Sprintf("ctx.loc[%d]", e.Off)
		}
		return fmt.Sprintf("&ctx[%d]", e.Off)
	case *CtxArg:
		return fmt.Sprintf("arg[%d]", e.N)
	case *Builtin:
		return e.ID.String()
	case *Call:
		if e.Map != nil {
			return fmt.Sprintf("%s(%s)", e.Fn, strings.TrimSuffix(e.Map.Name+", "+d.list(e.Args), ", "))
		}
		return fmt.Sprintf("%s(%s)", e.Fn, d.list(e.Args))
	case *Unary:
		return e.Op.String() + d.operand(e.X)
	case *Binary:
		return "(" + d.operand(e.X) + " " + e.Op.String() + " " + d.operand(e.Y) + ")"
	case *Cond:
		return "(" + d.expr(e.C) + " ? " + d.expr(e.A) + " : " + d.expr(e.B) + ")"
	case *Cast:
		return "cast(" + d.expr(e.X) + ")"
	case *Must:
		return "must(" + d.expr(e.X) + ")"
	case *Load:
		return fmt.Sprintf("load%s(%s%s)%s", map[bool]string{true: "!"}[e.Checked], d.expr(e.Ptr), offsetText(e.Off), bitText(e.BitOff, e.BitSize))
	case *Member:
		return fmt.Sprintf("part(%s%s)%s", d.expr(e.X), offsetText(e.Off), bitText(e.BitOff, e.BitSize))
	case *Elem:
		return d.operand(e.X) + "[" + d.expr(e.I) + "]"
	case *Compose:
		return "(" + d.list(e.Parts) + ")"
	case *MapGet:
		if e.Of != types.Void {
			return fmt.Sprintf("%s of %s", (&types.Type{Kind: e.Of}).String(), d.slot(e.Map, e.Key))
		}
		return d.slot(e.Map, e.Key)
	case *MapPtr:
		return "&" + d.slot(e.Map, e.Key)
	case *Addr:
		return "&" + d.expr(&VarRef{Meta: Meta{T: e.Var.Type}, Var: e.Var})
	case *StrN:
		return fmt.Sprintf("strn%s(%s, %s)", map[bool]string{true: "!"}[e.Checked], d.expr(e.Ptr), d.expr(e.Len))
	case *Block:
		return d.block(e)
	case *GoParam:
		return map[bool]string{false: "param ", true: "result "}[e.Ret] + e.Name + e.Place.String()
	case *Duration:
		return "duration"
	case *GoID:
		return "goid"
	}
	return fmt.Sprintf("%T", e)
}

// operand writes a value without its type where an operator's says it.
func (d *dumper) operand(e Expr) string {
	switch e.(type) {
	case *Int, *Str, *Binary, *Unary:
		return d.bare(e)
	}
	return d.expr(e)
}

// block writes a block on one line, its statements parted by semicolons.
func (d *dumper) block(e *Block) string {
	var b strings.Builder
	inner := &dumper{w: &b, temps: d.temps}
	inner.stmts(e.Stmts, 0)
	text := strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\n", "; ")
	return "{" + text + "; " + d.optional(e.X) + "}"
}

func offsetText(off int64) string {
	if off == 0 {
		return ""
	}
	return fmt.Sprintf("%+d", off)
}

func bitText(off, size int) string {
	if size == 0 {
		return ""
	}
	return fmt.Sprintf(".%d:%d", off, size)
}

// String writes a place as "@ax,bx" or "@sp+8", its error as "@<error>".
func (p Place) String() string {
	if p.Err != "" {
		return "@<" + p.Err + ">"
	}
	parts := make([]string, len(p.Pieces))
	for i, piece := range p.Pieces {
		parts[i] = piece.Reg
		if piece.Reg == "" {
			parts[i] = fmt.Sprintf("sp%+d", piece.Off)
		}
	}
	return "@" + strings.Join(parts, ",")
}
