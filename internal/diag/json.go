package diag

import (
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// jsonPlace is a span for editors: lines and columns count from 1, columns
// count characters, the end is the column behind the last one.
type jsonPlace struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	EndLine int    `json:"endLine"`
	EndCol  int    `json:"endCol"`
}

type jsonNote struct {
	jsonPlace
	Message string `json:"message"`
}

type jsonDiagnostic struct {
	jsonPlace
	Severity string     `json:"severity"` // error or warning
	Message  string     `json:"message"`
	Hint     string     `json:"hint,omitempty"`
	Notes    []jsonNote `json:"notes,omitempty"`
}

// WriteJSON writes the diagnostics of l in their order, one JSON object a line:
//
//	{"file":"x.bt","line":1,"col":1,"endLine":1,"endCol":4,"severity":"error","message":"…","hint":"…","notes":[…]}
//
// A note has a place and a message. Unlike Render it writes all of them.
func WriteJSON(w io.Writer, l *List) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, d := range l.All {
		out := jsonDiagnostic{jsonPlace: l.Source.place(d.Span), Severity: strings.ToLower(d.Severity.String()), Message: d.Msg, Hint: d.Hint}
		for _, n := range d.Notes {
			out.Notes = append(out.Notes, jsonNote{l.Source.place(n.Span), n.Msg})
		}
		if err := enc.Encode(out); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) place(span Span) jsonPlace {
	name, file, _ := s.File(span.Start)
	p := jsonPlace{File: name}
	p.Line, p.Col = s.lineCol(file, int(span.Start))
	p.EndLine, p.EndCol = s.lineCol(file, int(max(span.Start, span.End)))
	return p
}

// lineCol returns the line and the column of the byte at pos, from 1, in the text
// that begins at file.
func (s *Source) lineCol(file, pos int) (line, col int) {
	before := s.Text[file:min(pos, len(s.Text))]
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}
