package gobin

import (
	"debug/gosym"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oldTable is a function table of the Go 1.2 layout: one function "f" of nine
// bytes at 0x1000, lines 7 (five bytes) and 8 (four), in file "a.go".
func oldTable() []byte {
	b := []byte{0xfb, 0xff, 0xff, 0xff, 0, 0, 1, 8}
	b = binary.LittleEndian.AppendUint64(b, 1)
	word := func(v uint64) { b = binary.LittleEndian.AppendUint64(b, v) }
	half := func(v uint32) { b = binary.LittleEndian.AppendUint32(b, v) }
	const (
		record = 16 + 24 + 8
		names  = record + 40
		tables = names + 8
		files  = tables + 16
	)
	word(0x1000)
	word(record)
	word(0x1010)
	half(files)
	half(0)
	word(0x1000) // the record
	for _, v := range []uint32{names, 0, 0, tables, tables + 3, tables + 6, 0, 0} {
		half(v)
	}
	b = append(b, "f\x00a.go\x00\x00"...)
	b = append(b,
		2, 9, 0, // stack: 0 for nine bytes
		4, 9, 0, // file: 1
		16, 5, 2, 4, 0, // line: 7, then 8
		0, 0, 0, 0, 0)
	half(2)
	half(names + 2)
	return b
}

func TestPclntabOfOldLayout(t *testing.T) {
	tab, err := parsePclntab(pagesOf(oldTable()), 0)
	if err != nil {
		t.Fatal(err)
	}
	fn, err := tab.fn(0)
	if err != nil {
		t.Fatal(err)
	}
	if got := tab.name(fn.nameOff); got != "f" {
		t.Errorf("name %q", got)
	}
	if fn.entry != 0x1000 || tab.end(fn) != 0x1009 {
		t.Errorf("range %#x to %#x", fn.entry, tab.end(fn))
	}
	for pc, want := range map[uint64]int{0x1000: 7, 0x1004: 7, 0x1005: 8, 0x1008: 8} {
		if file, line := tab.fileLine(fn, pc); file != "a.go" || line != want {
			t.Errorf("%#x: %s:%d, want a.go:%d", pc, file, line, want)
		}
	}
	// The standard library reads it alike, so the table is no invention.
	std, err := gosym.NewTable(nil, gosym.NewLineTable(oldTable(), 0x1000))
	if err != nil {
		t.Fatal(err)
	}
	if file, line, fn := std.PCToLine(0x1005); file != "a.go" || line != 8 || fn == nil || fn.Name != "f" {
		t.Errorf("debug/gosym: %s:%d %+v", file, line, fn)
	}
}

func TestLinesAgreeWithGosym(t *testing.T) {
	f := openFixture(t, "plain")
	data, err := f.section(".gopclntab")
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.ModuleData()
	if err != nil {
		t.Fatal(err)
	}
	// debug/gosym takes the start of text from the header, which Go 1.26 zeroes.
	data = slices.Clone(data)
	binary.LittleEndian.PutUint64(data[24:], m.Text)
	std, err := gosym.NewTable(nil, gosym.NewLineTable(data, m.Text))
	if err != nil {
		t.Fatal(err)
	}
	fns, err := f.Funcs()
	if err != nil {
		t.Fatal(err)
	}
	for _, fn := range fns {
		for pc := fn.Entry; pc < fn.End; pc += 5 {
			wantFile, wantLine, _ := std.PCToLine(pc)
			if file, line := f.FileLine(pc); file != wantFile || line != wantLine {
				t.Fatalf("%s+%#x: %s:%d, want %s:%d", fn.Name, pc-fn.Entry, file, line, wantFile, wantLine)
			}
		}
	}
}

// TestWithoutSections takes the section headers away, as some packers do.
func TestWithoutSections(t *testing.T) {
	for _, variant := range []string{"plain", "pie"} {
		whole := openFixture(t, variant)
		want, err := whole.goFuncs(nil)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, whole.size)
		if _, err := whole.r.ReadAt(data, 0); err != nil {
			t.Fatal(err)
		}
		clear(data[0x28:0x30]) // e_shoff
		clear(data[0x3a:0x40]) // e_shentsize, e_shnum, e_shstrndx
		f, err := newFile("bare", readerAt(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if f.Go == nil || f.Go.Version != whole.Go.Version || !f.Go.Stripped {
			t.Fatalf("%s: %+v", variant, f.Go)
		}
		got, err := f.goFuncs(nil)
		if err != nil {
			t.Fatalf("%s: %v", variant, err)
		}
		ignoreTwins := func(fns []Func) []Func {
			fns = slices.Clone(fns)
			for i := range fns {
				fns[i].ABIInternal, fns[i].Name = false, strings.TrimSuffix(fns[i].Name, abi0Suffix)
			}
			return fns
		}
		if diff := cmp.Diff(ignoreTwins(want), ignoreTwins(got)); diff != "" {
			t.Errorf("%s: -with sections +without:\n%s", variant, diff)
		}
	}
}
