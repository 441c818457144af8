package tcp

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/testkit"
)

type filterTest struct {
	flags         string
	first, second bool
}

// Each flag that chooses sockets lets its own through and keeps the others out.
func TestFilters(t *testing.T) {
	n := newNetns(t)
	one, two := n.server("127.0.0.1:0"), n.server("[::1]:0")
	group := newCgroup(t)
	first := n.client("127.0.0.1", one.port)
	second := n.client("[::1]", two.port)
	group.add(t, second.PID())
	inode := func(path string) uint64 {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	id, err := kernel.CgroupID(group.dir)
	if err != nil {
		t.Fatal(err)
	}
	process := func(p *peer) string { return fmt.Sprint(p.PID()) }
	tests := []filterTest{
		{"-p " + process(first), true, false},
		{"-P " + fmt.Sprint(two.port), false, true},
		{fmt.Sprintf("--remoteport %d,1-2", one.port), true, false},
		{"--localport 1-1000", false, false},
		{"-4", true, false},
		{"-6", false, true},
		{"--laddr ::1", false, true},
		{"--raddr 127.0.0.1", true, false},
		{"--raddr 127.0.0.2", false, false},
		{"-u 0", true, true},
		{"--uid 65534", false, false},
		{"--comm peer", true, true},
		{"--comm pee", false, false},
		{"--cgroup " + group.dir, false, true},
		{"--cgroupmap " + pinned(t, id), false, true},
		{"--cgroupmap " + pinned(t), false, false},
		{"--mntnsmap " + pinned(t, 7, inode("/proc/self/ns/mnt")), true, true},
		{"--mntnsmap " + pinned(t, 7), false, false},
		{"--netns /proc/" + process(one) + "/ns/net", true, true},
		{"--netns 1", false, false},
	}
	if emulated() {
		both := "--mntnsmap " + pinned(t, inode("/proc/self/ns/mnt")) + " -u 0 --comm peer"
		tests = tests[:0]
		tests = append(tests, filterTest{both + " -4 --raddr 127.0.0.1 -p " + process(first), true, false},
			filterTest{both + " -6 --laddr ::1 --cgroup " + group.dir + " --cgroupmap " + pinned(t, id), false, true},
			filterTest{"--cgroupmap " + pinned(t), false, false})
	}
	var tools []*testkit.Proc
	for _, tt := range tests {
		tools = append(tools, n.trace("tcpconnect", strings.Fields(tt.flags)...))
	}
	first.Send("1 1 client")
	second.Send("1 1 client")
	finish(t, first, second)
	for i, tt := range tests {
		got := map[int]int{}
		for _, r := range rows[row](t, tools[i]) {
			got[r.PID]++
		}
		want := map[int]int{}
		if tt.first {
			want[first.PID()] = 1
		}
		if tt.second {
			want[second.PID()] = 1
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: connections of %v, want %v", tt.flags, got, want)
		}
	}
}

type cgroup struct{ dir string }

// newCgroup makes a cgroup of version 2.
func newCgroup(t *testing.T) cgroup {
	t.Helper()
	mount, err := kernel.CgroupMount()
	if err != nil {
		t.Skip(err)
	}
	g := cgroup{filepath.Join(mount, fmt.Sprintf("rpcxray-test-%d", os.Getpid()))}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.empty(t)
		if err := os.Remove(g.dir); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g cgroup) add(t *testing.T, pid int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte(fmt.Sprint(pid)), 0); err != nil {
		t.Fatal(err)
	}
}

// empty moves what is left to the cgroup above.
func (g cgroup) empty(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if err != nil {
		t.Error(err)
	}
	for _, pid := range strings.Fields(string(text)) {
		_ = os.WriteFile(filepath.Join(filepath.Dir(g.dir), "cgroup.procs"), []byte(pid), 0)
	}
}

// pinned is the path of a pinned hash map with keys.
func pinned(t *testing.T, keys ...uint64) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 4, MaxEntries: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, k := range keys {
		if err := m.Put(k, uint32(0)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "map")
	if err := m.Pin(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Wrong flags have clear errors, and the exit status 1.
func TestErrors(t *testing.T) {
	if emulated() {
		t.Skip("no other kernel makes a difference")
	}
	buildOnce(t)
	const ports, address = "ports are 1 to 65535", "an address such as 10.0.0.1 or 2001:db8::1 is needed"
	for _, tt := range []struct{ line, want string }{
		{"tcplife -L 80,http", `"http" is no port`},
		{"tcplife -L 0", ports},
		{"tcplife -D 65536", ports},
		{"tcplife -D 1-", ports},
		{"tcplife -L " + strings.Repeat("1,", 200) + "1", "at most 128"},
		{"tcpconnect -P ,", ports},
		{"tcprtt -a localhost", address},
		{"tcprtt -A 300.1.1.1", address},
		{"tcprtt -b -B", "-b and -B"},
		{"tcprtt -i 0", "a time above 0"},
		{"tcprtt -d -1", "a time above 0"},
		{"tcpaccept -4 -6", "-4 and -6"},
		{"tcpsubnet 10.0.0.0/33", `"10.0.0.0/33" is no subnet`},
		{"tcpsubnet 10.0.0/8", `"10.0.0/8" is no subnet`},
		{"tcpsubnet 10.0.0.0/8,", `"" is no subnet`},
		{"tcpsubnet -f x", "not one of b, k, m, B, K, M"},
		{"tcpsubnet -i 0", "a time above 0"},
		{"tcptop 0", `INTERVAL "0"`},
		{"tcptop x", `INTERVAL "x"`},
		{"tcptop 1 0", `COUNT "0"`},
		{"tcptop 1 2 3", "one argument too many"},
		{"tcptop -s some", "not one of all, sent, received"},
		{"tcpsynbl -1", "unknown shorthand flag"},
		{"tcpcong 1 -2", "unknown shorthand flag"},
		{"tcpcong -L 5-x", ports},
		{"tcpconnlat fast", `MIN_MS "fast"`},
		{"tcppktlat -- -5", `MIN_US "-5"`},
		{"tcpconnect -d -c", "-d and -c"},
		{"tcpdrop --netns-id 5 --pid-netns 6", "--netns and --pid-netns"},
		{"tcpdrop --pid-netns 999999999", "no such file"},
		{"tcptracer --netns nowhere", `network namespace "nowhere"`},
		{"tcplife --cgroup /sys/fs/cgroup/no-such-group", "no such file"},
		{"tcplife --cgroup /etc", "not in a cgroup v2 hierarchy"},
		{"tcplife --cgroupmap /etc/passwd", "pinned map /etc/passwd"},
		{"tcplife --mntnsmap /nowhere", "pinned map /nowhere: no such file"},
		{"tcplife -p 999999999", "a process id is a number from 1 to"},
		{"tcplife -p 4194300", "process 4194300: there is none"},
		{"tcplife -u", "unknown shorthand flag"},
		{"tcplife --format xml", "it is one of table, json, jsonl, csv"},
		{"tcplife --output /nowhere/file", `output file: "/nowhere/file"`},
		{"tcpstates extra", "one argument too many"},
	} {
		refused(t, tt.line, tt.want)
	}
	for _, name := range family(t) {
		refused(t, name+" -4 -6", "-4 and -6")
		refused(t, name+" --localport 80,http", `"http" is no port`)
		refused(t, name+" --remoteport 0", ports)
		refused(t, name+" --laddr 10.0.0.0/8", address)
		refused(t, name+" --cgroup /sys/fs/cgroup/no-such-group", "no such file")
		refused(t, name+" --netns nowhere", `network namespace "nowhere"`)
		refused(t, name+" --uid root", "a number of 0 or more is needed")
		refused(t, name+" --format xml", "it is one of table, json, jsonl, csv")
	}
	for _, name := range []string{"tcprtt", "tcpsynbl", "tcpsubnet", "tcptop", "tcpcong"} {
		refused(t, name+" --interval 0", "a time above 0")
		refused(t, name+" --duration 0", "a time above 0")
		if name != "tcpsubnet" {
			refused(t, name+" 0", `INTERVAL "0"`)
			refused(t, name+" --interval 1 1", "only one of either can be given")
		}
	}
}

// refused tests that a command line ends with an error of one line.
func refused(t *testing.T, line, want string) {
	t.Helper()
	r := testkit.RunCLI(t, strings.Fields(line)...)
	if r.Code != 1 || !strings.Contains(r.Stderr, want) || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("%s: status %d, output %q, errors %q, want one line with %q", line, r.Code, r.Stdout, r.Stderr, want)
	}
}

// family are the names of the tools.
func family(t *testing.T) (names []string) {
	t.Helper()
	for line := range strings.Lines(testkit.RunCLI(t, "tcp").Stdout) {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
	}
	if len(names) != 16 {
		t.Fatalf("rpcxray tcp lists %q", names)
	}
	return names
}

// Without tracefs mounted tools work all the same, for it is opened without a mount.
// Where that is not allowed, those that need it say so, and the others work.
func TestWithoutTracefs(t *testing.T) {
	testkit.Root(t)
	buildOnce(t)
	const mayNot = "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "
	for _, tt := range []struct {
		tool, as string
		works    bool
	}{{"tcpaccept", "", true}, {"tcpsynbl", mayNot, true}, {"tcplife", mayNot, false}} {
		if tt.as != "" && guest() {
			continue // busybox has no such setpriv
		}
		// The mounts of this machine are hidden in a namespace of the tool's own.
		script := `umount -l /sys/kernel/tracing /sys/kernel/debug/tracing /sys/kernel/debug 2>/dev/null; exec ` + tt.as + `"$0" "$@"`
		cmd := exec.Command("sh", "-c", script, os.Getenv(testkit.EnvBinary), tt.tool, "--format", "jsonl")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		p := testkit.StartCmd(t, cmd)
		if !tt.works {
			p.Stderr.WaitLine(`mount -t tracefs tracefs /sys/kernel/tracing`)
			if code := p.Wait(); code != 1 {
				t.Errorf("%s%s ended with %d: %s", tt.as, tt.tool, code, p.Stderr.Text())
			}
			continue
		}
		p.Stderr.WaitLine(`^Tracing`)
		if code := p.Stop(interrupt); code != 0 {
			t.Errorf("%s%s ended with %d: %s", tt.as, tt.tool, code, p.Stderr.Text())
		}
	}
}
