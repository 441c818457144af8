package check

import (
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

func (b *body) callKstack(e *syntax.CallExpr) prog.Expr { return b.stack(e, prog.BKstack, false) }
func (b *body) callUstack(e *syntax.CallExpr) prog.Expr { return b.stack(e, prog.BUstack, true) }

// callDwarfStack is a stack of code without frame pointers, in processes whose tables
// are made: those that the command line names.
func (b *body) callDwarfStack(e *syntax.CallExpr) prog.Expr {
	switch {
	case !b.mayUse("dw_ustack", "dw_ustack (DWARF stack unwinding)", e.At):
		return bad(e.At)
	case !b.opts.Unwind:
		b.errorf(e.At, "dw_ustack requires a target process. Use -p, -c, or --dwarf-pid to specify one.")
		return bad(e.At)
	}
	b.prog.Unwinds = true
	return b.stack(e, prog.BDwarfStack, true)
}

// Frames of a stack, unless the script says how many, and at most.
const (
	defaultFrames = 127
	maxFrames     = 1024
)

func (b *body) stack(e *syntax.CallExpr, id prog.BuiltinID, user bool) prog.Expr {
	t := &types.Type{Kind: types.Stack, Size: types.StackSize, User: user, Mode: b.prog.Config.StackMode, Frames: defaultFrames}
	args := e.Args
	if len(args) > 0 {
		if name, ok := args[0].(*syntax.IdentExpr); ok && !b.shadowed(name.Name) {
			mode, known := stackMode(name.Name)
			if !known {
				b.unknownStackMode(e.Name, name)
				return bad(e.At)
			}
			if mode == types.StackBuildID && !user {
				b.errorf(name.At, "'build_id' stack mode can only be used for ustack")
				return bad(e.At)
			}
			t.Mode = mode
			args = args[1:]
		}
	}
	if len(args) > 1 {
		b.unknownStackMode(e.Name, args[0])
		return bad(e.At)
	}
	if len(args) == 1 {
		n, ok := b.literalInt(e.Name, args[0])
		if !ok {
			return bad(e.At)
		}
		if n < 1 || n > maxFrames {
			b.stackLimit(e, n)
			return bad(e.At)
		}
		t.Frames = int(n)
	}
	return &prog.Builtin{Meta: meta(t, e.At), ID: id}
}
