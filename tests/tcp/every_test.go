package tcp

import (
	"encoding/csv"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// events are the tools with a row for each event; the others report about many.
var events = []string{"tcpaccept", "tcpbind", "tcpconnect", "tcpconnlat", "tcpdrop", "tcplife", "tcplisten", "tcppktlat", "tcpretrans", "tcpstates", "tcptracer"}

// Flags that choose sockets do so in every tool, and all formats have the same rows.
func TestEveryTool(t *testing.T) {
	if emulated() {
		t.Skip("each tool has tests of its own")
	}
	group := newCgroup(t)
	for _, name := range family(t) {
		t.Run(name, func(t *testing.T) {
			n := newNetns(t)
			var more []string
			keepOut := []string{"-6", "--comm nobody"}
			switch name {
			case "tcptop", "tcpsubnet":
				more = []string{"--interval", "60"}
			case "tcpretrans", "tcpcong":
				n.inside(slowLoopback)
			case "tcpdrop": // it takes addresses from packets, not from sockets
				n.inside(slowLoopback)
				keepOut = append(keepOut, "--raddr 127.0.0.9", "--laddr ::1", "--cgroup "+group.dir)
			case "tcpbind": // Go tries IPv6 to see whether it can be had
				keepOut[0] = "-6 --laddr 127.0.0.1"
			}
			own := append([]string{"-4", "--laddr", "127.0.0.1", "--localport", "1-65535", "--uid", "0", "--comm", "peer", "--cgroup", filepath.Dir(group.dir)}, more...)
			all := n.trace(name, own...)
			table := n.trace(name, append([]string{"--format", "csv"}, own...)...)
			others := map[string]*testkit.Proc{}
			for _, flags := range keepOut {
				others[flags] = n.trace(name, append(strings.Fields(flags), more...)...)
			}
			scenario{"127.0.0.1:0", "127.0.0.1", []string{"300000 1 client"}, false}.play(t, n)
			list := rows[row](t, all)
			if len(list) == 0 {
				t.Errorf("no rows with %q", own)
			}
			if code := table.Stop(interrupt); code != 0 {
				t.Errorf("csv: ended with %d: %s", code, table.Stderr.Text())
			}
			records, err := csv.NewReader(strings.NewReader(table.Stdout.Text())).ReadAll()
			if slices.Contains(events, name) && (err != nil || len(records) != len(list)+1) {
				t.Errorf("csv: %v, %d records, want titles and %d rows", err, len(records), len(list))
			}
			for flags, p := range others {
				if list := rows[row](t, p); len(list) != 0 {
					t.Errorf("%s: %d rows, want none: %s", flags, len(list), fmt.Sprint(p.Stdout.Lines()))
				}
			}
		})
	}
}
