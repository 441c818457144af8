package tui

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// key is a key that was pressed: its name, and the text that it stands for. One that
// means nothing here has neither.
type key struct{ name, text string }

const escape = 0x1b

// sequences are what terminals send for keys without a character of their own, those
// of the cursor in either of their modes.
var sequences = map[string]string{
	"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1b[H": "home", "\x1b[F": "end",
	"\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left", "\x1bOH": "home", "\x1bOF": "end",
	"\x1b[1~": "home", "\x1b[7~": "home", "\x1b[4~": "end", "\x1b[8~": "end", "\x1b[5~": "pgup", "\x1b[6~": "pgdown",
}

// characters are those whose keys have names.
var characters = map[rune]key{
	' ': {"space", " "}, '\r': {name: "enter"}, '\n': {name: "enter"}, '\b': {name: "backspace"}, 0x7f: {name: "backspace"},
	0x03: {name: "ctrl+c"}, escape: {name: "esc"},
}

// firstKey is the first key of what was typed, and how many bytes it takes; none if
// more could belong to it.
func firstKey(typed []byte) (key, int) {
	if typed[0] == escape {
		if n := sequence(typed); n != 1 {
			return key{name: sequences[string(typed[:n])]}, n
		}
	} else if !utf8.FullRune(typed) {
		return key{}, 0
	}
	return character(typed)
}

// sequence is how many bytes the sequence takes that begins with an escape: one if
// that is a key by itself, none if the end is missing.
func sequence(typed []byte) int {
	if len(typed) == 1 {
		return 0
	}
	var last int
	switch typed[1] {
	case 'O':
		last = 2
	case '[': // parameters come first
		last = 2 + bytes.IndexFunc(typed[2:], func(r rune) bool { return r >= '@' })
	default:
		return 1
	}
	if last < 2 || last >= len(typed) {
		return 0
	}
	return last + 1
}

// character is the key of the first character, as it is.
func character(typed []byte) (key, int) {
	r, n := utf8.DecodeRune(typed)
	k, named := characters[r]
	if !named && r != utf8.RuneError && unicode.IsPrint(r) {
		k = key{string(r), string(r)}
	}
	return k, n
}
