package main

import (
	"errors"
	"strings"
)

// splitWords splits a command as a shell does, without expanding anything:
// blanks divide words, quotes and backslashes keep them.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	begun := false
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quote != '\'':
			i++
			if i == len(s) {
				return nil, errors.New("a backslash at the end")
			}
			if quote == '"' && !strings.ContainsRune("\"\\$`", rune(s[i])) {
				word.WriteByte('\\') // in double quotes it protects only these
			}
			word.WriteByte(s[i])
			begun = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, begun = c, true
		case quote == 0 && strings.ContainsRune(" \t\n", rune(c)):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote without its end")
	}
	if begun {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("it is empty")
	}
	return words, nil
}
