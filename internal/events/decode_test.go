package events

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// names is a Resolver that answers from the numbers it is asked.
type names struct{}

func (names) Kernel(addr uint64) Frame {
	if addr == 0x1000 {
		return Frame{Addr: addr, Func: "do_nanosleep", Offset: 5}
	}
	return Frame{Addr: addr}
}

func (names) User(tgid uint32, addr uint64) []Frame {
	if tgid != 42 {
		return []Frame{{Addr: addr}}
	}
	return []Frame{{Addr: addr, Func: "main.inner", Inlined: true}, {Addr: addr, Func: "main.outer", Offset: 7}}
}

func (names) BuildID(tgid uint32, addr uint64) (string, uint64) {
	if addr == 0x1000 {
		return "0123abcd", addr
	}
	return "", 0
}

func (names) FuncName(id uint32) string { return []string{"main.f", "main.g"}[id] }

func (names) ProbeText(point, fn uint32) string { return "uprobe:./server:main.f" }

func (names) Username(uid uint32) string {
	if uid == 0 {
		return "root"
	}
	return ""
}

func (names) CgroupPath(id uint64) string { return "/system.slice" }

func (names) GoType(tgid uint32, addr uint64) (GoType, bool) {
	switch addr {
	case 1:
		return GoType{Name: "*errors.errorString", LeadsText: true}, true
	case 2:
		return GoType{Name: "string", String: true}, true
	case 3:
		return GoType{Name: "int", Held: types.TInt64}, true
	}
	return GoType{}, false
}

// stacks is a StackTable with one stack.
type stacks struct{}

func (stacks) Lookup(key, out any) error {
	if key != uint64(9) {
		return errors.New("no such stack")
	}
	*out.(*stackValue) = stackValue{N: 2, Frames: [maxStackFrames]uint64{0x1000, 0x2000}}
	return nil
}

func testSymbols() *Symbols {
	s := NewSymbols(names{}, stacks{})
	s.Boot, s.Location = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC
	return s
}

// enc builds the bytes of a record.
type enc struct{ b []byte }

func header(action uint32, faults uint64) *enc {
	e := &enc{}
	return e.u32(action).u32(0).u64(faults)
}

func (e *enc) u8(v uint8) *enc   { e.b = append(e.b, v); return e }
func (e *enc) u32(v uint32) *enc { e.b = binary.LittleEndian.AppendUint32(e.b, v); return e }
func (e *enc) u64(v uint64) *enc { e.b = binary.LittleEndian.AppendUint64(e.b, v); return e }
func (e *enc) raw(s string) *enc { e.b = append(e.b, s...); return e }
func (e *enc) str(s string) *enc { return e.u32(uint32(len(s))).raw(s) }

var (
	goString = &types.Type{Kind: types.GoString, Size: 16, Name: "string"}
	goError  = &types.Type{Kind: types.GoInterface, Size: 16, Name: "error"}
	goAny    = &types.Type{Kind: types.GoInterface, Size: 16, Name: "interface {}", Empty: true}
	goMap    = &types.Type{Kind: types.GoMap, Size: 8}
)

func sliceOf(elem *types.Type) *types.Type {
	return &types.Type{Kind: types.GoSlice, Size: 24, Elem: elem}
}

func kind(k types.Kind, size int) *types.Type { return &types.Type{Kind: k, Size: size} }

func signed(k types.Kind) *types.Type { return &types.Type{Kind: k, Signed: true} }

func program(args ...*types.Type) *prog.Program {
	return &prog.Program{
		Actions: []*prog.Action{{Kind: prog.ActPrintf, Args: args}},
		Formats: []string{"%H:%M:%S"},
	}
}

func decode(t *testing.T, faults uint64, body *enc, args ...*types.Type) []Value {
	t.Helper()
	raw := append(header(0, faults).b, body.b...)
	rec, err := NewDecoder(program(args...), testSymbols()).Decode(raw, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return rec.Values
}

// brief shows a value without its type: what the tests compare.
func brief(v Value) Value {
	v.Type = nil
	v.Elems = nil
	return v
}

func TestDecodeValues(t *testing.T) {
	bits := &types.Type{Kind: types.Struct, Size: 4, Fields: []types.Field{
		{Name: "a", Type: types.TUint32, BitOff: 4, BitSize: 8},
		{Name: "b", Type: types.TInt32, BitOff: 12, BitSize: 4},
	}}
	stack := &types.Type{Kind: types.Stack, Size: 16}
	ustack := &types.Type{Kind: types.Stack, Size: 16, User: true, Frames: 1}
	tests := []struct {
		name string
		typ  *types.Type
		body *enc
		want Value
	}{
		{"int8", types.TInt8, new(enc).u8(0xfe), Value{Int: math.MaxUint64 - 1}},
		{"uint8", types.TUint8, new(enc).u8(0xfe), Value{Int: 0xfe}},
		{"int32", types.TInt32, new(enc).u32(0xffffffff), Value{Int: math.MaxUint64}},
		{"bool", types.TBool, new(enc).u8(1), Value{Int: 1}},
		{"float32", kind(types.Float, 4), new(enc).u32(math.Float32bits(1.5)), Value{Float: 1.5}},
		{"float64", kind(types.Float, 8), new(enc).u64(math.Float64bits(-2.25)), Value{Float: -2.25}},
		{"complex64", kind(types.Complex, 8), new(enc).u32(math.Float32bits(1)).u32(math.Float32bits(-2)), Value{Text: "(1-2i)"}},
		{"string", types.Str(16), new(enc).str("hello"), Value{Str: []byte("hello")}},
		{"empty string", types.Str(16), new(enc).str(""), Value{Str: []byte{}}},
		{"cut string", types.Str(4), new(enc).u32(3 | types.StrTruncated).raw("abc"), Value{Str: []byte("abc"), Truncated: true}},
		{"unreadable string", types.Str(4), new(enc).u32(types.StrUnreadable), Value{Unreadable: true}},
		{"buffer", kind(types.Buffer, 8), new(enc).u32(2).raw("ab\x00\x00"), Value{Str: []byte("ab")}},
		{"lying buffer", kind(types.Buffer, 8), new(enc).u32(99).raw("abcd"), Value{Str: []byte("abcd")}},
		{"ksym", kind(types.KSym, 8), new(enc).u64(0x1000), Value{Int: 0x1000, Text: "do_nanosleep"}},
		{"unknown ksym", kind(types.KSym, 8), new(enc).u64(0x77), Value{Int: 0x77, Text: "0x77"}},
		{"usym", kind(types.USym, 16), new(enc).u64(0x3000).u32(42).u32(0), Value{Int: 0x3000, Text: "main.outer"}},
		{"func", kind(types.Func, 8), new(enc).u64(1), Value{Int: 1, Text: "main.g"}},
		{"probe", kind(types.Probe, 8), new(enc).u64(3<<32 | 1), Value{Int: 3<<32 | 1, Text: "uprobe:./server:main.f"}},
		{"inet", kind(types.Inet, 20), new(enc).u32(2).raw("\x7f\x00\x00\x01" + strings.Repeat("\x00", 12)), Value{Text: "127.0.0.1"}},
		{"inet6", kind(types.Inet, 20), new(enc).u32(10).raw(strings.Repeat("\x00", 15) + "\x01"), Value{Text: "::1"}},
		{"mac", kind(types.Mac, 6), new(enc).raw("\x02\x00\x00\xab\xcd\xef"), Value{Text: "02:00:00:AB:CD:EF"}},
		{"username", kind(types.Username, 8), new(enc).u64(0), Value{Text: "root"}},
		{"nameless user", kind(types.Username, 8), new(enc).u64(1234), Value{Int: 1234, Text: "1234"}},
		{"timestamp", kind(types.Timestamp, 16), new(enc).u64(3_661_000_000_000).u64(0), Value{Int: 3_661_000_000_000, Text: "01:01:01"}},
		{"timestamp of no format", kind(types.Timestamp, 16), new(enc).u64(1).u64(7), Value{Int: 1, Text: "(?)"}},
		{"cgroup", kind(types.CgroupPath, 8), new(enc).u64(5), Value{Int: 5, Text: "unified:/system.slice"}},
		{"kstack", stack, new(enc).u64(9).u32(42).u32(2), Value{Frames: []Frame{{Addr: 0x1000, Func: "do_nanosleep", Offset: 5}, {Addr: 0x2000}}}},
		{"ustack", ustack, new(enc).u64(9).u32(42).u32(2), Value{Frames: []Frame{
			{Addr: 0x1000, Func: "main.inner", Inlined: true}, {Addr: 0x1000, Func: "main.outer", Offset: 7}}}},
		{"lost stack", stack, new(enc).u64(8).u32(42).u32(2), Value{Unreadable: true}},
		{"stats", signed(types.Stats), new(enc).u64(12).u64(4), Value{Total: 12, Int: 4}},
		{"string cut by its length", goString, new(enc).u64(0xc000).u64(9).str("abc"), Value{Int: 0xc000, Total: 9, Str: []byte("abc"), Truncated: true}},
		{"go string", goString, new(enc).u64(0xc000).u64(3).str("abc"), Value{Int: 0xc000, Total: 3, Str: []byte("abc")}},
		{"unreadable go string", goString, new(enc).u64(0xc000).u64(3).u32(types.StrUnreadable), Value{Int: 0xc000, Total: 3, Unreadable: true, Truncated: true}},
		{"go string of negative length", goString, new(enc).u64(1).u64(1 << 63).str(""), Value{Int: 1, Unreadable: true}},
		{"nil error", goError, new(enc).u64(0).u64(0).str("").str("").str(""), Value{Text: "<nil>"}},
		{"error", goError, new(enc).u64(0x77).u64(0xc0).u32(8).u64(1).str("boom").str(""), Value{Int: 0x77, Total: 0xc0, Str: []byte("boom")}},
		{"error without text", goError, new(enc).u64(0x77).u64(0xc0).u32(8).u64(1).str("").str(""), Value{Int: 0x77, Total: 0xc0, Text: "*errors.errorString(0xc0)"}},
		{"error pointer in any", goAny, new(enc).u64(1).u64(0xc0).str("").str("boom").str(""), Value{Int: 1, Total: 0xc0, Text: "*errors.errorString(0xc0)"}},
		{"string in any", goAny, new(enc).u64(2).u64(0xc0).str("").str("hi").str(""), Value{Int: 2, Total: 0xc0, Str: []byte("hi")}},
		{"unreadable string in any", goAny, new(enc).u64(2).u64(0xc0).str("").u32(types.StrUnreadable).str(""), Value{Int: 2, Total: 0xc0, Unreadable: true}},
		{"int in any", goAny, new(enc).u64(3).u64(0xc0).str("").u32(types.StrUnreadable).str(""), Value{Int: 3, Total: 0xc0, Text: "int(0xc0)"}},
		{"int in any, read", goAny, new(enc).u64(3).u64(0xc0).str("").str("").str("\x2a\x00\x00\x00\x00\x00\x00\x00more"), Value{Int: 3, Total: 0xc0, Text: "int"}},
		{"unknown type in any", goAny, new(enc).u64(0x500).u64(0xc0).str("").str("").str(""), Value{Int: 0x500, Total: 0xc0, Text: "type@0x500(0xc0)"}},
		{"unreadable itab", goError, new(enc).u64(0x77).u64(0xc0).u32(types.StrUnreadable).str("x").str(""), Value{Int: 0x77, Total: 0xc0, Text: "error", Unreadable: true}},
		{"map", goMap, new(enc).u64(0xc0).u32(8).u64(5), Value{Int: 5}},
		{"old map", goMap, new(enc).u64(0xc0).u32(4).u32(5), Value{Int: 5}},
		{"nil map", goMap, new(enc).u64(0).str(""), Value{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := decode(t, 0, tt.body, tt.typ)[0]
			if diff := cmp.Diff(tt.want, brief(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
	got := decode(t, 0, new(enc).u32(0xf<<12|0x5a<<4), bits)[0]
	if got.Elems[0].Int != 0x5a || int64(got.Elems[1].Int) != -1 {
		t.Errorf("bit fields: %x %d", got.Elems[0].Int, int64(got.Elems[1].Int))
	}
}

func TestDecodeNested(t *testing.T) {
	args := types.TupleOf(types.TUint8, types.Str(8), types.TInt64)
	got := decode(t, 0, new(enc).u8(1).str("ab").u64(7).u32(5), args, types.TInt32)
	if got[0].Elems[0].Int != 1 || string(got[0].Elems[1].Str) != "ab" || got[0].Elems[2].Int != 7 || got[1].Int != 5 {
		t.Errorf("tuple goes part by part: %+v", got)
	}
	point := &types.Type{Kind: types.Struct, Size: 24, Fields: []types.Field{
		{Name: "n", Type: types.TUint8}, {Name: "s", Type: goString, Offset: 8}}}
	body := new(enc).u64(0xc0).u64(3).u64(3). // slice of 3
							u32(2 * 24).                                                        // of which two could be read
							raw("\x01\x00\x00\x00\x00\x00\x00\x00").u64(0xa).u64(1).            // {1, "x"}
							raw("\x02\x00\x00\x00\x00\x00\x00\x00").u64(0xb).u64(2).            // {2, "yz"}
							str("x").str("yz").str("").str("").str("").str("").str("").str(""). // 8 slots
							u32(99)
	got = decode(t, 0, body, sliceOf(point), types.TUint32)
	s := got[0]
	if len(s.Elems) != 2 || s.More != 1 || string(s.Elems[1].Elems[1].Str) != "yz" || s.Elems[1].Elems[0].Int != 2 {
		t.Errorf("slice of structs: %+v", s)
	}
	if got[1].Int != 99 {
		t.Errorf("what follows the slice is %d", got[1].Int)
	}
}

func TestDecodeFaults(t *testing.T) {
	args := make([]*types.Type, 66)
	body := new(enc)
	for i := range args {
		args[i] = types.TUint8
		body.u8(uint8(i))
	}
	got := decode(t, 1<<1|1<<63, body, args...)
	for i, v := range got {
		if want := i == 1 || i >= 63; v.Unreadable != want {
			t.Errorf("argument %d: unreadable is %v", i, v.Unreadable)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	p := program(types.TInt64, types.Str(8), sliceOf(types.TInt32))
	whole := header(0, 0).u64(1).str("abc").u64(1).u64(2).u64(2).u32(8).u64(5).b
	d := NewDecoder(p, testSymbols())
	if _, err := d.Decode(whole, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := d.Decode(whole[:n], time.Time{}); err == nil {
			t.Errorf("%d of %d bytes are taken for a record", n, len(whole))
		}
	}
	if _, err := d.Decode(header(7, 0).b, time.Time{}); err == nil || !strings.Contains(err.Error(), "no action 7") {
		t.Errorf("unknown action: %v", err)
	}
}

func TestDecoderUpdate(t *testing.T) {
	p := program(types.TInt64)
	d := NewDecoder(p, testSymbols())
	p.Actions = append(p.Actions, &prog.Action{ID: 1, Kind: prog.ActPrint, Args: []*types.Type{kind(types.Timestamp, 16)}})
	p.Formats = append(p.Formats, "%Y")
	d.Update(p)
	rec, err := d.Decode(header(1, 0).u64(0).u64(1).b, time.Time{})
	if err != nil || rec.Action != p.Actions[1] || rec.Values[0].Text != "2026" {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestTimeIsThatOfTheProgram(t *testing.T) {
	p := &prog.Program{Actions: []*prog.Action{{Kind: prog.ActTime, Args: []*types.Type{types.TUint64}}}}
	rec, err := NewDecoder(p, testSymbols()).Decode(header(0, 0).u64(2_000_000_000).b, time.Now())
	if want := time.Date(2026, 1, 1, 0, 0, 2, 0, time.UTC); err != nil || !rec.Wall.Equal(want) {
		t.Errorf("%v, %v, want %v", rec, err, want)
	}
}

func TestDecodeLyingTypes(t *testing.T) {
	outside := &types.Type{Kind: types.Struct, Size: 4, Fields: []types.Field{
		{Name: "far", Type: types.TInt64, Offset: 100},
		{Name: "wide", Type: types.TInt32, BitOff: 30, BitSize: 70},
	}}
	empty := types.ArrayOf(&types.Type{Kind: types.Struct}, 1<<40)
	got := decode(t, 0, new(enc).u32(1), outside, empty)
	if !got[0].Elems[0].Unreadable || !got[0].Elems[1].Unreadable {
		t.Errorf("members outside their struct: %+v", got[0].Elems)
	}
	if n := len(got[1].Elems); n != types.MaxSliceElems {
		t.Errorf("%d elements without size", n)
	}
}

func fuzzTypes() []*types.Type {
	inner := &types.Type{Kind: types.Struct, Size: 64, Fields: []types.Field{
		{Type: goString}, {Type: goAny, Offset: 16}, {Type: sliceOf(types.TInt16), Offset: 32}, {Type: goMap, Offset: 56}}}
	return []*types.Type{
		types.TInt32, types.Str(16), types.TupleOf(types.TUint8, types.Str(4)), kind(types.Buffer, 12), goError,
		sliceOf(inner), types.ArrayOf(goString, 3), kind(types.Inet, 20), kind(types.Stack, 16),
		{Kind: types.Hist}, signed(types.Avg),
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(header(0, 3).u32(1).str("abc").u8(1).str("d").b)
	f.Add(bytes.Repeat([]byte{0}, 1024))
	f.Add(bytes.Repeat([]byte{1, 0, 0, 0, 0, 0, 0, 0}, 512))
	d := NewDecoder(program(fuzzTypes()...), testSymbols())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) >= types.HeaderSize {
			copy(raw, []byte{0, 0, 0, 0})
		}
		rec, err := d.Decode(raw, time.Time{})
		if (rec == nil) == (err == nil) {
			t.Errorf("record %v and error %v", rec, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	d := NewDecoder(program(types.TUint32, types.Str(16), types.TInt64), testSymbols())
	raw := header(0, 0).u32(1234).str("server").u64(200).b
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(raw, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
