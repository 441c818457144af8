package tui

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
)

// Level is a table of a screen. Of a level below another only the rows are shown that
// belong to the row chosen there.
type Level struct {
	Map     string          // the map whose reports it shows
	Columns []render.Column // of the rows; the hidden ones are shown of a single row
	Under   []string        // fields in which a row equals the one above that it belongs to
	Name    string          // what a row is: "method"
}

// row is a row of a report.
type row struct {
	cells  []render.Cell // what the table shows
	fields []render.Cell // of all columns, the hidden ones, too
}

// rows are those of a report.
func rows(columns []render.Column, r *events.Report) []row {
	every := slices.Clone(columns)
	for i := range every {
		every[i].Hidden = false
	}
	list := make([]row, len(r.Entries))
	for i := range r.Entries {
		list[i] = row{render.Cells(columns, &r.Entries[i]), render.Cells(every, &r.Entries[i])}
	}
	return list
}

// asReported is the order of the report instead of a column's.
const asReported = -1

// table is a level as the user has arranged it.
type table struct {
	Level
	columns []render.Column // that are not hidden

	all       []row // of the last report
	belonging int   // of them those that belong to the row chosen above
	rows      []row // of these those that the filter lets through, in order

	by     int // the column by which rows are sorted, or asReported
	up     bool
	filter string
	first  int // the row on top
	cursor int // the row that is chosen
	chosen *row
}

func newTable(l Level) *table {
	t := &table{Level: l, by: asReported}
	for _, c := range l.Columns {
		if !c.Hidden {
			t.columns = append(t.columns, c)
		}
	}
	return t
}

// field is a row's cell of a column's field.
func (t *table) field(r *row, name string) render.Cell {
	i := slices.IndexFunc(t.Columns, func(c render.Column) bool { return c.Field == name })
	if i < 0 {
		panic("BUG: a screen has no column " + name)
	}
	return r.fields[i]
}

// belongs tells whether r is shown below the row that is chosen in above.
func (t *table) belongs(r *row, above *table) bool {
	return !slices.ContainsFunc(t.Under, func(name string) bool { return t.field(r, name).Text != above.field(above.chosen, name).Text })
}

// same tells whether two rows of reports are of the same thing: what a level below
// would ask of them, or all of the row.
func (t *table) same(a, b *row, below *table) bool {
	if below == nil {
		return slices.EqualFunc(a.fields, b.fields, func(x, y render.Cell) bool { return x.Text == y.Text })
	}
	return !slices.ContainsFunc(below.Under, func(name string) bool { return t.field(a, name).Text != t.field(b, name).Text })
}

// arrange filters and sorts. page is how many rows there is room for. The row that is
// chosen stays chosen wherever it goes.
func (t *table) arrange(above, below *table, page int) {
	t.rows, t.belonging = t.rows[:0], 0
	wanted := strings.ToLower(t.filter)
	for i := range t.all {
		r := &t.all[i]
		if above != nil && !t.belongs(r, above) {
			continue
		}
		t.belonging++
		if slices.ContainsFunc(r.cells, func(c render.Cell) bool { return strings.Contains(strings.ToLower(c.Text), wanted) }) {
			t.rows = append(t.rows, *r)
		}
	}
	if t.by != asReported {
		slices.SortStableFunc(t.rows, func(a, b row) int { return -compare(a.cells[t.by], b.cells[t.by]) })
	}
	if t.up {
		slices.Reverse(t.rows)
	}
	if t.chosen != nil {
		if i := slices.IndexFunc(t.rows, func(r row) bool { return t.same(&r, t.chosen, below) }); i >= 0 {
			t.cursor = i
		}
	}
	t.bound(page)
}

// bound keeps places within the rows.
func (t *table) bound(page int) {
	t.first = max(0, min(t.first, len(t.rows)-page))
	t.cursor = max(0, min(t.cursor, len(t.rows)-1))
}

// point moves the row that is chosen, and the screen with it.
func (t *table) point(by, page int) {
	t.cursor += by
	t.bound(page)
	t.first = max(t.cursor-page+1, min(t.first, t.cursor))
	if t.chosen = nil; t.cursor < len(t.rows) {
		t.chosen = &row{t.rows[t.cursor].cells, t.rows[t.cursor].fields}
	}
}

// compare orders cells by their values, those without one first.
func compare(a, b render.Cell) int {
	if a.Value == nil || b.Value == nil || a.Value.Absent() || b.Value.Absent() {
		has := func(c render.Cell) int {
			if c.Value == nil || c.Value.Absent() {
				return 0
			}
			return 1
		}
		return cmp.Compare(has(a), has(b))
	}
	return events.Compare(a.Value, b.Value)
}

// title marks the column by which rows are sorted.
func (t *table) title(i int) string {
	title := t.columns[i].Title
	switch {
	case i != t.by:
		return title
	case t.up:
		return title + "^"
	}
	return title + "v"
}

// line is a row of the table.
func (t *table) line(widths []int, texts []string) string {
	var b strings.Builder
	for i, text := range texts {
		if i > 0 {
			b.WriteByte(' ')
		}
		text = cut(text, widths[i])
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if t.columns[i].Right {
			b.WriteString(pad + text)
		} else {
			b.WriteString(text + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// least is the width that no text is cut below.
const least = 6

// widths are those of the columns: as in the plain table or wider. Where there is no
// room for that they are as narrow as their texts, and then the widest texts are cut.
func (t *table) widths(width int) []int {
	widths := make([]int, len(t.columns))
	spare := width - len(widths) + 1
	for i, c := range t.columns {
		widths[i] = utf8.RuneCountInString(c.Title) + 1 // with the mark
		for _, r := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(r.cells[i].Text))
		}
		spare -= widths[i]
	}
	for i, c := range t.columns {
		more := min(max(0, c.Width-widths[i]), max(0, spare))
		widths[i] += more
		spare -= more
	}
	for ; spare < 0; spare++ {
		widest := -1
		for i, c := range t.columns {
			if !c.Right && widths[i] > least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

// cut is the begin of a text that has a width, with a mark where it was cut.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return string(runes[:max(0, width-1)]) + "~"
}
