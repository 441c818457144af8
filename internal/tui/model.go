package tui

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// What comes from the run, and the terminal's size.
type (
	rowsMsg struct {
		level int
		rows  []row
	}
	headingMsg string
	noticeMsg  string
	sizeMsg    struct{ width, height int }
)

// model is what is on the screen. With more than one level a
// row can be chosen, and opened; what the last opens to is the row itself.
type model struct {
	levels []*table
	depth  int // the level that is shown; len(levels): the row chosen in the last
	color  bool

	heading string
	notice  string
	typing  bool // the filter
	paused  bool
	help    bool

	width, height int
}

func newModel(levels []Level, color bool) *model {
	m := &model{color: color}
	for _, l := range levels {
		m.levels = append(m.levels, newTable(l))
	}
	return m
}

// table is the level that is shown, or the row of which is.
func (m *model) table() *table { return m.levels[min(m.depth, len(m.levels)-1)] }

// opens tells whether rows can be chosen and opened.
func (m *model) opens() bool { return len(m.levels) > 1 }

// single tells whether one row is shown.
func (m *model) single() bool { return m.depth == len(m.levels) }

// update is what comes, but for keys.
func (m *model) update(msg any) {
	switch msg := msg.(type) {
	case sizeMsg:
		m.width, m.height = msg.width, msg.height
	case rowsMsg:
		if !m.paused {
			m.levels[msg.level].all = msg.rows
		}
	case headingMsg:
		if !m.paused {
			m.heading = string(msg)
		}
	case noticeMsg:
		m.notice = string(msg)
	}
	m.arrange()
}

func (m *model) arrange() {
	if m.single() {
		return
	}
	var above, below *table
	if m.depth > 0 {
		above = m.levels[m.depth-1]
	}
	if m.depth+1 < len(m.levels) {
		below = m.levels[m.depth+1]
	}
	m.table().arrange(above, below, m.page())
}

// key does what a key is for; true if the user leaves.
func (m *model) key(k key) (leave bool) {
	if k.name == "ctrl+c" || k.name == "q" && !m.typing && !m.help {
		return true
	}
	switch {
	case m.typing:
		m.typed(k)
	case m.help:
		m.help = false
	default:
		m.command(k.name)
	}
	m.arrange()
	return false
}

// command is a key that is neither text nor the end of the help.
func (m *model) command(key string) {
	switch key {
	case "p", "space":
		m.paused = !m.paused
	case "h", "?":
		m.help = true
	case "esc", "backspace":
		m.back()
	default:
		if !m.single() && !m.move(key) {
			m.order(key)
		}
	}
}

// back lifts the filter, or goes to the level above.
func (m *model) back() {
	t := m.table()
	if t.filter != "" && !m.single() {
		t.filter = ""
		return
	}
	m.depth = max(0, m.depth-1)
}

// order is a key that changes which rows are shown, and in which order.
func (m *model) order(key string) {
	t := m.table()
	n := len(t.columns)
	switch key {
	case "/":
		m.typing = true
	case "s", "right", ">":
		t.by = (t.by + 1) % n
	case "S", "left", "<":
		t.by = (max(t.by, 0) + n - 1) % n
	case "r":
		t.up = !t.up
	case "enter":
		if t.point(0, m.page()); m.opens() && t.chosen != nil {
			m.depth++
			if !m.single() {
				below := newTable(m.table().Level)
				below.all = m.table().all
				m.levels[m.depth] = below
			}
		}
	}
}

// move is a key that goes to other rows; false if it is none.
func (m *model) move(key string) bool {
	t := m.table()
	by, ok := map[string]int{"down": 1, "j": 1, "up": -1, "k": -1, "pgdown": m.page(), "pgup": -m.page(),
		"home": -len(t.rows), "g": -len(t.rows), "end": len(t.rows), "G": len(t.rows)}[key]
	switch {
	case !ok:
	case m.opens():
		t.point(by, m.page())
	default:
		t.first += by
	}
	return ok
}

// typed is a key for the filter.
func (m *model) typed(k key) {
	t := m.table()
	switch k.name {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, t.filter = false, ""
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(t.filter)
		t.filter = t.filter[:len(t.filter)-size]
	default:
		t.filter += k.text
	}
	t.first, t.cursor, t.chosen = 0, 0, nil
}

// Lines that are no rows: the heading, the state, the titles; and the notice.
const (
	above = 3
	below = 1
)

// page is how many rows there is room for.
func (m *model) page() int { return max(1, m.height-above-below) }

func (m *model) text() string {
	if m.width == 0 || m.height == 0 {
		return ""
	}
	if m.help {
		return m.lines(strings.Split(m.helpText(), "\n"))
	}
	heading := m.heading
	if m.depth > 0 {
		heading += ": " + m.place()
	}
	lines := append([]string{heading, m.state()}, m.body()...)
	for len(lines) < m.height-below {
		lines = append(lines, "")
	}
	return m.lines(append(lines[:max(0, min(len(lines), m.height-below))], m.notice))
}

// body is the table, or the row that is shown by itself.
func (m *model) body() []string {
	t := m.table()
	if m.single() {
		return single(t)
	}
	mark := ""
	if m.opens() {
		mark = "  "
	}
	widths := t.widths(m.width - len(mark))
	titles := make([]string, len(t.columns))
	for i := range titles {
		titles[i] = t.title(i)
	}
	lines := []string{m.stress(mark + t.line(widths, titles))}
	for i := t.first; i < min(len(t.rows), t.first+m.page()); i++ {
		texts := make([]string, len(t.columns))
		for c := range texts {
			texts[c] = t.rows[i].cells[c].Text
		}
		line := mark + t.line(widths, texts)
		if m.opens() && i == t.cursor {
			line = m.stress("> " + line[len(mark):])
		}
		lines = append(lines, line)
	}
	return lines
}

// single are the fields of the row that is chosen, a line each.
func single(t *table) []string {
	width := 0
	for _, c := range t.Columns {
		width = max(width, utf8.RuneCountInString(c.Title))
	}
	var lines []string
	for i, c := range t.Columns {
		lines = append(lines, fmt.Sprintf("%-*s  %s", width, c.Title, t.chosen.fields[i].Text))
	}
	return lines
}

const helpHead = `q, Ctrl-C   leave
s, right    sort by the next column
S, left     sort by the column before
r           reverse the order
/           show only rows that contain a text; Enter keeps it, Esc lifts it
p, blank    pause, go on
up, down, PgUp, PgDn, Home, End   `

func (m *model) helpText() string {
	if m.opens() {
		return helpHead + "choose a row\nEnter       what belongs to it; Esc goes back\n\nany key goes back"
	}
	return helpHead + "scroll\n\nany key goes back"
}

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
	t := m.table()
	if m.typing {
		return "show only: " + t.filter + "_"
	}
	if m.single() {
		return "1 row | q quit  Esc back  ? help"
	}
	n := t.belonging
	text := fmt.Sprintf("%d rows", n)
	if len(t.rows) < n {
		text = fmt.Sprintf("%d of %d rows", len(t.rows), n)
	}
	if t.filter != "" {
		text += " with " + t.filter
	}
	if m.paused {
		text += ", PAUSED"
	}
	keys := " | q quit  s sort  r reverse  / filter  p pause  ? help"
	if m.opens() {
		keys = " | q quit  Enter open  Esc back  s sort  / filter  ? help"
	}
	return text + keys
}

// place tells which rows were chosen on the way here.
func (m *model) place() string {
	var names []string
	for i, t := range m.levels[:m.depth] {
		if i+1 == len(m.levels) {
			names = append(names, t.Name)
			continue
		}
		var words []string
		for _, name := range m.levels[i+1].Under {
			if !slices.Contains(t.Under, name) {
				words = append(words, t.field(t.chosen, name).Text)
			}
		}
		names = append(names, strings.Join(words, " "))
	}
	return strings.Join(names, " > ")
}

// stress makes a line stand out where that is wanted.
func (m *model) stress(line string) string {
	if !m.color {
		return line
	}
	line = cut(line, m.width)
	return "\x1b[7m" + line + strings.Repeat(" ", max(0, m.width-utf8.RuneCountInString(line))) + "\x1b[0m"
}
