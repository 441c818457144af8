package tools

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/run"
	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

const mul = "./server:main.*.Mul"

// built is the command under test, looked for once: that takes a build.
var built struct {
	sync.Once
	path string
}

func rpcxray(t *testing.T) string {
	t.Helper()
	built.Do(func() { built.path = testkit.CLI(t) })
	return built.path
}

// service is a running rpcx server, a copy of its own: others that run the same
// file must not count.
type service struct {
	t      *testing.T
	dir    string
	addr   string
	server *testkit.Proc
}

func startService(t *testing.T, args ...string) *service {
	t.Helper()
	testkit.Root(t)
	s := &service{t: t, dir: t.TempDir()}
	copyFile(t, testkit.Build(t, fixture.Spec{Dir: "examples/rpcx", Package: "./server"}), filepath.Join(s.dir, "server"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	l.Close()
	s.server = testkit.Start(t, filepath.Join(s.dir, "server"), append(args, "-quiet", "-addr", s.addr)...)
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not listen: %v\n%s", err, s.server.Stderr.Text())
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o755); err != nil {
		t.Fatal(err)
	}
}

// call makes n calls, one after the other.
func (s *service) call(n int) {
	s.t.Helper()
	client := testkit.Build(s.t, fixture.Spec{Dir: "examples/rpcx", Package: "./client"})
	out, err := exec.Command(client, "-addr", s.addr, "-rate", "0", "-quiet", "-n", strconv.Itoa(n)).CombinedOutput()
	if err != nil {
		s.t.Fatalf("client: %v\n%s", err, out)
	}
}

// trace starts a tool in the folder of the service.
func (s *service) trace(args ...string) *testkit.Proc {
	s.t.Helper()
	return traceIn(s.t, s.dir, args...)
}

// traceIn starts a tool in a folder and waits until its probes are there.
func traceIn(t *testing.T, dir string, args ...string) *testkit.Proc {
	t.Helper()
	cmd := exec.Command(rpcxray(t), append(args, "--max-overhead", "none")...)
	cmd.Dir = dir
	p := testkit.StartCmd(t, cmd)
	words := p.Stdout
	if strings.Contains(strings.Join(args, " "), "--format") {
		words = p.Stderr
	}
	words.WaitLine(`^Tracing `)
	return p
}

// interrupt ends a tool as a user does.
func interrupt(t *testing.T, p *testkit.Proc) []string {
	t.Helper()
	if code := p.Stop(syscall.SIGINT); code != 0 {
		t.Fatalf("the tool ended with %d\n%s%s", code, p.Stdout.Text(), p.Stderr.Text())
	}
	return p.Stdout.Lines()
}

// rows parses JSON lines.
func rows(t *testing.T, lines []string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for _, line := range lines {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		list = append(list, row)
	}
	return list
}

func TestCountsAreExact(t *testing.T) {
	s := startService(t)
	p := s.trace("funccount", mul)
	s.call(500)
	want := []string{
		`Tracing 1 functions for "b'./server:main.*.Mul'"... Hit Ctrl-C to end.`,
		"",
		"FUNC                                    COUNT",
		"main.(*Arith).Mul                         500",
		"Detaching...",
	}
	if got := interrupt(t, p); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("printed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestIntervals tests that nothing is lost or counted twice between reports.
func TestIntervals(t *testing.T) {
	s := startService(t)
	p := s.trace("funccount", "-Ti", "0.05", "./server:main.(*Arith).Mul")
	for range 4 {
		s.call(300)
	}
	row := regexp.MustCompile(`^main\.\(\*Arith\)\.Mul +(\d+)$`)
	clock := regexp.MustCompile(`^\d\d:\d\d:\d\d$`)
	sum, tables, clocks := 0, 0, 0
	for _, line := range interrupt(t, p) {
		switch m := row.FindStringSubmatch(line); {
		case m != nil:
			n, _ := strconv.Atoi(m[1])
			sum += n
		case strings.HasPrefix(line, "FUNC "):
			tables++
		case clock.MatchString(line):
			clocks++
		}
	}
	if sum != 1200 {
		t.Errorf("%d calls in %d reports, want 1200", sum, tables)
	}
	if clocks != tables || tables < 3 {
		t.Errorf("%d reports with %d times, want one each and at least 3", tables, clocks)
	}
}

// TestArticle tests the article's counts as typed, but for their length.
func TestArticle(t *testing.T) {
	s := startService(t)
	load := testkit.Start(t, testkit.Build(t, fixture.Spec{Dir: "examples/rpcx", Package: "./client"}),
		"-addr", s.addr, "-rate", "100", "-quiet")
	tests := []struct {
		args   []string
		banner string
		row    string
		tables int
	}{
		{[]string{"funccount", "-d", "1", mul}, `^Tracing 1 functions for "b'./server:main\.\*\.Mul'"\.\.\. Hit Ctrl-C to end\.$`, `^main\.\(\*Arith\)\.Mul +\d+$`, 1},
		{[]string{"funccount", "-Ti", "1", "-d", "2", "./server:runtime.*.gc*"}, `^Tracing [2-9]\d functions`, `^runtime\.`, 2},
		{[]string{"funccount", "-d", "1", "./server:runtime.schedule"}, `^Tracing 1 functions`, `^runtime\.schedule +\d+$`, 1},
	}
	for _, tt := range tests {
		p := s.trace(tt.args...)
		if code := p.Wait(); code != 0 {
			t.Errorf("%v: exit status %d\n%s", tt.args, code, p.Stderr.Text())
		}
		text := p.Stdout.Text()
		for _, pattern := range []string{tt.banner, tt.row, "^Detaching...$"} {
			if !regexp.MustCompile("(?m)" + pattern).MatchString(text) {
				t.Errorf("%v: no line matches %s in\n%s", tt.args, pattern, text)
			}
		}
		if got := strings.Count(text, "FUNC "); got != tt.tables {
			t.Errorf("%v: %d tables, want %d\n%s", tt.args, got, tt.tables, text)
		}
	}
	load.Stop(syscall.SIGTERM)
}

func TestLatency(t *testing.T) {
	s := startService(t, "-delay", "3ms")
	p := s.trace("funclatency", "--format", "jsonl", mul)
	s.call(40)
	got := rows(t, interrupt(t, p))
	if len(got) != 2 {
		t.Fatalf("%d objects, want a histogram and a total: %v", len(got), got)
	}
	hist, total := got[0], got[1]
	if hist["func"] != "main.(*Arith).Mul" || hist["pid"] != float64(s.server.PID()) || hist["unit"] != "nsecs" {
		t.Errorf("a histogram of %v [%v] in %v", hist["func"], hist["pid"], hist["unit"])
	}
	n := 0.0
	for _, b := range hist["buckets"].([]any) {
		b := b.(map[string]any)
		n += b["count"].(float64)
		if b["max"].(float64) < 3e6 && b["count"] != 0.0 {
			t.Errorf("%v calls below 3 ms, which is impossible: %v", b["count"], b)
		}
	}
	if n != 40 || total["count"] != 40.0 {
		t.Errorf("%v calls in the histogram, %v in total, want 40", n, total["count"])
	}
	sum, avg := total["total"].(float64), total["average"].(float64)
	if sum < 40*3e6 || sum/40 < avg || sum/40 >= avg+1 {
		t.Errorf("average %v of a total of %v", avg, sum)
	}
}

func TestLatencyTable(t *testing.T) {
	s := startService(t, "-delay", "2ms")
	keyed := s.trace("funclatency", "-u", mul)
	single := s.trace("funclatency", "-m", "-p", strconv.Itoa(s.server.PID()), ":main.*.Mul")
	s.call(10)
	text := strings.Join(interrupt(t, keyed), "\n")
	for _, pattern := range []string{
		fmt.Sprintf(`^Function = main\.\(\*Arith\)\.Mul \[%d\]$`, s.server.PID()),
		`^     usecs               : count     distribution$`,
		`^avg = [2-9]\d{3} usecs, total: [2-9]\d{4} usecs, count: 10$`,
	} {
		if !regexp.MustCompile("(?m)" + pattern).MatchString(text) {
			t.Errorf("no line matches %s in\n%s", pattern, text)
		}
	}
	text = strings.Join(interrupt(t, single), "\n")
	if strings.Contains(text, "Function =") || !strings.Contains(text, "     msecs               : count") || !strings.Contains(text, "count: 10\n") {
		t.Errorf("of one process:\n%s", text)
	}
}

func TestSlowCalls(t *testing.T) {
	s := startService(t, "-delay", "3ms")
	slow := s.trace("funcslower", "-UK", "-m", "2.5", "--format", "jsonl", "./server:main.(*Arith).Mul")
	none := s.trace("funcslower", "-m", "60000", "./server:main.(*Arith).Mul")
	table := s.trace("funcslower", "-UK", "-u10", "./server:main.(*Arith).Mul")
	s.call(15)
	got := rows(t, interrupt(t, slow))
	if len(got) != 15 {
		t.Errorf("%d rows, want 15", len(got))
	}
	for _, row := range got {
		checkRow(t, row, s.server.PID())
	}
	if lines := interrupt(t, none); len(lines) != 1 {
		t.Errorf("calls above a minute: %v", lines)
	}
	checkTable(t, interrupt(t, table), s.server.PID())
}

func checkRow(t *testing.T, row map[string]any, pid int) {
	t.Helper()
	args, _ := row["args"].(map[string]any)
	factors, _ := args["args"].(map[string]any)
	if row["func"] != "main.(*Arith).Mul" || row["pid"] != float64(pid) || row["rval"] != 0.0 || row["comm"] != "server" {
		t.Errorf("row of another call: %v", row)
	}
	if ns := row["latency_ns"].(float64); ns < 3e6 {
		t.Errorf("a call of %v ns, although it sleeps for 3 ms", ns)
	}
	if factors["A"] != 10.0 || factors["B"] != 20.0 {
		t.Errorf("arguments %v", args)
	}
	if ret, _ := row["ret"].(map[string]any); len(ret) != 1 {
		t.Errorf("results %v", row["ret"])
	}
	if when, err := time.Parse("2006-01-02T15:04:05.999999-0700", row["time"].(string)); err != nil || time.Since(when).Abs() > time.Minute {
		t.Errorf("time %v, %v", row["time"], err)
	}
}

// checkTable tests that each row is followed by the frames that the article
// shows.
func checkTable(t *testing.T, lines []string, pid int) {
	t.Helper()
	head := []string{"Tracing function calls slower than 10 us... Ctrl+C to quit.", "COMM           PID    LAT(us)             RVAL FUNC ARGS"}
	for i, want := range head {
		if i >= len(lines) || lines[i] != want {
			t.Fatalf("line %d is not %q:\n%s", i, want, strings.Join(lines, "\n"))
		}
	}
	call := regexp.MustCompile(fmt.Sprintf(`^server         %-6d *\d{4,}\.\d\d                0 main\.\(\*Arith\)\.Mul \{ .*\.args = \{ \.A = 10, \.B = 20 \}.* \}$`, pid))
	frames := []string{"runtime.call64.abi0", "runtime.reflectcall", "reflect.Value.call", "reflect.Value.Call",
		"github.com/smallnest/rpcx/server.(*service).call", "github.com/smallnest/rpcx/server.(*Server).handleRequest"}
	calls := 0
	for i := len(head); i < len(lines); i++ {
		if strings.HasPrefix(lines[i], "    ") {
			continue
		}
		if calls++; !call.MatchString(lines[i]) {
			t.Errorf("row %q does not match %s", lines[i], call)
		}
		for j, want := range frames {
			if at := i + 1 + j; at >= len(lines) || !strings.HasPrefix(lines[at], "    "+want+"+") {
				t.Fatalf("frame %d of row %d is not %s:\n%s", j, calls, want, strings.Join(lines[i:], "\n"))
			}
		}
	}
	if calls != 15 {
		t.Errorf("%d rows, want 15", calls)
	}
}

// startGeneric starts a copy of the generic fixture.
func startGeneric(t *testing.T) (dir string, p *testkit.Proc) {
	t.Helper()
	testkit.Root(t)
	dir = t.TempDir()
	copyFile(t, testkit.Build(t, generic), filepath.Join(dir, "generic"))
	p = testkit.Start(t, filepath.Join(dir, "generic"))
	p.Stdout.WaitLine("^ready")
	return dir, p
}

// joinFunc is a function whose name holds braces, commas and blanks.
const joinFunc = "main.join[go.shape.struct { A int; B string },go.shape.int64]"

// TestScriptsRun tests that what --script prints runs as printed and sees the
// same calls, with a function whose name would break any text.
func TestScriptsRun(t *testing.T) {
	dir, fixture := startGeneric(t)
	tests := []struct {
		tool   []string
		result string // of the script, for 7 calls
	}{
		{[]string{"funccount"}, `(?m)^@calls\[` + regexp.QuoteMeta(joinFunc) + `\]: 7$`},
		{[]string{"funclatency", "-F"}, `(?m)^@total: \{ \.count = 7, `},
		{[]string{"funcslower", "-u", "0"}, `(?s)(\.func = ` + regexp.QuoteMeta(joinFunc) + `, \.args = \{ \.v = \{ \.A = \d, \.B = x \}.*?){7}`},
	}
	for _, tt := range tests {
		for _, target := range [][]string{{"./generic:" + joinFunc}, {"-p", strconv.Itoa(fixture.PID()), ":" + joinFunc}, {"./generic:main.join*"}} {
			args := append(append([]string{}, tt.tool...), target...)
			direct := traceIn(t, dir, args...)
			cmd := exec.Command(rpcxray(t), append(args, "--script")...)
			cmd.Dir = dir
			script, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "script.bt")
			if err := os.WriteFile(file, script, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd = exec.Command(rpcxray(t), "run", file)
			cmd.Dir = dir
			p := testkit.StartCmd(t, cmd)
			p.WaitAttached()
			fixture.Send("7")
			fixture.Stdout.WaitLine("^done 7$")
			out := strings.Join(interrupt(t, p), "\n")
			if !regexp.MustCompile(tt.result).MatchString(out) {
				t.Errorf("%v: %s is not in\n%s\nof\n%s", args, tt.result, out, script)
			}
			seen := strings.Join(interrupt(t, direct), "\n")
			if !strings.Contains(seen, joinFunc) && !strings.Contains(seen, "count: 7") {
				t.Errorf("%v: the tool itself saw\n%s", args, seen)
			}
		}
	}
}

// TestScriptsAreRight tests that no tool's script is warned of.
func TestScriptsAreRight(t *testing.T) {
	dir := startService(t).dir
	loader := run.NewLoader()
	defer loader.Close()
	server := filepath.Join(dir, "server")
	var lines [][]string
	for _, tool := range All() {
		line := []string{tool.Name}
		if tool.Name == "agent" {
			line = append(line, server)
		} else if tool.MinArgs > 0 {
			line = append(line, server+":main.*")
		}
		lines = append(lines, line)
	}
	lines = append(lines, []string{"rpc", server})
	for _, tool := range RPC()[1:] {
		lines = append(lines, []string{"rpc", tool.Name, server})
	}
	for _, line := range lines {
		text, err := exec.Command(rpcxray(t), append(line, "--script")...).Output()
		if err != nil {
			t.Fatalf("%v: %v", line, err)
		}
		diags, err := loader.Check(run.Options{Source: &diag.Source{Name: "script", Text: string(text)}})
		if err != nil || len(diags.All) > 0 {
			t.Errorf("%v: %v %v", line, err, diags.All)
		}
	}
}

// TestNativeRecursion tests the same scripts on C: every level of a recursion
// is a call.
func TestNativeRecursion(t *testing.T) {
	testkit.Root(t)
	dir := t.TempDir()
	copyFile(t, testkit.BuildC(t, "internal/tools/testdata/native/fact.c", "-g", "-O1", "-fno-optimize-sibling-calls"), filepath.Join(dir, "fact"))
	p := testkit.Start(t, filepath.Join(dir, "fact"))
	p.Stdout.WaitLine("^ready$")
	count := traceIn(t, dir, "funccount", "--format", "jsonl", "./fact:fact")
	latency := traceIn(t, dir, "funclatency", "--format", "jsonl", "./fact:fact")
	words := traceIn(t, dir, "funcslower", "-u0", "-a2", "--format", "jsonl", "./fact:fact")
	named := traceIn(t, dir, "funcslower", "-u0", "--format", "jsonl", "./fact:fact")
	p.Send("5")
	p.Stdout.WaitLine("^done 120$")
	if got := rows(t, interrupt(t, count)); len(got) != 1 || got[0]["func"] != "fact" || got[0]["count"] != 5.0 {
		t.Errorf("counted %v, want 5 calls", got)
	}
	if got := rows(t, interrupt(t, latency)); len(got) != 2 || got[1]["count"] != 5.0 {
		t.Errorf("timed %v, want 5 calls", got)
	}
	inner := [][2]float64{{1, 120}, {2, 60}, {3, 20}, {4, 5}, {5, 1}} // as they return
	for i, row := range rows(t, interrupt(t, words)) {
		if args := row["args"].([]any); args[0] != inner[i][0] || args[1] != inner[i][1] || row["rval"] != 120.0 {
			t.Errorf("return %d: words %v, result %v, want %v and 120", i, args, row["rval"], inner[i])
		}
	}
	for i, row := range rows(t, interrupt(t, named)) {
		if args := row["args"].(map[string]any); args["n"] != inner[i][0] || args["acc"] != inner[i][1] {
			t.Errorf("return %d: arguments %v, want n and acc %v", i, args, inner[i])
		}
	}
}

func TestTracepoints(t *testing.T) {
	s := startService(t)
	p := s.trace("funccount", "-p", strconv.Itoa(s.server.PID()), "t:syscalls:sys_enter_wri*")
	s.call(20)
	text := strings.Join(interrupt(t, p), "\n")
	m := regexp.MustCompile(`(?m)^syscalls:sys_enter_write +(\d+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no system calls that write:\n%s", text)
	}
	if n, _ := strconv.Atoi(m[1]); n < 20 {
		t.Errorf("%d writes for 20 replies", n)
	}
}

// TestProcessEnds tests that the end of the process of -p is told, after the
// last report.
func TestProcessEnds(t *testing.T) {
	s := startService(t)
	p := s.trace("funccount", "-p", strconv.Itoa(s.server.PID()), ":main.*.Mul")
	s.call(30)
	s.server.Stop(syscall.SIGKILL)
	if code := p.Wait(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	if !regexp.MustCompile(`(?m)^main\.\(\*Arith\)\.Mul +30$`).MatchString(p.Stdout.Text()) {
		t.Errorf("no summary:\n%s", p.Stdout.Text())
	}
	if !strings.Contains(p.Stderr.Text(), "the traced process ended") {
		t.Errorf("no word about the end:\n%s", p.Stderr.Text())
	}
}

// TestClosedPipe tests that `| head -1` ends a tool without complaint.
func TestClosedPipe(t *testing.T) {
	s := startService(t)
	cmd := exec.Command("sh", "-c", `{ "$0" funcslower -u 0 ./server:main.*.Mul; echo "status $?" >&2; } | head -1`, rpcxray(t))
	cmd.Dir = s.dir
	p := testkit.StartCmd(t, cmd)
	p.Stdout.WaitLine("^Tracing ")
	s.call(50)
	if got := p.Stderr.WaitLine("^status (.*)$")[1]; got != "0" {
		t.Errorf("exit status %s, want 0", got)
	}
	if lines := p.Stderr.Lines(); len(lines) != 1 {
		t.Errorf("complaints: %v", lines)
	}
}

func TestStrict(t *testing.T) {
	s := startService(t)
	if p := s.trace("funccount", "--strict", "-d", "0.1", mul); p.Wait() != 0 {
		t.Errorf("nothing was lost, yet:\n%s", p.Stderr.Text())
	}
	p := s.trace("funclatency", "--strict", "-d", "0.1", "./server:runtime.bad*")
	if code := p.Wait(); code != 1 || !strings.Contains(p.Stderr.Text(), "has no RET instruction") || !strings.Contains(p.Stderr.Text(), "--strict is set") {
		t.Errorf("functions got no probe, yet exit status %d:\n%s", code, p.Stderr.Text())
	}
}

func TestOutputFile(t *testing.T) {
	s := startService(t)
	p := s.trace("funccount", "--format", "csv", "--output", "counts.csv", mul)
	s.call(3)
	if lines := interrupt(t, p); len(lines) != 0 {
		t.Errorf("standard output has %v", lines)
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "counts.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^time,func,count\n[^,]+,main\.\(\*Arith\)\.Mul,3\n$`).Match(text) {
		t.Errorf("the file has\n%s", text)
	}
}

func TestBadInput(t *testing.T) {
	testkit.Root(t)
	dir, _ := startGeneric(t)
	tests := []struct {
		args string
		want string // on standard error
	}{
		{"funccount", "an argument is missing"},
		{"funccount ./generic:a ./generic:b", "one argument too many"},
		{"funccount -d 0 ./generic:main.main", "a time above 0"},
		{"funccount -i -1 ./generic:main.main", "a time above 0"},
		{"funccount -d ten ./generic:main.main", "a time above 0"},
		{"funccount -c 4095 ./generic:main.main", "CPU 4095: this machine has 0 to"},
		{"funccount -c -1 ./generic:main.main", "CPU -1"},
		{"funccount --nosuch ./generic:main.main", "unknown flag: --nosuch"},
		{"funccount --format xml ./generic:main.main", "table, json, jsonl, csv"},
		{"funccount --max-overhead much ./generic:main.main", "share of a CPU"},
		{"funccount --output /nonexistent/x ./generic:main.main", "/nonexistent/x"},
		{"funccount -p 0 ./generic:main.main", "process id"},
		{"funccount -p 4194304 :main.main", "process 4194304"},
		{"funccount ./generic", "write ./generic:FUNCTION"},
		{"funccount ./generic:main.jion", "did you mean"},
		{"funccount ./generic:main.*.nosuch", "main.*.nosuch"},
		{"funccount -r ./generic:^nosuch$", "no functions matched by pattern ./generic:^nosuch$"},
		{"funccount -r ./generic:(", "missing closing )"},
		{"funccount :main.main", "no process given with -p"},
		{"funccount ./nosuch:x", "./nosuch"},
		{"funccount /tmp:x", "a directory"},
		{"funccount /etc/passwd:x", "not an ELF file"},
		{"funccount sys_read", "t:syscalls:sys_enter_read"},
		{"funccount vfs_read", "kernel function vfs_read"},
		{"funccount u:c:x", `no static probe matches "u:c:x"`},
		{"funccount t:nosuch:x", `no tracepoint matches "t:nosuch:x"`},
		{"funclatency -u -m ./generic:main.main", "-u and -m"},
		{"funclatency -l 0 ./generic:main.main", "-l 0"},
		{"funclatency -c /nonexistent ./generic:main.main", "cgroup /nonexistent"},
		{"funclatency t:sched:sched_switch", "a tracepoint has no duration"},
		{"funclatency ./generic:runtime.badPointer", "has no RET instruction"},
		{"funcslower -u -3 ./generic:main.main", "a number of 0 or more"},
		{"funcslower -m x ./generic:main.main", "a number of 0 or more"},
		{"funcslower -a 7 ./generic:main.main", "1 to 6 arguments"},
		{"funcslower -d 0 ./generic:main.main", "a time above 0"},
		{"funcslower", "an argument is missing"},
		{"rpc tree /bin/true", "/bin/true is not a Go binary"},
	}
	said := regexp.MustCompile(`^(rpcxray|\w+:\d+:\d+-\d+: ERROR): `) // once, by the command or at the script's line
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			cmd := exec.Command(rpcxray(t), strings.Fields(tt.args)...)
			cmd.Dir = dir
			p := testkit.StartCmd(t, cmd)
			if code := p.Wait(); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			if got := p.Stderr.Text(); !strings.Contains(got, tt.want) || !said.MatchString(got) {
				t.Errorf("standard error does not have %q:\n%s", tt.want, got)
			}
			if got := p.Stdout.Text(); got != "" {
				t.Errorf("standard output has\n%s", got)
			}
		})
	}
}
