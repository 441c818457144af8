package events

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/rpcxray/rpcxray/internal/types"
)

// The encodings of a payload, in the upper half of the byte before it, as rpcx
// numbers them.
const (
	payloadRaw = iota
	payloadJSON
	payloadProtobuf
	payloadMsgpack
	payloadThrift
)

// maxPayloadDepth bounds the nesting that is shown, maxPayloadParts the parts.
const (
	maxPayloadDepth = 16
	maxPayloadParts = 1000
)

// payload reads the bytes of an encoded value as text.
type payload struct {
	in    []byte
	out   []byte
	cut   bool // the bytes end too early, or are none of the encoding
	parts int
}

// decodePayload turns a payload into its text.
func (v *Value) decodePayload() {
	if v.Type.Name != types.PayloadName || v.Type.Kind != types.Tuple {
		return
	}
	data := v.Elems[1]
	*v = Value{Type: types.TPayloadText, Str: payloadText(byte(v.Elems[0].Int), data.Str), Unreadable: data.Unreadable}
}

// payloadText is an encoded value as text like JSON: by name where the encoding has
// names, else by number. What does not decode is shown as far as it does, and "..".
func payloadText(codec byte, b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	p := &payload{in: b}
	switch codec >> 4 {
	case payloadJSON:
		p.out, p.cut = bytes.Clone(b), !json.Valid(b)
	case payloadProtobuf:
		p.protobuf(0)
	case payloadMsgpack:
		p.msgpack(0)
	case payloadThrift:
		p.thriftStruct(0)
	default:
		p.bytes(b)
		p.in = nil
	}
	if p.cut {
		p.out = append(p.out, ".."...)
	}
	return p.out
}

func (p *payload) text(s string) { p.out = append(p.out, s...) }

// take returns the next n bytes, fewer at the end.
func (p *payload) take(n uint64) []byte {
	if n > uint64(len(p.in)) {
		p.cut = true
		n = uint64(len(p.in))
	}
	b := p.in[:n]
	p.in = p.in[n:]
	return b
}

// fixed reads a big-endian number of n bytes, at most eight.
func (p *payload) fixed(n uint64) uint64 {
	v := uint64(0)
	for _, c := range p.take(n) {
		v = v<<8 | uint64(c)
	}
	return v
}

// enter tells whether another part may be shown.
func (p *payload) enter(depth int) bool {
	p.parts++
	if depth > maxPayloadDepth || p.parts > maxPayloadParts {
		p.cut = true
	}
	return !p.cut
}

// bytes shows text as such, other bytes in hexadecimal.
func (p *payload) bytes(b []byte) {
	if utf8.Valid(b) {
		p.out = strconv.AppendQuote(p.out, string(b))
		return
	}
	p.text("0x")
	for _, c := range b {
		p.out = append(p.out, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
	}
}

func (p *payload) float(v float64) { p.out = strconv.AppendFloat(p.out, v, 'g', -1, 64) }

// list shows n values between marks; named ones have a value before.
func (p *payload) list(n uint64, marks string, named bool, value func()) {
	p.out = append(p.out, marks[0])
	for i := range n {
		if p.cut {
			break
		}
		if i > 0 {
			p.out = append(p.out, ',')
		}
		value()
		if named && !p.cut {
			p.out = append(p.out, ':')
			value()
		}
	}
	p.out = append(p.out, marks[1])
}

// msgpack reads a value, see the specification of MessagePack.
func (p *payload) msgpack(depth int) {
	if !p.enter(depth) {
		return
	}
	inner := func() { p.msgpack(depth + 1) }
	c := byte(p.fixed(1))
	switch {
	case p.cut:
	case c < 0x80:
		p.out = strconv.AppendUint(p.out, uint64(c), 10)
	case c < 0x90:
		p.list(uint64(c&15), "{}", true, inner)
	case c < 0xa0:
		p.list(uint64(c&15), "[]", false, inner)
	case c < 0xc0:
		p.bytes(p.take(uint64(c & 31)))
	case c >= 0xe0:
		p.out = strconv.AppendInt(p.out, int64(int8(c)), 10)
	default:
		p.msgpackLong(c, inner)
	}
}

// msgpackLong reads what has its kind and length in bytes of their own.
func (p *payload) msgpackLong(c byte, inner func()) {
	switch c {
	case 0xc0:
		p.text("null")
	case 0xc2, 0xc3:
		p.out = strconv.AppendBool(p.out, c == 0xc3)
	case 0xc4, 0xc5, 0xc6:
		p.bytes(p.take(p.fixed(1 << (c - 0xc4))))
	case 0xd9, 0xda, 0xdb:
		p.bytes(p.take(p.fixed(1 << (c - 0xd9))))
	case 0xc7, 0xc8, 0xc9:
		p.extension(p.take(p.fixed(1<<(c-0xc7)) + 1))
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		p.extension(p.take(1<<(c-0xd4) + 1))
	case 0xca:
		p.float(float64(math.Float32frombits(uint32(p.fixed(4)))))
	case 0xcb:
		p.float(math.Float64frombits(p.fixed(8)))
	case 0xcc, 0xcd, 0xce, 0xcf:
		p.out = strconv.AppendUint(p.out, p.fixed(1<<(c-0xcc)), 10)
	case 0xd0, 0xd1, 0xd2, 0xd3:
		n := uint64(1) << (c - 0xd0)
		shift := 64 - 8*n
		p.out = strconv.AppendInt(p.out, int64(p.fixed(n)<<shift)>>shift, 10)
	case 0xdc, 0xdd:
		p.list(p.fixed(2<<(c-0xdc)), "[]", false, inner)
	case 0xde, 0xdf:
		p.list(p.fixed(2<<(c-0xde)), "{}", true, inner)
	default:
		p.cut = true
	}
}

// extension shows a point in time as JSON has it, and with its number what is of a type
// that the application defines.
func (p *payload) extension(b []byte) {
	var sec, nsec uint64
	switch {
	case len(b) == 5 && b[0] == 0xff:
		sec = uint64(binary.BigEndian.Uint32(b[1:]))
	case len(b) == 9 && b[0] == 0xff:
		both := binary.BigEndian.Uint64(b[1:])
		sec, nsec = both&(1<<34-1), both>>34
	case len(b) == 13 && b[0] == 0xff:
		sec, nsec = binary.BigEndian.Uint64(b[5:]), uint64(binary.BigEndian.Uint32(b[1:]))
	default:
		p.bytes(b)
		return
	}
	p.out = strconv.AppendQuote(p.out, time.Unix(int64(sec), int64(nsec)).UTC().Format(time.RFC3339Nano))
}

// protobuf reads the fields of a message: a length-delimited one may be text, bytes
// or a message, and is shown as the first that it can be.
func (p *payload) protobuf(depth int) {
	p.out = append(p.out, '{')
	for i := 0; len(p.in) > 0 && p.enter(depth); i++ {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		key := p.varint()
		p.out = append(strconv.AppendUint(p.out, key>>3, 10), ':')
		switch key & 7 {
		case 0:
			p.out = strconv.AppendInt(p.out, int64(p.varint()), 10)
		case 1:
			p.fixedLittle(8)
		case 5:
			p.fixedLittle(4)
		case 2:
			p.delimited(p.take(p.varint()), depth)
		default:
			p.cut = true
		}
	}
	p.out = append(p.out, '}')
}

func (p *payload) fixedLittle(n uint64) {
	b := append(append([]byte(nil), p.take(n)...), make([]byte, 8)...)
	p.out = strconv.AppendUint(p.out, binary.LittleEndian.Uint64(b), 10)
}

func (p *payload) varint() uint64 {
	v, n := binary.Uvarint(p.in)
	if n <= 0 {
		p.cut = true
		p.in = nil
		return 0
	}
	p.in = p.in[n:]
	return v
}

func (p *payload) delimited(b []byte, depth int) {
	inner := &payload{in: b, parts: p.parts}
	if !utf8.Valid(b) || hasControl(b) {
		if inner.protobuf(depth + 1); !inner.cut && len(b) > 0 {
			p.out, p.parts = append(p.out, inner.out...), inner.parts
			return
		}
	}
	p.bytes(b)
}

func hasControl(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\t' {
			return true
		}
	}
	return false
}

// thriftStruct reads the fields of a struct in thrift's binary protocol.
func (p *payload) thriftStruct(depth int) {
	p.out = append(p.out, '{')
	for i := 0; p.enter(depth); i++ {
		kind := p.fixed(1)
		if kind == 0 || p.cut {
			break
		}
		if i > 0 {
			p.out = append(p.out, ',')
		}
		p.out = append(strconv.AppendInt(p.out, int64(int16(p.fixed(2))), 10), ':')
		p.thrift(byte(kind), depth+1)
	}
	p.out = append(p.out, '}')
}

// thrift reads a value of a kind.
func (p *payload) thrift(kind byte, depth int) {
	if !p.enter(depth) {
		return
	}
	switch kind {
	case 2:
		p.out = strconv.AppendBool(p.out, p.fixed(1) != 0)
	case 3:
		p.out = strconv.AppendInt(p.out, int64(int8(p.fixed(1))), 10)
	case 4:
		p.float(math.Float64frombits(p.fixed(8)))
	case 6:
		p.out = strconv.AppendInt(p.out, int64(int16(p.fixed(2))), 10)
	case 8:
		p.out = strconv.AppendInt(p.out, int64(int32(p.fixed(4))), 10)
	case 10:
		p.out = strconv.AppendInt(p.out, int64(p.fixed(8)), 10)
	case 11:
		p.bytes(p.take(p.fixed(4)))
	case 12:
		p.thriftStruct(depth)
	case 13:
		key, value := byte(p.fixed(1)), byte(p.fixed(1))
		next := false
		p.list(p.fixed(4), "{}", true, func() {
			if next = !next; next {
				p.thrift(key, depth+1)
			} else {
				p.thrift(value, depth+1)
			}
		})
	case 14, 15:
		elem := byte(p.fixed(1))
		p.list(p.fixed(4), "[]", false, func() { p.thrift(elem, depth+1) })
	default:
		p.cut = true
	}
}
