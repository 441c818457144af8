package gobin

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
)

// tinyELF is an ELF file of the given writable data, at 0x10000, and nothing
// else.
func tinyELF(data []byte) []byte {
	const headers = 64 + 56
	b := make([]byte, headers, headers+len(data))
	copy(b, "\x7fELF\x02\x01\x01")
	put16 := binary.LittleEndian.PutUint16
	put64 := binary.LittleEndian.PutUint64
	put16(b[16:], 2)  // ET_EXEC
	put16(b[18:], 62) // EM_X86_64
	b[20] = 1
	put64(b[0x20:], 64) // program headers
	put16(b[0x34:], 64)
	put16(b[0x36:], 56)
	put16(b[0x38:], 1)
	ph := b[64:]
	ph[0], ph[4] = 1, 6 // PT_LOAD, read and write
	put64(ph[8:], headers)
	put64(ph[16:], 0x10000)
	put64(ph[32:], uint64(len(data)))
	put64(ph[40:], uint64(len(data)))
	return append(b, data...)
}

// askEverything calls what reads the file; whatever it holds, none may panic.
func askEverything(f *File) {
	fns, _ := f.Funcs()
	for _, fn := range fns[:min(len(fns), 50)] {
		f.Lookup(fn.Entry)
		_, _ = f.Text(fn.Entry, fn.End)
		_, _ = f.FileOffset(fn.Entry)
		_, _ = f.GPlace(fn)
		_, _ = f.Signature(fn, fn.Entry)
		f.ParamTypes(fn)
		f.Plan(fn, WantEntry|WantRets)
	}
	_, _ = f.ModuleData()
	_, _ = f.GoroutineFacts()
	_ = f.Inlined(func(string) bool { return true }, func(InlineSite) bool { return true })
	f.Frameworks()
	f.BuildID()
	f.Nearest("main", 2)
	_, _, _ = f.FindType("main.Args")
	_, _ = f.LineAddr("main.go", 20, 0)
	_, _ = f.USDTs()
	_, _ = f.UnwindTable()
	_, _ = f.ErrorTypes()
}

func FuzzOpen(f *testing.F) {
	whole, err := os.ReadFile(fixture(f, "stripped pie"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:64], 0, []byte{1})
	f.Add(tinyELF(oldTable()), 0, []byte{0})
	// The fixture is too large to be mutated as a whole: a fuzzed piece of it is.
	f.Add([]byte{}, 0x28, []byte{0xff, 0xff})
	f.Add([]byte{}, 0x3c, []byte{0, 0})
	if i := bytes.Index(whole, []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}); i > 0 {
		f.Add([]byte{}, i+8, []byte{0xff, 0xff, 0xff})
		f.Add([]byte{}, i+64, []byte{0xff, 0xff, 0xff, 0x7f})
	}
	f.Fuzz(func(t *testing.T, file []byte, at int, patch []byte) {
		if len(file) == 0 {
			if at < 0 || at > len(whole)-len(patch) {
				return
			}
			file = bytes.Clone(whole)
			copy(file[at:], patch)
		}
		bin, err := newFile("fuzz", readerAt(file), int64(len(file)))
		if (bin == nil) != (err != nil) {
			t.Fatalf("file %v, error %v", bin, err)
		}
		if bin != nil {
			askEverything(bin)
		}
	})
}

func FuzzPclntab(f *testing.F) {
	f.Add(oldTable())
	bin := openFixture(f, "plain")
	data, err := bin.section(".gopclntab")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:4096])
	for _, magic := range []byte{0xfa, 0xf0} {
		other := bytes.Clone(data[:4096])
		other[0] = magic
		f.Add(other)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tab, err := parsePclntab(pagesOf(data), 0x1000)
		if err != nil {
			return
		}
		for i := range min(tab.nfunc, 100) {
			fn, err := tab.fn(i)
			if err != nil {
				continue
			}
			if end := tab.end(fn); end < fn.entry || end > fn.next {
				t.Errorf("function %d from %#x to %#x ends at %#x", i, fn.entry, fn.next, end)
			}
			tab.name(fn.nameOff)
			tab.fileLine(fn, fn.entry+1)
			tab.inlineRanges(fn)
			tab.funcdata(fn, funcdataInlTree)
		}
	})
}

func FuzzBuildInfo(f *testing.F) {
	head := append([]byte(buildInfoMagic), 8, 2)
	head = append(head, make([]byte, 16)...)
	module := "0123456789abcdefpath\tmain\nmod\texample.com/x\tv1.0.0\t\nbuild\tGOOS=linux\n0123456789abcdef"
	inline := append(bytes.Clone(head), 6)
	inline = append(append(inline, "go1.21"...), byte(len(module)))
	f.Add(append(inline, module...))
	pointers := append([]byte(buildInfoMagic), 8, 0)
	for _, v := range []uint64{0x10020, 0x10030, 0x10040, 4, 0x10040, 4} {
		pointers = binary.LittleEndian.AppendUint64(pointers, v)
	}
	f.Add(append(pointers, "go1."...))
	f.Fuzz(func(t *testing.T, data []byte) {
		bin, err := newFile("fuzz", readerAt(tinyELF(data)), int64(len(data))+120)
		if err == nil && bin.Go != nil {
			bin.Go.Setting("GOOS")
		}
	})
}

func TestBuildInfoOfBothLayouts(t *testing.T) {
	pointers := append([]byte(buildInfoMagic), 8, 0)
	module := "0123456789abcdefpath\tmain\nmod\texample.com/x\tv1.0.0\t\n0123456789abcdef"
	for _, v := range []uint64{0x10020, 0x10030, 0x10040, 8, 0x10048, uint64(len(module))} {
		pointers = binary.LittleEndian.AppendUint64(pointers, v)
	}
	pointers = append(append(pointers, "go1.16.9"...), module...)
	inline := append([]byte(buildInfoMagic), 8, 2)
	inline = append(inline, make([]byte, 16)...)
	inline = append(append(inline, 8), "go1.16.9"...)
	inline = append(append(inline, byte(len(module))), module...)
	for name, data := range map[string][]byte{"pointers": pointers, "inline": inline} {
		f, err := newFile(name, readerAt(tinyELF(data)), int64(len(data))+120)
		if err != nil || f.Go == nil {
			t.Errorf("%s: %+v, %v", name, f, err)
			continue
		}
		if f.Go.Version != "go1.16.9" || f.Go.Minor != 16 || f.Go.RegABI || f.Go.BuildInfo.Main.Path != "example.com/x" {
			t.Errorf("%s: %+v", name, f.Go)
		}
	}
}
