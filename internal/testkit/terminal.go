package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Terminal is a program on a terminal of its own, in tmux.
type Terminal struct {
	t      testing.TB
	socket string
}

// StartTerminal starts a command line of the shell on a terminal of 80 columns and 24
// lines.
func StartTerminal(t testing.TB, command string) *Terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		unavailable(t, err.Error())
	}
	term := &Terminal{t, filepath.Join(t.TempDir(), "tmux")}
	term.Tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() })
	return term
}

// Tmux runs a command of tmux and returns what it prints.
func (s *Terminal) Tmux(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Keys presses keys, by tmux's names of them.
func (s *Terminal) Keys(keys ...string) {
	s.t.Helper()
	s.Tmux(append([]string{"send-keys"}, keys...)...)
}

// Shows waits until the screen matches a regular expression, in which ^ and $ are
// the ends of lines, and returns it. Flags are tmux's: with -e the text has its
// colours.
func (s *Terminal) Shows(pattern string, flags ...string) string {
	s.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	screen, every := "", 20*time.Millisecond
	if os.Getenv(EnvKernel) != "" { // where a look takes the time that what is looked at needs
		every *= 20
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(every) {
		if screen = s.Tmux(append([]string{"capture-pane", "-p"}, flags...)...); re.MatchString(screen) {
			return screen
		}
	}
	s.t.Fatalf("the screen does not match %s:\n%s", pattern, screen)
	return ""
}
