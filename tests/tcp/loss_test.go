package tcp

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLoss(t *testing.T) {
	n := newNetns(t)
	n.inside(slowLoopback)
	begin := time.Now()
	retransmits, counts := n.trace("tcpretrans", "-s", "-l"), n.trace("tcpretrans", "-c")
	drops, life := n.trace("tcpdrop"), n.trace("tcplife")
	states, spread := n.trace("tcpcong"), n.trace("tcpcong", "-d", "-u")
	all := scenario{"127.0.0.1:0", "127.0.0.1", []string{"800000 1 client", "5 400000 client"}, false}.play(t, n)
	await(life, len(all), `"tx_bytes"`) // a closed connection sends nothing again
	if code := retransmits.Stop(interrupt); code != 0 {
		t.Fatalf("tcpretrans ended with %d", code)
	}
	took := time.Since(begin).Nanoseconds()

	t.Run("tcpretrans", func(t *testing.T) { checkRetransmits(t, all, parse[row](t, retransmits), rows[counted](t, counts)) })
	t.Run("tcplife", func(t *testing.T) {
		found := byEnd(t, rows[row](t, life))
		for _, d := range all {
			if r := found[d.end()]; r.TxBytes != d.Tx || r.RxBytes != d.Rx {
				t.Errorf("%s: sent %d, received %d bytes, the program %d and %d", d.Role, r.TxBytes, r.RxBytes, d.Tx, d.Rx)
			}
		}
	})
	t.Run("tcpdrop", func(t *testing.T) { checkDrops(t, all, rows[drop](t, drops)) })
	t.Run("tcpcong", func(t *testing.T) { checkStates(t, all, took, rows[congestion](t, states)) })
	t.Run("tcpcong -d", func(t *testing.T) {
		seen := map[string]int{}
		for _, r := range rows[spreadRow](t, spread) {
			for _, b := range r.Buckets {
				seen[r.State] += b.Count
			}
			if r.Unit != "usecs" {
				t.Errorf("unit %q", r.Unit)
			}
		}
		if seen["open"] == 0 || seen["recovery"]+seen["loss"] == 0 {
			t.Errorf("durations of states: %v, want some of open, and some of recovery or loss", seen)
		}
	})
}

type counted struct {
	Laddr, Raddr        string
	Lport, Rport, Count int
}

func checkRetransmits(t *testing.T, all []did, list []row, counts []counted) {
	perEnd := map[end]int{}
	for _, r := range list {
		perEnd[r.end()]++
		if !slices.Contains([]string{"recovery", "timeout", "reorder", "probe"}, r.Kind) {
			t.Errorf("a retransmission without a reason: %+v", r)
		}
	}
	byCount := map[end]int{}
	for _, c := range counts {
		byCount[end{c.Laddr, c.Lport, c.Raddr, c.Rport}] = c.Count
	}
	total := 0
	for _, d := range all {
		total += d.Retrans
		// A row may stand for several segments; the program asked before it closed: its
		// FIN may have been sent again.
		if got := perEnd[d.end()]; got == 0 && d.Retrans > 0 || got > d.Retrans+10 || byCount[d.end()] != got {
			t.Errorf("%s: %d rows, %d counted, the kernel told the program of %d", d.Role, got, byCount[d.end()], d.Retrans)
		}
	}
	if total == 0 {
		t.Fatal("nothing was retransmitted: the link is not lossy")
	}
	for _, r := range list {
		owner := slices.IndexFunc(all, func(d did) bool { return d.end() == r.end() })
		if owner < 0 {
			t.Errorf("a row of nobody's connection: %+v", r)
			continue
		}
		same(t, r, all[owner])
	}
}

type drop struct {
	PID          int
	Saddr, Daddr string
	Sport, Dport int
	State, Flags string
	Reason       string
	Kstack       []string
}

func checkDrops(t *testing.T, all []did, list []drop) {
	full := 0
	for _, r := range list {
		i := slices.IndexFunc(all, func(d did) bool { return d.Lport == r.Sport && d.Rport == r.Dport })
		if i < 0 {
			t.Errorf("a packet of nobody's connection: %+v", r)
			continue
		}
		if r.Reason != "QDISC_DROP" {
			continue
		}
		full++
		if r.PID != all[i].PID || r.Saddr != "127.0.0.1" || r.Daddr != "127.0.0.1" || !strings.Contains(r.Flags, "ACK") {
			t.Errorf("%+v, want a segment of process %d", r, all[i].PID)
		}
		if len(r.Kstack) == 0 || strings.HasPrefix(r.Kstack[0], "bpf_") {
			t.Errorf("the stack begins with %q", r.Kstack)
		}
	}
	if full == 0 {
		t.Error("no row of a full queue")
	}
}

type congestion struct {
	Laddr, Raddr string
	Lport, Rport int
	Open         int64 `json:"open_ns"`
	Disorder     int64 `json:"disorder_ns"`
	Cwr          int64 `json:"cwr_ns"`
	Recovery     int64 `json:"recovery_ns"`
	Loss         int64 `json:"loss_ns"`
	Changes      int
}

// checkStates holds the time in all states together against the connection's.
func checkStates(t *testing.T, all []did, took int64, list []congestion) {
	found := map[end]congestion{}
	for _, c := range list {
		found[end{c.Laddr, c.Lport, c.Raddr, c.Rport}] = c
	}
	for _, d := range all {
		c, ok := found[d.end()]
		if !ok && d.Retrans == 0 {
			continue
		}
		sum := c.Open + c.Disorder + c.Cwr + c.Recovery + c.Loss
		if c.Changes == 0 || sum < d.Ns || sum > took {
			t.Errorf("%s: %+v are %d ns in %d changes, the connection lasted %d, the test %d", d.Role, c, sum, c.Changes, d.Ns, took)
		}
	}
	if len(found) == 0 {
		t.Error("no connection changed its state")
	}
}

type spreadRow struct {
	State, Unit string
	Buckets     []struct{ Min, Max, Count int }
}

// A segment to a port that nobody listens on has no socket.
func TestDropNoSocket(t *testing.T) {
	n := newNetns(t)
	tool, other := n.trace("tcpdrop"), n.trace("tcpdrop", "--localport", "10")
	hosts := []string{"127.0.0.1", "::1"}
	for _, host := range hosts {
		client := n.client("["+host+"]", 9)
		client.Send("0 0 client")
		finish(t, client)
	}
	list := rows[drop](t, tool)
	if len(list) != len(hosts) {
		t.Fatalf("%+v, want a SYN of each version", list)
	}
	for i, r := range list {
		if r.Reason != "NO_SOCKET" || r.Flags != "SYN" || r.State != "NONE" || r.Dport != 9 || r.Daddr != hosts[i] {
			t.Errorf("%+v, want one SYN to port 9 of %s without a socket", r, hosts[i])
		}
	}
	if list := rows[drop](t, other); len(list) != 0 {
		t.Errorf("--localport 10: %+v", list)
	}
}
