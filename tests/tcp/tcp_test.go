// Package tcp runs the tools about TCP on real connections in network namespaces of
// its own, and compares each row with what the ends of the connection know.
package tcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// netns is a network namespace with nothing but loopback.
type netns struct {
	t    *testing.T
	file *os.File // keeps it
	inum uint64
}

// newNetns makes a network namespace and brings its loopback up.
func newNetns(t *testing.T) *netns {
	t.Helper()
	testkit.Root(t)
	buildOnce(t)
	n := &netns{t: t}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		made <- n.make()
	}()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.file.Close() })
	return n
}

// buildOnce builds the command once a test instead of at each use.
func buildOnce(t *testing.T) { t.Setenv(testkit.EnvBinary, testkit.CLI(t)) }

func (n *netns) make() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("making a network namespace: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	var err error
	if n.file, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(n.file.Fd()), &st); err != nil {
		return err
	}
	n.inum = st.Ino
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// start starts a program in the namespace.
func (n *netns) start(path string, args ...string) *testkit.Proc {
	n.t.Helper()
	started := make(chan *testkit.Proc)
	go func() {
		runtime.LockOSThread() // for good
		defer close(started)
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			n.t.Error(err)
			return
		}
		started <- testkit.StartCmd(n.t, exec.Command(path, args...))
	}()
	p := <-started
	if p == nil {
		n.t.FailNow()
	}
	return p
}

// inside runs f on a thread in the namespace: the sockets that it makes are there.
func (n *netns) inside(f func() error) {
	n.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	if err := <-done; err != nil {
		n.t.Fatal(err)
	}
}

// did is what an end of a connection tells of it; see testdata/peer.
type did struct {
	Role         string
	Laddr, Raddr string
	Lport, Rport int
	Tx, Rx       int64
	Ns           int64
	ConnectNs    int64
	Retrans      int
	Error        string

	PID  int    `json:"-"`
	Comm string `json:"-"`
}

// peer is a running end; comm is its program's name.
type peer struct {
	*testkit.Proc
	comm string
	port int
}

func build(t *testing.T) string {
	t.Helper()
	return testkit.Build(t, fixture.Spec{Dir: "tests/tcp/testdata/peer"})
}

// server starts a server on address, whose port the system chooses.
func (n *netns) server(address string) *peer {
	n.t.Helper()
	p := &peer{Proc: n.start(build(n.t), "listen", address), comm: "peer"}
	p.listening(n.t)
	return p
}

func (p *peer) listening(t *testing.T) {
	t.Helper()
	if _, err := fmt.Sscan(p.Stdout.WaitLine(`^port (\d+)$`)[1], &p.port); err != nil {
		t.Fatal(err)
	}
}

// client starts a client of a port at host.
func (n *netns) client(host string, port int) *peer {
	n.t.Helper()
	p := &peer{Proc: n.start(build(n.t), "dial", fmt.Sprintf("%s:%d", host, port)), comm: "peer"}
	p.Stdout.WaitLine(`^ready$`)
	return p
}

// buildC builds the ends in C: they block, send files and splice.
func buildC(t *testing.T) string {
	t.Helper()
	return testkit.BuildC(t, "tests/tcp/testdata/cpeer/cpeer.c", "-static", "-pthread")
}

// serverC starts a server in C with threads that accept, from one socket or each from
// its own.
func (n *netns) serverC(address string, threads int, each bool) *peer {
	n.t.Helper()
	args := []string{"listen", address, "0", fmt.Sprint(threads)}
	if each {
		args = append(args, "each")
	}
	p := &peer{Proc: n.start(buildC(n.t), args...), comm: "cpeer"}
	p.listening(n.t)
	return p
}

// clientC starts a client in C of a port at an address.
func (n *netns) clientC(address string, port int) *peer {
	n.t.Helper()
	p := &peer{Proc: n.start(buildC(n.t), "dial", address, fmt.Sprint(port)), comm: "cpeer"}
	p.Stdout.WaitLine(`^ready$`)
	return p
}

// finish ends the peers and returns what they did.
func finish(t *testing.T, peers ...*peer) []did {
	t.Helper()
	var all []did
	for _, p := range peers {
		p.CloseStdin()
		if code := p.Wait(); code != 0 {
			t.Fatalf("a peer ended with %d: %s", code, p.Stderr.Text())
		}
		for _, line := range p.Stdout.Lines() {
			if !strings.HasPrefix(line, "{") {
				continue
			}
			d := did{PID: p.PID(), Comm: p.comm}
			if err := json.Unmarshal([]byte(line), &d); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			all = append(all, d)
		}
	}
	return all
}

// row is what a tool prints of an event; each has some of the members.
type row struct {
	Time      string
	PID       int
	UID       *int
	Comm      string
	IP        int
	Laddr     string
	Raddr     string
	Lport     int
	Rport     int
	Netns     uint64
	Type      string
	Result    string
	State     string
	Oldstate  string
	Newstate  string
	Kind      string
	Reason    string
	Flags     string
	TxBytes   int64           `json:"tx_bytes"`
	RxBytes   int64           `json:"rx_bytes"`
	Duration  int64           `json:"duration_ns"`
	Latency   int64           `json:"latency_ns"`
	SkAddr    json.RawMessage `json:"skaddr"` // a number, or a string where a double would not hold it
	Backlog   int
	Protocol  string
	Ret       int
	Options   string
	Requested int `json:"requested_port"`
}

// trace starts a tool for sockets of the namespace, and waits until it traces.
func (n *netns) trace(name string, args ...string) *testkit.Proc {
	n.t.Helper()
	return startAnywhere(n.t, name, append([]string{"--netns", fmt.Sprint(n.inum)}, args...)...)
}

// startAnywhere starts a tool for sockets of all namespaces.
func startAnywhere(t *testing.T, name string, args ...string) *testkit.Proc {
	t.Helper()
	p := testkit.StartCLI(t, append([]string{name, "--format", "jsonl"}, args...)...)
	p.Stderr.WaitLine(`^Tracing`)
	return p
}

// interrupt is how users end a tool.
const interrupt = syscall.SIGINT

// rows ends a tool and returns its rows.
func rows[T any](t *testing.T, p *testkit.Proc) []T {
	t.Helper()
	if code := p.Stop(interrupt); code != 0 {
		t.Fatalf("the tool ended with %d\n%s", code, p.Stderr.Text())
	}
	return parse[T](t, p)
}

// await waits until a tool has printed so many lines that match.
func await(p *testkit.Proc, count int, pattern string) {
	for range count {
		p.Stdout.WaitLine(pattern)
	}
}

// parse returns the rows of a tool that has ended.
func parse[T any](t *testing.T, p *testkit.Proc) []T {
	t.Helper()
	for _, line := range p.Stderr.Lines() {
		switch {
		case strings.HasPrefix(line, "Tracing"):
		case guest() && strings.Contains(line, " missed: "):
			// An interrupt that comes while a program runs, as emulated CPUs often have it.
			t.Logf("the tool says: %s", line)
		default:
			t.Errorf("the tool says: %s", line)
		}
	}
	var list []T
	for _, line := range p.Stdout.Lines() {
		var r T
		d := json.NewDecoder(bytes.NewReader([]byte(line)))
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, r)
	}
	return list
}

// end names an end of a connection.
type end struct {
	laddr string
	lport int
	raddr string
	rport int
}

func (d did) end() end { return end{d.Laddr, d.Lport, d.Raddr, d.Rport} }
func (r row) end() end { return end{r.Laddr, r.Lport, r.Raddr, r.Rport} }

// version is the IP version of a connection.
func (d did) version() int {
	if strings.Contains(d.Laddr, ":") {
		return 6
	}
	return 4
}

// byEnd finds rows by the end of the connection, and fails where there are two.
func byEnd(t *testing.T, list []row) map[end]row {
	t.Helper()
	m := map[end]row{}
	for _, r := range list {
		if _, twice := m[r.end()]; twice {
			t.Errorf("two rows of %+v", r.end())
		}
		m[r.end()] = r
	}
	return m
}

// same fails the test unless a row tells the owner and addresses that the end has.
func same(t *testing.T, r row, d did) {
	t.Helper()
	if r.PID != d.PID || r.Comm != d.Comm || r.IP != d.version() || r.end() != d.end() {
		t.Errorf("the row says %d %s IP %d %+v, the program %d %s IP %d %+v",
			r.PID, r.Comm, r.IP, r.end(), d.PID, d.Comm, d.version(), d.end())
	}
	if r.UID != nil && *r.UID != 0 {
		t.Errorf("user %d, want root", *r.UID)
	}
	if r.Time == "" {
		return // reports have no time
	}
	when, err := time.Parse("2006-01-02T15:04:05.999999-0700", strings.Replace(r.Time, "Z", "+0000", 1))
	if err != nil || when.Before(begun) || time.Since(when) < -time.Second {
		t.Errorf("time %q, %v: the test runs since %v", r.Time, err, begun)
	}
}

// begun is when the tests began.
var begun = time.Now().Add(-time.Second)

// ofRole are what servers or clients did.
func ofRole(all []did, role string) []did {
	return slices.DeleteFunc(slices.Clone(all), func(d did) bool { return d.Role != role })
}

// scenario is connections of many kinds between two processes.
type scenario struct {
	listen, host string
	lines        []string
	inC          bool
}

// guest tells whether the machine is one of make test-kernels, which takes ten times as
// long.
func guest() bool { return os.Getenv(testkit.EnvKernel) != "" }

// emulated tells whether a part of each test is enough there: with RPCXRAY_FULL=1 all of
// it runs.
func emulated() bool { return guest() && os.Getenv("RPCXRAY_FULL") == "" }

func scenarios() map[string]scenario {
	all := allScenarios()
	if emulated() {
		return map[string]scenario{"any": all["any"], "C, mapped": all["C, mapped"]}
	}
	return all
}

func allScenarios() map[string]scenario {
	mixed := []string{"0 0 client", "1 1 server", "1000 100000 client", "300000 7 server", "5 5 reset"}
	return map[string]scenario{
		"ipv4":       {"127.0.0.1:0", "127.0.0.1", mixed, false},
		"ipv6":       {"[::1]:0", "[::1]", mixed, false},
		"dual stack": {"[::]:0", "127.0.0.1", mixed, false},
		"any":        {":0", "[::1]", mixed, false},
		"C":          {"127.0.0.1", "127.0.0.1", mixed, true},
		"C, mapped":  {"::", "::ffff:127.0.0.1", mixed, true},
	}
}

// playAll makes the connections of all scenarios.
func playAll(t *testing.T, n *netns) (all []did) {
	t.Helper()
	for _, s := range scenarios() {
		all = append(all, s.play(t, n)...)
	}
	return all
}

// play makes the connections of a scenario and returns what both ends did.
func (s scenario) play(t *testing.T, n *netns) []did {
	t.Helper()
	var server, client *peer
	if s.inC {
		server = n.serverC(s.listen, 2, false)
		client = n.clientC(s.host, server.port)
	} else {
		server = n.server(s.listen)
		client = n.client(s.host, server.port)
	}
	for _, line := range s.lines {
		client.Send(line)
	}
	done := finish(t, client)
	for range done {
		server.Stdout.WaitLine(`"Role":"server"`)
	}
	all := append(done, finish(t, server)...)
	if want := 2 * len(s.lines); len(all) != want {
		t.Fatalf("the programs tell of %d ends of connections, want %d", len(all), want)
	}
	return all
}
