package render

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// AppendEscaped appends text so that it cannot move a terminal's cursor, change
// its state or reorder what stands beside it: control characters, invisible
// ones and invalid UTF-8 become backslash sequences.
func AppendEscaped(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if ' ' <= c && c < 0x7f {
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case r < utf8.RuneSelf || r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, c)
		case unicode.IsPrint(r):
			dst = append(dst, text[i:i+size]...)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		i += size
	}
	return dst
}

// appendLines appends text with its ends of lines, each line as AppendEscaped does.
func appendLines(dst, text []byte) []byte {
	for i, line := range bytes.Split(text, []byte{'\n'}) {
		if i > 0 {
			dst = append(dst, '\n')
		}
		dst = AppendEscaped(dst, line)
	}
	return dst
}

// appendBytes appends a buffer's bytes: escaped keeps printable ASCII where
// ascii is set and writes the rest as \xNN, else all are hex with blanks.
func appendBytes(dst, b []byte, ascii, escaped bool) []byte {
	for i, c := range b {
		switch {
		case ascii && ' ' <= c && c < 0x7f:
			dst = append(dst, c)
		case escaped:
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		default:
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

const hexDigits = "0123456789abcdef"
