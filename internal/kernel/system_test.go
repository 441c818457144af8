package kernel

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestSyscallNames(t *testing.T) {
	for nr, name := range map[int]string{
		unix.SYS_GETPID: "getpid", unix.SYS_OPENAT: "openat", unix.SYS_BPF: "bpf", unix.SYS_RSEQ: "rseq",
	} {
		if got := SyscallName(nr); got != name {
			t.Errorf("system call %d is %q, want %q", nr, got, name)
		}
		if got, ok := SyscallNumber(name); !ok || got != nr {
			t.Errorf("%s is system call %d (%v), want %d", name, got, ok, nr)
		}
	}
	if got, want := SyscallName(5000), "[unknown: 5000]"; got != want {
		t.Errorf("system call 5000 is %q, want %q", got, want)
	}
	if got := SyscallName(-1); got != "[unknown: -1]" {
		t.Errorf("system call -1 is %q", got)
	}
	for _, none := range []string{"", "no_such_call"} {
		if nr, ok := SyscallNumber(none); ok {
			t.Errorf("%q is system call %d", none, nr)
		}
	}
}

// The kernel's own list of tracepoints has to agree but for the calls whose
// functions in the kernel have another name.
func TestSyscallNamesAgainstTracepoints(t *testing.T) {
	needRoot(t)
	fs, err := OpenTracefs()
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	events, err := fs.Tracepoints("syscalls", "sys_enter_*")
	if err != nil {
		t.Fatal(err)
	}
	renamed := map[string]bool{"newfstat": true, "newlstat": true, "newstat": true, "newuname": true, "sendfile64": true, "umount": true}
	missing := 0
	for _, e := range events {
		name := strings.TrimPrefix(e, "syscalls:sys_enter_")
		if _, ok := SyscallNumber(name); !ok && !renamed[name] {
			t.Logf("not in the table: %s", name)
			missing++
		}
	}
	if len(events) < 250 || missing > len(events)/20 {
		t.Errorf("%d of %d system calls are not in the table", missing, len(events))
	}
}

func TestErrnoAndSignalNames(t *testing.T) {
	for errno, want := range map[int][2]string{
		0: {"", "Success"}, 1: {"EPERM", "Operation not permitted"}, 2: {"ENOENT", "No such file or directory"},
		11:  {"EAGAIN", "Try again (operation would block)"},
		133: {"EHWPOISON", "Memory page has hardware error"}, 9999: {"", "Unknown error"},
	} {
		if got := [2]string{ErrnoName(errno), ErrnoText(errno)}; got != want {
			t.Errorf("errno %d is %q, want %q", errno, got, want)
		}
	}
	for sig, want := range map[int]string{9: "SIGKILL", 15: "SIGTERM", 34: "SIGRTMIN", 36: "SIGRTMIN+2", 64: "SIGRTMIN+30", 65: "", 0: ""} {
		if got := SignalName(sig); got != want {
			t.Errorf("signal %d is %q, want %q", sig, got, want)
		}
	}
	for name, want := range map[string]int{"SIGKILL": 9, "KILL": 9, "usr1": 10, "bogus": 0, "": 0} {
		if got, ok := SignalNumber(name); got != want || ok != (want > 0) {
			t.Errorf("signal %q is %d (%v), want %d", name, got, ok, want)
		}
	}
}

func TestParseCPUs(t *testing.T) {
	got, err := parseCPUs("0-2,5,7-8")
	if diff := cmp.Diff([]int{0, 1, 2, 5, 7, 8}, got); diff != "" || err != nil {
		t.Errorf("CPUs: %v\n%s", err, diff)
	}
	for _, bad := range []string{"", "x", "3-1", "0-", "-1", "0-99999999", "1,,2"} {
		if got, err := parseCPUs(bad); err == nil {
			t.Errorf("CPUs %q: got %v, want an error", bad, got)
		}
	}
	online, err := OnlineCPUs()
	possible, err2 := PossibleCPUs()
	if err != nil || err2 != nil || len(online) == 0 || len(online) > len(possible) {
		t.Errorf("online %v %v, possible %v %v", online, err, possible, err2)
	}
}

func TestBootTime(t *testing.T) {
	boot, err := BootTime()
	if err != nil {
		t.Fatal(err)
	}
	up, err := SinceBoot()
	if err != nil {
		t.Fatal(err)
	}
	if off := time.Since(boot) - up; off < -time.Second || off > time.Second {
		t.Errorf("boot time and uptime are %v apart from now", off)
	}
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nbtime ")
	seconds, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if diff := boot.Unix() - seconds; diff < -1 || diff > 1 {
		t.Errorf("boot time %d, /proc/stat says %d", boot.Unix(), seconds)
	}
}

func TestOwnPIDNamespace(t *testing.T) {
	ns, err := OwnPIDNamespace()
	if err != nil {
		t.Fatal(err)
	}
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	if want := "pid:[" + strconv.FormatUint(ns.Ino, 10) + "]"; link != want {
		t.Errorf("namespace %s, /proc says %s", want, link)
	}
	if ns.Dev == 0 || ns.Initial != (link == "pid:[4026531836]") {
		t.Errorf("namespace %+v", ns)
	}
}

func TestCgroupMount(t *testing.T) {
	for text, want := range map[string]string{
		"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n":                         "/sys/fs/cgroup",
		"30 23 0:26 / /a\\040b rw - cgroup2 none rw\n":                                                  "/a b",
		"1 2 0:1 / /cpu rw - cgroup cgroup rw,cpu\n3 2 0:2 / /unified rw master:1 - cgroup2 cgroup2 rw": "/unified",
		"1 2 0:1 / /cpu rw - cgroup cgroup rw,cpu\n":                                                    "",
		"":           "",
		" - cgroup2": "",
	} {
		got, err := cgroupMount(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("mountinfo %q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestCgroupID(t *testing.T) {
	needRoot(t)
	mount, err := CgroupMount()
	if err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp(mount, "kernel-test-")
	if err != nil {
		t.Skip(err)
	}
	defer os.Remove(dir)
	id, err := CgroupID(dir)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	if id != st.Ino {
		t.Errorf("id %d, inode %d", id, st.Ino)
	}
	if path, err := CgroupPath(id); err != nil || path != strings.TrimPrefix(dir, mount) {
		t.Errorf("path of %d is %q, %v; want %q", id, path, err, strings.TrimPrefix(dir, mount))
	}
	if _, err := CgroupID("/no/such/group"); err == nil {
		t.Error("a group that does not exist has an id")
	}
	if path, err := CgroupPath(1 << 60); err == nil {
		t.Errorf("id without a group has the path %q", path)
	}
}
