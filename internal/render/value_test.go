package render

import (
	"math"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/types"
)

func num(t *types.Type, n int64) events.Value { return events.Value{Type: t, Int: uint64(n)} }

func str(s string) events.Value { return events.Value{Type: types.Str(64), Str: []byte(s)} }

func of(k types.Kind, v events.Value) events.Value {
	v.Type = &types.Type{Kind: k, Size: 8}
	return v
}

func record(names []string, elems ...events.Value) events.Value {
	fields := make([]types.Field, len(names))
	for i, n := range names {
		fields[i] = types.Field{Name: n, Type: elems[i].Type}
	}
	return events.Value{Type: types.RecordOf(fields), Elems: elems}
}

func tuple(elems ...events.Value) events.Value {
	return events.Value{Type: &types.Type{Kind: types.Tuple}, Elems: elems}
}

func stackOf(mode types.StackMode, frames ...events.Frame) events.Value {
	return events.Value{Type: &types.Type{Kind: types.Stack, Mode: mode, User: true}, Frames: frames}
}

var testFrames = []events.Frame{
	{Addr: 0x4010, Func: "main.inner", Inlined: true, File: "a.go", Line: 3},
	{Addr: 0x4010, Func: "main.outer", Offset: 16, File: "a.go", Line: 9, Module: "/bin/server"},
	{Addr: 0x99},
}

func hist(counts map[int]uint64) events.Value {
	b := make([]uint64, types.HistBuckets(0))
	for i, n := range counts {
		b[i] = n
	}
	return events.Value{Type: &types.Type{Kind: types.Hist}, Buckets: b}
}

func optional(k types.Kind) *types.Type { return &types.Type{Kind: k, Size: 8, Optional: true} }

func typed(t *types.Type, v events.Value) events.Value {
	v.Type = t
	return v
}

// TestValues pairs each value with its text and its JSON.
func TestValues(t *testing.T) {
	enum := &types.Type{Kind: types.Enum, Size: 4, Enum: []types.EnumValue{{Name: "ONE", Value: 1}}}
	slice := of(types.GoSlice, events.Value{Elems: []events.Value{num(types.TInt32, 1), num(types.TInt32, 2)}, More: 3})
	stats := events.Value{Type: &types.Type{Kind: types.Stats, Signed: true}, Int: 3, Total: -6}
	tests := []struct {
		name       string
		v          events.Value
		text, json string
	}{
		{"void", of(types.Void, events.Value{}), "null", "null"},
		{"bool", num(types.TBool, 1), "true", "true"},
		{"negative", num(types.TInt8, -2), "-2", "-2"},
		{"unsigned", num(types.TUint64, -1), "18446744073709551615", `"18446744073709551615"`},
		{"inexact", num(types.TInt64, 1<<53+1), "9007199254740993", `"9007199254740993"`},
		{"exact", num(types.TInt64, math.MinInt64), "-9223372036854775808", "-9223372036854775808"},
		{"enum", num(enum, 1), "ONE", "1"},
		{"unknown enum", num(enum, 7), "7", "7"},
		{"pointer", of(types.Pointer, events.Value{Int: 0xbeef}), "0xbeef", "48879"},
		{"nil pointer", of(types.Pointer, events.Value{}), "0x0", "0"},
		{"float", of(types.Float, events.Value{Float: 0.1}), "0.1", "0.1"},
		{"infinite", of(types.Float, events.Value{Float: math.Inf(1)}), "+Inf", "null"},
		{"complex", of(types.Complex, events.Value{Text: "(1+2i)"}), "(1+2i)", `"(1+2i)"`},
		{"string", str("a\"b\n"), "a\"b\n", `"a\"b\n"`},
		{"cut string", events.Value{Type: types.Str(4), Str: []byte("abc"), Truncated: true}, "abc..", `"abc.."`},
		{"invalid UTF-8", str("a\xff\x01"), "a\xff\x01", "\"a\ufffd\\u0001\""},
		{"unreadable", events.Value{Type: types.Str(4), Unreadable: true}, "<unreadable>", "null"},
		{"buffer", of(types.Buffer, events.Value{Str: []byte("a\x00\xff")}), `a\x00\xff`, "[97,0,-1]"},
		{"array", events.Value{Type: types.ArrayOf(types.TInt32, 2), Elems: slice.Elems}, "[1,2]", "[1,2]"},
		{"slice", slice, "[1,2,...+3]", "[1,2]"},
		{"unread slice", of(types.GoSlice, events.Value{More: 4}), "[...+4]", "[]"},
		{"tuple", tuple(num(types.TInt32, 1), str("abc")), "(1, abc)", `[1,"abc"]`},
		{"pair of one", tuple(num(types.TInt32, 1)), "(1)", "[1]"},
		{"record", record([]string{"a", "b"}, num(types.TInt32, 1), str("x")), "{ .a = 1, .b = x }", `{"a": 1, "b": "x"}`},
		{"empty struct", of(types.Struct, events.Value{}), "{}", "{}"},
		{"stats", stats, "{ .count = 3, .average = -2, .total = -6 }", `{"count": 3, "average": -2, "total": -6}`},
		{"avg", events.Value{Type: &types.Type{Kind: types.Avg}, Int: 2, Total: 5}, "2", "2"},
		{"avg of none", events.Value{Type: &types.Type{Kind: types.Avg}}, "0", "0"},
		{"go string", of(types.GoString, events.Value{Str: []byte("hi")}), "hi", `"hi"`},
		{"nil interface", of(types.GoInterface, events.Value{Text: "<nil>"}), "<nil>", `"<nil>"`},
		{"interface", of(types.GoInterface, events.Value{Text: "main.day", Elems: []events.Value{num(types.TInt64, 3)}}), "main.day(3)", `"main.day(3)"`},
		{"error", of(types.GoInterface, events.Value{Str: []byte("boom")}), "boom", `"boom"`},
		{"go map", of(types.GoMap, events.Value{Int: 3}), "3", "3"},
		{"symbol", of(types.KSym, events.Value{Int: 5, Text: "do_exit"}), "do_exit", `"do_exit"`},
		{"stack", stackOf(types.StackDefault, testFrames...),
			"\n        [inlined] main.inner@a.go:3\n        main.outer+16@a.go:9\n        0x99\n",
			`"\n        [inlined] main.inner@a.go:3\n        main.outer+16@a.go:9\n        0x99\n"`},
		{"perf stack", stackOf(types.StackPerf, testFrames...),
			"\n\t4010 main.inner (inlined)\n\t4010 main.outer+16 (/bin/server)\n\t99 0x99 ([unknown])\n",
			`"\n\t4010 main.inner (inlined)\n\t4010 main.outer+16 (/bin/server)\n\t99 0x99 ([unknown])\n"`},
		{"absent number", num(optional(types.Int), -1), "-", "null"},
		{"number", num(optional(types.Int), 3), "3", "3"},
		{"absent text", typed(optional(types.String), events.Value{}), "-", "null"},
		{"absent address", typed(optional(types.Inet), events.Value{}), "-", "null"},
		{"address", typed(optional(types.Inet), events.Value{Text: "10.0.0.1"}), "10.0.0.1", `"10.0.0.1"`},
		{"record with gaps", record([]string{"a", "b"}, num(optional(types.Int), -1), str("x")), "{ .a = -, .b = x }", `{"b": "x"}`},
		{"stack of builds", stackOf(types.StackBuildID, events.Frame{Addr: 0x4010, BuildID: "0123ab", Offset: 0x10}, testFrames[2]), "\n0123ab 0x10\n99\n",
			`"\n0123ab 0x10\n99\n"`},
		{"raw stack", stackOf(types.StackRaw, testFrames[1:]...), "\n4010\n99\n", `"\n4010\n99\n"`},
	}
	p := printer{trailer: ".."}
	for _, tt := range tests {
		if got := string(p.value(nil, &tt.v)); got != tt.text {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.text)
		}
		if got := string(p.json(nil, &tt.v, 1)); got != tt.json {
			t.Errorf("%s as JSON: %s, want %s", tt.name, got, tt.json)
		}
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain [x] \"q\" \\":     "plain [x] \"q\" \\",
		"a\nb\tc\rd\x1b[2J":      `a\nb\tc\rd\x1b[2J`,
		"\x00\x7f":               `\x00\x7f`,
		"grün 世界":                "grün 世界",
		"\xc3(\xff":              `\xc3(\xff`,
		"a\u202eb\u0085c\u200bd": `a\u202eb\u0085c\u200bd`,
		"\ufffd":                 "\ufffd",
	} {
		if got := string(AppendEscaped(nil, []byte(in))); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	p := printer{escape: true}
	v := str("\x1b[31m")
	if got := string(p.value(nil, &v)); got != `\x1b[31m` {
		t.Errorf("on a terminal: %s", got)
	}
}

func TestPrintf(t *testing.T) {
	i64, u64, i32 := types.TInt64, types.TUint64, types.TInt32
	ptr := of(types.Pointer, events.Value{Int: 0xffff_0000_1234})
	buf := of(types.Buffer, events.Value{Str: []byte("a\x00b")})
	tests := []struct {
		format string
		v      events.Value
		want   string
	}{
		{"%d", num(i32, -5), "-5"},
		{"%i|", num(i32, 5), "5|"},
		{"%5d|%%", num(i32, -5), "   -5|%"},
		{"%-5d|", num(i32, -5), "-5   |"},
		{"%05d", num(i32, -5), "-0005"},
		{"%-05d|", num(i32, 5), "5    |"},
		{"%+d", num(i32, 5), "+5"},
		{"% d", num(i32, 5), " 5"},
		{"%.3d", num(i32, 5), "005"},
		{"%6.3d", num(i32, -5), "  -005"},
		{"%d", num(i64, 1<<32+7), "7"},
		{"%ld", num(i64, 1<<32+7), "4294967303"},
		{"%lld %%", num(i64, -1<<40), "-1099511627776 %"},
		{"%d", num(u64, 0xffffffff), "-1"},
		{"%u", num(i32, -1), "4294967295"},
		{"%lu", num(i32, -1), "18446744073709551615"},
		{"%hhd", num(i32, 0x1ff), "-1"},
		{"%hu", num(i32, -1), "65535"},
		{"%jd %%", num(i64, 1<<40), "1099511627776 %"},
		{"%zu", num(i64, 1<<40), "1099511627776"},
		{"%x", num(u64, 0x1_dead_beef), "deadbeef"},
		{"%lx", num(u64, 0x1_dead_beef), "1deadbeef"},
		{"%X", num(u64, 0xbeef), "BEEF"},
		{"%#x", num(u64, 0xbeef), "0xbeef"},
		{"%#X", num(u64, 0xbeef), "0XBEEF"},
		{"%#x", num(u64, 0), "0"},
		{"%08x", num(u64, 0xbeef), "0000beef"},
		{"%#010x", num(u64, 0xbeef), "0x0000beef"},
		{"%o", num(u64, 8), "10"},
		{"%#o", num(u64, 8), "010"},
		{"%c", num(i32, 'A'), "A"},
		{"%3c|", num(i32, 'A'), "  A|"},
		{"%p", ptr, "0xffff00001234"},
		{"%16p|", ptr, "  0xffff00001234|"},
		{"%lx", ptr, "ffff00001234"},
		{"%d", num(types.TBool, 1), "1"},
		{"%s", num(types.TBool, 1), "true"},
		{"%s", num(i32, -5), "-5"},
		{"%s", str("abc"), "abc"},
		{"%5s|", str("abc"), "  abc|"},
		{"%-5s|", str("abc"), "abc  |"},
		{"%.2s|", str("abc"), "ab|"},
		{"%2s|", str("abc"), "abc|"},
		{"%s", tuple(num(i32, 1), str("x")), "(1, x)"},
		{"%r", buf, `a\x00b`},
		{"%rx", buf, `\x61\x00\x62`},
		{"%rh", buf, "61 00 62"},
		{"%rest", buf, `a\x00best`},
		{"%d", events.Value{Type: i32, Unreadable: true}, "<unreadable>"},
		{"%14d|", events.Value{Type: i32, Unreadable: true}, "  <unreadable>|"},
		{"%s", events.Value{Type: types.Str(4), Unreadable: true}, "<unreadable>"},
		{"%f", of(types.Float, events.Value{Float: 1.5}), "1.500000"},
		{"%8.2f|", of(types.Float, events.Value{Float: -1.5}), "   -1.50|"},
		{"%e", of(types.Float, events.Value{Float: 1500}), "1.500000e+03"},
		{"%d", events.Value{Type: &types.Type{Kind: types.Avg, Signed: true}, Int: 2, Total: -8}, "-4"},
		{"%s: %y %", str("k"), "k: %y %"},
		{"%99999d", num(i32, 1), string(pad(nil, 0, maxField-1)) + "1"},
	}
	p := printer{trailer: ".."}
	for _, tt := range tests {
		got := string(parseFormat(tt.format).append(&p, nil, []events.Value{tt.v}))
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.format, got, tt.want)
		}
	}
	if got := string(parseFormat("%s-%s\n").append(&p, nil, []events.Value{str("a")})); got != "a-\n" {
		t.Errorf("a missing value: %q", got)
	}
}

func TestCSVCell(t *testing.T) {
	for cell, want := range map[string]string{
		"plain": "plain", "a,b": `"a,b"`, "\x1b[2J": `\x1b[2J`, "a\n\x07\"": "\"a\n" + `\x07"""`, "\u202e": `\u202e`, "a\r": `"a\r"`,
	} {
		if got := string(appendCSV(nil, []byte(cell))); got != want {
			t.Errorf("%q: %q, want %q", cell, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add([]byte("a\x1b]0;title\x07\u202e\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := AppendEscaped(nil, text)
		if !utf8.Valid(got) {
			t.Errorf("%q: invalid UTF-8 %q", text, got)
		}
		for _, r := range string(got) {
			if !unicode.IsPrint(r) {
				t.Errorf("%q: %U in %q", text, r, got)
			}
		}
	})
}
