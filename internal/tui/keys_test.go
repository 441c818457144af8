package tui

import (
	"strings"
	"testing"
)

// keyNames are the keys of what was typed, and ... where more could belong to the rest.
func keyNames(typed string) string {
	var list []string
	press := func(k key) { list = append(list, k.name) }
	if rest := pressed([]byte(typed), false, press); len(rest) > 0 {
		list = append(list, "...")
		pressed(rest, true, press)
	}
	return strings.Join(list, " ")
}

func TestTyped(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"q", "q"}, {"aé世", "a é 世"}, {" /", "space /"},
		{"\r\n\x7f\b\x03", "enter enter backspace backspace ctrl+c"},
		{"\x1b[A\x1bOB", "up down"}, {"\x1b[5~\x1b[6~", "pgup pgdown"}, {"\x1b[H\x1b[4~", "home end"},
		{"\x1b", "... esc"}, {"\x1bq", "esc q"}, {"\x1b\x1b[A", "esc up"},
		{"\x1b[", "... esc ["}, {"\x1b[1;5", "... esc [ 1 ; 5"}, {"\x1bO", "... esc O"},
		{"\x1b[1;5Aq", " q"}, {"\x1b[200~x", " x"},
		{"\x01\t", " "}, {"\xff", ""}, {"\xc3", "... "}, {"\xe4\xb8", "...  "},
	} {
		if got := keyNames(c.typed); got != c.want {
			t.Errorf("%q: %q, want %q", c.typed, got, c.want)
		}
	}
}
