package gobin

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGoroutineTableAgreesWithDWARF holds the table's row of this toolchain
// against what the toolchain writes.
func TestGoroutineTableAgreesWithDWARF(t *testing.T) {
	for _, variant := range []string{"plain", "pie", "cgo", "arm64"} {
		f := openFixture(t, variant)
		got, err := f.goroutineDWARF()
		if err != nil {
			t.Fatalf("%s: %v", variant, err)
		}
		if want := goroutineLayouts[f.Go.Minor]; got != want {
			t.Errorf("%s: DWARF says %+v, the table %+v", variant, got, want)
		}
	}
}

func TestGoroutineFactsOfStrippedBinary(t *testing.T) {
	f := openFixture(t, "stripped")
	g, err := f.GoroutineFacts()
	if err != nil || g != goroutineLayouts[f.Go.Minor] || g.Goid == 0 {
		t.Errorf("%+v, %v", g, err)
	}
	for _, version := range []string{"go1.99.1", "devel go1.28-abcdef", "go1.26.3-company", ""} {
		info := *f.Go
		info.Version, info.Minor = version, 26
		if version == "go1.99.1" {
			info.Minor = 99
		}
		f := &File{Go: &info}
		if g, err := f.GoroutineFacts(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", version)) {
			t.Errorf("%s: %+v, %v; want an error that names the version", version, g, err)
		}
	}
}

func TestPlaceOfG(t *testing.T) {
	tests := []struct {
		variant, fn string
		want        GPlace
	}{
		{"plain", "main.(*Arith).Mul", GPlace{Register: true}},
		{"plain", "runtime.asmcgocall.abi0", GPlace{TLS: -8}},
		{"stripped pie", "runtime.asmcgocall.abi0", GPlace{TLS: -8}},
		{"arm64", "main.(*Arith).Mul", GPlace{Register: true}},
		{"arm64", "runtime.asmcgocall.abi0", GPlace{Register: true}},
	}
	for _, test := range tests {
		f := openFixture(t, test.variant)
		fns, err := f.MatchBCC(test.fn)
		if err != nil || len(fns) != 1 {
			t.Fatalf("%s: %s: %v, %v", test.variant, test.fn, fns, err)
		}
		if got, err := f.GPlace(fns[0]); err != nil || got != test.want {
			t.Errorf("%s: %s: %+v, %v; want %+v", test.variant, test.fn, got, err, test.want)
		}
	}
	f := openFixture(t, "cgo")
	fns, err := f.MatchBCC("twice")
	if err != nil || len(fns) != 1 {
		t.Fatal(fns, err)
	}
	if got, err := f.GPlace(fns[0]); err == nil {
		t.Errorf("a C function has its g at %+v", got)
	}
}

// TestTLSOfCgo: C's thread-local data moves g away from the end of the block,
// and the code that the linker made says where to.
func TestTLSOfCgo(t *testing.T) {
	f := openFixture(t, "cgo")
	bySymbol, err := f.readTLS()
	if err != nil {
		t.Fatal(err)
	}
	byCode, err := f.tlsFromCode()
	if err != nil {
		t.Fatal(err)
	}
	stripped, err := openFixture(t, "stripped cgo").readTLS()
	if err != nil {
		t.Fatal(err)
	}
	if bySymbol >= -8 || byCode != bySymbol || stripped != bySymbol {
		t.Errorf("symbol %d, code %d, stripped %d; want one number below -8", bySymbol, byCode, stripped)
	}
}

func TestGoidOfLiveProcess(t *testing.T) {
	f := openFixture(t, "plain")
	pid, _ := startFixture(t, "plain")
	g, err := f.GoroutineFacts()
	if err != nil {
		t.Fatal(err)
	}
	m0, ok := f.Symbol("runtime.m0")
	if !ok {
		t.Fatal("no symbol runtime.m0")
	}
	if m0.Type != elf.STT_OBJECT {
		t.Errorf("runtime.m0 is a %v", m0.Type)
	}
	word := func(addr uint64) uint64 {
		b := make([]byte, 8)
		local := []unix.Iovec{{Base: &b[0], Len: 8}}
		remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: 8}}
		if _, err := unix.ProcessVMReadv(pid, local, remote, 0); err != nil {
			t.Fatalf("reading %#x: %v", addr, err)
		}
		return binary.LittleEndian.Uint64(b)
	}
	g0 := word(m0.Addr + g.MG0)
	if got := word(g0 + g.M); got != m0.Addr {
		t.Errorf("m of g0 is %#x, want m0 at %#x", got, m0.Addr)
	}
	if lo, hi := word(g0+g.StackLo), word(g0+g.StackHi); lo >= hi || hi == 0 {
		t.Errorf("stack of g0: %#x to %#x", lo, hi)
	}
	allgs, ok := f.Symbol("runtime.allgs")
	if !ok {
		t.Fatal("no symbol runtime.allgs")
	}
	first, second := word(word(allgs.Addr)), word(word(allgs.Addr)+8)
	if id, parent := word(first+g.Goid), word(first+g.ParentGoid); id != 1 || parent != 0 {
		t.Errorf("the main goroutine has id %d, parent %d", id, parent)
	}
	// Each processor takes its ids in batches of 16: 2, or the first of a batch.
	if id, parent := word(second+g.Goid), word(second+g.ParentGoid); id < 2 || id > 1<<10 || parent != 1 {
		t.Errorf("the second goroutine has id %d, parent %d", id, parent)
	}
}
