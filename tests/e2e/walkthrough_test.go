package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

// The walkthrough's commands for arguments and replies, as typed, on its rpcx
// server. Its commands for counts and latencies are in internal/tools.
func TestWalkthrough(t *testing.T) {
	testkit.Root(t)
	const calls = 20
	dir, addr := rpcxService(t)
	for _, c := range []struct {
		name, script, line string
		times              int
	}{
		{"arguments by register", `uprobe:./server:main.*.Mul {printf("%s - %s: arg1: %d, arg2: %d\n", comm, func, arg0, arg1)}`,
			`^server - main\.\(\*Arith\)\.Mul: arg1: 10, arg2: 20$`, calls},
		{"arguments and reply by name", `uretprobe:./server:main.*.Mul {printf("%d * %d = %d in %d ns\n", args.args.A, args.args.B, args.reply.C, duration)}`,
			`^10 \* 20 = 200 in [1-9]\d{6,} ns$`, calls},
		{"histogram", `uretprobe:./server:main.*.Mul { @ns[func] = hist(duration) }`,
			`^@ns\[main\.\(\*Arith\)\.Mul\]:$`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := startIn(t, dir, "run", "-e", c.script)
			p.WaitAttached()
			callMul(t, addr, calls)
			if code := p.Stop(syscall.SIGINT); code != 0 {
				t.Errorf("exit status %d: %s", code, p.Stderr.Text())
			}
			re, seen := regexp.MustCompile(c.line), 0
			for _, line := range p.Stdout.Lines() {
				if re.MatchString(line) {
					seen++
				}
			}
			if seen != c.times {
				t.Errorf("%d lines match %s, want %d:\n%s", seen, c.line, c.times, p.Stdout.Text())
			}
		})
	}
}

// The reply at an offset that was read from the disassembly: in this build it is
// where the product is in the register that arg0 names, or not an instruction's
// first byte; the one must work and the other be refused.
func TestWalkthroughOffset(t *testing.T) {
	testkit.Root(t)
	dir, addr := rpcxService(t)
	taken, refused := 0, 0
	for off := 88; off < 96; off++ {
		p := startIn(t, dir, "run", "--dry-run", "-e", "uprobe:./server:main.*.Mul+"+strconv.Itoa(off)+" { @ = count() }")
		if p.Wait() == 0 {
			taken++
		} else if strings.Contains(p.Stderr.Text(), "inside an instruction") {
			refused++
		} else {
			t.Errorf("+%d: %s", off, p.Stderr.Text())
		}
	}
	if taken == 0 || refused == 0 {
		t.Errorf("of eight offsets in a row %d were taken and %d refused", taken, refused)
	}
	callMul(t, addr, 1) // the server is alive
}

// rpcxService runs a copy of the example server whose handler takes a
// millisecond.
func rpcxService(t *testing.T) (dir, addr string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Rename(built(t, fixture.Spec{Dir: "examples/rpcx", Package: "./server"}), filepath.Join(dir, "server")); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	testkit.Start(t, filepath.Join(dir, "server"), "-quiet", "-delay", "1ms", "-addr", addr)
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return dir, addr
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not answer: %v", err)
		}
	}
}

// startIn starts rpcxray in a folder, as one who types ./server is in it.
func startIn(t *testing.T, dir string, args ...string) *testkit.Proc {
	t.Helper()
	cmd := exec.Command(testkit.CLI(t), args...)
	cmd.Dir = dir
	return testkit.StartCmd(t, cmd)
}

func callMul(t *testing.T, addr string, calls int) {
	t.Helper()
	client := testkit.Build(t, fixture.Spec{Dir: "examples/rpcx", Package: "./client"})
	p := testkit.Start(t, client, "-quiet", "-rate", "0", "-n", strconv.Itoa(calls), "-addr", addr)
	if code := p.Wait(); code != 0 || !strings.Contains(p.Stderr.Text(), strconv.Itoa(calls)+" calls, 0 failed") {
		t.Fatalf("the client ended with %d: %s", code, p.Stderr.Text())
	}
}
