package tools

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

// letters are the letters of the tcp tools' flags, which are those of bcc's and
// libbpf-tools' tools of the name.
var letters = map[string]string{
	"tcpaccept":  "4 ipv4, 6 ipv6, P localport, T time, U print-uid, t timestamp, v verbose",
	"tcpbind":    "4 ipv4, 6 ipv6, E errors, P localport, T time, U print-uid, c cgroup, t timestamp, u uid, v verbose, w wide, x failed",
	"tcpcong":    "4 ipv4, 6 ipv6, L localport, R remoteport, T time, d dist, u microseconds",
	"tcpconnect": "4 ipv4, 6 ipv6, C cgroupmap, L lport, M mntnsmap, P remoteport, T time, U print-uid, c count, d dns, s source-port, t timestamp, u uid, v verbose",
	"tcpconnlat": "4 ipv4, 6 ipv6, L lport, T time, t timestamp, v verbose",
	"tcpdrop":    "4 ipv4, 6 ipv6",
	"tcplife":    "4 ipv4, 6 ipv6, D remoteport, L localport, T time, s csv, t timestamp, v verbose, w wide",
	"tcplisten":  "4 ipv4, 6 ipv6, T time, n netns, t timestamp, v verbose",
	"tcppktlat":  "4 ipv4, 6 ipv6, T time, l localport, r remoteport, t tid, v verbose, w wide",
	"tcpretrans": "4 ipv4, 6 ipv6, c count, l lossprobe, s sequence, t timestamp",
	"tcprtt": "4 ipv4, 6 ipv6, A raddr, B byraddr, D debug, P remoteport, T time, a laddr, b byladdr, d duration, e extension, i interval, " +
		"m milliseconds, p localport, v verbose",
	"tcpstates": "4 ipv4, 6 ipv6, D remoteport, L localport, T time, Y journal, s csv, t timestamp, v verbose, w wide",
	"tcpsubnet": "4 ipv4, 6 ipv6, J json, f unit, i interval, v verbose",
	"tcpsynbl":  "4 ipv4, 6 ipv6, T time, v verbose",
	"tcptop":    "4 ipv4, 6 ipv6, C noclear, S nosummary, c cgroup, r rows, s sort, v verbose",
	"tcptracer": "4 ipv4, 6 ipv6, C cgroupmap, M mntnsmap, N netns, T time, U print-uid, t timestamp, u uid, v verbose",
}

// sharedFlags are the long names that every tcp tool has, with what a use of each puts
// into the script.
var sharedFlags = []struct{ flag, value, script string }{
	{"ipv4", "", "= 4"},
	{"ipv6", "", "= 6"},
	{"localport", "47110-47119", ">= 47110"},
	{"remoteport", "47110-47119", "<= 47119"},
	{"laddr", "10.9.8.7", "0x708090a"},
	{"raddr", "10.9.8.7", "0x708090a"},
	{"uid", "47110", ".uid == 47110"},
	{"comm", "somebody", `.comm == "somebody"`},
	{"netns", "47110", "ns.inum"},
	{"cgroup", "", ""},
	{"cgroupmap", "", ""},
	{"mntnsmap", "", ""},
}

// Flags mean the same in every tcp tool: they have one name, type and text, and
// none is forgotten in a script.
func TestTCPFlags(t *testing.T) {
	testkit.Root(t)
	usage := map[string]string{}
	for _, tt := range All() {
		if tt.Family != tcp.Family {
			continue
		}
		t.Run(tt.Name, func(t *testing.T) {
			cmd := &cobra.Command{}
			tt.New().Flags(cmd)
			var short []string
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Shorthand != "" {
					short = append(short, f.Shorthand+" "+f.Name)
				}
			})
			slices.Sort(short)
			if got := strings.Join(short, ", "); got != letters[tt.Name] {
				t.Errorf("letters\n%s, want\n%s", got, letters[tt.Name])
			}
			same := []string{"time", "timestamp", "wide", "count"}
			if reports := cmd.Flags().Lookup("interval") != nil; reports {
				same = []string{"interval", "duration"}
			}
			for _, s := range sharedFlags {
				same = append(same, s.flag)
			}
			for _, name := range same {
				f := cmd.Flags().Lookup(name)
				if f == nil {
					t.Errorf("no --%s", name)
					continue
				}
				is := fmt.Sprintf("%T %q %s", f.Value, f.DefValue, f.Usage)
				if usage[name] == "" {
					usage[name] = is
				}
				if is != usage[name] {
					t.Errorf("--%s is %s, elsewhere %s", name, is, usage[name])
				}
			}
			plain := script(t, tt.Name, 0)
			for _, s := range sharedFlags {
				if s.script == "" {
					continue
				}
				with := script(t, tt.Name, 0, strings.TrimSuffix("--"+s.flag+"="+s.value, "="))
				if with == plain || !strings.Contains(with, s.script) {
					t.Errorf("--%s %s does not put %q into the script", s.flag, s.value, s.script)
				}
			}
			pid := os.Getpid()
			if with := script(t, tt.Name, pid); !strings.Contains(with, fmt.Sprintf(".pid == %d", pid)) {
				t.Errorf("--pid is not in the script")
			}
		})
	}
}

func script(t *testing.T, name string, pid int, flags ...string) string {
	t.Helper()
	return plan(t, name, tool.Options{Format: "table", PID: pid}, flags...).Script(name, 0).Text
}
