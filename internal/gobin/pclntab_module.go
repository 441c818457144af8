package gobin

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ModuleData is what rpcxray needs of runtime.firstmoduledata, the runtime's own
// description of the binary. Addresses are virtual, without load bias.
type ModuleData struct {
	Addr        uint64 // of the structure itself
	Text, EText uint64 // Go code
	Types       uint64 // base of type offsets
	ETypes      uint64
	GoFunc      uint64 // base of funcdata offsets; zero before Go 1.18

	TypeLinks, TypeLinksLen uint64 // []int32, offsets from Types; zero from Go 1.27 on
	ItabLinks, ItabLinksLen uint64 // []*itab; zero from Go 1.27 on
	TypeDescLen             uint64 // bytes of type descriptors behind Types; Go 1.27 on
	ItabOffset, ItabSize    uint64 // itabs, from Types, in bytes; Go 1.27 on
}

var errNoModuleData = errors.New("module data: not found")

// ModuleData finds and reads the module data: by its section (Go 1.26 on), its
// symbol, or the pointer to the function table that it begins with. Served for
// Go 1.16 and newer.
func (f *File) ModuleData() (ModuleData, error) {
	if f.Go == nil {
		return ModuleData{}, errNoModuleData
	}
	return f.module()
}

func (f *File) readModuleData() (ModuleData, error) {
	table, _, err := f.findPclntab()
	if err != nil {
		return ModuleData{}, err
	}
	for _, addr := range f.moduleDataCandidates(table) {
		if m, err := f.moduleDataAt(addr, table); err == nil {
			return m, nil
		}
	}
	return ModuleData{}, errNoModuleData
}

// moduleDataCandidates lists addresses where the structure may be, likeliest
// first.
func (f *File) moduleDataCandidates(table uint64) []uint64 {
	if s := f.ELF.Section(".go.module"); s != nil {
		return []uint64{s.Addr}
	}
	if s, ok := f.Symbol("runtime.firstmoduledata"); ok {
		return []uint64{s.Addr}
	}
	rs, err := f.relocs()
	if err != nil {
		return nil
	}
	var addrs []uint64
	for _, r := range rs {
		if r.addend == table {
			addrs = append(addrs, r.addr)
		}
	}
	return append(addrs, f.pointersTo(table)...)
}

// pointersTo lists the words of writable data that hold value.
func (f *File) pointersTo(value uint64) (addrs []uint64) {
	pattern := binary.LittleEndian.AppendUint64(nil, value)
	for _, p := range f.ELF.Progs {
		if p.Type != elf.PT_LOAD || p.Flags&elf.PF_X != 0 {
			continue
		}
		start, end := p.Vaddr, p.Vaddr+min(p.Filesz, 4*maxDataScan)
		for len(addrs) < 16 {
			at, ok := f.search(start, end, 8, pattern)
			if !ok {
				break
			}
			addrs, start = append(addrs, at), at+8
		}
	}
	return addrs
}

// moduleDataAt decodes the structure. Its fields are words; releases insert
// some and drop others.
//
// layout: runtime.moduledata go1.16..go1.27
func (f *File) moduleDataAt(addr, table uint64) (ModuleData, error) {
	const size = 64 * 8
	b, err := f.Bytes(addr, addr+size)
	if err != nil {
		return ModuleData{}, err
	}
	b = bytes.Clone(b)
	if err := f.relocate(b, addr); err != nil {
		return ModuleData{}, err
	}
	at := 0
	next := func() uint64 {
		v := binary.LittleEndian.Uint64(b[at*8:])
		at++
		return v
	}
	m := ModuleData{Addr: addr}
	header := next()
	at = 20 // pcHeader, six slices of the table's parts, findfunctab
	minpc, maxpc := next(), next()
	m.Text, m.EText = next(), next()
	at += 2 * 4 // noptrdata, data, bss, noptrbss: start and end each
	if f.Go.AtLeast(1, 20) {
		at += 2 // covctrs
	}
	at += 3 // end, gcdata, gcbss
	m.Types = next()
	if f.Go.AtLeast(1, 27) {
		m.TypeDescLen = next()
	}
	m.ETypes = next()
	if f.Go.AtLeast(1, 27) {
		m.ItabOffset, m.ItabSize = next(), next()
	}
	if f.Go.AtLeast(1, 18) {
		at++ // rodata
		m.GoFunc = next()
	}
	if f.Go.AtLeast(1, 26) {
		at++ // epclntab
	}
	at += 3 // textsectmap
	if !f.Go.AtLeast(1, 27) {
		m.TypeLinks, m.TypeLinksLen = next(), next()
		at++
		m.ItabLinks, m.ItabLinksLen = next(), next()
	}
	ordered := slices.IsSorted([]uint64{m.Text, minpc, maxpc, m.EText}) && m.Types <= m.ETypes
	if header != table || !ordered || m.Text == m.EText {
		return ModuleData{}, fmt.Errorf("module data at %#x: not of go%d.%d", addr, f.Go.Major, f.Go.Minor)
	}
	return m, nil
}
