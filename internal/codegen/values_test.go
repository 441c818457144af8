package codegen

import (
	"encoding/binary"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// inMemory keeps s, with a NUL behind it, where a program finds it.
func inMemory(t *testing.T, s string) uint64 {
	b := append([]byte(s), 0)
	t.Cleanup(func() { runtime.KeepAlive(b) })
	return uint64(uintptr(unsafe.Pointer(&b[0])))
}

func str(addr uint64, size int, n ...prog.Expr) prog.Expr {
	return call(prog.FnStr, types.Str(size), append([]prog.Expr{userPtr(addr)}, n...)...)
}

func TestStrings(t *testing.T) {
	target := hostTarget(t)
	long := strings.Repeat("0123456789", 20)
	addr := inMemory(t, long)
	text := &prog.Var{Type: types.Str(128)}
	short := &prog.Var{Type: types.Str(8)}
	cut := func(s string) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, types.StrTruncated|uint32(len(s))), s...)
	}
	unreadable := binary.LittleEndian.AppendUint32(nil, types.StrUnreadable)
	p, u := script(prog.KindBegin, nil,
		printf(1, str(addr, 256), str(addr, 201), str(addr, 200), i64(1)),
		printf(2, str(addr, 64, u64(11)), str(addr, 64, u64(100)), str(addr, 64, u64(0))),
		printf(3, str(1, 64), str(addr+190, 64)),
		printf(4, strN(userPtr(addr), u64(5), 16), strN(userPtr(addr), u64(16), 16), strN(userPtr(1), u64(3), 16)),
		setVar(text, cast(types.Str(128), str(addr+95, 64))),
		setVar(short, lit("abcdefg")),
		printf(5, ref(text), ref(short), tuple(ref(short), num(types.TUint8, 3))),
	)
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l,
		wire(1, 0, long, long, cut(long), int64(1)),
		wire(2, 0, long[:10], cut(long[:64]), ""),
		wire(3, 0, unreadable, long[190:]),
		wire(4, 1<<2, long[:5], cut(long[:15]), unreadable),
		wire(5, 0, long[95:158], "abcdefg", "abcdefg", uint8(3)),
	)
}

func TestBlobs(t *testing.T) {
	target := hostTarget(t)
	addr := inMemory(t, "some bytes")
	blob := func(addr uint64, n int64) prog.Item {
		return prog.Item{Arg: 1, Ptr: userPtr(addr), Len: i64(n), Max: 6}
	}
	e := &prog.Emit{At: at(), Action: &prog.Action{ID: 9}, Items: []prog.Item{
		{X: i64(1)}, blob(addr, 4), blob(addr, 100), blob(1, 4), blob(0, 0), blob(addr, -1), {Arg: 2, X: num(types.TUint16, 77)},
	}}
	p, u := script(prog.KindBegin, nil, e)
	l := loadUnit(t, p, u, target)
	l.run()
	wantRecords(t, l, wire(9, 0, int64(1), "some", "some b", uint32(types.StrUnreadable), uint32(0), "some b", uint16(77)))
}

func TestStringFunctions(t *testing.T) {
	target := hostTarget(t)
	hay := inMemory(t, "the quick brown fox")
	s := func() prog.Expr { return str(hay, 64) }
	v := &prog.Var{Type: types.Str(32)}
	n := func(fn prog.FuncID, args ...prog.Expr) prog.Expr { return call(fn, types.TInt64, args...) }
	cases := []struct {
		name string
		e    prog.Expr
		want int64
	}{
		{"equal to a constant", bin(prog.Eq, s(), lit("the quick brown fox")), 1},
		{"equal to its prefix", bin(prog.Eq, s(), lit("the quick")), 0},
		{"equal to a longer one", bin(prog.Eq, s(), lit("the quick brown foxes")), 0},
		{"constant too long for it", bin(prog.Ne, s(), lit(strings.Repeat("x", 70))), 1},
		{"equal to a variable of other size", bin(prog.Eq, s(), ref(v)), 1},
		{"strncmp prefix", n(prog.FnStrncmp, s(), lit("the quiet"), i64(7)), 0},
		{"strncmp differs", n(prog.FnStrncmp, s(), lit("the quiet"), i64(9)), 1},
		{"strncmp whole", n(prog.FnStrncmp, lit("the quick brown fox"), s(), i64(64)), 0},
		{"strncmp shorter constant", n(prog.FnStrncmp, s(), lit("the"), i64(10)), 1},
		{"strlen", n(prog.FnStrlen, s()), 19},
		{"strlen of a constant", n(prog.FnStrlen, lit("four")), 4},
		{"strstr", n(prog.FnStrstr, s(), lit("brown")), 10},
		{"strstr at the start", n(prog.FnStrstr, s(), lit("the")), 0},
		{"strstr nowhere", n(prog.FnStrstr, s(), lit("browny")), -1},
		{"strstr of nothing", n(prog.FnStrstr, s(), lit("")), 0},
		{"strstr of a read needle", n(prog.FnStrstr, s(), str(hay+16, 16)), 16},
		{"strstr of a needle that is not there", n(prog.FnStrstr, str(hay, 8), str(hay+1, 32)), -1},
		{"strcontains", n(prog.FnStrcontains, s(), lit("fox")), 1},
		{"strcontains not", n(prog.FnStrcontains, s(), lit("cat")), 0},
		{"memcmp same", n(prog.FnMemcmp, s(), ref(v), i64(32)), 0},
		{"memcmp less", n(prog.FnMemcmp, s(), str(hay+4, 64), i64(5)), 1},
		{"memcmp greater", n(prog.FnMemcmp, str(hay+4, 64), s(), i64(5)), -1},
		{"bswap 4", n(prog.FnBswap, num(types.TUint32, 0x01020304)), 0x04030201},
		{"bswap 2", n(prog.FnBswap, num(types.TUint16, 0x0102)), 0x0201},
	}
	for _, c := range cases {
		p, u := script(prog.KindBegin, nil, setVar(v, cast(types.Str(32), str(hay, 24))), printf(1, cast(types.TInt64, c.e)))
		l := loadUnit(t, p, u, target)
		l.run()
		got := l.records()
		if w := wire(1, 0, c.want); len(got) != 1 || string(got[0]) != string(w) {
			t.Errorf("%s: %x, want %x\n%s", c.name, got, w, l.obj.IR())
		}
	}
}

// pair is a struct of C: a byte, then bit fields in a word, then an array.
var pair = &types.Type{Kind: types.Struct, Name: "pair", Size: 24, Fields: []types.Field{
	{Name: "tag", Type: types.TInt8},
	{Name: "bits", Type: types.TUint32, Offset: 4, BitOff: 3, BitSize: 5},
	{Name: "list", Type: types.ArrayOf(types.TInt16, 8), Offset: 8},
}}

func TestMemoryValues(t *testing.T) {
	target := hostTarget(t)
	b := make([]byte, 24)
	b[0] = 0xfe
	binary.LittleEndian.PutUint32(b[4:], 0x15<<3|0xffffff07)
	for i := range 8 {
		binary.LittleEndian.PutUint16(b[8+2*i:], uint16(-i*100))
	}
	addr := uint64(uintptr(unsafe.Pointer(&b[0])))
	v, i := &prog.Var{Type: pair}, &prog.Var{Type: types.TUint64}
	field := func(n int) prog.Expr {
		f := pair.Fields[n]
		return &prog.Member{Meta: meta(f.Type), X: ref(v), Off: int64(f.Offset), BitOff: f.BitOff, BitSize: f.BitSize}
	}
	elem := func(i prog.Expr) prog.Expr { return &prog.Elem{Meta: meta(types.TInt16), X: field(2), I: i} }
	m := mapOf("@m", types.TUint64, pair)
	keyed := mapOf("@k", types.TupleOf(types.TInt8, types.Str(10), types.TInt64), types.Str(40))
	key := func() prog.Expr { return tuple(num(types.TInt8, -2), cast(types.Str(10), lit("k")), i64(5)) }
	p, u := script(prog.KindBegin, []*prog.Map{m, keyed},
		setVar(v, load(pair, userPtr(addr), 0, false)),
		setVar(i, u64(3)),
		printf(1, field(0), field(1), field(2), elem(u64(7)), elem(ref(i)), elem(bin(prog.Mul, ref(i), ref(i)))),
		setMap(m, ref(i), ref(v)),
		printf(2, &prog.Member{Meta: meta(types.TInt8), X: get(m, u64(3), pair), Off: 0}, get(m, u64(4), pair)),
		setMap(keyed, key(), cast(types.Str(40), lit("a value of some length"))),
		printf(3, get(keyed, key(), types.Str(40)), bin(prog.Eq, key(), key()), bin(prog.Ne, ref(v), get(m, u64(3), pair))),
		printf(4, call(prog.FnHasKey, types.TBool), u64(0)),
	)
	p.Maps[1].Name = "@k"
	last := u.Bodies[0].Stmts[7].(*prog.Emit)
	last.Items[0].X = &prog.Call{Meta: meta(types.TBool), Fn: prog.FnHasKey, Map: keyed, Args: []prog.Expr{key()}}
	last.Items[1].X = &prog.Call{Meta: meta(types.TBool), Fn: prog.FnDelete, Map: keyed, Args: []prog.Expr{key()}}
	l := loadUnit(t, p, u, target)
	l.run()
	runtime.KeepAlive(b)
	wantRecords(t, l,
		wire(1, 0, int8(-2), uint32(0x15), b[8:24], int16(-700), int16(-300), int16(0)),
		wire(2, 0, int8(-2), make([]byte, 24)),
		wire(3, 0, "a value of some length", uint8(1), uint8(0)),
		wire(4, 0, uint8(1), uint8(1)),
	)
	if n := l.remarks()[prog.RemarkBounds]; n != 1 {
		t.Errorf("%d accesses out of bounds, want 1", n)
	}
}

func TestOpaqueValues(t *testing.T) {
	target := hostTarget(t)
	six := types.ArrayOf(types.TUint8, 6)
	addr := inMemory(t, "\x01\x02\x03\x04\x05\x06")
	p, u := script(prog.KindBegin, nil,
		printf(1,
			call(prog.FnMac, &types.Type{Kind: types.Mac, Size: 6}, load(six, userPtr(addr), 0, false)),
			call(prog.FnNtop, &types.Type{Kind: types.Inet, Size: 20}, num(types.TInt32, 2), num(types.TUint32, 0x0100007f)),
			call(prog.FnUSym, &types.Type{Kind: types.USym, Size: 16}, u64(0x1234)),
			call(prog.FnStrftime, &types.Type{Kind: types.Timestamp, Size: 16}, u64(2), u64(99)),
			call(prog.FnBuf, &types.Type{Kind: types.Buffer, Size: 12}, userPtr(addr), u64(3)),
			builtin(prog.BPid, types.TUint32), builtin(prog.BNcpus, types.TUint64),
			builtin(prog.BProbe, types.TUint64), builtin(prog.BFunc, types.TUint64)))
	l := loadUnit(t, p, u, target)
	l.run()
	inet := make([]byte, 20)
	copy(inet, []byte{2, 0, 0, 0, 127, 0, 0, 1})
	wantRecords(t, l, wire(1, 0, []byte{1, 2, 3, 4, 5, 6}, inet,
		uint64(0x1234), uint32(os.Getpid()), uint32(0), uint64(99), uint64(2),
		uint32(3), []byte{1, 2, 3, 0, 0, 0, 0, 0},
		uint32(os.Getpid()), uint64(target.CPUs), uint64(3<<32|7), uint64(7)))
}
