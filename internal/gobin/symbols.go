package gobin

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
)

const (
	maxSymbols     = 1 << 20
	maxSymbolNames = 64 << 20
	symbolSize     = 24 // bytes of an Elf64_Sym
)

// Symbol is an entry of the symbol tables.
type Symbol struct {
	Name       string
	Addr, Size uint64
	Type       elf.SymType
}

// Symbols lists the defined symbols of .symtab and .dynsym, functions and data,
// in the order of the file. The caller must not change the slice.
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
	var syms []Symbol
	for _, t := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		s := f.ELF.SectionByType(t)
		if s == nil || t == elf.SHT_DYNSYM && f.Go != nil && len(syms) > 0 {
			continue // a Go program's dynamic symbols are in .symtab too
		}
		var err error
		if syms, err = f.appendSymbols(syms, s); err != nil {
			return nil, fmt.Errorf("section %s: %w", s.Name, err)
		}
	}
	return syms, nil
}

// appendSymbols decodes one table. debug/elf's own reader takes several times
// the memory and copies each name.
func (f *File) appendSymbols(syms []Symbol, s *elf.Section) ([]Symbol, error) {
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
	names := string(nameBytes)
	b, err := f.readAt(s.Offset, s.FileSize)
	if err != nil {
		return nil, err
	}
	for ; len(b) >= symbolSize; b = b[symbolSize:] {
		nameOff := binary.LittleEndian.Uint32(b)
		typ := elf.ST_TYPE(b[4])
		if binary.LittleEndian.Uint16(b[6:]) == uint16(elf.SHN_UNDEF) || int(nameOff) >= len(names) ||
			typ == elf.STT_SECTION || typ == elf.STT_FILE {
			continue
		}
		name := names[nameOff:]
		if i := strings.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		if name == "" {
			continue
		}
		syms = append(syms, Symbol{
			Name: name, Type: typ,
			Addr: binary.LittleEndian.Uint64(b[8:]), Size: binary.LittleEndian.Uint64(b[16:]),
		})
	}
	return syms, nil
}

// isFunc says whether a symbol names code.
func (s Symbol) isFunc() bool { return s.Type == elf.STT_FUNC || s.Type == elf.STT_GNU_IFUNC }

// nativeFuncs lists the functions of the symbol tables alone.
func (f *File) nativeFuncs() ([]Func, error) {
	syms, err := f.symtab()
	if err != nil {
		return nil, err
	}
	fns := make([]Func, 0, len(syms))
	for _, s := range syms {
		if s.isFunc() && f.segment(s.Addr, s.Addr) != nil {
			fns = append(fns, Func{Name: s.Name, Entry: s.Addr, End: s.Addr + s.Size})
		}
	}
	return sortFuncs(fns), nil
}

// sortFuncs sorts by entry, then name, and drops what is twice there.
func sortFuncs(fns []Func) []Func {
	sort.Slice(fns, func(i, j int) bool {
		if fns[i].Entry != fns[j].Entry {
			return fns[i].Entry < fns[j].Entry
		}
		return fns[i].Name < fns[j].Name
	})
	out := fns[:0]
	for i, fn := range fns {
		if i == 0 || fn.Entry != fns[i-1].Entry || fn.Name != fns[i-1].Name {
			out = append(out, fn)
		}
	}
	return out
}

func (f *File) readFuncs() ([]Func, error) {
	fns, err := f.nativeFuncs()
	if err != nil {
		return nil, err
	}
	if len(fns) == 0 {
		return nil, fmt.Errorf("%s: %w", f.Path, ErrNoSymbols)
	}
	return fns, nil
}
