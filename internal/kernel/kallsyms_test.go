package kernel

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sampleSymbols = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _text
ffffffff81000100 T vfs_read
ffffffff81000100 t alias_of_vfs_read
ffffffff81000200 t vfs_readv
ffffffffc0001000 t mod_init	[nf_tables]
ffffffffc0001040 t same	[nf_tables]
ffffffffc0000000 T same	[veth]
not a line
ffffffff81000300 D
ffffffff81000400 d per_cpu_data
`

func TestSymbols(t *testing.T) {
	s, err := parseSymbols(strings.NewReader(sampleSymbols))
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 8 {
		t.Errorf("%d symbols, want 8", s.Len())
	}
	for addr, want := range map[uint64]Symbol{
		0xffffffff81000000: {Name: "_text", Addr: 0xffffffff81000000, Kind: 'T'},
		0xffffffff810001ff: {Name: "vfs_read", Addr: 0xffffffff81000100, Kind: 'T'},
		0xffffffff81000200: {Name: "vfs_readv", Addr: 0xffffffff81000200, Kind: 't'},
		0xffffffff81000401: {Name: "per_cpu_data", Addr: 0xffffffff81000400, Kind: 'd'},
		0xffffffffc0000010: {Name: "same", Module: "veth", Addr: 0xffffffffc0000000, Kind: 'T'},
		0xffffffffc0001048: {Name: "same", Module: "nf_tables", Addr: 0xffffffffc0001040, Kind: 't'},
	} {
		got, ok := s.At(addr)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("symbol at %#x (-want +got):\n%s", addr, diff)
		}
	}
	for _, addr := range []uint64{0, 0x400000, 0xffffffff80ffffff, 0xffffffffa0000000, 1<<64 - 1} {
		if got, ok := s.At(addr); ok {
			t.Errorf("%#x is %+v, want nothing", addr, got)
		}
	}
	for name, want := range map[string]uint64{
		"_text": 0xffffffff81000000, "vfs_read": 0xffffffff81000100, "alias_of_vfs_read": 0xffffffff81000100,
		"same": 0xffffffffc0001040, "per_cpu_data": 0xffffffff81000400,
	} {
		if got, ok := s.Named(name); !ok || got.Addr != want || got.Name != name {
			t.Errorf("%s is %+v, want %#x", name, got, want)
		}
	}
	for name, want := range map[string]uint64{"fixed_percpu_data": 0, "per_cpu_data": 0xffffffff81000400} {
		if got, ok := s.PerCPU(name); !ok || got != want {
			t.Errorf("%s is %#x of each CPU, want %#x", name, got, want)
		}
	}
	if got := s.FunctionsNamed("same"); len(got) != 2 || got[0].Addr == got[1].Addr {
		t.Errorf("functions called same: %+v", got)
	}
	for _, name := range []string{"", "vfs", "read", "fixed_percpu_data", "vfs_read\x00"} {
		if got, ok := s.Named(name); ok {
			t.Errorf("%q is %+v, want nothing", name, got)
		}
	}
}

func TestSymbolsHidden(t *testing.T) {
	for _, text := range []string{"", "0000000000000000 T vfs_read\n", strings.Repeat("f", 70<<10)} {
		if s, err := parseSymbols(strings.NewReader(text)); err == nil {
			t.Errorf("%.40q: %d symbols, want an error", text, s.Len())
		}
	}
}

func FuzzSymbols(f *testing.F) {
	f.Add([]byte(sampleSymbols), uint64(0xffffffff81000101))
	f.Fuzz(func(t *testing.T, text []byte, addr uint64) {
		s, err := parseSymbols(bytes.NewReader(text))
		if err != nil {
			return
		}
		if got, ok := s.At(addr); ok && got.Addr > addr {
			t.Errorf("%#x is in %+v", addr, got)
		}
		s.Named(string(text))
	})
}

func TestSymbolsOfThisKernel(t *testing.T) {
	needRoot(t)
	s, err := LoadSymbols()
	if err != nil {
		t.Fatal(err)
	}
	read, ok := s.Named("vfs_read")
	if !ok || read.Kind|0x20 != 't' {
		t.Fatalf("vfs_read is %+v", read)
	}
	if got, ok := s.At(read.Addr + 5); !ok || got.Addr != read.Addr {
		t.Errorf("vfs_read+5 is %+v, want %+v", got, read)
	}
}

// The parser alone: what reading /proc/kallsyms costs is the kernel's.
func BenchmarkSymbols(b *testing.B) {
	text, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		b.Skip(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseSymbols(bytes.NewReader(text)); err != nil {
			b.Skip(err)
		}
	}
}
