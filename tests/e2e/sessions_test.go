package e2e

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// makeCalls has the program calls make n calls of each function.
func makeCalls(p *testkit.Proc, n int) {
	p.Send(strconv.Itoa(n))
	p.Stdout.WaitLine(fmt.Sprintf(`^did %d `, n))
}

// TestTwoLayouts prints an argument that lies in another place, and is of another
// type, in each of the methods that one glob matches.
func TestTwoLayouts(t *testing.T) {
	testkit.Root(t)
	path := built(t, program("calls"))
	for _, kind := range []string{"uprobe", "uretprobe"} {
		t.Run(kind, func(t *testing.T) {
			target := start(t, path)
			tracer := traceRun(t, fmt.Sprintf(`%s:%s:main.*.Mul { printf("%%s %%s\n", func, args.n); }`, kind, path),
				"-p", strconv.Itoa(target.PID()))
			makeCalls(target, 3)
			got := finish(t, tracer)
			leave(t, target)
			compareLines(t, got, []string{
				"main.(*left).Mul 0", "main.(*left).Mul 1", "main.(*left).Mul 2",
				"main.right.Mul 0", "main.right.Mul -1", "main.right.Mul -2",
				"main.wide.Mul 0", "main.wide.Mul 1", "main.wide.Mul 2",
			})
		})
	}
}

// TestStartedAfterAttach counts a program from its first call on that starts when
// its probes are already there.
func TestStartedAfterAttach(t *testing.T) {
	testkit.Root(t)
	path := built(t, program("calls"))
	tracer := traceRun(t, fmt.Sprintf(`uprobe:%s:main.tick { @calls[pid] = count(); }
		uretprobe:%[1]s:main.tick { @ns[pid] = hist(duration); }`, path), "-f", "json")
	var pids []int
	for i := range 2 {
		target := start(t, path)
		makeCalls(target, 100+i)
		leave(t, target)
		pids = append(pids, target.PID())
	}
	maps := finishMaps(t, tracer)
	for i, pid := range pids {
		key, want := strconv.Itoa(pid), int64(100+i)
		if calls, durations := maps.count("@calls", key), maps.total("@ns", key); calls != want || durations != want {
			t.Errorf("process %d: %d calls and %d durations of %d", i, calls, durations, want)
		}
	}
}

// TestAnyBinary finds a binary that starts after the attach and that no attach
// point names.
func TestAnyBinary(t *testing.T) {
	testkit.Root(t)
	tracer := traceRun(t, `uprobe:*:main.odd* { printf("%d %d\n", pid, args.n); @calls[pid, args.n] = count(); @names[probe] = count(); @names["none"] = count(); }`)
	path := built(t, program("calls"))
	target := start(t, path)
	line := fmt.Sprintf("%d 0", target.PID())
	if !eventually(func() bool { makeCalls(target, 1); return strings.Contains(tracer.Stdout.Text(), line) }) {
		t.Errorf("no call seen\n%s", tracer.Stderr.Text())
	}
	got := strings.Join(finish(t, tracer), "\n")
	leave(t, target)
	for _, line := range []string{fmt.Sprintf("@calls[%d, 0]: ", target.PID()), "@names[uprobe:" + path + ":main.odd["} {
		if !strings.Contains(got, line) {
			t.Errorf("no map line %q in:\n%s", line, got)
		}
	}
}

// eventually tries until it succeeds or ten seconds have passed.
func eventually(try func() bool) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if try() {
			return true
		}
	}
	return false
}

// TestRestartUnderPID ends the process of -p and starts it again: the run goes on
// with its successor and loses none of its calls from then on.
func TestRestartUnderPID(t *testing.T) {
	testkit.Root(t)
	path := built(t, program("calls"))
	for name, target := range map[string]string{"path": path, "no path": ""} {
		t.Run(name, func(t *testing.T) {
			first := start(t, path)
			tracer := traceRun(t, fmt.Sprintf(`uretprobe:%s:main.tick { @calls[pid] = count(); @ns = hist(duration); }`, target),
				"-f", "json", "-p", strconv.Itoa(first.PID()))
			bystander := start(t, built(t, program("clock")), "1", "1")
			makeCalls(first, 7)
			leave(t, first)
			second := start(t, path)
			tracer.Stderr.WaitLine(fmt.Sprintf(`process %d took the place of %d$`, second.PID(), first.PID()))
			makeCalls(second, 11)
			maps := finishMaps(t, tracer)
			leave(t, second)
			bystander.Send("go")
			leave(t, bystander)
			for pid, want := range map[int]int64{first.PID(): 7, second.PID(): 11} {
				if got := maps.count("@calls", strconv.Itoa(pid)); got != want {
					t.Errorf("%d calls of %d", got, want)
				}
			}
			if got := maps.total("@ns", ""); got != 18 {
				t.Errorf("%d durations of 18", got)
			}
		})
	}
}

// TestNoRestart ends the process of -p for good.
func TestNoRestart(t *testing.T) {
	testkit.Root(t)
	target := start(t, built(t, program("calls")))
	tracer := traceRun(t, `uprobe::main.tick { @calls = count(); }`, "-p", strconv.Itoa(target.PID()))
	makeCalls(target, 5)
	leave(t, target)
	if tracer.Wait(); !strings.Contains(tracer.Stdout.Text(), "@calls: 5\n") {
		t.Errorf("output %q", tracer.Stdout.Text())
	}
}

// TestKilled kills rpcxray so that it cannot tidy up. The traced function's bytes
// must be what they were, and the program must go on.
func TestKilled(t *testing.T) {
	testkit.Root(t)
	path := built(t, program("calls"))
	target := start(t, path)
	read := func() []byte { return functionBytes(t, target.PID(), path, "main.tick") }
	before := read()
	tracer := traceRun(t, fmt.Sprintf(`uretprobe:%s:main.tick { @ns = hist(duration); }`, path))
	makeCalls(target, 10)
	if bytes.Equal(read(), before) {
		t.Error("no probe is in the function")
	}
	if code := tracer.Stop(syscall.SIGKILL); code != -int(syscall.SIGKILL) {
		t.Errorf("rpcxray ended with %d", code)
	}
	if !eventually(func() bool { return bytes.Equal(read(), before) }) {
		t.Errorf("bytes are % x, were % x", read(), before)
	}
	makeCalls(target, 10)
	leave(t, target)
}

// functionBytes reads a function from a process's memory; the program must not be
// position-independent.
func functionBytes(t *testing.T, pid int, path, name string) []byte {
	t.Helper()
	sym := findSymbol(t, path, func(s string) bool { return s == name })
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	code := make([]byte, sym.Size)
	if _, err := mem.ReadAt(code, int64(sym.Value)); err != nil {
		t.Fatal(err)
	}
	return code
}

func findSymbol(t *testing.T, path string, match func(string) bool) elf.Symbol {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if match(s.Name) {
			return s
		}
	}
	t.Fatalf("%s has no such symbol", path)
	return elf.Symbol{}
}

// TestOddNames traces a function whose name holds what separates other names.
func TestOddNames(t *testing.T) {
	testkit.Root(t)
	path := built(t, program("calls"))
	name := findSymbol(t, path, func(s string) bool { return strings.HasPrefix(s, "main.odd[") }).Name
	for _, c := range []string{"{", "}", ",", ";", " "} {
		if !strings.Contains(name, c) {
			t.Errorf("%q is not in %s", c, name)
		}
	}
	for _, args := range [][]string{
		{"run", "-e", fmt.Sprintf(`uprobe:%s:"%s" { @[func] = count(); }`, path, name)},
		{"funccount", path + ":" + name},
		{"funclatency", path + ":" + name},
		{"funcslower", "-u", "1", path + ":" + name},
	} {
		t.Run(args[0], func(t *testing.T) {
			target := start(t, path)
			tracer := testkit.StartCLI(t, args...)
			if args[0] == "run" {
				tracer.WaitAttached()
			} else {
				tracer.Stdout.WaitLine(`^Tracing`)
			}
			makeCalls(target, 321)
			text := strings.Join(finish(t, tracer), "\n")
			leave(t, target)
			named := strings.Count(text, name)
			if each := args[0] == "funcslower"; each && named < 321 || !each && (named == 0 || !strings.Contains(text, "321")) {
				t.Errorf("output:\n%s", text)
			}
		})
	}
}
