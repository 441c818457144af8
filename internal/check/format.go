package check

import "strings"

// Verbs lists the conversions of a format in order. "%%", and a "%" that no
// conversion follows, are text.
func Verbs(format string) []Verb {
	var verbs []Verb
	for i := 0; i < len(format); {
		if format[i] != '%' {
			i++
			continue
		}
		if strings.HasPrefix(format[i:], "%%") {
			i += 2
			continue
		}
		v, ok := verbAt(format, i)
		if !ok {
			i++
			continue
		}
		verbs = append(verbs, v)
		i = v.End
	}
	return verbs
}

// verbAt reads the conversion that begins with the % at start.
func verbAt(format string, start int) (Verb, bool) {
	v := Verb{Start: start, Precision: -1}
	i := start + 1
	for i < len(format) && strings.IndexByte("-+ #0", format[i]) >= 0 {
		i++
	}
	v.Flags = format[start+1 : i]
	v.Width, i = digits(format, i)
	if i < len(format) && format[i] == '.' {
		v.Precision, i = digits(format, i+1)
	}
	for _, length := range []string{"hh", "h", "ll", "l", "j", "z", "t"} {
		if strings.HasPrefix(format[i:], length) {
			v.Length = length
			i += len(length)
			break
		}
	}
	for _, conv := range []string{"rx", "rh", "r", "gr", "d", "i", "u", "o", "x", "X", "c", "p", "s"} {
		if strings.HasPrefix(format[i:], conv) {
			v.Conv, v.End = conv, i+len(conv)
			return v, true
		}
	}
	return Verb{}, false
}

// maxWidth bounds widths and precisions, which are memory in user space.
const maxWidth = 4096

func digits(s string, i int) (int, int) {
	n := 0
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		n = min(n*10+int(s[i]-'0'), maxWidth)
	}
	return n, i
}
