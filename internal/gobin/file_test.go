package gobin

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestOpenTellsWhatABinaryIs(t *testing.T) {
	tests := []struct {
		variant  string
		arch     Arch
		pie      bool
		stripped bool
		dwarf    bool
	}{
		{"plain", AMD64, false, false, true},
		{"stripped", AMD64, false, true, false},
		{"pie", AMD64, true, false, true},
		{"stripped pie", AMD64, true, true, false},
		{"cgo", AMD64, false, false, true},
		{"stripped cgo", AMD64, false, true, false},
		{"cgo pie", AMD64, true, false, true},
		{"arm64", ARM64, false, false, true},
	}
	for _, test := range tests {
		t.Run(test.variant, func(t *testing.T) {
			f := openFixture(t, test.variant)
			g := f.Go
			if g == nil {
				t.Fatal("not a Go binary")
			}
			if f.Arch != test.arch || g.PIE != test.pie || g.Stripped != test.stripped || g.HasDWARF != test.dwarf {
				t.Errorf("got %s pie=%t stripped=%t dwarf=%t, want %+v", f.Arch, g.PIE, g.Stripped, g.HasDWARF, test)
			}
			if g.Version != runtime.Version() || g.Major != 1 || !g.RegABI {
				t.Errorf("got version %q (major %d, register ABI %t), want %q", g.Version, g.Major, g.RegABI, runtime.Version())
			}
			if got := g.BuildInfo.Path; !strings.HasPrefix(got, "github.com/rpcxray/rpcxray/internal/gobin/testdata/") {
				t.Errorf("main package %q", got)
			}
			if got, want := f.Cgo(), strings.Contains(test.variant, "cgo"); got != want {
				t.Errorf("cgo: %t", got)
			}
			if got := g.Setting("GOARCH"); got != string(test.arch) {
				t.Errorf("GOARCH=%q", got)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\necho not an ELF file\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	object := filepath.Join(dir, "object")
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	header[16], header[18], header[20] = byte(elf.ET_REL), byte(elf.EM_X86_64), 1
	header[0x34] = 64
	if err := os.WriteFile(object, header, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path, want string
		notELF     bool
	}{
		{dir, "not an ELF file: a directory", true},
		{os.DevNull, "not an ELF file: a device", true},
		{text, "not an ELF file", true},
		{object, "ET_REL: neither an executable nor a shared library", false},
		{fixture(t, "386"), "386 (32-bit x86) binaries are not served", false},
		{fixture(t, "arm"), "arm (32-bit) binaries are not served", false},
		{fixture(t, "c-shared"), "built with -buildmode=c-shared", false},
		{filepath.Join(dir, "none"), "no such file", false},
	}
	for _, test := range tests {
		_, err := Open(test.path)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.path, err, test.want)
		}
		if errors.Is(err, ErrNotELF) != test.notELF {
			t.Errorf("%s: error is ErrNotELF: %t", test.path, !test.notELF)
		}
	}
}

func TestOpenSurvivesTruncationAtEveryPage(t *testing.T) {
	whole, err := os.ReadFile(fixture(t, "stripped"))
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for size := len(whole); size > 0; size -= 64 << 10 {
		f, err := newFile("cut", readerAt(whole[:size]), int64(size))
		if err != nil {
			continue
		}
		fns, err := f.Funcs()
		if size == len(whole) {
			want = len(fns)
		}
		if err == nil && len(fns) != want {
			t.Errorf("cut to %d bytes: %d functions without an error, the whole file has %d", size, len(fns), want)
		}
	}
	if want < 1000 {
		t.Errorf("the whole file has %d functions", want)
	}
}

func TestFileOffsetAndAddressAreInverse(t *testing.T) {
	for _, variant := range []string{"plain", "pie", "cgo"} {
		f := openFixture(t, variant)
		fns, err := f.Funcs()
		if err != nil {
			t.Fatal(err)
		}
		for _, fn := range fns {
			off, err := f.FileOffset(fn.Entry)
			if err != nil {
				t.Fatalf("%s: %s: %v", variant, fn.Name, err)
			}
			if addr, err := f.Address(off); err != nil || addr != fn.Entry {
				t.Fatalf("%s: %s at %#x: offset %#x is address %#x, %v", variant, fn.Name, fn.Entry, off, addr, err)
			}
		}
	}
	if _, err := openFixture(t, "plain").FileOffset(1); err == nil {
		t.Error("address 1 has a file offset")
	}
}

// TestHugeLiesCostNoMemory: a sparse file may really be as large as its headers
// say, so that only the caps keep them from being believed.
func TestHugeLiesCostNoMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge")
	data, err := os.ReadFile(fixture(t, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	ef, err := elf.NewFile(readerAt(data))
	if err != nil {
		t.Fatal(err)
	}
	shoff := binary.LittleEndian.Uint64(data[0x28:])
	lie := func(i int) {
		b := slices.Clone(data)
		binary.LittleEndian.PutUint64(b[shoff+uint64(i)*64+0x18:], 1<<30) // sh_offset
		binary.LittleEndian.PutUint64(b[shoff+uint64(i)*64+0x20:], 8<<30) // sh_size
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 16<<30); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if f, err := Open(path); err == nil {
			askEverything(f)
			f.Close()
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 200<<20 {
			t.Errorf("section %s of 8 GB: %d MB allocated", ef.Sections[i].Name, got>>20)
		}
	}
	for i := range ef.Sections {
		lie(i)
	}
}
