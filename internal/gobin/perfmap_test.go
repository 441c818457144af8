package gobin

import (
	"strings"
	"testing"
)

func TestPerfMap(t *testing.T) {
	m := ReadPerfMap(strings.NewReader("2000 10 later\n1000 20 LazyCompile:~f /a b.js:1\nnonsense\n3000 zz x\n0x4000 0x8 hex\n1000 30 again\n"))
	for addr, want := range map[uint64]string{
		0x1000: "again", 0x102f: "again", 0x1030: "", 0x2005: "later", 0x4007: "hex", 0x4008: "", 0xfff: "", ^uint64(0): "",
	} {
		if f, ok := m.Lookup(addr); f.Name != want || ok != (want != "") {
			t.Errorf("%#x is in %q, want %q", addr, f.Name, want)
		}
	}
}

func FuzzPerfMap(f *testing.F) {
	f.Add("1000 20 f\n", uint64(0x1000))
	f.Add("ffffffffffffffff 1 f\n", ^uint64(0))
	f.Fuzz(func(t *testing.T, text string, addr uint64) {
		if fn, ok := ReadPerfMap(strings.NewReader(text)).Lookup(addr); ok && (addr < fn.Entry || addr >= fn.End) {
			t.Errorf("%#x is not in %+v", addr, fn)
		}
	})
}
