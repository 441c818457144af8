package tui

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/types"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func columns() []render.Column {
	return []render.Column{
		{Field: "name", Title: "NAME", Width: 12}, {Field: "hidden", Hidden: true},
		{Field: "n", Title: "N", Width: 5, Right: true}, {Field: "p99", Title: "P99", Width: 6, Right: true},
	}
}

var optional = &types.Type{Kind: types.Int, Size: 8, Optional: true}

// report has the rows in the order of the tool; none is a number that is absent.
func report(rows ...[3]any) *events.Report {
	r := &events.Report{Map: &prog.Map{Name: "@rows"}}
	for _, row := range rows {
		name := row[0].(string)
		n, p99 := events.Value{Type: types.TUint64, Int: uint64(row[1].(int))}, events.Value{Type: optional, Int: ^uint64(0)}
		if row[2] != nil {
			p99.Int = uint64(row[2].(int))
		}
		text := events.Value{Type: types.Str(len(name)), Str: []byte(name)}
		r.Entries = append(r.Entries, events.Entry{Key: []events.Value{text, text, n}, Value: p99})
	}
	return r
}

func three() *events.Report {
	return report([3]any{"Mul", 7, 100}, [3]any{"Add\x1b[31m", 30, nil}, [3]any{"Divide", 1, 2000})
}

// screen is a model after reports, keys and sizes: "80x24", or a name of a key.
func screen(r *events.Report, steps ...string) *model {
	m := newModel([]Level{{Columns: columns()}}, false)
	m.Update(headingMsg("now"))
	m.Update(rowsMsg{rows: rows(columns(), r)})
	for _, step := range steps {
		m.step(step)
	}
	return m
}

func (m *model) step(step string) {
	var size tea.WindowSizeMsg
	if n, _ := fmt.Sscanf(step, "%dx%d", &size.Width, &size.Height); n == 2 {
		m.Update(size)
		return
	}
	key := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "end": tea.KeyEnd,
		"pgup": tea.KeyPgUp, "right": tea.KeyRight, "left": tea.KeyLeft, "backspace": tea.KeyBackspace}[step]
	if key != 0 {
		m.Update(tea.KeyPressMsg{Code: key})
		return
	}
	for _, r := range step {
		m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// names are the first words of the rows that are shown.
func names(m *model) string {
	var list []string
	for _, line := range strings.Split(m.text(), "\n")[above:] {
		if f := strings.Fields(line); len(f) > 0 {
			list = append(list, f[0])
		}
	}
	return strings.Join(list, " ")
}

func TestLayout(t *testing.T) {
	want := strings.Join([]string{
		"now",
		"3 rows | q quit  s sort  r reverse  / filter  p pause  ? help",
		"NAME            Nv    P99",
		`Add\x1b[31m     30      -`,
		"Mul              7    100",
		"Divide           1   2000",
		"", "",
	}, "\n")
	if got := screen(three(), "80x8", "right", "right").text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestKeys(t *testing.T) {
	add := `Add\x1b[31m`
	for _, c := range []struct{ steps, want string }{
		{"", "Mul " + add + " Divide"},
		{"s", "Mul Divide " + add},
		{"s r", add + " Divide Mul"},
		{"left", "Divide Mul " + add},
		{"s s s s", "Mul Divide " + add},
		{"r", "Divide " + add + " Mul"},
		{"/ Mu", "Mul"},
		{"/ MU enter s", "Mul"},
		{"/ 2000 enter", "Divide"},
		{"/ sr", ""},
		{"/ x backspace d", add + " Divide"},
		{"/ x esc", "Mul " + add + " Divide"},
		{"/ Mu enter esc", "Mul " + add + " Divide"},
		{"40x5 down", add},
		{"40x5 down down down down", "Divide"},
		{"40x5 end pgup", add},
		{"40x5 G g", "Mul"},
	} {
		t.Run(c.steps, func(t *testing.T) {
			if got := names(screen(three(), append([]string{"80x24"}, strings.Fields(c.steps)...)...)); got != c.want {
				t.Errorf("rows %q, want %q", got, c.want)
			}
		})
	}
}

func TestPause(t *testing.T) {
	m := screen(three(), "80x24", "p")
	m.Update(headingMsg("later"))
	m.Update(rowsMsg{rows: rows(columns(), report([3]any{"New", 1, 1}))})
	if text := m.text(); !strings.Contains(text, "now\n") || !strings.Contains(text, "PAUSED") || strings.Contains(text, "New") {
		t.Errorf("paused:\n%s", text)
	}
	m.step("p")
	m.Update(rowsMsg{rows: rows(columns(), report([3]any{"New", 1, 1}))})
	if got := names(m); got != "New" {
		t.Errorf("rows %q after the pause", got)
	}
}

func TestLeave(t *testing.T) {
	for _, msg := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}} {
		if _, cmd := screen(three(), "80x24").Update(msg); cmd == nil {
			t.Errorf("%s does not leave", msg)
		}
	}
	if _, cmd := screen(three(), "80x24", "/").Update(tea.KeyPressMsg{Code: 'q', Text: "q"}); cmd != nil {
		t.Error("q as a part of the filter leaves")
	}
}

// No size makes a line too long, too many lines, or a panic.
func TestSizes(t *testing.T) {
	wide := report([3]any{strings.Repeat("w", 300), 1 << 40, 1 << 50}, [3]any{"ü", 1, nil})
	for _, color := range []bool{false, true} {
		for _, keys := range []string{"", "/verylongfilter", "?"} {
			m := screen(wide, keys)
			m.color = color
			for width := range 90 {
				for height := range 10 {
					m.Update(tea.WindowSizeMsg{Width: width, Height: height})
					lines := strings.Split(m.text(), "\n")
					if len(lines) > max(1, height) {
						t.Fatalf("%d lines in %d", len(lines), height)
					}
					for _, line := range lines {
						line = strings.NewReplacer("\x1b[7m", "", "\x1b[0m", "").Replace(line)
						if utf8.RuneCountInString(line) > width {
							t.Fatalf("%dx%d: a line of %d: %q", width, height, utf8.RuneCountInString(line), line)
						}
					}
				}
			}
		}
	}
}

func TestNoColor(t *testing.T) {
	m := screen(three(), "80x24")
	if strings.Contains(m.text(), "\x1b") {
		t.Errorf("without colours: %q", m.text())
	}
	if m.color = true; !strings.Contains(m.text(), "\x1b[7mNAME") {
		t.Errorf("with colours: %q", m.text())
	}
}
