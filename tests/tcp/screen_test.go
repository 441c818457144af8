package tcp

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// terminal is a program on a terminal of its own, in tmux.
type terminal struct {
	t      *testing.T
	socket string
}

// newTerminal starts a command line on a terminal of 80 columns and 24 lines; what
// follows the command is appended to its output.
func newTerminal(t *testing.T, command string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	term := &terminal{t: t, socket: filepath.Join(t.TempDir(), "tmux")}
	term.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() })
	return term
}

func (s *terminal) tmux(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *terminal) keys(keys ...string) { s.tmux(append([]string{"send-keys"}, keys...)...) }

// shows waits until the screen matches, and returns it; with -e in flags its
// colours are in the text.
func (s *terminal) shows(pattern string, flags ...string) string {
	s.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	screen := ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		screen = s.tmux(append([]string{"capture-pane", "-p"}, flags...)...)
		if re.MatchString(screen) {
			return screen
		}
	}
	s.t.Fatalf("the screen does not match %s:\n%s", pattern, screen)
	return ""
}

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
	term := newTerminal(t, fmt.Sprintf("env -u NO_COLOR %s 1; echo status $?; exec cat", tool))
	screen := term.shows(`^[1-9]\d* rows \| q quit`)
	lines := strings.Split(screen, "\n")
	if !regexp.MustCompile(`^\d\d:\d\d:\d\d loadavg: \d`).MatchString(lines[0]) {
		t.Errorf("the first line is %q", lines[0])
	}
	if got := strings.Fields(lines[2]); strings.Join(got, " ") != "PID COMM LADDR RADDR RX_KB TX_KB" {
		t.Errorf("titles %q", got)
	}
	term.shows(fmt.Sprintf(`^\d+ +peer +127\.0\.0\.1:%d +127\.0\.0\.1:\d+ +\d+ +\d+$`, port))
	term.shows(`\x1b\[7mPID`, "-e")
	term.keys("Left")
	term.shows(`TX_KBv`)
	term.keys("r")
	term.shows(`TX_KB\^`)
	term.keys("s")
	term.shows(`^PID\^`)
	term.keys("/", "nobody", "Enter")
	if screen := term.shows(`^0 of \d+ rows with nobody`); strings.Contains(screen, "peer") {
		t.Errorf("filtered:\n%s", screen)
	}
	term.keys("Escape")
	term.shows(`^\d+ +peer`)
	term.keys("p")
	paused := term.shows(`PAUSED`)
	term.keys("?")
	term.shows(`^q, Ctrl-C   leave`)
	term.keys("x")
	if got := term.shows(`PAUSED`); got != paused {
		t.Errorf("paused, but\n%s\nbecame\n%s", paused, got)
	}
	term.tmux("resize-window", "-x", "50", "-y", "6")
	for _, line := range strings.Split(term.shows(`PAUSED.*~$`), "\n") {
		if len(line) > 50 {
			t.Errorf("a line of %d in 50 columns: %q", len(line), line)
		}
	}
	term.keys("q")
	if screen := term.shows(`^status 0$`); strings.Contains(screen, "RX_KB") {
		t.Errorf("after q:\n%s", screen)
	}
}

// NO_COLOR, -S and pipes.
func TestScreenPlain(t *testing.T) {
	n := newNetns(t)
	port := busy(n)
	tool := fmt.Sprintf("%s tcptop --netns %d --localport %d", os.Getenv(testkit.EnvBinary), n.inum, port)
	plain := []string{" -S 1 2", " -C 1 2", " 1 2 | cat"}
	var terms []*terminal
	for _, flags := range plain {
		terms = append(terms, newTerminal(t, tool+flags+"; exec cat"))
	}
	term := newTerminal(t, fmt.Sprintf("NO_COLOR=1 %s; exec cat", tool))
	row := fmt.Sprintf(`peer +127\.0\.0\.1:%d`, port)
	term.shows(row)
	if screen := term.shows(row, "-e"); strings.Contains(screen, "\x1b[7m") {
		t.Errorf("colours although NO_COLOR is set:\n%q", screen)
	}
	term.keys("C-c")
	for i, flags := range plain {
		screen := terms[i].shows(`(?s)`+row+`.*RX_KB.*`+row, "-S", "-")
		if !strings.HasPrefix(screen, "Tracing... Output every 1 secs.") {
			t.Errorf("%s:\n%s", flags, screen)
		}
		if strings.Contains(screen, "loadavg") == strings.Contains(flags, "-S") {
			t.Errorf("%s: the summary is there or missing against the flag:\n%s", flags, screen)
		}
	}
}
