package gobin

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLocation(t *testing.T) {
	for _, c := range []struct {
		name string
		arch Arch
		base []byte
		expr []byte
		want string
	}{
		{"register", AMD64, nil, []byte{opReg0 + 3}, "bx"},
		{"regx", ARM64, nil, []byte{opRegx, 28}, "r28"},
		{"float", AMD64, nil, []byte{opReg0 + 17}, "xmm0"},
		{"cfa", AMD64, nil, []byte{opCallFrameCFA}, "sp+8"},
		{"cfa", ARM64, nil, []byte{opCallFrameCFA}, "sp+0"},
		{"frame base", AMD64, []byte{opCallFrameCFA}, []byte{opFbreg, 0x10}, "sp+24"},
		{"negative", AMD64, []byte{opCallFrameCFA}, []byte{opFbreg, 0x70}, "sp-8"},
		{"plus", AMD64, nil, []byte{opCallFrameCFA, opLit0 + 5, opPlus, opPlusUconst, 3}, "sp+16"},
		{"minus", AMD64, nil, []byte{opCallFrameCFA, opConst1u, 4, opMinus}, "sp+4"},
		{"stack pointer", AMD64, nil, []byte{opBreg0 + 7, 0x20}, "sp+32"},
		{"pieces", AMD64, nil, []byte{opReg0, opPiece, 8, opPiece, 8, opCallFrameCFA, opPiece, 4}, "ax:8 none:8 sp+8:4"},
		{"empty", AMD64, nil, nil, "none"},
	} {
		ev := evaluator{arch: c.arch, frameBase: c.base, size: 8}
		got, err := ev.place(c.expr)
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v, %v, want %s", c.name, got, err, c.want)
		}
	}
}

func TestLocationRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		base []byte
		expr []byte
		want string
	}{
		{"computed", nil, []byte{opReg0 + 1, opStackValue}, "computed"},
		{"behind a pointer", nil, []byte{opBreg0 + 4, 0}, "behind a pointer"},
		{"dereferenced", nil, []byte{opCallFrameCFA, opDeref}, "behind a pointer"},
		{"own frame", []byte{opReg0 + 6}, []byte{opFbreg, 0}, "own frame"},
		{"no frame base", nil, []byte{opFbreg, 0}, "stack is empty"},
		{"frame base of itself", []byte{opFbreg, 0}, []byte{opFbreg, 0}, "stack is empty"},
		{"global", nil, []byte{opAddr, 0, 0, 0, 0, 0, 0, 0, 0}, "not on the stack"},
		{"two addresses", nil, []byte{opCallFrameCFA, opCallFrameCFA, opPlus}, "two addresses"},
		{"truncated", nil, []byte{opAddr, 1, 2}, "EOF"},
		{"deep", nil, []byte(strings.Repeat("\x30", 40)), "more than"},
		{"unknown", nil, []byte{0xfe}, "not supported"},
	} {
		ev := evaluator{arch: AMD64, frameBase: c.base, size: 8}
		if got, err := ev.place(c.expr); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want an error with %q", c.name, got, err, c.want)
		}
	}
}

func words(vs ...uint64) (b []byte) {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func TestLocationLists(t *testing.T) {
	reg := func(n byte) []byte { return []byte{1, 0, opReg0 + n} }
	v4 := append(words(0x10, 0x20), reg(0)...)
	v4 = append(v4, words(^uint64(0), 0x5000)...)
	v4 = append(append(v4, words(0, 0x10)...), reg(3)...)
	v4 = append(v4, words(0, 0)...)

	v5 := []byte{
		lleOffsetPair, 0x10, 0x20, 1, opReg0,
		lleGNUView, 1, 2,
		lleBaseAddrx, 1, lleOffsetPair, 0, 0x10, 1, opReg0 + 3,
		lleStartxLength, 2, 8, 1, opReg0 + 5,
		lleDefault, 1, opReg0 + 6,
		lleStartLength, 0, 0x70, 0, 0, 0, 0, 0, 0, 4, 1, opReg0 + 7,
		lleStartxEndx, 2, 1, 0, lleEnd,
	}
	offsets := append([]byte{0, 0, 0, 0, 8, 0, 0, 0}, v5...) // two offsets: junk, the list
	l := locations{loc: v4, loclists: offsets, addr: words(9, 9, 0x5000, 0x6000)}
	old := unitBase{low: 0x1000}
	five := unitBase{low: 0x1000, addr: 8, v5: true}
	section := func(off int64) *dwarf.Field { return &dwarf.Field{Val: off} }
	index := &dwarf.Field{Val: uint64(1)}
	for _, c := range []struct {
		name string
		unit unitBase
		at   *dwarf.Field
		pc   uint64
		want int // register, -1: none
	}{
		{"v4", old, section(0), 0x1010, 0},
		{"v4 end is exclusive", old, section(0), 0x1020, -1},
		{"v4 base", old, section(0), 0x500f, 3},
		{"v5", five, section(8), 0x101f, 0},
		{"v5 by index", five, index, 0x101f, 0},
		{"v5 base", five, section(8), 0x5000, 3},
		{"v5 start and length", five, section(8), 0x6007, 5},
		{"v5 address", five, section(8), 0x7003, 7},
		{"v5 default", five, section(8), 0x9000, 6},
	} {
		expr, err := l.expression(c.unit, c.at, c.pc)
		got := -1
		if len(expr) == 1 {
			got = int(expr[0]) - opReg0
		}
		if err != nil || got != c.want {
			t.Errorf("%s: register %d, %v, want %d", c.name, got, err, c.want)
		}
	}
	for _, bad := range []*dwarf.Field{section(1 << 40), section(int64(len(offsets) - 1)), {Val: uint64(1) << 62}, {Val: "text"}} {
		if expr, err := l.expression(five, bad, 0x1234); err == nil && expr != nil {
			t.Errorf("%v: %v without an error", bad.Val, expr)
		}
	}
}

func FuzzLocation(f *testing.F) {
	f.Add([]byte{opReg0, opPiece, 8}, []byte{opCallFrameCFA}, words(0, 0x10, 0, 0), []byte{lleOffsetPair, 0, 9, 1, opReg0, lleEnd}, words(1), uint64(0), false)
	f.Add([]byte{opFbreg, 0x70}, []byte{opReg0 + 6}, words(^uint64(0), 1), []byte{lleStartxEndx, 0, 0, 0}, words(1, 2), uint64(3), true)
	f.Fuzz(func(t *testing.T, expr, base, loc, lists, addr []byte, at uint64, arm bool) {
		arch := AMD64
		if arm {
			arch = ARM64
		}
		ev := evaluator{arch: arch, frameBase: base, size: 16}
		if p, err := ev.place(expr); err == nil && len(p.Pieces) == 0 {
			t.Error("a place without pieces")
		}
		l := locations{loc: loc, loclists: lists, addr: addr}
		for _, u := range []unitBase{{}, {v5: true}, {v5: true, dwarf64: true, addr: at, loclists: at}} {
			for _, v := range []any{int64(at), at, expr} {
				_, _ = l.expression(u, &dwarf.Field{Val: v}, at)
			}
		}
	})
}

// FuzzDWARF changes bytes of real debug information.
func FuzzDWARF(f *testing.F) {
	bin := openTypes(f, "uncompressed")
	var s debugSections
	for name, to := range map[string]*[]byte{
		"info": &s.info, "abbrev": &s.abbrev, "loclists": &s.loclists, "rnglists": &s.rnglists, "addr": &s.addr,
	} {
		p, err := bin.debugSection(name)
		if err != nil || p == nil {
			f.Fatalf("%s: %v", name, err)
		}
		*to = p.data
	}
	fns := functions(f, bin)
	f.Add(uint32(0), uint32(0x100), byte(1))
	f.Add(uint32(1), uint32(3), byte(0x34))
	f.Fuzz(func(t *testing.T, which, at uint32, flip byte) {
		m := s
		for i, b := range []*[]byte{&m.info, &m.abbrev, &m.loclists, &m.rnglists, &m.addr} {
			if int(which%5) == i {
				c := append([]byte(nil), *b...)
				c[int(at)%len(c)] ^= flip
				*b = c
			}
		}
		d, err := newDebugInfo(m, bin.Arch)
		if err != nil {
			return
		}
		for i := range 16 {
			fn := fns[(int(at)+i*211)%len(fns)]
			if sig, err := d.signature(fn, fn.Entry, bin.callOf(fn, fn.Entry)); err == nil && sig != nil {
				_ = sig.text(fn.Name)
			}
		}
		_, _ = d.lookup("main.Node")
		d.lineData = func() (*dwarf.Data, error) { return bin.readLines(&m) }
		_, _ = d.frames(Frame{}, fns[int(at)%len(fns)].Entry)
	})
}

// TestNative looks at what a C compiler made of testdata/native.
func TestNative(t *testing.T) {
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc")
	}
	const want = `ints: di si dx cx r8 r9 sp+8 sp+16 -> ax
structs: di:8 si:8 sp+8 xmm0:8 dx:8 cx r8 r9 -> ax:8 dx:8
large: si -> (ax)
floats: xmm0 xmm1 di sp+8 si -> xmm0
unused: di si -> 
`
	for _, opts := range [][]string{{"-O0"}, {"-O2"}, {"-O2", "-gdwarf-4"}, {"-O0", "-gdwarf-4", "-gz"},
		{"-O1", "-gz=zlib-gnu"}, {"-O1", "-gdwarf64"}, {"-O1", "-fdebug-types-section"}, {"-O1", "-static-pie"}} {
		t.Run(strings.Join(opts, " "), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "native")
			args := append(opts, "-g", "-o", out, "testdata/native/native.c")
			if msg, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, msg)
			}
			f, err := Open(out)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Arch != AMD64 {
				t.Skip("the registers are amd64's")
			}
			var b strings.Builder
			for _, name := range []string{"ints", "structs", "large", "floats", "unused"} {
				sig := signatureOf(t, f, name)
				b.WriteString(name + ":")
				for _, p := range sig.Params {
					b.WriteString(" " + p.Place.String())
				}
				b.WriteString(" -> ")
				for _, p := range sig.Results {
					b.WriteString(p.Place.String())
				}
				b.WriteString("\n")
			}
			if got := b.String(); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			bits, err := f.LookupType("struct bits")
			if err != nil {
				t.Fatal(err)
			}
			if fd := bits.Fields[1]; fd.Name != "b" || fd.Offset != 0 || fd.BitOff != 3 || fd.BitSize != 7 {
				t.Errorf("struct bits: %+v", fd)
			}
			color, err := f.LookupType("enum color")
			if err != nil {
				t.Fatal(err)
			}
			if len(color.Enum) != 2 || color.Enum[1].Name != "GREEN" || color.Enum[1].Value != -2 || !color.Signed {
				t.Errorf("enum color: %+v", color)
			}
		})
	}
}

// TestUnreadDWARF has debug information of kinds that are not read: why is told, and
// what helps.
func TestUnreadDWARF(t *testing.T) {
	zstd := buildNative(t, "native.c", "-g", "-gz")
	b, err := os.ReadFile(zstd)
	if err != nil {
		t.Fatal(err)
	}
	ef, err := elf.NewFile(readerAt(b))
	if err != nil {
		t.Fatal(err)
	}
	b[ef.Section(".debug_info").Offset] = byte(elf.COMPRESS_ZSTD)
	if err := os.WriteFile(zstd, b, 0o755); err != nil {
		t.Fatal(err)
	}
	lie := slices.Clone(b)
	lie[ef.Section(".debug_info").Offset] = byte(elf.COMPRESS_ZLIB)
	binary.LittleEndian.PutUint64(lie[ef.Section(".debug_info").Offset+8:], maxDebug)
	packed := filepath.Join(t.TempDir(), "packed")
	if err := os.WriteFile(packed, lie, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		zstd:   "section .debug_info: COMPRESS_ZSTD is not supported: objcopy --decompress-debug-sections unpacks it",
		packed: "do not unpack to",
		buildNative(t, "native.c", "-g", "-gsplit-dwarf"):              "-gsplit-dwarf",
		buildNative(t, "native.c", "-g", "-gsplit-dwarf", "-gdwarf-4"): "-gsplit-dwarf",
		buildNative(t, "native.c"):                                     "",
	} {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sig := signatureOf(t, f, "ints")
		switch {
		case sig.Source != FromABI || len(sig.Params) > 0:
			t.Errorf("%s: %+v", path, sig)
		case want == "" && sig.Lack != nil, want != "" && (sig.Lack == nil || !strings.Contains(sig.Lack.Error(), want)):
			t.Errorf("%s: %v, want %q", path, sig.Lack, want)
		}
	}
}

// TestTypesApart: what is in a section of its own in DWARF 4 is missed, not guessed.
func TestTypesApart(t *testing.T) {
	f, err := Open(buildNative(t, "native.c", "-g", "-gdwarf-4", "-fdebug-types-section"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fns, err := f.Named("structs")
	if err != nil || len(fns) != 1 {
		t.Fatalf("%v, %v", fns, err)
	}
	if sig, err := f.Signature(fns[0], fns[0].Entry); !errors.Is(err, errApart) {
		t.Errorf("%+v, %v", sig, err)
	}
	if sig := signatureOf(t, f, "unused"); len(sig.Params) != 2 || sig.Params[0].Type.Size != 4 {
		t.Errorf("of plain types: %+v", sig)
	}
}

func TestHostileUnits(t *testing.T) {
	unit := func(abbrev uint32) []byte {
		b := binary.LittleEndian.AppendUint32(nil, 8)
		b = append(b, 4, 0)
		b = binary.LittleEndian.AppendUint32(b, abbrev)
		return append(b, 8, 0)
	}
	table := []byte{1, 0x11, 0, 0, 0, 0}
	many := func(n int, abbrev uint32) (b []byte) {
		for range n {
			b = append(b, unit(abbrev)...)
		}
		return b
	}
	for _, c := range []struct {
		name         string
		info, abbrev []byte
		want         string
	}{
		{"empty", nil, table, errNoDWARF.Error()},
		{"length beyond the end", []byte("\xff\xff\x00\x00\x04\x00\x00\x00\x00\x00\x08\x00"), table, "malformed"},
		{"tiny units", []byte("\x01\x00\x00\x00\x04\x01\x00\x00\x00\x04\x01\x00\x00\x00\x04"), table, "malformed"},
		{"many units", many(maxUnits+1, 0), table, "units"},
		{"overlapping tables", append(unit(0), unit(3)...), append(table, 0, 0), "overlap"},
		{"table outside", unit(99), table, "EOF"},
		{"table without end", unit(0), table[:3], "EOF"},
	} {
		if _, err := newDebugInfo(debugSections{info: c.info, abbrev: c.abbrev}, AMD64); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
	}
	if _, err := newDebugInfo(debugSections{info: many(3, 0), abbrev: append(table, 0)}, AMD64); err != nil {
		t.Errorf("three units with one table: %v", err)
	}
}
