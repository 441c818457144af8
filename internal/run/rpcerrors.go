package run

import (
	le "encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/rpc"
	"github.com/rpcxray/rpcxray/internal/types"
)

// errorTexts is what the scripts of frameworks are told of the errors of binaries: what
// their texts are made of.
type errorTexts struct {
	of     map[*binary]uint64 // what tells the types of one from those of others: their number from 1 on, in the upper half
	untold []errorRow
}

// add numbers a binary and reads what its errors say.
func (e *errorTexts) add(b *binary) (of uint64) {
	if len(e.of) == 0 {
		e.addNames()
	}
	if e.of[b] == 0 {
		e.of[b] = (uint64(len(e.of)) + 1) << 32
		e.addTypes(b.file, e.of[b])
	}
	return e.of[b]
}

// addNames adds the names of numbers, and what elements of lists are made of.
func (e *errorTexts) addNames() {
	for _, k := range rpc.NamedKinds() {
		for n, name := range rpc.NumberNames(k) {
			e.untold = append(e.untold, errorRow{key: [2]uint64{uint64(k), n}, how: rpc.OfWord, before: name})
		}
	}
	for k, pieces := range rpc.ElementTexts() {
		rows, _ := rowsOf(nil, pieces) // they lie in no struct
		e.addRows(uint64(k), rows)
	}
}

// addTypes adds what the texts of a binary's errors are made of, and those of addresses in
// them; nothing where it does not describe its types.
func (e *errorTexts) addTypes(f *gobin.File, of uint64) {
	all, _ := f.ErrorTypes() // none with an error
	known := rpc.ErrorTexts()
	for _, t := range all {
		typ, _, _ := f.RuntimeType(t.Addr) // nil with an error
		rows, ok := rowsOf(typ, known[t.Name])
		if !ok {
			rows = readRows(t)
		}
		for i := range rows {
			if rows[i].how == rpc.OfType {
				rows[i].len = t.Names - t.Addr
			}
		}
		e.addRows(of|uint64(t.Hash), rows)
	}
	for name, pieces := range rpc.AddressTexts() {
		typ, _, err := f.FindSoon(name)
		hash, there := f.TypeHash("*" + name)
		if rows, ok := rowsOf(typ, pieces); err == nil && there && ok {
			e.addRows(of|uint64(hash), rows)
		}
	}
}

// addRows adds the rows of a type.
func (e *errorTexts) addRows(of uint64, rows []errorRow) {
	for i, row := range rows {
		if row.how != 0 {
			row.key = [2]uint64{of, uint64(i)}
			e.untold = append(e.untold, row)
		}
	}
}

// tell writes into the table what it does not have yet, and returns what finds no room
// there; nil is the table of a script that asks for no error.
func (e *errorTexts) tell(table *ebpf.Map) (left int, err error) {
	if table == nil {
		return 0, nil
	}
	for _, row := range e.untold {
		err := row.put(table)
		if errors.Is(err, unix.E2BIG) {
			left++
		} else if err != nil {
			return 0, fmt.Errorf("writing the table of errors: %w", err)
		}
	}
	e.untold = nil
	return left, nil
}

// errorRow is what the table has of a piece of a text.
type errorRow struct {
	key      [2]uint64
	how      rpc.PieceHow
	off, len uint64
	before   string
	size     uint64
	behind   uint64 // where it lies behind the pointer at off; 0: at off
}

// readRows are the rows for the text that was read from code.
func readRows(t gobin.ErrorType) (rows []errorRow) {
	how := map[gobin.PieceOfText]rpc.PieceHow{gobin.PieceConstant: rpc.OfProcess, gobin.PieceField: rpc.OfField, gobin.PieceGlobal: rpc.OfGlobal, gobin.PieceError: rpc.OfError,
		gobin.PieceChoice: rpc.OfChoice}
	for _, p := range t.Text {
		row := errorRow{how: how[p.Kind], off: p.Off, len: p.Len}
		if p.Kind == gobin.PieceConstant || p.Kind == gobin.PieceGlobal {
			row.off -= t.Addr
		}
		rows = append(rows, row)
	}
	return rows
}

// rowsOf are the rows for a text that is known; false if the type, nil where the binary does
// not describe it, does not tell where its pieces lie.
func rowsOf(typ *types.Type, pieces []rpc.ErrorPiece) (rows []errorRow, ok bool) {
	if typ != nil && typ.Kind == types.Pointer {
		typ = typ.Elem
	}
	for _, p := range pieces {
		row := errorRow{how: p.How, before: p.Before, len: max(uint64(p.Kind), uint64(p.To)), size: p.Kind.Size()}
		if row.off, row.behind, ok = pathOf(typ, p.Field); !ok {
			return nil, false
		}
		if p.Other != "" {
			if row.size, _, ok = pathOf(typ, p.Other); !ok {
				return nil, false
			}
		}
		rows = append(rows, row)
	}
	return rows, len(pieces) > 0
}

// pathOf is where a field lies, from a struct's start; of a path of fields, behind whose
// second pointer or third there is more, what lies there; false if a type lacks a field.
func pathOf(typ *types.Type, path string) (off, behind uint64, ok bool) {
	offs := []uint64{0}
	for part := range strings.SplitSeq(path, ".") {
		if part == "" { // the value itself
			continue
		}
		if typ != nil && typ.Kind == types.Pointer {
			typ, offs = typ.Elem, append(offs, 0)
		}
		if typ == nil {
			return 0, 0, false
		}
		field, ok := typ.FieldNamed(part)
		if !ok {
			return 0, 0, false
		}
		offs[len(offs)-1] += uint64(field.Offset)
		typ = field.Type
	}
	switch {
	case len(offs) == 2 && offs[1] > 0:
		behind = offs[1]
	case len(offs) == 3 && offs[1] == 0:
		behind = rpc.Twice + offs[2]
	case len(offs) > 1:
		return 0, 0, false // the table has no room for it
	}
	return offs[0], behind, true
}

// put writes a row under its key.
func (r errorRow) put(table *ebpf.Map) error {
	var k, v []byte
	for _, word := range r.key {
		k = le.LittleEndian.AppendUint64(k, word)
	}
	for _, word := range []uint64{uint64(r.how), r.off, r.len} {
		v = le.LittleEndian.AppendUint64(v, word)
	}
	before := make([]byte, rpc.BeforeSize)
	copy(before[:rpc.BeforeSize-1], r.before)
	v = le.LittleEndian.AppendUint64(append(v, before...), r.size)
	return table.Put(k, le.LittleEndian.AppendUint64(v, r.behind))
}
