package calls

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// press presses a key, and waits until the screen matches.
func press(s *testkit.Terminal, key, pattern string) string {
	s.Keys(key)
	return s.Shows(pattern)
}

// TestScreen tests the way from all services to one call, and back.
func TestScreen(t *testing.T) {
	testkit.Root(t)
	c := startChain(t, 1_000_000, "-inflight", "2", "-pause", "5ms")
	c.client.Send("go")
	term := testkit.StartTerminal(t, fmt.Sprintf("%s rpc -i 1 --side server --max-overhead none %s; echo status $?; exec cat", testkit.CLI(t), c.path))
	screen := term.Shows(`^[> ] +\d+ chain +rpcx +server Price +[1-9][\d.]*`)
	for _, service := range []string{"Front", "Stock", "Store"} {
		if !regexp.MustCompile(`(?m)^[> ] +\d+ chain +rpcx +server ` + service + ` `).MatchString(screen) {
			t.Errorf("there is no row of %s:\n%s", service, screen)
		}
	}
	if !strings.Contains(screen, "CALLS/s  FAILED") || !strings.Contains(screen, "4 rows | q quit") {
		t.Errorf("titles and state:\n%s", screen)
	}
	term.Keys("/", "stock", "Enter")
	term.Shows(`^1 of 4 rows with stock`)
	press(term, "Enter", `^RPC calls, over 1s each: \d+ rpcx server Stock$`)
	term.Shows(`^> Check +[1-9][\d.]* +[1-9]`)
	press(term, "Enter", `server Stock > Check$`)
	term.Keys("/", "out of", "Enter")
	term.Shows(`error +127\.0\.0\.1 +\d+ out of stock$`)
	screen = press(term, "Enter", `> Check > call$`)
	for _, line := range []string{`STATUS +error`, `ERROR +out of stock`, `service +Stock`, `method +Check`, `trace_id +[0-9a-f]{32}`, `parent_span +[0-9a-f]{16}`} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(screen) {
			t.Errorf("the call has no line %s:\n%s", line, screen)
		}
	}
	press(term, "Escape", `with out of`)
	press(term, "Escape", `^\d+ rows \|`)
	press(term, "Escape", `server Stock$`)
	press(term, "Escape", `^1 of 4 rows with stock`)
	press(term, "Escape", `^4 rows`)
	press(term, "q", `^status 0$`)
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
