package gobin

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedSections asks everything of files that end before or in a section, and of
// files of which a section or its header is overwritten: none may panic or hang.
func TestDamagedSections(t *testing.T) {
	for name, path := range map[string]string{"go": fixture(t, "pie"), "c": buildNative(t, "native.c", "-g", "-O1")} {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ef, err := elf.NewFile(readerAt(whole))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range ef.Sections {
			if s.Type == elf.SHT_NULL || s.Type == elf.SHT_NOBITS {
				continue
			}
			for damage, file := range damaged(whole, i, s) {
				t.Run(name+"/"+s.Name+"/"+damage, func(t *testing.T) {
					f, err := newFile("damaged", readerAt(file), int64(len(file)))
					if err == nil {
						askEverything(f)
					}
				})
			}
		}
	}
}

// damaged are copies of a file with section i damaged in several ways.
func damaged(whole []byte, i int, s *elf.Section) map[string][]byte {
	header := int(binary.LittleEndian.Uint64(whole[0x28:])) + 64*i
	overwritten := func(at, n int, with byte) []byte {
		b := bytes.Clone(whole)
		copy(b[at:at+n], bytes.Repeat([]byte{with}, n))
		return b
	}
	at, size := int(s.Offset), int(s.FileSize)
	const addr, offset, length = 0x10, 0x18, 0x20
	return map[string][]byte{
		"cut before":  whole[:at],
		"cut inside":  whole[:at+size/2],
		"zeroes":      overwritten(at, size, 0),
		"ones":        overwritten(at, size, 0xff),
		"half zeroes": overwritten(at+size/2, size-size/2, 0),
		"no header":   overwritten(header, 64, 0),
		"no address":  overwritten(header+addr, 8, 0),
		"no offset":   overwritten(header+offset, 8, 0),
		"no length":   overwritten(header+length, 8, 0),
		"endless":     overwritten(header+length, 7, 0xff),
	}
}

// TestNoSections: a Go program is known without its section headers, and with zeroes in
// their place.
func TestNoSections(t *testing.T) {
	for _, variant := range []string{"plain", "stripped", "pie", "stripped pie"} {
		want, err := openFixture(t, variant).Funcs()
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(fixture(t, variant))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(variant, "pie") {
			at, n := binary.LittleEndian.Uint64(b[0x28:]), uint64(binary.LittleEndian.Uint16(b[0x3c:]))
			clear(b[at : at+n*64])
		} else {
			clear(b[0x28:0x30]) // where they are
			clear(b[0x3a:0x40]) // their size and number
		}
		f, err := newFile("bare", readerAt(b), int64(len(b)))
		if err != nil {
			t.Errorf("%s: %v", variant, err)
			continue
		}
		fns, err := f.Funcs()
		if err != nil || f.Go == nil {
			t.Errorf("%s: %v, %v", variant, f.Go, err)
			continue
		}
		byEntry := map[uint64]Func{}
		for _, fn := range want {
			byEntry[fn.Entry] = fn
		}
		for _, fn := range fns {
			if w := byEntry[fn.Entry]; w.End != fn.End {
				t.Errorf("%s: %s is from %#x to %#x, want %#x", variant, fn.Name, fn.Entry, fn.End, w.End)
			}
		}
		if len(fns) < 1000 {
			t.Errorf("%s: %d functions", variant, len(fns))
		}
	}
}

// TestCutOff: a file that was not copied whole is told as one.
func TestCutOff(t *testing.T) {
	b, err := os.ReadFile(fixture(t, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut")
	for _, size := range []int{64, 1000, len(b) / 2, len(b) - 100} {
		if err := os.WriteFile(path, b[:size], 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err == nil {
			_, err = f.Funcs()
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "the file is cut off") {
			t.Errorf("%d of %d bytes: %v", size, len(b), err)
		}
	}
}

// TestPacked: of a packed program UPX's mark is told.
func TestPacked(t *testing.T) {
	b := tinyELF([]byte("\x00\x00\x00\x00UPX!\x0d\x16"))
	f, err := newFile("packed", readerAt(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Funcs(); !errors.Is(err, ErrNoSymbols) || !strings.Contains(err.Error(), "upx -d unpacks it") {
		t.Error(err)
	}
}
