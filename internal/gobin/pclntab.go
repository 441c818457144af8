package gobin

import "debug/elf"

// pclntabSection finds the function table by its section names: the plain one
// and the one of position-independent binaries.
func (f *File) pclntabSection() *elf.Section {
	for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab"} {
		if s := f.ELF.Section(name); s != nil {
			return s
		}
	}
	return nil
}
