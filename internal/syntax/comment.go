package syntax

import (
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// Comment is `// …` up to the end of the line or `/* … */`.
type Comment struct {
	At   diag.Span
	Text string // as written, without blanks at the end
}

// comment keeps the comment that goes from start to here. Text that is read
// again is kept once.
func (l *lexer) comment(start int) {
	text := strings.TrimRight(l.text[start:l.pos], " \t\r\n\v\f")
	if n := len(l.found); n > 0 && int(l.found[n-1].At.Start) >= start {
		return
	}
	l.found = append(l.found, Comment{diag.Span{Start: uint32(start), End: uint32(start + len(text))}, text})
}

// rewind goes back to pos.
func (l *lexer) rewind(pos int) {
	l.pos = pos
	for n := len(l.found); n > 0 && int(l.found[n-1].At.Start) >= pos; n-- {
		l.found = l.found[:n-1]
	}
}

// commentBehind keeps a comment that follows word on the preprocessor line
// that begins at start and ends here, and returns where word ends.
func (l *lexer) commentBehind(start int, word string) uint32 {
	line := l.text[start:l.pos]
	end := strings.Index(line, word) + len(word)
	rest := strings.TrimLeft(line[end:], " \t")
	if strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*") && strings.HasSuffix(strings.TrimSpace(rest), "*/") {
		l.comment(l.pos - len(rest))
	}
	return uint32(start + end)
}
