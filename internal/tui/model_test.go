package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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
	m.update(headingMsg("now"))
	m.update(rowsMsg{rows: rows(columns(), r)})
	for _, step := range steps {
		m.step(step)
	}
	return m
}

func (m *model) step(step string) {
	var size sizeMsg
	if n, _ := fmt.Sscanf(step, "%dx%d", &size.width, &size.height); n == 2 {
		m.update(size)
		return
	}
	if slices.Contains([]string{"enter", "esc", "up", "down", "home", "end", "pgup", "pgdown", "right", "left", "backspace"}, step) {
		m.key(key{name: step})
		return
	}
	for typed := []byte(step); len(typed) > 0; {
		k, size := firstKey(typed)
		m.key(k)
		typed = typed[size:]
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
	m.update(headingMsg("later"))
	m.update(rowsMsg{rows: rows(columns(), report([3]any{"New", 1, 1}))})
	if text := m.text(); !strings.Contains(text, "now\n") || !strings.Contains(text, "PAUSED") || strings.Contains(text, "New") {
		t.Errorf("paused:\n%s", text)
	}
	m.step("p")
	m.update(rowsMsg{rows: rows(columns(), report([3]any{"New", 1, 1}))})
	if got := names(m); got != "New" {
		t.Errorf("rows %q after the pause", got)
	}
}

func TestLeave(t *testing.T) {
	for _, k := range []key{{"q", "q"}, {name: "ctrl+c"}} {
		if !screen(three(), "80x24").key(k) {
			t.Errorf("%q does not leave", k.name)
		}
	}
	if screen(three(), "80x24", "/").key(key{"q", "q"}) {
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
					m.update(sizeMsg{width, height})
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

// TestNewly tests that of a message in lines the first is shown, once.
func TestNewly(t *testing.T) {
	s := New(Options{})
	if err := s.Renderer.Event(&events.Remark{Kind: prog.RemarkMapFull, Count: 2}); err != nil {
		t.Fatal(err)
	}
	if line := s.newly(); !strings.HasPrefix(line, "WARNING: Map full;") || strings.Contains(line, "\n") {
		t.Error(line)
	}
	if line := s.newly(); line != "" {
		t.Error(line)
	}
}
