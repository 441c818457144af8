package gobin

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParseMapping(t *testing.T) {
	tests := []struct {
		line string
		want Mapping
	}{
		{
			"00400000-00498000 r-xp 00001000 fe:01 263 /srv/my app/server",
			Mapping{Start: 0x400000, End: 0x498000, Offset: 0x1000, Perms: "r-xp", Dev: unix.Mkdev(0xfe, 1), Inode: 263, Path: "/srv/my app/server"},
		},
		{
			"7f00-7f10 rw-p 00000000 00:1b 7                          /tmp/x (deleted)",
			Mapping{Start: 0x7f00, End: 0x7f10, Perms: "rw-p", Dev: unix.Mkdev(0, 0x1b), Inode: 7, Path: "/tmp/x", Deleted: true},
		},
		{"c000000000-c000400000 rw-p 00000000 00:00 0 ", Mapping{Start: 0xc000000000, End: 0xc000400000, Perms: "rw-p"}},
		{
			"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
			Mapping{Start: 0xffffffffff600000, End: 0xffffffffff601000, Perms: "--xp", Path: "[vsyscall]"},
		},
	}
	for _, test := range tests {
		got, err := parseMapping(test.line)
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", test.line, diff)
		}
	}
	if _, err := parseMapping("no mapping"); err == nil {
		t.Error("a line that is no mapping gives no error")
	}
}

func TestOpenProcessWhoseFileIsGone(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "server")
	data, err := os.ReadFile(fixture(t, "pie"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin, data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	before, err := OpenProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	var running Processes
	if p := listed(t, &running, pid); p == nil || p.Exe != bin || p.Deleted {
		t.Errorf("before its file is deleted: %+v", p)
	}
	if err := os.Remove(bin); err != nil {
		t.Fatal(err)
	}
	f, err := OpenProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if fns, err := f.MatchBCC("main.(*Arith).Mul"); err != nil || len(fns) != 1 {
		t.Errorf("%v, %v", fns, err)
	}
	if bias, err := f.Bias(pid); err != nil || bias == 0 {
		t.Errorf("bias %#x, %v", bias, err)
	}
	id, err := f.ID()
	if err != nil {
		t.Fatal(err)
	}
	if want, err := before.ID(); err != nil || id != want || id.BuildID == "" || id.Inode == 0 {
		t.Errorf("identity %+v, %v; before it was deleted %+v", id, err, want)
	}
	if p := listed(t, &running, pid); p == nil || p.Exe != bin || !p.Deleted || p.Go.Version != f.Go.Version {
		t.Errorf("%+v", p)
	}

	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if p := listed(t, &running, pid); p != nil {
		t.Errorf("after its end: %+v", p)
	}
	if _, err := OpenProcess(pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after its end: %v", err)
	}
	if _, err := Mappings(pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("mappings after its end: %v", err)
	}
}

// listed is what a list says of a process; nil if it does not have it.
func listed(t *testing.T, running *Processes, pid int) *Process {
	t.Helper()
	procs, _, err := running.Go()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(procs, func(p Process) bool { return p.PID == pid })
	if i < 0 {
		return nil
	}
	return &procs[i]
}

func TestIDDiffersBetweenBuilds(t *testing.T) {
	a, err := openFixture(t, "plain").ID()
	if err != nil {
		t.Fatal(err)
	}
	b, err := openFixture(t, "pie").ID()
	if err != nil {
		t.Fatal(err)
	}
	if a == b || a.BuildID == b.BuildID {
		t.Errorf("%+v and %+v", a, b)
	}
}

func TestContainerID(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for _, line := range []string{
		"0::/system.slice/docker-" + id + ".scope",
		"0::/kubepods.slice/kubepods-pod1234.slice/cri-containerd-" + id + ".scope",
		"12:cpu:/docker/" + id + "\n11:memory:/docker/" + id,
	} {
		if got := containerIn([]byte(line)); got != id {
			t.Errorf("%s: %q", line, got)
		}
	}
	if got := containerIn([]byte("0::/user.slice/session-1.scope\n")); got != "" {
		t.Errorf("outside of a container: %q", got)
	}
}

func TestFrameworks(t *testing.T) {
	info := &GoInfo{BuildInfo: &debug.BuildInfo{Deps: []*debug.Module{
		{Path: "github.com/smallnest/rpcx", Version: "v1.9.1"},
		{Path: "google.golang.org/grpc/cmd", Version: "v1.0.0"},
	}}}
	names := []string{"main.main", "net/http.(*Server).Serve", "net/http.(*Client).do", "net/rpc.(*Server).ServeCodecs"}
	index := newNameIndex(len(names), func(i int32) string { return names[i] })
	for i, name := range names {
		index.add(int32(i), name)
	}
	table := &pclntab{byName: func() (*nameIndex, error) { return index, nil }}
	f := &File{Go: info, pcln: func() (*pclntab, error) { return table, nil }}
	if diff := cmp.Diff([]string{"rpcx v1.9.1", "net/http"}, f.Frameworks()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := openFixture(t, "plain").Frameworks(); got != nil {
		t.Errorf("the fixture has %q", got)
	}
}
