package tcp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// filters are all flags that choose sockets, at once.
func filters(t *testing.T) []string {
	list := strings.Fields("--pid 1 --localport 1-2,5 --remoteport 3 -4 --laddr 1.2.3.4 --raddr ::2 --uid 3 --comm x --netns 4")
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return append(list, "--cgroup", f[1])
		}
	}
	return list
}

// variants are the flags of tools that change their scripts.
var variants = map[string][]string{
	"tcpconnect": {"-c", "-c -L", "-d -L"}, "tcpretrans": {"-c"}, "tcpbind": {"--count", "-x"}, "tcprtt": {"-b -e", "-B -e", "-e -i 1 -d 3"},
	"tcpcong": {"-d", "1 3", "-d 1 3"}, "tcptop": {"-C 1 3"}, "tcpsynbl": {"1 3"}, "tcpsubnet": {"10.0.0.0/8,::/0"},
	"tcpdrop": {"--all", "--count"}, "tcppktlat": {"-t 1 5", "--count"}, "tcplife": {"--count"}, "tcpstates": {"--count"},
	"tcpaccept": {"--count"}, "tcpconnlat": {"--count 5"}, "tcptracer": {"--count"}, "tcplisten": {"--count"},
}

// What --script prints runs as it is, whatever the flags are: the kernel takes it.
func TestScripts(t *testing.T) {
	testkit.Root(t)
	buildOnce(t)
	for _, name := range family(t) {
		if emulated() { // a tool is its script, and starts once instead of twice
			if list := rows[row](t, startAnywhere(t, name, filters(t)...)); len(list) != 0 {
				t.Errorf("%s: %+v in spite of all filters", name, list)
			}
			continue
		}
		for _, v := range append(variants[name], "") {
			t.Run(strings.TrimSpace(name+" "+v), func(t *testing.T) {
				scriptRuns(t, name, append(strings.Fields(v), filters(t)...))
			})
		}
	}
}

func scriptRuns(t *testing.T, name string, flags []string) {
	script := testkit.RunCLI(t, append([]string{name, "--script"}, flags...)...)
	if script.Code != 0 || strings.Contains(script.Stdout, "getopt") {
		t.Fatalf("--script ended with %d: %s%s", script.Code, script.Stdout, script.Stderr)
	}
	file := filepath.Join(t.TempDir(), name+".bt")
	if err := os.WriteFile(file, []byte(script.Stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := testkit.RunCLI(t, "run", "-q", "--dry-run", file); r.Code != 0 || r.Stderr != "" {
		t.Errorf("the script ended with %d: %s", r.Code, r.Stderr)
	}
}
