package calls

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

// newTerminal starts a command line on a terminal of 80 columns and 24 lines.
func newTerminal(t *testing.T, command string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	term := &terminal{t, filepath.Join(t.TempDir(), "tmux")}
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

// shows waits until the screen matches, and returns it.
func (s *terminal) shows(pattern string) string {
	s.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	screen := ""
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if screen = s.tmux("capture-pane", "-p"); re.MatchString(screen) {
			return screen
		}
	}
	s.t.Fatalf("the screen does not match %s:\n%s", pattern, screen)
	return ""
}

// key presses a key, and waits until the screen matches.
func (s *terminal) key(key, pattern string) string {
	s.t.Helper()
	s.tmux("send-keys", key)
	return s.shows(pattern)
}

// TestScreen tests the way from all services to one call, and back.
func TestScreen(t *testing.T) {
	testkit.Root(t)
	c := startChain(t, 1_000_000, "-inflight", "2", "-pause", "5ms")
	c.client.Send("go")
	term := newTerminal(t, fmt.Sprintf("%s rpc -i 1 --side server --max-overhead none %s; echo status $?; exec cat", testkit.CLI(t), c.path))
	screen := term.shows(`^[> ] +\d+ chain +rpcx +server Price +[1-9][\d.]*`)
	for _, service := range []string{"Front", "Stock", "Store"} {
		if !regexp.MustCompile(`(?m)^[> ] +\d+ chain +rpcx +server ` + service + ` `).MatchString(screen) {
			t.Errorf("there is no row of %s:\n%s", service, screen)
		}
	}
	if !strings.Contains(screen, "CALLS/s  FAILED") || !strings.Contains(screen, "4 rows | q quit") {
		t.Errorf("titles and state:\n%s", screen)
	}
	term.tmux("send-keys", "/", "stock", "Enter")
	term.shows(`^1 of 4 rows with stock`)
	term.key("Enter", `^RPC calls, over 1s each: \d+ rpcx server Stock$`)
	term.shows(`^> Check +[1-9][\d.]* +[1-9]`)
	term.key("Enter", `server Stock > Check$`)
	term.tmux("send-keys", "/", "out of", "Enter")
	term.shows(`error +127\.0\.0\.1 +\d+ out of stock$`)
	screen = term.key("Enter", `> Check > call$`)
	for _, line := range []string{`STATUS +error`, `ERROR +out of stock`, `service +Stock`, `method +Check`, `trace_id +[0-9a-f]{32}`, `parent_span +[0-9a-f]{16}`} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(screen) {
			t.Errorf("the call has no line %s:\n%s", line, screen)
		}
	}
	term.key("Escape", `with out of`)
	term.key("Escape", `^\d+ rows \|`)
	term.key("Escape", `server Stock$`)
	term.key("Escape", `^1 of 4 rows with stock`)
	term.key("Escape", `^4 rows`)
	term.key("q", `^status 0$`)
}

// TestPiped tests that there is a plain report where there is no terminal.
func TestPiped(t *testing.T) {
	testkit.Root(t)
	c := startChain(t, 20)
	p := testkit.StartCLI(t, "rpc", "--side", "server", "--max-overhead", "none", c.path)
	p.Stdout.WaitLine("Tracing RPC calls")
	c.run(t)
	stop(t, p)
	calls, failed, _ := c.truth()
	for name, n := range calls {
		service, method, _ := strings.Cut(name, ".")
		line := fmt.Sprintf(`^\d+ +chain +rpcx +server +%s +%s +%d +%d `, service, method, n, failed[name])
		if !regexp.MustCompile("(?m)" + line).MatchString(p.Stdout.Text()) {
			t.Errorf("no line matches %s:\n%s", line, p.Stdout.Text())
		}
	}
}
