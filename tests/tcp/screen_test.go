package tcp

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// busy is the port of a server that is called again and again.
func busy(n *netns) int {
	n.t.Helper()
	server := n.server("127.0.0.1:0")
	n.start(build(n.t), "beat", fmt.Sprintf("127.0.0.1:%d", server.port))
	return server.port
}

// The live screen sorts, filters, pauses, follows the size of the terminal and gives
// it back.
func TestScreen(t *testing.T) {
	n := newNetns(t)
	port := busy(n)
	tool := fmt.Sprintf("%s tcptop --netns %d --localport %d", os.Getenv(testkit.EnvBinary), n.inum, port)
	term := testkit.StartTerminal(t, fmt.Sprintf("env -u NO_COLOR %s 1; echo status $?; exec cat", tool))
	screen := term.Shows(`^[1-9]\d* rows \| q quit`)
	lines := strings.Split(screen, "\n")
	if !regexp.MustCompile(`^\d\d:\d\d:\d\d loadavg: \d`).MatchString(lines[0]) {
		t.Errorf("the first line is %q", lines[0])
	}
	if got := strings.Fields(lines[2]); strings.Join(got, " ") != "PID COMM LADDR RADDR RX_KB TX_KB" {
		t.Errorf("titles %q", got)
	}
	term.Shows(fmt.Sprintf(`^\d+ +peer +127\.0\.0\.1:%d +127\.0\.0\.1:\d+ +\d+ +\d+$`, port))
	left := func() {
		t.Helper()
		term.Keys("q")
		if screen := term.Shows(`^status 0$`); strings.Contains(screen, "RX_KB") {
			t.Errorf("after q:\n%s", screen)
		}
	}
	if emulated() { // what keys do hangs on no kernel
		left()
		return
	}
	term.Shows(`\x1b\[7mPID`, "-e")
	term.Keys("Left")
	term.Shows(`TX_KBv`)
	term.Keys("r")
	term.Shows(`TX_KB\^`)
	term.Keys("s")
	term.Shows(`^PID\^`)
	term.Keys("/", "nobody", "Enter")
	if screen := term.Shows(`^0 of \d+ rows with nobody`); strings.Contains(screen, "peer") {
		t.Errorf("filtered:\n%s", screen)
	}
	term.Keys("Escape")
	term.Shows(`^\d+ +peer`)
	term.Keys("p")
	paused := term.Shows(`PAUSED`)
	term.Keys("?")
	term.Shows(`^q, Ctrl-C   leave`)
	term.Keys("x")
	if got := term.Shows(`PAUSED`); got != paused {
		t.Errorf("paused, but\n%s\nbecame\n%s", paused, got)
	}
	term.Tmux("resize-window", "-x", "50", "-y", "6")
	for _, line := range strings.Split(term.Shows(`PAUSED.*~$`), "\n") {
		if len(line) > 50 {
			t.Errorf("a line of %d in 50 columns: %q", len(line), line)
		}
	}
	left()
}

// NO_COLOR, -S and pipes.
func TestScreenPlain(t *testing.T) {
	if guest() {
		t.Skip("no other kernel makes a difference, and programs there may be too slow for two reports")
	}
	n := newNetns(t)
	port := busy(n)
	tool := fmt.Sprintf("%s tcptop --netns %d --localport %d", os.Getenv(testkit.EnvBinary), n.inum, port)
	plain := []string{" -S 1", " -C 1", " 1 | cat"}
	var terms []*testkit.Terminal
	for _, flags := range plain {
		terms = append(terms, testkit.StartTerminal(t, tool+flags+"; exec cat"))
	}
	term := testkit.StartTerminal(t, fmt.Sprintf("NO_COLOR=1 %s; exec cat", tool))
	row := fmt.Sprintf(`peer +127\.0\.0\.1:%d`, port)
	term.Shows(row)
	if screen := term.Shows(row, "-e"); strings.Contains(screen, "\x1b[7m") {
		t.Errorf("colours although NO_COLOR is set:\n%q", screen)
	}
	term.Keys("C-c")
	for i, flags := range plain {
		screen := terms[i].Shows(`(?s)`+row+`.*RX_KB.*`+row, "-S", "-")
		if !strings.HasPrefix(screen, "Tracing... Output every 1 secs.") {
			t.Errorf("%s:\n%s", flags, screen)
		}
		if strings.Contains(screen, "loadavg") == strings.Contains(flags, "-S") {
			t.Errorf("%s: the summary is there or missing against the flag:\n%s", flags, screen)
		}
	}
}
