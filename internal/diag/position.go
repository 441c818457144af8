package diag

import (
	"strings"
	"unicode/utf8"
)

// Position returns the line and the columns of span's first line, counted in
// characters from 1; end is the column behind the span.
func (s *Source) Position(span Span) (line, start, end int) {
	_, file, _ := s.File(span.Start)
	from := min(int(span.Start), len(s.Text))
	to := min(max(int(span.End), from), len(s.Text))
	lineStart := strings.LastIndexByte(s.Text[:from], '\n') + 1
	if n := strings.IndexByte(s.Text[from:to], '\n'); n >= 0 {
		to = from + n
	}
	start = utf8.RuneCountInString(s.Text[lineStart:from]) + 1
	width := max(1, utf8.RuneCountInString(s.Text[from:to]))
	return strings.Count(s.Text[file:from], "\n") + 1, start, start + width
}
