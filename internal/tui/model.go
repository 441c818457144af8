package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/render"
)

// What comes from the run.
type (
	rowsMsg    [][]render.Cell
	headingMsg string
	noticeMsg  string
)

// asReported is the order of the report instead of a column's.
const asReported = -1

// model is what is on the screen; it implements tea.Model.
type model struct {
	columns []render.Column
	color   bool

	heading string
	notice  string
	all     [][]render.Cell // of the last report
	rows    [][]render.Cell // of them those that the filter lets through, in order

	by     int // the column by which rows are sorted, or asReported
	up     bool
	filter string
	typing bool // the filter
	paused bool
	help   bool
	first  int // the row on top

	width, height int
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case rowsMsg:
		if !m.paused {
			m.all = msg
		}
	case headingMsg:
		if !m.paused {
			m.heading = string(msg)
		}
	case noticeMsg:
		m.notice = string(msg)
	case tea.KeyPressMsg:
		if m.key(msg.String(), msg.Text) {
			return m, tea.Quit
		}
	}
	m.arrange()
	return m, nil
}

// key does what a key is for; true if the user leaves.
func (m *model) key(key, text string) (leave bool) {
	switch {
	case key == "ctrl+c":
		return true
	case m.typing:
		m.typed(key, text)
		return false
	case m.help:
		m.help = false
		return false
	}
	switch key {
	case "q":
		return true
	case "/":
		m.typing = true
	case "esc":
		m.filter = ""
	case "p", "space":
		m.paused = !m.paused
	case "s", "right", ">":
		m.by = (m.by + 1) % len(m.columns)
	case "S", "left", "<":
		m.by = (max(m.by, 0) + len(m.columns) - 1) % len(m.columns)
	case "r":
		m.up = !m.up
	case "h", "?":
		m.help = true
	case "down", "j":
		m.first++
	case "up", "k":
		m.first--
	case "pgdown":
		m.first += m.page()
	case "pgup":
		m.first -= m.page()
	case "home", "g":
		m.first = 0
	case "end", "G":
		m.first = len(m.rows)
	}
	return false
}

// typed is a key for the filter.
func (m *model) typed(key, text string) {
	switch key {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, m.filter = false, ""
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(m.filter)
		m.filter = m.filter[:len(m.filter)-size]
	default:
		m.filter += text
	}
	m.first = 0
}

// arrange filters and sorts.
func (m *model) arrange() {
	m.rows = m.rows[:0]
	wanted := strings.ToLower(m.filter)
	for _, row := range m.all {
		if slices.ContainsFunc(row, func(c render.Cell) bool { return strings.Contains(strings.ToLower(c.Text), wanted) }) {
			m.rows = append(m.rows, row)
		}
	}
	if m.by != asReported {
		slices.SortStableFunc(m.rows, func(a, b []render.Cell) int { return -compare(a[m.by], b[m.by]) })
	}
	if m.up {
		slices.Reverse(m.rows)
	}
	m.first = max(0, min(m.first, len(m.rows)-m.page()))
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

// Lines that are no rows: the heading, the state, the titles; and the notice.
const (
	above = 3
	below = 1
)

// page is how many rows there is room for.
func (m *model) page() int { return max(1, m.height-above-below) }

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView(m.text())
	v.AltScreen = true
	return v
}

func (m *model) text() string {
	if m.width == 0 || m.height == 0 {
		return ""
	}
	if m.help {
		return m.lines(strings.Split(strings.TrimSpace(helpText), "\n"))
	}
	widths := m.widths()
	titles := make([]string, len(m.columns))
	for i, c := range m.columns {
		titles[i] = m.title(i, c.Title)
	}
	lines := []string{m.heading, m.state(), m.stress(m.line(widths, titles))}
	for _, row := range m.rows[m.first:min(len(m.rows), m.first+m.page())] {
		texts := make([]string, len(row))
		for i, c := range row {
			texts[i] = c.Text
		}
		lines = append(lines, m.line(widths, texts))
	}
	for len(lines) < m.height-below {
		lines = append(lines, "")
	}
	return m.lines(append(lines, m.notice))
}

const helpText = `
q, Ctrl-C   leave
s, right    sort by the next column
S, left     sort by the column before
r           reverse the order
/           show only rows that contain a text; Enter keeps it, Esc lifts it
p, blank    pause, go on
up, down, PgUp, PgDn, Home, End   scroll

any key goes back`

// lines joins those that there is room for.
func (m *model) lines(lines []string) string {
	for i, line := range lines {
		if !strings.Contains(line, "\x1b") {
			lines[i] = cut(line, m.width)
		}
	}
	return strings.Join(lines[:min(len(lines), m.height)], "\n")
}

// state tells what is shown, and which keys change it.
func (m *model) state() string {
	if m.typing {
		return "show only: " + m.filter + "_"
	}
	text := fmt.Sprintf("%d rows", len(m.all))
	if len(m.rows) < len(m.all) {
		text = fmt.Sprintf("%d of %d rows", len(m.rows), len(m.all))
	}
	if m.filter != "" {
		text += " with " + m.filter
	}
	if m.paused {
		text += ", PAUSED"
	}
	return text + " | q quit  s sort  r reverse  / filter  p pause  ? help"
}

// title marks the column by which rows are sorted.
func (m *model) title(i int, title string) string {
	switch {
	case i != m.by:
		return title
	case m.up:
		return title + "^"
	}
	return title + "v"
}

// stress makes a line stand out where that is wanted.
func (m *model) stress(line string) string {
	if !m.color {
		return line
	}
	line = cut(line, m.width)
	return "\x1b[7m" + line + strings.Repeat(" ", max(0, m.width-utf8.RuneCountInString(line))) + "\x1b[0m"
}

// line is a row of the table.
func (m *model) line(widths []int, texts []string) string {
	var b strings.Builder
	for i, text := range texts {
		if i > 0 {
			b.WriteByte(' ')
		}
		text = cut(text, widths[i])
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if m.columns[i].Right {
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
func (m *model) widths() []int {
	widths := make([]int, len(m.columns))
	spare := m.width - len(widths) + 1
	for i, c := range m.columns {
		widths[i] = utf8.RuneCountInString(c.Title) + 1 // with the mark
		for _, row := range m.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].Text))
		}
		spare -= widths[i]
	}
	for i, c := range m.columns {
		more := min(max(0, c.Width-widths[i]), max(0, spare))
		widths[i] += more
		spare -= more
	}
	for ; spare < 0; spare++ {
		widest := -1
		for i, c := range m.columns {
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
