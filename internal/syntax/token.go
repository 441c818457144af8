package syntax

import "github.com/rpcxray/rpcxray/internal/diag"

type tokenKind uint8

const (
	tokEOF     tokenKind = iota
	tokIllegal           // already reported by the lexer
	tokPunct
	tokIdent // keywords too: they are known by their text
	tokInt
	tokString
	tokVar   // $name
	tokMap   // @name
	tokParam // $1, $#
)

type token struct {
	kind tokenKind
	text string // as written, without the sigil; a string's is unescaped
	span diag.Span
}

// is tells whether t is the punctuation or the keyword s.
func (t token) is(s string) bool {
	return (t.kind == tokPunct || t.kind == tokIdent) && t.text == s
}

// punctuation is tried in this order, so longer ones come first.
var punctuation = []string{
	"<<=", ">>=",
	"<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "++", "--", "->", "..",
	"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
	"{", "}", "(", ")", "[", "]", ";", ":", ",", ".", "?", "#",
	"+", "-", "*", "/", "%", "&", "|", "^", "!", "~", "<", ">", "=",
}

// keywords cannot name a variable-like thing. "config" is missing because it
// is also a builtin value.
var keywords = map[string]bool{
	"break": true, "continue": true, "else": true, "for": true, "if": true,
	"import": true, "let": true, "macro": true, "offsetof": true,
	"return": true, "sizeof": true, "unroll": true, "while": true,
	"comptime": true, "fn": true, "typeof": true, "typeinfo": true,
	"true": true, "false": true, "struct": true, "union": true, "enum": true,
}

func isLetter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'
}
