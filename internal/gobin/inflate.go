package gobin

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// Debug sections are compressed as zlib does. compress/flate reads a stream, byte by
// byte; here all of it is in memory and its size known, and reading debug information
// is most of what a probe on a Go function waits for.

var (
	errDeflate  = errors.New("malformed compressed data")
	errZlibHead = errors.New("not compressed by zlib")
)

// unzlib decompresses data (RFC 1950) to all of out. Its checksum is not looked at, as
// none of the sections that are not compressed has one.
func unzlib(out, data []byte) error {
	if len(data) < 2 || data[0]&0x0f != 8 || data[1]&0x20 != 0 || (uint(data[0])<<8|uint(data[1]))%31 != 0 {
		return errZlibHead
	}
	z := inflater{in: data[2:], out: out}
	for last := false; !last; {
		z.fill()
		last = z.take(1) == 1
		var err error
		switch z.take(2) {
		case 0:
			err = z.stored()
		case 1:
			err = z.fixed()
		case 2:
			err = z.dynamic()
		default:
			err = errDeflate
		}
		if err != nil {
			return err
		}
	}
	if z.at != len(out) {
		return errDeflate
	}
	return nil
}

// inflater decodes deflate (RFC 1951).
type inflater struct {
	in, out []byte
	at      int    // bytes of out that are done
	bits    uint64 // taken from in, the next one lowest
	n       uint   // how many
	beyond  uint   // of them that in does not have

	literals, distances huffman
}

// fill has at least 56 bits at hand, zeros behind the end of what there is.
func (z *inflater) fill() {
	if len(z.in) >= 8 {
		z.bits |= binary.LittleEndian.Uint64(z.in) << z.n
		more := (63 - z.n) >> 3
		z.in = z.in[more:]
		z.n += more * 8
		return
	}
	for ; z.n < 56; z.n += 8 {
		if len(z.in) == 0 {
			z.beyond += 8
			continue
		}
		z.bits |= uint64(z.in[0]) << z.n
		z.in = z.in[1:]
	}
}

// take removes n bits, which fill has made sure of.
func (z *inflater) take(n uint) uint {
	v := uint(z.bits & (1<<n - 1))
	z.bits >>= n
	z.n -= n
	return v
}

func (z *inflater) stored() error {
	z.take(z.n & 7)
	z.fill()
	size := int(z.take(16))
	if z.take(16) != uint(size)^0xffff || z.beyond > z.n {
		return errDeflate
	}
	for ; size > 0 && z.n > z.beyond && z.at < len(z.out); size-- {
		z.out[z.at] = byte(z.take(8))
		z.at++
	}
	if size == 0 {
		return nil
	}
	if size > len(z.in) || size > len(z.out)-z.at {
		return errDeflate
	}
	z.bits = 0 // with what fill took of the next byte
	z.at += copy(z.out[z.at:], z.in[:size])
	z.in = z.in[size:]
	return nil
}

func (z *inflater) fixed() error {
	var lengths [288 + 30]uint8
	for i := range lengths {
		switch {
		case i < 144, i >= 280 && i < 288:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 5
		}
	}
	return z.coded(lengths[:288], lengths[288:])
}

// lengthOrder is in which order the lengths of the codes for lengths come.
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (z *inflater) dynamic() error {
	z.fill()
	literals, distances, codes := int(z.take(5))+257, int(z.take(5))+1, int(z.take(4))+4
	if literals > 286 || distances > 30 {
		return errDeflate
	}
	var lengths [286 + 30]uint8
	for _, at := range lengthOrder[:codes] {
		z.fill()
		lengths[at] = uint8(z.take(3))
	}
	if !z.literals.build(lengths[:19]) {
		return errDeflate
	}
	clear(lengths[:19])
	for i := 0; i < literals+distances; {
		z.fill()
		sym, value, again := z.symbol(&z.literals), uint8(0), 1
		switch {
		case sym < 0 || z.beyond > z.n:
			return errDeflate
		case sym < 16:
			value = uint8(sym)
		case sym == 16 && i == 0:
			return errDeflate
		case sym == 16:
			value, again = lengths[i-1], 3+int(z.take(2))
		case sym == 17:
			again = 3 + int(z.take(3))
		default:
			again = 11 + int(z.take(7))
		}
		if again > literals+distances-i {
			return errDeflate
		}
		for ; again > 0; again-- {
			lengths[i] = value
			i++
		}
	}
	return z.coded(lengths[:literals], lengths[literals:literals+distances])
}

// Of each symbol for a length or a distance: the least it stands for, and how many
// more bits tell how much more it is.
var (
	lengthBase = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthMore = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase   = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distMore   = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

const endOfBlock = 256

// coded reads a block's symbols.
func (z *inflater) coded(literals, distances []uint8) error {
	if !z.literals.build(literals) || !z.distances.build(distances) {
		return errDeflate
	}
	for {
		z.most()
		z.fill()
		sym := z.symbol(&z.literals)
		switch {
		case sym < 0 || z.beyond > z.n:
			return errDeflate
		case sym == endOfBlock:
			return nil
		case sym < endOfBlock:
			if z.at == len(z.out) {
				return errDeflate
			}
			z.out[z.at] = byte(sym)
			z.at++
			continue
		}
		if sym -= endOfBlock + 1; sym >= len(lengthBase) {
			return errDeflate
		}
		size := int(lengthBase[sym]) + int(z.take(uint(lengthMore[sym])))
		if sym = z.symbol(&z.distances); sym < 0 || sym >= len(distBase) {
			return errDeflate
		}
		back := int(distBase[sym]) + int(z.take(uint(distMore[sym])))
		if back > z.at || size > len(z.out)-z.at {
			return errDeflate
		}
		for i := range size {
			z.out[z.at+i] = z.out[z.at-back+i]
		}
		z.at += size
	}
}

// most decodes symbols as long as their codes are short and both ends are far: nearly
// all of them. How fast it is decides how fast all of this is; what it does not take
// is left where it was.
func (z *inflater) most() {
	const longest = 258
	in, out, at, b, n := z.in, z.out, z.at, z.bits, z.n
	for len(in) >= 8 && len(out)-at >= longest {
		b |= binary.LittleEndian.Uint64(in) << n
		more := (63 - n) >> 3
		in, n = in[more:], n+more*8
		e := uint(z.literals.short[b&(1<<shortCode-1)])
		if e-1 < endOfBlock<<4-1 { // neither 0 nor a length
			out[at] = byte(e >> 4)
			at++
			b, n = b>>(e&15), n-(e&15)
			continue
		}
		sym := e>>4 - endOfBlock - 1
		if sym >= uint(len(lengthBase)) {
			break
		}
		rest, used := b>>(e&15), e&15
		more = uint(lengthMore[sym])
		size := int(lengthBase[sym]) + int(rest&(1<<more-1))
		rest, used = rest>>more, used+more
		e = uint(z.distances.short[rest&(1<<shortCode-1)])
		if sym = e >> 4; e == 0 || sym >= uint(len(distBase)) {
			break
		}
		rest, used = rest>>(e&15), used+(e&15)
		more = uint(distMore[sym])
		back := int(distBase[sym]) + int(rest&(1<<more-1))
		if back > at {
			break
		}
		b, n = rest>>more, n-used-more
		from := out[at-back : at-back+size]
		if back >= size {
			copy(out[at:], from)
		} else {
			to := out[at : at+size]
			for i := range to {
				to[i] = from[i]
			}
		}
		at += size
	}
	z.in, z.at, z.bits, z.n = in, at, b, n
}

// huffman is a code.
type huffman struct {
	short   [1 << shortCode]uint16 // by the next bits: symbol<<4 | length; 0: it is longer
	count   [16]uint16             // of codes, by length
	symbols [288]uint16            // in the order of their codes
}

const shortCode = 10

// build makes the code whose symbols have these lengths, 0 for those that do not occur.
func (h *huffman) build(lengths []uint8) bool {
	clear(h.short[:])
	clear(h.count[:])
	for _, n := range lengths {
		h.count[n]++
	}
	h.count[0] = 0
	var next, place [16]uint16 // the first code of a length, and where its symbol is
	left := 1
	for n := 1; n < 16; n++ {
		if left = left<<1 - int(h.count[n]); left < 0 {
			return false
		}
		next[n], place[n] = (next[n-1]+h.count[n-1])<<1, place[n-1]+h.count[n-1]
	}
	for sym, n := range lengths {
		if n == 0 {
			continue
		}
		h.symbols[place[n]] = uint16(sym)
		place[n]++
		code := bits.Reverse16(next[n]) >> (16 - n)
		next[n]++
		if n > shortCode {
			continue
		}
		for i := int(code); i < len(h.short); i += 1 << n {
			h.short[i] = uint16(sym)<<4 | uint16(n)
		}
	}
	return true
}

// symbol decodes one; -1 where no code begins with the bits at hand.
func (z *inflater) symbol(h *huffman) int {
	if e := h.short[z.bits&(1<<shortCode-1)]; e != 0 {
		z.take(uint(e & 15))
		return int(e >> 4)
	}
	code, first, index := 0, 0, 0
	for n := uint(1); n < 16; n++ {
		code |= int(z.bits >> (n - 1) & 1)
		count := int(h.count[n])
		if code-first < count {
			z.take(n)
			return int(h.symbols[index+code-first])
		}
		index, first, code = index+count, (first+count)<<1, code<<1
	}
	return -1
}
