package tui

import (
	"slices"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/render"
	"github.com/rpcxray/rpcxray/internal/types"
)

// twoLevels are services and their methods.
func twoLevels() *model {
	columns := func(hidden string) []render.Column {
		list := []render.Column{{Field: "pid", Title: "PID", Right: true}, {Field: "service", Title: "SERVICE"}, {Field: "name", Title: "NAME"},
			{Field: "n", Title: "N", Right: true}}
		for i := range list {
			list[i].Hidden = slices.Contains(strings.Fields(hidden), list[i].Field)
		}
		return list
	}
	return newModel([]Level{
		{Map: "@services", Columns: columns("name")},
		{Map: "@methods", Columns: columns("pid service"), Under: []string{"pid", "service"}, Name: "method"},
	}, false)
}

// levelRows are rows of twoLevels: pid, service, name, n.
func levelRows(m *model, level int, list ...[4]any) {
	r := &events.Report{Map: &prog.Map{Name: m.levels[level].Map}}
	value := func(x any) events.Value {
		if n, ok := x.(int); ok {
			return events.Value{Type: types.TUint64, Int: uint64(n)}
		}
		return events.Value{Type: types.Str(8), Str: []byte(x.(string))}
	}
	for _, row := range list {
		r.Entries = append(r.Entries, events.Entry{Key: []events.Value{value(row[0]), value(row[1]), value(row[2])}, Value: value(row[3])})
	}
	m.update(rowsMsg{level, rows(m.levels[level].Columns, r)})
}

func report1(m *model) {
	levelRows(m, 0, [4]any{1, "A", "", 30}, [4]any{2, "A", "", 20}, [4]any{1, "B", "", 10})
	levelRows(m, 1, [4]any{1, "A", "Mul", 25}, [4]any{2, "A", "Mul", 20}, [4]any{1, "B", "Get", 10}, [4]any{1, "A", "Add", 5})
}

func TestLevels(t *testing.T) {
	for _, c := range []struct{ name, steps, want string }{
		{"first", "", "now|3 rows| PID SERVICE N|>1 A 30|2 A 20|1 B 10"},
		{"choose", "down", "now|3 rows| PID SERVICE N|1 A 30|>2 A 20|1 B 10"},
		{"beyond", "down down down down", "now|3 rows| PID SERVICE N|1 A 30|2 A 20|>1 B 10"},
		{"open", "enter", "now: 1 A|2 rows| NAME N|>Mul 25|Add 5"},
		{"open another", "down enter", "now: 2 A|1 rows| NAME N|>Mul 20"},
		{"back", "down enter esc", "now|3 rows| PID SERVICE N|1 A 30|>2 A 20|1 B 10"},
		{"single", "enter down enter", "now: 1 A > method|1 row|PID 1|SERVICE A|NAME Add|N 5"},
		{"single and back", "enter down enter esc", "now: 1 A|2 rows| NAME N|Mul 25|>Add 5"},
		{"sort", "s", "now|3 rows| PIDv SERVICE N|>2 A 20|1 A 30|1 B 10"},
		{"sorted, the chosen stays", "down s", "now|3 rows| PIDv SERVICE N|>2 A 20|1 A 30|1 B 10"},
		{"reverse, the chosen stays", "down down r", "now|3 rows| PID SERVICE N|>1 B 10|2 A 20|1 A 30"},
		{"filter", "enter / ad enter", "now: 1 A|1 of 2 rows with ad| NAME N|>Add 5"},
		{"filter lifted, then back", "enter / ad enter esc esc", "now|3 rows| PID SERVICE N|>1 A 30|2 A 20|1 B 10"},
		{"nothing to open", "/ x enter enter", "now|0 of 3 rows with x| PID SERVICE N"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := twoLevels()
			m.update(headingMsg("now"))
			m.update(sizeMsg{80, 24})
			report1(m)
			for _, step := range strings.Fields(c.steps) {
				m.step(step)
			}
			if got := squeezed(m); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// squeezed is the screen without what is the same in all, and with single blanks.
func squeezed(m *model) string {
	var list []string
	for _, line := range strings.Split(m.text(), "\n") {
		line, _, _ = strings.Cut(line, " | ")
		mark := ""
		if strings.HasPrefix(line, "> ") {
			mark, line = ">", line[2:]
		} else if strings.Contains(line, "NAME") && strings.HasPrefix(line, " ") || strings.Contains(line, "PID") && strings.HasPrefix(line, " ") {
			mark = " "
		}
		if words := strings.Fields(line); len(words) > 0 {
			list = append(list, mark+strings.Join(words, " "))
		}
	}
	return strings.Join(list, "|")
}

// TestLevelsReport tests that what is chosen follows its row through reports, and that
// a level is of the newest report.
func TestLevelsReport(t *testing.T) {
	m := twoLevels()
	m.update(headingMsg("now"))
	m.update(sizeMsg{80, 24})
	report1(m)
	m.step("down")
	levelRows(m, 0, [4]any{2, "A", "", 50}, [4]any{1, "B", "", 40}, [4]any{1, "A", "", 30})
	if got := squeezed(m); got != "now|3 rows| PID SERVICE N|>2 A 50|1 B 40|1 A 30" {
		t.Error(got)
	}
	m.step("enter")
	levelRows(m, 1, [4]any{2, "A", "New", 9})
	if got := squeezed(m); got != "now: 2 A|1 rows| NAME N|>New 9" {
		t.Error(got)
	}
	levelRows(m, 1)
	if got := squeezed(m); got != "now: 2 A|0 rows| NAME N" {
		t.Error(got)
	}
	m.step("enter")
	for _, size := range []string{"0x0", "1x1", "5x3", "80x2"} {
		m.step(size)
		_ = m.text()
	}
}

// TestLevelsScroll tests that the row that is chosen is always on the screen.
func TestLevelsScroll(t *testing.T) {
	m := twoLevels()
	m.update(sizeMsg{80, 9})
	var list [][4]any
	for i := range 50 {
		list = append(list, [4]any{i, "S", "", 100 - i})
	}
	levelRows(m, 0, list...)
	for _, step := range strings.Fields("end up up pgup down home pgdown pgdown down up") {
		m.step(step)
		if !strings.Contains(m.text(), "\n> ") {
			t.Fatalf("after %s nothing is chosen:\n%s", step, m.text())
		}
	}
}
