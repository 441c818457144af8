package gobin

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

const (
	maxSymbols     = 3 << 18
	maxSymbolNames = 48 << 20
	symbolSize     = 24 // bytes of an Elf64_Sym
)

// Symbol is an entry of the symbol tables.
type Symbol struct {
	Name       string
	Addr, Size uint64
	Type       elf.SymType
	Local      bool
}

// Symbols lists the defined symbols, functions and data, of .symtab, the file's
// own or that of its debug file, or else of .dynsym and .gnu_debugdata. The caller must
// not change the slice.
func (f *File) Symbols() ([]Symbol, error) { return f.symtab() }

// Symbol finds a symbol by its exact name.
func (f *File) Symbol(name string) (Symbol, bool) {
	syms, err := f.symtab()
	if err != nil {
		return Symbol{}, false
	}
	for _, s := range syms {
		if s.Name == name {
			return s, true
		}
	}
	return Symbol{}, false
}

func (f *File) readSymbols() ([]Symbol, error) {
	from, s := f.symtabHolder()
	var syms []Symbol
	var err error
	if s != nil {
		if syms, err = from.symbolTable(s); err != nil {
			return nil, fmt.Errorf("section %s: %w", s.Name, err)
		}
		if s.Type == elf.SHT_SYMTAB {
			return syms, nil
		}
	}
	mini, err := f.miniSymbols()
	return append(syms, mini...), err
}

// symbolTable decodes a table. debug/elf's own reader takes several times the
// memory and copies each name.
func (f *File) symbolTable(s *elf.Section) ([]Symbol, error) {
	if s.FileSize/symbolSize > maxSymbols {
		return nil, fmt.Errorf("%d symbols: too many", s.FileSize/symbolSize)
	}
	if int(s.Link) >= len(f.ELF.Sections) {
		return nil, fmt.Errorf("no section %d of names", s.Link)
	}
	strs := f.ELF.Sections[s.Link]
	if strs.FileSize > maxSymbolNames {
		return nil, fmt.Errorf("names of %d bytes: too large", strs.FileSize)
	}
	nameBytes, err := f.readAt(strs.Offset, strs.FileSize)
	if err != nil {
		return nil, err
	}
	names := unsafe.String(unsafe.SliceData(nameBytes), len(nameBytes)) // which is not written to any more
	b, err := f.readAt(s.Offset, s.FileSize)
	if err != nil {
		return nil, err
	}
	syms := make([]Symbol, 0, len(b)/symbolSize)
	for ; len(b) >= symbolSize; b = b[symbolSize:] {
		nameOff := binary.LittleEndian.Uint32(b)
		typ := elf.ST_TYPE(b[4])
		if binary.LittleEndian.Uint16(b[6:]) == uint16(elf.SHN_UNDEF) || int(nameOff) >= len(names) ||
			typ == elf.STT_SECTION || typ == elf.STT_FILE {
			continue
		}
		name := cString(names, nameOff)
		if name == "" {
			continue
		}
		syms = append(syms, Symbol{
			Name: name, Type: typ, Local: elf.ST_BIND(b[4]) == elf.STB_LOCAL,
			Addr: binary.LittleEndian.Uint64(b[8:]), Size: binary.LittleEndian.Uint64(b[16:]),
		})
	}
	return syms, nil
}

// cString is the NUL-terminated string at off, "" if none is there.
func cString(s string, off uint32) string {
	if uint64(off) >= uint64(len(s)) {
		return ""
	}
	s = s[off:]
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return ""
}

func (f *File) readFuncs() ([]Func, error) {
	fns, err := f.listFuncs()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return fns, nil
}

// listFuncs joins the function table, exact in ranges, and the symbol tables,
// which have full names and the functions that are not Go's.
func (f *File) listFuncs() ([]Func, error) {
	syms, err := f.codeSymbols()
	if err != nil {
		return nil, err
	}
	var fns []Func
	if f.Go != nil {
		if fns, err = f.goFuncs(syms); err != nil {
			return nil, err
		}
	}
	fns = append(fns, nativeFuncs(syms, fns)...)
	if len(fns) == 0 && f.packed() {
		return nil, errPacked
	}
	if len(fns) == 0 {
		return nil, ErrNoSymbols
	}
	return sortFuncs(fns), nil
}

// packed tells whether the file has UPX's mark behind its headers.
func (f *File) packed() bool {
	const reach = 1024
	b, err := f.readAt(0, min(reach, uint64(f.size)))
	return err == nil && bytes.Contains(b, []byte("UPX!"))
}

// codeSymbols lists the symbols of code, sorted by address.
func (f *File) codeSymbols() ([]Symbol, error) {
	all, err := f.symtab()
	if err != nil {
		return nil, err
	}
	syms := make([]Symbol, 0, len(all))
	for _, s := range all {
		code := s.Type == elf.STT_FUNC || s.Type == elf.STT_GNU_IFUNC
		if code && !isMark(s.Name) && f.segment(s.Addr, s.Addr) != nil && s.Addr+s.Size >= s.Addr {
			syms = append(syms, s)
		}
	}
	slices.SortStableFunc(syms, func(a, b Symbol) int { return cmp.Compare(a.Addr, b.Addr) })
	return syms, nil
}

// isMark says whether a name is the linker's for a place between functions
// (go:textfipsstart, go:buildid).
func isMark(name string) bool { return strings.HasPrefix(name, "go:") }

// goFuncs lists the functions of the function table.
func (f *File) goFuncs(syms []Symbol) ([]Func, error) {
	t, err := f.pcln()
	if err != nil {
		return nil, err
	}
	fns := make([]Func, 0, t.nfunc)
	for i := range t.nfunc {
		p, err := t.fn(i)
		if err != nil {
			return nil, err
		}
		if p.entry == p.next || isMark(t.name(p.nameOff)) {
			continue
		}
		fns = append(fns, f.goFunc(t, p))
	}
	if !slices.IsSortedFunc(fns, func(a, b Func) int { return cmp.Compare(a.Entry, b.Entry) }) {
		return nil, fmt.Errorf("entries out of order: %w", errPclntab)
	}
	if f.Go.Stripped {
		t.markABI0(fns)
	} else {
		nameFromSymbols(fns, syms)
	}
	return fns, nil
}

// goFunc is the function of an entry of the function table.
func (f *File) goFunc(t *pclntab, p pcFunc) Func {
	wrapper, known := wrapperIDs[f.Go.Minor]
	file := t.file(p, p.entry)
	fn := Func{Name: t.name(p.nameOff), Entry: p.entry, End: t.end(p), Go: true}
	fn.Asm = strings.HasSuffix(file, ".s")
	// A promoted method that only jumps on has no mark but no source either.
	fn.Wrapper = known && p.funcID == wrapper || file == generated
	fn.ABIInternal = !fn.Asm && (!isCgoStub(fn.Name) || fn.Wrapper)
	return fn
}

// wrapperIDs is the number of "any autogenerated code" in runtime._func.funcID,
// which each release is free to change.
//
// layout: internal/abi.FuncIDWrapper go1.16..go1.27
var wrapperIDs = map[int]uint8{
	16: 22, 17: 22, 18: 21, 19: 21, 20: 21, 21: 21,
	22: 22, 23: 22, 24: 22, 25: 23, 26: 23, 27: 23,
}

// generated is the source file of what the compiler wrote.
const generated = "<autogenerated>"

// abi0Suffix is what the linker adds to the name of a function that has a twin
// with the register ABI.
const abi0Suffix = ".abi0"

// nameFromSymbols gives functions the names of their symbols, which have type
// arguments in full and tell the two ABIs' twins apart.
func nameFromSymbols(fns []Func, syms []Symbol) {
	j := 0
	for i := range fns {
		fn := &fns[i]
		for j < len(syms) && syms[j].Addr < fn.Entry {
			j++
		}
		for k := j; k < len(syms) && syms[k].Addr == fn.Entry; k++ {
			base, abi0 := strings.CutSuffix(syms[k].Name, abi0Suffix)
			if sameName(fn.Name, base) {
				fn.Name = syms[k].Name
				fn.ABIInternal = fn.ABIInternal && !abi0
				break
			}
		}
	}
}

// typeDots stand for type arguments in the function table.
const typeDots = "[...]"

// Dots tells whether a function's name has dots in the place of its type arguments.
func Dots(name string) bool { return strings.Contains(name, typeDots) }

// sameName says whether a function table's name stands for a symbol's: there
// its type arguments are only dots, and the compiler's middle dots ("T·1") are not yet
// plain ones.
func sameName(short, full string) bool {
	short = strings.ReplaceAll(short, "·", ".")
	if before, after, generic := strings.Cut(short, typeDots); generic {
		return len(full) > len(before)+len(after) && strings.HasPrefix(full, before) && strings.HasSuffix(full, after)
	}
	return short == full
}

// dotted is a function's name, or a pattern for names, as the function table has it:
// with dots for the type arguments, from the first bracket to the last; generic tells
// whether there are any.
func dotted(name string) (short string, generic bool) {
	open, end := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if open < 0 || end < open {
		return name, false
	}
	return name[:open] + typeDots + name[end+1:], true
}

// markABI0 does for a stripped binary what nameFromSymbols does: it finds the
// twins by their name.
func (t *pclntab) markABI0(fns []Func) {
	byName := make(map[string]int, len(fns))
	for i, fn := range fns {
		j, twin := byName[fn.Name]
		if !twin {
			byName[fn.Name] = i
			continue
		}
		old, other := &fns[j], &fns[i]
		if t.oldness(*old) < t.oldness(*other) {
			old, other = other, old
		}
		if t.oldness(*old) > t.oldness(*other) {
			old.Name += abi0Suffix
			old.ABIInternal = false
		}
	}
}

// oldness ranks how likely a function is the one of two twins that has the old
// ABI: what was written for it, then the adapter of a compiled function.
func (t *pclntab) oldness(fn Func) int {
	switch {
	case fn.Asm || isCgoStub(fn.Name) && !fn.Wrapper:
		return 2
	case fn.Wrapper:
		if i, ok := t.find(fn.Entry); ok {
			if p, err := t.fn(i); err == nil && t.file(p, fn.Entry) == generated {
				return 1
			}
		}
	}
	return 0
}

// isCgoStub says whether a name is of the Go half of a call to C, which is
// compiled for the old ABI because it takes the address of its arguments.
func isCgoStub(name string) bool {
	return strings.HasPrefix(name[strings.LastIndexByte(name, '.')+1:], "_Cfunc_")
}

// nativeFuncs lists the symbols that lie in none of the Go functions.
func nativeFuncs(syms []Symbol, goFuncs []Func) []Func {
	var lo, hi uint64
	if n := len(goFuncs); n > 0 {
		lo, hi = goFuncs[0].Entry, goFuncs[n-1].End
	}
	fns := make([]Func, 0, len(syms))
	for _, s := range syms {
		if s.Addr < lo || s.Addr >= hi {
			fns = append(fns, Func{Name: s.Name, Entry: s.Addr, End: s.Addr + s.Size, Local: s.Local})
		}
	}
	return fns
}

// sortFuncs sorts by entry, then name, and drops what is twice there.
func sortFuncs(fns []Func) []Func {
	slices.SortFunc(fns, func(a, b Func) int {
		return cmp.Or(cmp.Compare(a.Entry, b.Entry), strings.Compare(a.Name, b.Name))
	})
	return slices.CompactFunc(fns, func(a, b Func) bool { return a.Entry == b.Entry && a.Name == b.Name })
}
