package lower

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// frameStrlen is how many bytes of a string parameter are kept from entry to
// return, the NUL included: a frame table holds thousands of frames.
const frameStrlen = 256

// maxFrameStrings is how many strings that are members of structs are kept. What lies
// behind further ones is read at the return.
const maxFrameStrings = 16

// frameEntries is the room of a frame table: calls under way at one time.
const frameEntries = 65536

// frame is the record of calls under way, from entry to return. Its key is
// (tgid and function, g, distance of SP from the top of g's stack), which
// survives a stack that is copied; outside Go it is (tgid and function, thread,
// SP). The value is the entry's time, then what the return wants of the
// parameters.
//
// A pointer into the goroutine's own stack is kept as its distance from the
// top, since the stack may have moved; bit n of the word at rebasedOff marks
// word n as such a distance.
type frame struct {
	c       *context
	table   *prog.Map
	at      diag.Span
	words   []word
	strings []text
	start   *prog.Var
	hi      *prog.Var
}

type word struct {
	piece prog.Piece
	ptr   bool
	v     *prog.Var
}

// text is a string parameter whose bytes are kept, as many as there is room for,
// and its whole length, or notKept where the bytes could not be read.
type text struct {
	ptr, len *prog.GoParam
	v, n     *prog.Var
}

const notKept = ^uint64(0)

func newFrame(c *context, name string) *frame {
	f := &frame{c: c, table: &prog.Map{Name: name, Hidden: true, Frames: c.group.Go != nil, Entries: frameEntries},
		start: &prog.Var{Type: types.TUint64}, hi: &prog.Var{Type: types.TUint64}}
	c.frame = f
	return f
}

// needsFrame tells whether stmts use the duration or values at entry.
func needsFrame(stmts []prog.Stmt) bool {
	found := false
	prog.Rewrite(stmts, func(e prog.Expr) prog.Expr {
		switch e := e.(type) {
		case *prog.Duration:
			found = true
		case *prog.GoParam:
			found = found || !e.Ret
		}
		return e
	})
	return found
}

// value is a parameter as it was at entry.
func (f *frame) value(e *prog.GoParam) prog.Expr {
	ptr := pointerWords(e.T)
	i := -1
	return assemble(e.T, e.Place, e.At, func(p prog.Piece) prog.Expr {
		i++
		return varRef(f.word(p, ptr(i)))
	})
}

func (f *frame) word(p prog.Piece, ptr bool) *prog.Var {
	for i := range f.words {
		if f.words[i].piece == p {
			f.words[i].ptr = f.words[i].ptr || ptr
			return f.words[i].v
		}
	}
	t := types.TUint64
	if p.Size > 8 {
		t = pieceType(p.Size)
	}
	v := &prog.Var{Type: t}
	f.words = append(f.words, word{piece: p, ptr: ptr, v: v})
	return v
}

// pointerWords tells which words of a value of type t point to memory.
func pointerWords(t *types.Type) func(i int) bool {
	return func(i int) bool {
		switch t.Kind {
		case types.Pointer, types.GoMap, types.GoChan, types.GoFunc:
			return true
		case types.GoString, types.GoSlice:
			return i == 0
		case types.GoInterface:
			return i == 1
		case types.Struct:
			return fieldAtWord(t, i)
		}
		return false
	}
}

func fieldAtWord(t *types.Type, i int) bool {
	for _, fl := range t.Fields {
		if at := i*8 - fl.Offset; at >= 0 && at < fl.Type.Size {
			return pointerWords(fl.Type)(at / 8)
		}
	}
	return false
}

func nsecs(at diag.Span) prog.Expr {
	return &prog.Builtin{Meta: prog.Meta{T: types.TUint64, At: at}, ID: prog.BNsecs}
}

func varRef(v *prog.Var) prog.Expr { return &prog.VarRef{Meta: prog.Meta{T: v.Type}, Var: v} }

// rewriteReturn makes b a return's body: it fetches and drops the frame before
// anything else runs. unpaired says whether a missing frame is counted.
func (f *frame) rewriteReturn(b *prog.Body, unpaired bool) {
	f.at = b.Probe.Span
	end := &prog.Var{Type: types.TUint64}
	stmts := b.Stmts
	expandEmits(stmts, f.c)
	f.keepStrings(stmts)
	prog.Rewrite(stmts, func(e prog.Expr) prog.Expr {
		if _, ok := e.(*prog.Duration); ok {
			return binary(prog.Sub, varRef(end), varRef(f.start))
		}
		return f.c.expr(e)
	})
	f.layout()
	pre := []prog.Stmt{f.set(end, nsecs(f.at))}
	pre = append(pre, f.fetch(unpaired)...)
	b.Stmts = append(pre, stmts...)
}

// keepStrings replaces strings made of a parameter's pointer and length by
// their bytes as they were at entry.
func (f *frame) keepStrings(stmts []prog.Stmt) {
	prog.Rewrite(stmts, func(e prog.Expr) prog.Expr {
		n, ok := e.(*prog.StrN)
		if !ok {
			return e
		}
		ptr, okPtr := param(n.Ptr)
		length, okLen := param(n.Len)
		if !okPtr || !okLen || ptr.Ret {
			return e
		}
		s := f.text(ptr, length, min(n.T.Size, frameStrlen))
		return s.value(n.T, ptr.At)
	})
}

// param looks through casts for a parameter.
func param(e prog.Expr) (*prog.GoParam, bool) {
	for {
		c, ok := e.(*prog.Cast)
		if !ok {
			break
		}
		e = c.X
	}
	p, ok := e.(*prog.GoParam)
	return p, ok
}

// text is the string at ptr, of which size bytes with the NUL are kept.
func (f *frame) text(ptr, length *prog.GoParam, size int) text {
	for _, s := range f.strings {
		if s.ptr.Name == ptr.Name && fmt.Sprint(s.ptr.Place) == fmt.Sprint(ptr.Place) && s.v.Type.Size == size {
			return s
		}
	}
	s := text{ptr: ptr, len: length, v: &prog.Var{Type: types.Str(size)}, n: &prog.Var{Type: types.TUint64}}
	f.strings = append(f.strings, s)
	return s
}

// from is where the kept bytes are; reading what was not kept fails.
func (s *text) from(at diag.Span) prog.Expr {
	ptr := types.PointerTo(nil, types.SpaceKernel)
	return &prog.Cond{Meta: prog.Meta{T: ptr, At: at}, C: ne(varRef(s.n), constant(notKept, at)),
		A: &prog.Addr{Meta: prog.Meta{T: ptr, At: at}, Var: s.v}, B: cast(ptr, constant(0, at), at)}
}

// value is the kept string.
func (s *text) value(t *types.Type, at diag.Span) prog.Expr {
	return cast(t, &prog.StrN{Meta: prog.Meta{T: s.v.Type, At: at}, Ptr: s.from(at), Len: varRef(s.n), Checked: true}, at)
}

// keep reads the string. A read that fails leaves the statement before it has set
// the length.
func (s *text) keep(in *context, at diag.Span) []prog.Stmt {
	set := func(v *prog.Var, x prog.Expr) prog.Stmt { return &prog.SetVar{At: prog.At{Pos: at}, Var: v, X: x} }
	length := &prog.Var{Type: types.TUint64}
	read := &prog.StrN{Meta: prog.Meta{T: s.v.Type, At: at}, Ptr: in.place(s.ptr), Len: varRef(length), Checked: true}
	return []prog.Stmt{
		set(length, cast(types.TUint64, in.place(s.len), at)),
		set(s.n, constant(notKept, at)),
		&prog.If{At: prog.At{Pos: at},
			Cond: &prog.Block{Meta: prog.Meta{T: types.TBool, At: at}, Stmts: []prog.Stmt{set(s.v, read)},
				X: ne(varRef(length), constant(notKept, at))},
			Then: []prog.Stmt{set(s.n, varRef(length))}},
	}
}

// layout fixes the table's types: start, marks of rebased words, words,
// strings.
func (f *frame) layout() {
	fields := []*types.Type{types.TUint64, types.TUint64}
	for _, w := range f.words {
		fields = append(fields, w.v.Type)
	}
	for _, s := range f.strings {
		fields = append(fields, s.n.Type, s.v.Type)
	}
	f.table.Key = types.TupleOf(types.TUint64, types.TUint64, types.TUint64)
	f.table.KeyN = 3
	f.table.Value = types.TupleOf(fields...)
	if f.table.Value.Size > 128 {
		f.table.Entries = frameEntries / 4
	}
}

func (f *frame) set(v *prog.Var, x prog.Expr) prog.Stmt {
	return &prog.SetVar{At: prog.At{Pos: f.at}, Var: v, X: x}
}

// key identifies the running call; pops is how far SP lies above its place at
// entry.
func (f *frame) key(pops int64) prog.Expr {
	at := f.at
	tgid := binary(prog.And, builtin(prog.BTgidTid, types.TUint64, at), constant(0xffffffff00000000, at))
	call := binary(prog.Or, tgid, cast(types.TUint64, builtin(prog.BFunc, &types.Type{Kind: types.Func, Size: 8}, at), at))
	sp := f.c.reg(f.c.arch.SP, at)
	parts := []prog.Expr{call}
	switch {
	case f.c.group.Go != nil:
		parts = append(parts, f.c.g(at), binary(prog.Sub, varRef(f.hi), sp))
	case f.c.group.Target == nil:
		// A kernel's return probe does not tell where SP was: of calls of one
		// function inside each other on one thread only the last is timed.
		parts = append(parts, builtin(prog.BTgidTid, types.TUint64, at), constant(0, at))
	default:
		parts = append(parts, builtin(prog.BTgidTid, types.TUint64, at), binary(prog.Sub, sp, constant(uint64(pops), at)))
	}
	return &prog.Compose{Meta: prog.Meta{T: types.TupleOf(types.TUint64, types.TUint64, types.TUint64), At: at}, Parts: parts}
}

func builtin(id prog.BuiltinID, t *types.Type, at diag.Span) prog.Expr {
	return &prog.Builtin{Meta: prog.Meta{T: t, At: at}, ID: id}
}

// stackHi reads the top of the goroutine's stack.
func (f *frame) stackHi() []prog.Stmt {
	if f.c.group.Go == nil {
		return nil
	}
	return []prog.Stmt{f.set(f.hi, f.c.userWord(f.c.g(f.at), f.c.group.Go.StackHi, f.at))}
}

// fetch reads the frame of the returning call into variables and drops it; a
// call without one ends the body.
func (f *frame) fetch(unpaired bool) []prog.Stmt {
	at := f.at
	pops := f.c.arch.ReturnPops
	keyType := f.table.Key
	key := &prog.Var{Type: keyType}
	ptr := &prog.Var{Type: types.PointerTo(f.table.Value, types.SpaceMap)}
	stmts := append(f.stackHi(),
		f.set(key, f.key(pops)),
		f.set(ptr, &prog.MapPtr{Meta: prog.Meta{T: ptr.Type, At: at}, Map: f.table, Key: varRef(key)}))
	missing := []prog.Stmt{&prog.Return{At: prog.At{Pos: at}}}
	if unpaired {
		missing = append([]prog.Stmt{&prog.Count{At: prog.At{Pos: at}, Loss: prog.LossUnpaired}}, missing...)
	}
	stmts = append(stmts, &prog.If{At: prog.At{Pos: at}, Cond: compare(prog.Eq, varRef(ptr), constant(0, at)), Then: missing})
	field := func(i int) prog.Expr {
		fl := f.table.Value.Fields[i]
		return &prog.Load{Meta: prog.Meta{T: fl.Type, At: at}, Ptr: varRef(ptr), Off: int64(fl.Offset)}
	}
	stmts = append(stmts, f.set(f.start, field(0)))
	marks := &prog.Var{Type: types.TUint64}
	if f.rebases() {
		stmts = append(stmts, f.set(marks, field(1)))
	}
	for i, w := range f.words {
		stmts = append(stmts, f.set(w.v, field(2+i)))
		if w.ptr && f.c.group.Go != nil {
			bit := binary(prog.And, varRef(marks), constant(1<<i, at))
			back := f.set(w.v, binary(prog.Sub, varRef(f.hi), varRef(w.v)))
			stmts = append(stmts, &prog.If{At: prog.At{Pos: at}, Cond: ne(bit, constant(0, at)), Then: []prog.Stmt{back}})
		}
	}
	for i, s := range f.strings {
		at := 2 + len(f.words) + 2*i
		stmts = append(stmts, f.set(s.n, field(at)), f.set(s.v, field(at+1)))
	}
	return append(stmts, &prog.Delete{At: prog.At{Pos: at}, Map: f.table, Key: varRef(key)})
}

func (f *frame) rebases() bool {
	for _, w := range f.words {
		if w.ptr && f.c.group.Go != nil {
			return true
		}
	}
	return false
}

// entryBody is the hidden probe that opens the frame.
func (f *frame) entryBody(b *prog.Body) *prog.Body {
	at := f.at
	in := &context{arch: f.c.arch, group: f.c.group}
	lo := &prog.Var{Type: types.TUint64}
	marks := &prog.Var{Type: types.TUint64}
	key := &prog.Var{Type: f.table.Key}
	ptr := types.PointerTo(f.table.Value, types.SpaceMap)
	old := &prog.MapPtr{Meta: prog.Meta{T: ptr, At: at}, Map: f.table, Key: varRef(key)}
	stmts := append(f.stackHi(), f.set(key, f.key(0)),
		&prog.If{At: prog.At{Pos: at}, Cond: ne(old, constant(0, at)),
			Then: []prog.Stmt{&prog.Count{At: prog.At{Pos: at}, Loss: prog.LossReplaced}}},
		f.set(marks, constant(0, at)))
	if f.rebases() {
		stmts = append(stmts, f.set(lo, in.userWord(in.g(at), f.c.group.Go.StackLo, at)))
	}
	parts := []prog.Expr{nsecs(at), varRef(marks)}
	for i, w := range f.words {
		v := &prog.Var{Type: w.v.Type}
		whole := &prog.GoParam{Meta: prog.Meta{T: pieceType(w.piece.Size), At: at}, Place: prog.Place{Pieces: []prog.Piece{w.piece}}}
		stmts = append(stmts, f.set(v, cast(v.Type, in.place(whole), at)))
		if w.ptr && f.c.group.Go != nil {
			own := compare(prog.AndAnd, compare(prog.Ge, varRef(v), varRef(lo)), compare(prog.Lt, varRef(v), varRef(f.hi)))
			stmts = append(stmts, &prog.If{At: prog.At{Pos: at}, Cond: own, Then: []prog.Stmt{
				f.set(v, binary(prog.Sub, varRef(f.hi), varRef(v))),
				f.set(marks, binary(prog.Or, varRef(marks), constant(1<<i, at))),
			}})
		}
		parts = append(parts, varRef(v))
	}
	for _, s := range f.strings {
		stmts = append(stmts, s.keep(in, at)...)
		parts = append(parts, varRef(s.n), varRef(s.v))
	}
	value := &prog.Compose{Meta: prog.Meta{T: f.table.Value, At: at}, Parts: parts}
	stmts = append(stmts, &prog.SetMap{At: prog.At{Pos: at}, Map: f.table, Key: varRef(key), X: value})
	return &prog.Body{Probe: b.Probe, Group: b.Group, Stmts: stmts, Hidden: true}
}
