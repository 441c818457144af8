package gobin

import (
	"debug/elf"
	"fmt"
)

// maxMiniDebug bounds what .gnu_debugdata unpacks to.
const maxMiniDebug = 64 << 20

// miniSymbols lists what .gnu_debugdata holds: distributions strip programs and put
// the symbols of functions that the dynamic ones lack there, as an ELF file packed
// by xz. nil if there is none.
func (f *File) miniSymbols() ([]Symbol, error) {
	const name = ".gnu_debugdata"
	packed, err := f.section(name)
	if err != nil || packed == nil {
		return nil, err
	}
	b, err := unpackXZ(packed, maxMiniDebug)
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", name, err)
	}
	mini, err := OpenBytes(f.Path, b)
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", name, err)
	}
	s := mini.ELF.SectionByType(elf.SHT_SYMTAB)
	if s == nil {
		return nil, nil
	}
	return mini.symbolTable(s)
}
