package render

import (
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/types"
)

// directive is one conversion of a printf format and the text before it.
type directive struct {
	before string
	verb   byte // 0: only the text
	form   byte // of %r: x, h, g or 0
	left   bool
	plus   bool
	space  bool
	alt    bool
	zero   bool
	width  int
	prec   int // -1: none
	bits   int // 8, 16, 32, 64
}

// format is a parsed printf format.
type format []directive

// maxField bounds widths and precisions: more is a typing error.
const maxField = 4096

// parseFormat parses a format that check has accepted; what is no conversion
// is text.
func parseFormat(text string) format {
	var f format
	var before strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '%' {
			before.WriteByte(text[i])
			i++
			continue
		}
		d, n := parseDirective(text[i:])
		switch {
		case n == 0:
			before.WriteByte('%')
			i++
			continue
		case d.verb == '%':
			before.WriteByte('%')
		default:
			d.before = before.String()
			before.Reset()
			f = append(f, d)
		}
		i += n
	}
	if before.Len() > 0 {
		f = append(f, directive{before: before.String()})
	}
	return f
}

// parseDirective parses the conversion at the start of s and returns its
// length, 0 where there is none.
func parseDirective(s string) (directive, int) {
	d := directive{prec: -1, bits: 32}
	i := 1
	for ; i < len(s); i++ {
		switch s[i] {
		case '-':
			d.left = true
		case '+':
			d.plus = true
		case ' ':
			d.space = true
		case '#':
			d.alt = true
		case '0':
			d.zero = true
		default:
			goto width
		}
	}
width:
	d.width, i = fieldNumber(s, i)
	if i < len(s) && s[i] == '.' {
		d.prec, i = fieldNumber(s, i+1)
	}
	start := i
	for i < len(s) && strings.IndexByte("hlLjzt", s[i]) >= 0 {
		i++
	}
	switch s[start:i] {
	case "":
	case "hh":
		d.bits = 8
	case "h":
		d.bits = 16
	default:
		d.bits = 64
	}
	if i == len(s) || strings.IndexByte("diuxXocpsreEfFgG%", s[i]) < 0 {
		return d, 0
	}
	d.verb = s[i]
	i++
	if d.verb == 'g' && i < len(s) && s[i] == 'r' {
		d.verb, d.form = 'r', 'g'
		i++
	} else if d.verb == 'r' && i < len(s) && (s[i] == 'x' || s[i] == 'h') {
		d.form = s[i]
		i++
	}
	return d, i
}

func fieldNumber(s string, i int) (n, end int) {
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		n = min(10*n+int(s[i]-'0'), maxField)
	}
	return n, i
}

// append formats values; a missing one prints as nothing.
func (f format) append(p *printer, dst []byte, values []events.Value) []byte {
	for i := range f {
		d := &f[i]
		dst = append(dst, d.before...)
		if d.verb != 0 && i < len(values) {
			dst = d.append(p, dst, &values[i])
		}
	}
	return dst
}

func (d *directive) append(p *printer, dst []byte, v *events.Value) []byte {
	start := len(dst)
	switch d.verb {
	case 's':
		dst = d.cut(p.value(dst, v), start)
	case 'r':
		if d.form == 'g' && !v.Unreadable && !v.Absent() {
			dst = appendGFP(dst, number(v))
			break
		}
		dst = d.buffer(p, dst, v)
	case 'd', 'i', 'u', 'x', 'X', 'o', 'c', 'p':
		if v.Unreadable || v.Absent() || !isNumber(v.Type) {
			dst = p.value(dst, v)
			break
		}
		return d.number(p, dst, number(v))
	default:
		dst = d.float(p, dst, v)
	}
	return d.pad(dst, start)
}

// isNumber tells whether a value of t has one number to print.
func isNumber(t *types.Type) bool {
	switch t.Kind {
	case types.Count, types.Sum, types.Min, types.Max, types.Avg:
		return true
	}
	return t.Scalar()
}

// cut applies the precision of %s.
func (d *directive) cut(dst []byte, start int) []byte {
	if d.prec >= 0 && len(dst)-start > d.prec {
		return dst[:start+d.prec]
	}
	return dst
}

func (d *directive) buffer(p *printer, dst []byte, v *events.Value) []byte {
	if v.Unreadable || v.Type.Kind != types.Buffer {
		return p.value(dst, v)
	}
	return appendBytes(dst, v.Str, d.form == 0, d.form != 'h')
}

func (d *directive) float(p *printer, dst []byte, v *events.Value) []byte {
	if v.Unreadable || v.Type.Kind != types.Float {
		return p.value(dst, v)
	}
	prec := d.prec
	if prec < 0 {
		prec = 6
	}
	verb := d.verb
	if verb == 'F' {
		verb = 'f'
	}
	if d.plus && v.Float >= 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendFloat(dst, v.Float, verb, prec, 64)
}

// number appends n in the directive's width of bits, as printf(3) does.
func (d *directive) number(p *printer, dst []byte, n uint64) []byte {
	start := len(dst)
	if d.verb == 'c' {
		dst = p.text(dst, []byte{byte(n)})
		return d.pad(dst, start)
	}
	if d.verb == 'p' {
		if n != 0 {
			dst = append(dst, "0x"...)
		}
		dst = strconv.AppendUint(dst, n, 16)
		return d.pad(dst, start)
	}
	shift := 64 - d.bits
	n = n << shift >> shift
	signed := d.verb == 'd' || d.verb == 'i'
	prefix := ""
	if signed {
		s := int64(n<<shift) >> shift
		switch {
		case s < 0:
			n, prefix = uint64(-s), "-"
		case d.plus:
			n, prefix = uint64(s), "+"
		case d.space:
			n, prefix = uint64(s), " "
		}
	}
	base := 10
	switch d.verb {
	case 'x', 'X':
		base = 16
	case 'o':
		base = 8
	}
	var room [32]byte
	digits := strconv.AppendUint(room[:0], n, base)
	if d.verb == 'X' {
		upper(digits)
	}
	if d.alt && n != 0 && base != 10 {
		prefix = map[byte]string{'x': "0x", 'X': "0X", 'o': "0"}[d.verb]
	}
	return d.integer(dst, prefix, digits)
}

// integer appends prefix and digits with the zeros that precision or width ask
// for, padded.
func (d *directive) integer(dst []byte, prefix string, digits []byte) []byte {
	start := len(dst)
	zeros := d.prec - len(digits)
	if d.prec < 0 && d.zero && !d.left {
		zeros = d.width - len(prefix) - len(digits)
	}
	dst = append(dst, prefix...)
	for range zeros {
		dst = append(dst, '0')
	}
	dst = append(dst, digits...)
	return d.pad(dst, start)
}

func upper(digits []byte) {
	for i, c := range digits {
		if 'a' <= c && c <= 'f' {
			digits[i] = c - 'a' + 'A'
		}
	}
}

// pad makes what stands in dst from start on as wide as the directive asks.
func (d *directive) pad(dst []byte, start int) []byte {
	missing := d.width - (len(dst) - start)
	if missing <= 0 {
		return dst
	}
	end := len(dst)
	for range missing {
		dst = append(dst, ' ')
	}
	if !d.left {
		copy(dst[start+missing:], dst[start:end])
		for i := start; i < start+missing; i++ {
			dst[i] = ' '
		}
	}
	return dst
}
