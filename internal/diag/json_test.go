package diag

import (
	"strings"
	"testing"
)

func TestWriteJSON(t *testing.T) {
	l := NewList(&Source{Name: "a.bt", Text: "bé <x>\n@y\n"})
	d := l.Errorf(Span{4, 9}, "no <x> \x1b[2J")
	d.Hint = "drop it"
	d.Notes = append(d.Notes, Note{Span{0, 1}, "from here"})
	l.Warnf(Span{90, 95}, "behind the end")
	var b strings.Builder
	if err := WriteJSON(&b, l); err != nil {
		t.Fatal(err)
	}
	want(t, b.String(),
		`{"file":"a.bt","line":1,"col":4,"endLine":2,"endCol":2,"severity":"error","message":"no <x> \u001b[2J","hint":"drop it",`+
			`"notes":[{"file":"a.bt","line":1,"col":1,"endLine":1,"endCol":2,"message":"from here"}]}`,
		`{"file":"a.bt","line":3,"col":1,"endLine":3,"endCol":1,"severity":"warning","message":"behind the end"}`)
}
