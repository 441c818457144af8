// Package diag holds source text, spans and diagnostics, and renders a
// diagnostic with its source line and a marker under the span.
//
// A span is a pair of byte offsets into one source; lines and columns are
// computed only when something is printed.
package diag

import (
	"errors"
	"fmt"
	"sort"
)

// Source is the text of a program. Name is what messages call it: the file's path,
// or "stdin" for -e and "-". Behind the program's own text stands that of the files
// it imports.
type Source struct {
	Name string
	Text string

	imported []part
}

// part is the text of one imported file, which begins at start.
type part struct {
	name  string
	start int
}

// Import adds the text of another file, called name, and returns where it begins.
func (s *Source) Import(name, text string) (start int) {
	start = len(s.Text) + 1
	s.Text += "\n" + text
	s.imported = append(s.imported, part{name, start})
	return start
}

// DropImports leaves the program's own text, so that it can be read anew.
func (s *Source) DropImports() {
	if len(s.imported) > 0 {
		s.Text, s.imported = s.Text[:s.imported[0].start-1], nil
	}
}

// File returns the name of the file that the byte at pos stands in, and the range
// of its text.
func (s *Source) File(pos uint32) (name string, start, end int) {
	name, end = s.Name, len(s.Text)
	for _, p := range s.imported {
		if p.start > int(pos) {
			return name, start, p.start - 1
		}
		name, start = p.name, p.start
	}
	return name, start, end
}

// Span is the half-open byte range [Start, End) of a source.
type Span struct {
	Start, End uint32
}

// Join returns the smallest span that covers both s and t.
func (s Span) Join(t Span) Span {
	return Span{min(s.Start, t.Start), max(s.End, t.End)}
}

// Severity orders diagnostics by what they mean for the run.
type Severity uint8

// Warnings let the run go on, errors do not.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "WARNING"
	}
	return "ERROR"
}

// Note points at a second place that explains a diagnostic.
type Note struct {
	Span Span
	Msg  string
}

// Diagnostic is one message about a program: where, what, why and what to do.
type Diagnostic struct {
	Severity  Severity
	Span      Span
	Msg       string // one sentence, names the thing in quotes, no full stop
	Notes     []Note
	Hint      string // what to do about it
	Placeless bool   // it is about no place in the text: an option, the environment
}

// HintError is an error that knows what to do about it.
type HintError struct {
	Msg, Hint string
	Placeless bool // as a Diagnostic's
}

func (e *HintError) Error() string { return e.Msg }

// Sentencef returns an error that is a message by itself, as bpftrace has it: with
// a capital letter and what else errors do not have.
func Sentencef(format string, args ...any) error {
	return &HintError{Msg: fmt.Sprintf(format, args...)}
}

// AddHint gives d the hint of the HintError in err, if there is one, and takes its place
// away where that has none.
func (d *Diagnostic) AddHint(err error) {
	var h *HintError
	if errors.As(err, &h) {
		d.Hint, d.Placeless = h.Hint, h.Placeless
	}
}

// Slice returns the text at span.
func (s *Source) Slice(span Span) string {
	end := min(int(span.End), len(s.Text))
	return s.Text[min(int(span.Start), end):end]
}

// List collects the diagnostics of one source.
type List struct {
	Source *Source
	All    []*Diagnostic
}

// NewList returns an empty list for src.
func NewList(src *Source) *List { return &List{Source: src} }

// Errorf adds an error at span and returns it, so that notes and a hint can
// be added.
func (l *List) Errorf(span Span, format string, args ...any) *Diagnostic {
	return l.add(Error, span, format, args...)
}

// Warnf adds a warning at span.
func (l *List) Warnf(span Span, format string, args ...any) *Diagnostic {
	return l.add(Warning, span, format, args...)
}

func (l *List) add(sev Severity, span Span, format string, args ...any) *Diagnostic {
	d := &Diagnostic{Severity: sev, Span: span, Msg: fmt.Sprintf(format, args...)}
	l.All = append(l.All, d)
	return d
}

// HasErrors tells whether the run has to stop.
func (l *List) HasErrors() bool {
	for _, d := range l.All {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Sort orders the diagnostics by position and drops repetitions.
func (l *List) Sort() {
	sort.SliceStable(l.All, func(i, j int) bool { return l.All[i].Span.Start < l.All[j].Span.Start })
	seen := map[string]bool{}
	kept := l.All[:0]
	for _, d := range l.All {
		id := fmt.Sprint(d.Severity, d.Span, d.Msg)
		if !seen[id] {
			seen[id] = true
			kept = append(kept, d)
		}
	}
	l.All = kept
}

// Err returns the list as an error if it holds one, else nil.
func (l *List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return &ListError{l}
}

// ListError is a list of diagnostics travelling as an error; main renders it.
type ListError struct {
	List *List
}

func (e *ListError) Error() string {
	for _, d := range e.List.All {
		if d.Severity == Error {
			return d.Msg
		}
	}
	return "no error"
}
