package diag

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// What a terminal is spared.
const (
	maxShown = 20  // diagnostics
	maxWidth = 120 // columns of a source line
	tabWidth = 8
)

// ANSI colours.
const (
	colorRed    = "\x1b[31m"
	colorYellow = "\x1b[33m"
	colorCyan   = "\x1b[36m"
	colorReset  = "\x1b[0m"
)

// Render writes the diagnostics of l in their order:
//
//	name:line:col1-col2: ERROR: message
//	source line
//	    ~~~~
//
// followed by notes in the same form and a hint. What has no place in the text is
// shown without one, and without a message the hint alone. Columns count characters from
// 1, col2 is the one behind the span; a span of several lines is shown to the
// end of its first. Of many diagnostics the first 20 are shown and the rest is
// counted. Call List.Sort before for the order of the source.
func Render(w io.Writer, l *List, color bool) {
	r := &renderer{source: l.Source, color: color}
	for i, d := range l.All {
		if i == maxShown {
			fmt.Fprintf(&r.b, "%d more not shown\n", len(l.All)-maxShown)
			break
		}
		r.diagnostic(d)
	}
	io.WriteString(w, r.b.String())
}

type renderer struct {
	b      strings.Builder
	source *Source
	color  bool
}

func (r *renderer) diagnostic(d *Diagnostic) {
	color := colorRed
	if d.Severity == Warning {
		color = colorYellow
	}
	switch {
	case !d.Placeless:
		r.place(d.Span, d.Severity.String(), color, d.Msg)
	case d.Msg != "":
		fmt.Fprintf(&r.b, "%s: %s\n", r.paint(d.Severity.String(), color), Printable(d.Msg))
	}
	for _, n := range d.Notes {
		r.place(n.Span, "NOTE", colorCyan, n.Msg)
	}
	if d.Hint != "" {
		fmt.Fprintf(&r.b, "%s: %s\n", r.paint("HINT", colorCyan), Printable(d.Hint))
	}
}

func (r *renderer) paint(s, color string) string {
	if !r.color {
		return s
	}
	return color + s + colorReset
}

// place writes one message, the source line and the marker under it.
func (r *renderer) place(span Span, label, color, msg string) {
	name, file, fileEnd := r.source.File(span.Start)
	text := r.source.Text[:fileEnd]
	start := min(int(span.Start), len(text))
	end := min(max(int(span.End), start), len(text))
	lineStart := strings.LastIndexByte(text[:start], '\n') + 1
	lineEnd := len(text)
	if n := strings.IndexByte(text[start:], '\n'); n >= 0 {
		lineEnd = start + n
	}
	line := strings.TrimSuffix(text[lineStart:lineEnd], "\r")
	end = max(start, min(end, lineStart+len(line)))

	col := utf8.RuneCountInString(text[lineStart:start]) + 1
	width := max(1, utf8.RuneCountInString(text[start:end]))
	number := strings.Count(text[file:start], "\n") + 1
	fmt.Fprintf(&r.b, "%s:%d:%d-%d: %s: %s\n", name, number, col, col+width, r.paint(label, color), Printable(msg))

	shown, from, to := expand(line, start-lineStart, end-lineStart)
	shown, from, to = window(shown, from, max(to, from+1))
	fmt.Fprintf(&r.b, "%s\n%s%s\n", strings.TrimRight(string(shown), " "),
		strings.Repeat(" ", from), r.paint(strings.Repeat("~", to-from), color))
}

// control tells whether a character could steer a terminal, or is no character.
func control(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c == utf8.RuneError }

// Printable returns msg with a question mark for each control character but the
// line feed: names in messages come from binaries that anyone may have made.
func Printable(msg string) string {
	return strings.Map(func(c rune) rune {
		if control(c) && c != '\n' {
			return '?'
		}
		return c
	}, msg)
}

// expand makes tabs into blanks and control characters and invalid bytes into
// a question mark, so that one rune is one column, and maps the byte offsets
// from and to to columns.
func expand(line string, from, to int) (shown []rune, fromCol, toCol int) {
	fromCol, toCol = -1, -1
	for i, c := range line {
		if i >= from && fromCol < 0 {
			fromCol = len(shown)
		}
		if i >= to && toCol < 0 {
			toCol = len(shown)
		}
		switch {
		case c == '\t':
			for more := true; more; more = len(shown)%tabWidth != 0 {
				shown = append(shown, ' ')
			}
		case control(c):
			shown = append(shown, '?')
		default:
			shown = append(shown, c)
		}
	}
	if fromCol < 0 {
		fromCol = len(shown)
	}
	if toCol < 0 {
		toCol = len(shown)
	}
	return shown, fromCol, toCol
}

// window cuts a long line to what stands around the span.
func window(line []rune, from, to int) ([]rune, int, int) {
	if len(line) <= maxWidth {
		return line, from, to
	}
	const dots, before = "...", 40
	start := max(0, min(from-before, len(line)-maxWidth))
	end := min(len(line), start+maxWidth)
	cut := append([]rune(nil), line[start:end]...)
	if start > 0 {
		copy(cut, []rune(dots))
	}
	if end < len(line) {
		copy(cut[len(cut)-len(dots):], []rune(dots))
	}
	return cut, from - start, max(from+1, min(to, end)) - start
}
