package prog

import "github.com/rpcxray/rpcxray/internal/types"

// Sub returns the place of the size bytes at off of the value at p. A part
// that lies across two registers keeps both pieces.
func (p Place) Sub(off, size int) Place {
	if p.Err != "" {
		return p
	}
	var sub Place
	at := 0
	for _, piece := range p.Pieces {
		lo, hi := max(off, at), min(off+size, at+piece.Size)
		if lo < hi {
			sub.Pieces = append(sub.Pieces, piece.part(lo-at, hi-lo))
		}
		at += piece.Size
	}
	return sub
}

func (p Piece) part(off, size int) Piece {
	switch p.Reg {
	case "":
		p.Off += int64(off)
	case NoReg:
	default:
		p.Shift += off
	}
	p.Size = size
	return p
}

// Word returns word i of a parameter that consists of words, as an integer.
func (g *GoParam) Word(i int) *GoParam {
	return &GoParam{Meta: Meta{T: types.TUint64, At: g.At}, Name: g.Name, Place: g.Place.Sub(8*i, 8), Ret: g.Ret}
}
