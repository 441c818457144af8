package check

import (
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// A pinned iterator runs whenever its file is read, also after rpcxray has ended: what
// it prints, the kernel itself has to format.

// maxSeqArgs is what bpf_seq_printf takes besides the format (MAX_BPRINTF_VARARGS of
// linux/bpf.h).
const maxSeqArgs = 12

// pinned tells whether the body at hand is of a pinned iterator.
func (b *body) pinned() bool { return b.point.Kind == prog.KindIter && b.point.Target != "" }

// seqPrintf makes the kernel's printf of the language's: integers are passed in 64
// bits, a length in the format says how many of them count.
func (b *body) seqPrintf(format string, verbs []Verb, args []prog.Expr, span diag.Span) prog.Expr {
	if len(args) > maxSeqArgs {
		b.errorf(span, "a pinned iterator prints at most %d values at once (%d provided)", maxSeqArgs, len(args))
		return bad(span)
	}
	var out strings.Builder
	from := 0
	for i, v := range verbs {
		conv := v.Conv
		t := args[i].Type()
		switch {
		case v.Precision >= 0, strings.Contains(v.Flags, "#"):
			conv = ""
		case conv == "s" && t.Kind == types.String:
		case strings.Contains("diuxX", conv) && t.Scalar():
			size := map[string]int{"hh": 1, "h": 2, "": 4}[v.Length]
			if size == 0 {
				size, conv = 8, "ll"+conv
			}
			signed := v.Conv == "d" || v.Conv == "i"
			args[i] = b.convert(b.convert(args[i], types.Integer(size, signed)), types.Integer(8, signed))
		default:
			conv = ""
		}
		if conv == "" {
			b.errorf(span, "a pinned iterator can not print '%s' with '%s'", t, format[v.Start:v.End]).Hint =
				"the kernel formats it: %s of strings, %d, %i, %u, %x and %X of integers, with a width"
			return bad(span)
		}
		out.WriteString(format[from:v.Start] + "%" + v.Flags)
		if v.Width > 0 {
			out.WriteString(strconv.Itoa(v.Width))
		}
		out.WriteString(conv)
		from = v.End
	}
	out.WriteString(format[from:])
	e := &prog.Emit{At: at(span), Args: args,
		Action: b.action(prog.Action{Kind: prog.ActSeqPrintf, Span: span, Format: out.String(), Args: make([]*types.Type, len(args))})}
	return sequence([]prog.Stmt{e}, nil, span)
}
