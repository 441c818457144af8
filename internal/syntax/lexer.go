package syntax

import (
	"strings"
	"unicode/utf8"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// lexer makes tokens on demand, because the parser also takes raw text from
// the same place: attach points and preprocessor lines are not made of tokens.
type lexer struct {
	text  string // ends where the lexer has to stop
	pos   int
	diags *diag.List
	found []Comment // up to pos, in order
}

func (l *lexer) span(start int) diag.Span {
	return diag.Span{Start: uint32(start), End: uint32(l.pos)}
}

// skipLayout passes blanks and comments.
func (l *lexer) skipLayout() {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case isSpace(rest[0]):
			l.pos++
		case strings.HasPrefix(rest, "\\\n"):
			l.pos += 2
		case strings.HasPrefix(rest, "//"):
			start := l.pos
			l.skipTo("\n")
			l.comment(start)
		case strings.HasPrefix(rest, "/*"):
			start := l.pos
			l.pos += 2
			if !l.skipTo("*/") {
				l.diags.Errorf(diag.Span{Start: uint32(start), End: uint32(start + 2)}, "syntax: unterminated comment")
			}
			l.comment(start)
		default:
			return
		}
	}
}

// skipTo goes behind the next end, or to the end of the text.
func (l *lexer) skipTo(end string) bool {
	i := strings.Index(l.text[l.pos:], end)
	if i < 0 {
		l.pos = len(l.text)
		return false
	}
	l.pos += i + len(end)
	return true
}

func (l *lexer) next() token {
	l.skipLayout()
	start := l.pos
	if start >= len(l.text) {
		return token{kind: tokEOF, span: l.span(start)}
	}
	switch c := l.text[start]; {
	case isLetter(c):
		return token{tokIdent, l.word(), l.span(start)}
	case isDigit(c):
		return token{tokInt, l.word(), l.span(start)}
	case c == '"':
		return l.str()
	case c == '@':
		l.pos++
		return token{tokMap, l.word(), l.span(start)}
	case c == '$':
		return l.dollar()
	}
	for _, p := range punctuation {
		if strings.HasPrefix(l.text[start:], p) {
			l.pos += len(p)
			return token{tokPunct, p, l.span(start)}
		}
	}
	r, size := utf8.DecodeRuneInString(l.text[start:])
	l.pos += size
	if r == utf8.RuneError {
		return l.illegal(start, "syntax: invalid byte 0x%02x", l.text[start])
	}
	return l.illegal(start, "syntax: unexpected character %q", string(r))
}

func (l *lexer) illegal(start int, format string, args ...any) token {
	span := l.span(start)
	l.diags.Errorf(span, format, args...)
	return token{kind: tokIllegal, span: span}
}

// word takes letters and digits, possibly none.
func (l *lexer) word() string {
	start := l.pos
	for l.pos < len(l.text) && (isLetter(l.text[l.pos]) || isDigit(l.text[l.pos])) {
		l.pos++
	}
	return l.text[start:l.pos]
}

func (l *lexer) dollar() token {
	start := l.pos
	l.pos++
	if strings.HasPrefix(l.text[l.pos:], "#") {
		l.pos++
		return token{tokParam, "#", l.span(start)}
	}
	name := l.word()
	switch {
	case name == "":
		return l.illegal(start, "syntax: expected identifier after '$'")
	case !isDigit(name[0]):
		return token{tokVar, name, l.span(start)}
	case strings.Trim(name, "0123456789") != "":
		return l.illegal(start, "syntax: invalid positional parameter '$%s'", name)
	}
	return token{tokParam, name, l.span(start)}
}

// str reads a string literal; one with a bad escape is read to its end so
// that only the escape is reported.
func (l *lexer) str() token {
	start := l.pos
	var b strings.Builder
	kind := tokString
	for l.pos++; l.pos < len(l.text); {
		switch c := l.text[l.pos]; c {
		case '"':
			l.pos++
			return token{kind, b.String(), l.span(start)}
		case '\n':
			return l.illegal(start, "syntax: unterminated string")
		case '\\':
			if !l.escape(&b) {
				kind = tokIllegal
			}
		default:
			b.WriteByte(c)
			l.pos++
		}
	}
	return l.illegal(start, "syntax: unterminated string")
}

// simpleEscapes are the letters that stand for one byte after a backslash.
var simpleEscapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '"': '"', '\\': '\\'}

func (l *lexer) escape(b *strings.Builder) bool {
	start := l.pos
	l.pos++
	if l.pos >= len(l.text) || l.text[l.pos] == '\n' {
		return true // the string is reported as unterminated
	}
	c := l.text[l.pos]
	if v, ok := simpleEscapes[c]; ok {
		l.pos++
		b.WriteByte(v)
		return true
	}
	switch {
	case '0' <= c && c <= '7':
		v, _ := l.digits(8, 3)
		if v <= 255 {
			b.WriteByte(byte(v))
			return true
		}
		l.diags.Errorf(l.span(start), "syntax: octal escape sequence out of range '%s', at most \\377", l.text[start:l.pos])
		return false
	case c == 'x':
		l.pos++
		v, n := l.digits(16, 2)
		if n > 0 {
			b.WriteByte(byte(v))
			return true
		}
		l.diags.Errorf(l.span(start), "syntax: invalid hex escape sequence: expected a hexadecimal digit after '\\x'")
		return false
	}
	r, size := utf8.DecodeRuneInString(l.text[l.pos:])
	l.pos += size
	d := l.diags.Errorf(l.span(start), "syntax: invalid escape character '\\%c'", r)
	d.Hint = `write "\\" for a backslash`
	return false
}

// digits reads at most limit digits of the base and tells how many there were.
func (l *lexer) digits(base, limit int) (v, n int) {
	for n < limit && l.pos < len(l.text) {
		d := strings.IndexByte("0123456789abcdef", l.text[l.pos]|0x20)
		if isDigit(l.text[l.pos]) {
			d = int(l.text[l.pos] - '0')
		}
		if d < 0 || d >= base {
			break
		}
		v = v*base + d
		n++
		l.pos++
	}
	return v, n
}

// line takes the rest of a preprocessor line; a backslash at the end of a line
// continues it.
func (l *lexer) line() string {
	start := l.pos
	for l.pos < len(l.text) && l.text[l.pos] != '\n' {
		if rest := l.text[l.pos:]; strings.HasPrefix(rest, "\\\n") {
			l.pos++
		} else if strings.HasPrefix(rest, "\\\r\n") {
			l.pos += 2
		}
		l.pos++
	}
	return l.text[start:l.pos]
}

// point takes the text of an attach point: up to a blank, a comma or a brace
// outside quotes and the brackets around type arguments. A slash ends it only
// before the first colon, where it opens a predicate; behind it, it belongs to a
// path.
func (l *lexer) point() string {
	start := l.pos
	colon := false
	for ; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; {
		case c == '"':
			if !l.skipQuoted() {
				l.diags.Errorf(l.span(start), "syntax: unterminated string")
				return l.text[start:l.pos]
			}
		case c == ':':
			colon = true
		case c == '[':
			l.pos += bracketed(l.text[l.pos:])
		case isSpace(c), c == '{', c == ',', c == '/' && !colon:
			return l.text[start:l.pos]
		}
	}
	return l.text[start:l.pos]
}

// bracketed is how far the bracket is that closes the one that text begins with, 0 if
// none does on the line or a quote comes before it.
func bracketed(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		case '\n', '"':
			return 0
		}
	}
	return 0
}

// skipQuoted goes from an opening quote to the closing one on the same line.
func (l *lexer) skipQuoted() bool {
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '"':
			return true
		case '\n':
			return false
		case '\\':
			if l.pos++; strings.HasPrefix(l.text[l.pos:], "\n") {
				return false
			}
		}
	}
	l.pos = len(l.text)
	return false
}
