package gobin

import (
	"encoding/binary"
	"reflect"
)

// ErrorType is a type with a method Error, and the text that this gives.
type ErrorType struct {
	Name string // as %T prints it
	Hash uint32 // as in TypeHash
	Addr uint64 // of its description, without load bias
	// Names is where the names of types begin, without load bias: a description has its distance
	// from there.
	Names uint64
	Text  []TextPiece
}

// TextPiece is a part of a text that is made of what an error holds.
type TextPiece struct {
	Kind PieceOfText
	// Off is where it lies: from where the second word of the interface points, or, of what the
	// program has, its address, without load bias.
	Off uint64
	Len uint64 // of a constant; of a choice the number of the piece that it goes to
}

// PieceOfText says what a TextPiece is.
type PieceOfText uint8

// The pieces of a text; it ends before one that is none of them.
const (
	PieceConstant PieceOfText = iota + 1
	PieceGlobal               // a string that is a variable of the program
	PieceField                // a string
	PieceError                // the text of an error
	PieceChoice               // none: the text goes on at another piece where a word is zero
)

// maxErrorText is how many pieces the text of an error has at most.
const maxErrorText = 32

// ErrorTypes lists the types with a method Error that the binary may call. Their texts
// are read from the code of these methods; where it does more than to put together what
// it finds the text is the type's name.
func (f *File) ErrorTypes() (all []ErrorType, err error) {
	r, err := f.runtimeTypes()
	if err != nil {
		return nil, err
	}
	defer catch(&err)
	reader := newTextReader(f)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.visit(func(d rtype) {
		code := r.errorMethod(d)
		if code == 0 {
			return
		}
		text := reader.read(code)
		if text == nil {
			text = []TextPiece{r.nameText(d)}
		}
		if b, err := r.bytes(d.addr+16, 4); err == nil {
			all = append(all, ErrorType{d.name, binary.LittleEndian.Uint32(b), d.addr, r.base, text})
		}
	})
	return all, nil
}

// errorMethod is the code of the type's method Error as interfaces call it; 0 if it has
// none.
func (r *runtimeTypes) errorMethod(d rtype) (code uint64) {
	r.eachMethod(d, func(name, typ, ifn, _ int32) {
		if typ <= 0 || ifn <= 0 {
			return
		}
		if text, _, err := r.nameAt(r.base + uint64(name)); err != nil || text != "Error" {
			return
		}
		ins, outs, err := r.funcTypes(r.base + uint64(typ))
		if err != nil || len(ins) != 0 || len(outs) != 1 {
			return
		}
		if out, err := r.desc(outs[0]); err == nil && out.kind == reflect.String {
			code = r.text + uint64(ifn)
		}
	})
	return code
}

// nameText is the type's name, as it lies in the binary.
func (r *runtimeTypes) nameText(d rtype) TextPiece {
	b, err := r.bytes(d.addr+40, 4)
	if err != nil {
		return TextPiece{}
	}
	at := r.base + uint64(binary.LittleEndian.Uint32(b))
	full, _, err := r.nameAt(at)
	if err != nil {
		return TextPiece{}
	}
	prefix := uint64(len(binary.AppendUvarint(nil, uint64(len(full)))))
	if r.oldName {
		prefix = 2
	}
	return TextPiece{PieceConstant, at + 1 + prefix + uint64(len(full)-len(d.name)), uint64(len(d.name))}
}
