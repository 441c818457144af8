package tcp

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestLife(t *testing.T) {
	n := newNetns(t)
	begin := time.Now()
	tool := n.trace("tcplife")
	all := playAll(t, n)
	await(tool, len(all), `"tx_bytes"`)
	found := byEnd(t, rows[row](t, tool))
	took := time.Since(begin).Nanoseconds()
	if len(found) != len(all) {
		t.Errorf("%d rows of %d ends of connections", len(found), len(all))
	}
	for _, d := range all {
		r := found[d.end()]
		same(t, r, d)
		if r.TxBytes != d.Tx || r.RxBytes != d.Rx {
			t.Errorf("%s: sent %d, received %d bytes, the program %d and %d", d.Role, r.TxBytes, r.RxBytes, d.Tx, d.Rx)
		}
		// A reset ends the session of its receiver before that closes it.
		if least := d.Ns; r.Duration < least && d.Role == "client" || r.Duration <= 0 || r.Duration > took {
			t.Errorf("%s: %d ns, from the program's view at least %d, the test took %d", d.Role, r.Duration, least, took)
		}
	}
}

// Of many short connections none is missing, and none is another's.
func TestLifeMany(t *testing.T) {
	n := newNetns(t)
	tool := n.trace("tcplife")
	server := n.server("127.0.0.1:0")
	const clients = 4
	each := 2500
	if emulated() {
		each = 100
	}
	var peers []*peer
	for i := range clients {
		c := n.client("127.0.0.1", server.port)
		for j := range each {
			c.Send(fmt.Sprintf("%d 1 %s", 10*j+i, []string{"client", "server"}[j%2]))
		}
		peers = append(peers, c)
	}
	for _, c := range peers {
		for range each { // on slow machines they take longer than one wait lasts
			c.Stdout.WaitLine(`"Role":"client"`)
		}
	}
	all := finish(t, peers...)
	for range all {
		server.Stdout.WaitLine(`"Role":"server"`)
	}
	all = append(all, finish(t, server)...)
	await(tool, len(all), `"tx_bytes"`)
	list := rows[row](t, tool)
	if len(all) != 2*clients*each || len(list) != len(all) {
		t.Errorf("%d rows of %d ends of connections, want %d", len(list), len(all), 2*clients*each)
	}
	// A pair of ports may be used again, but with another number of bytes.
	type session struct {
		end
		tx, rx int64
	}
	found := map[session]row{}
	for _, r := range list {
		found[session{r.end(), r.TxBytes, r.RxBytes}] = r
	}
	for _, d := range all {
		r, ok := found[session{d.end(), d.Tx, d.Rx}]
		if !ok {
			t.Errorf("no row of %+v", d)
			continue
		}
		same(t, r, d)
	}
}

func TestAccept(t *testing.T) {
	n := newNetns(t)
	tool := n.trace("tcpaccept")
	all := ofRole(playAll(t, n), "server")
	found := byEnd(t, rows[row](t, tool))
	if len(found) != len(all) {
		t.Errorf("%d rows of %d accepted connections", len(found), len(all))
	}
	for _, d := range all {
		same(t, found[d.end()], d)
	}
}

func TestConnect(t *testing.T) {
	n := newNetns(t)
	tool := n.trace("tcpconnect")
	latencies := n.trace("tcpconnlat")
	all := ofRole(playAll(t, n), "client")
	found := byEnd(t, rows[row](t, tool))
	handshakes := byEnd(t, rows[row](t, latencies))
	if len(found) != len(all) || len(handshakes) != len(all) {
		t.Errorf("%d and %d rows of %d connections", len(found), len(handshakes), len(all))
	}
	for _, d := range all {
		same(t, found[d.end()], d)
		r := handshakes[d.end()]
		same(t, r, d)
		if r.Result != "ok" || r.Latency <= 0 || r.Latency > d.ConnectNs {
			t.Errorf("tcpconnlat says %s in %d ns, the program %d ns", r.Result, r.Latency, d.ConnectNs)
		}
	}
}

// A port that nobody listens on refuses; the row has the owner all the same.
func TestConnectRefused(t *testing.T) {
	n := newNetns(t)
	tool, latencies := n.trace("tcpconnect"), n.trace("tcpconnlat")
	clients := map[int]*peer{}
	took := map[int]int64{}
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		client := n.client(host, 9)
		client.Send("0 0 client")
		failed := finish(t, client)
		if len(failed) != 1 || failed[0].Error == "" {
			t.Fatalf("the program says %+v, want a refused connection", failed)
		}
		clients[client.PID()], took[client.PID()] = client, failed[0].ConnectNs
	}
	asked, ended := rows[row](t, tool), rows[row](t, latencies)
	if len(asked) != 2 || len(ended) != 2 || asked[0].PID == asked[1].PID || ended[0].PID == ended[1].PID {
		t.Fatalf("tcpconnect says %+v, tcpconnlat %+v, want one of each process", asked, ended)
	}
	for i := range asked {
		if r := asked[i]; clients[r.PID] == nil || r.Rport != 9 || r.Lport == 0 {
			t.Errorf("tcpconnect says %+v, want port 9", r)
		}
		if r := ended[i]; clients[r.PID] == nil || r.Result != "refused" || r.Latency <= 0 || r.Latency > took[r.PID] {
			t.Errorf("tcpconnlat says %+v, want a refusal within %d ns", r, took[r.PID])
		}
	}
}

// Counts are those of the program, and every flag about sockets keeps the others
// out.
func TestConnectCount(t *testing.T) {
	if emulated() {
		t.Skip("no other kernel makes a difference")
	}
	n := newNetns(t)
	one, two := n.server("127.0.0.1:0"), n.server("127.0.0.1:0")
	tool := n.trace("tcpconnect", "-c")
	port := n.trace("tcpconnect", "-c", "-P", strconv.Itoa(two.port)+",1-2")
	first, second := n.client("127.0.0.1", one.port), n.client("127.0.0.1", two.port)
	process := n.trace("tcpconnect", "-c", "-p", strconv.Itoa(first.PID()))
	none := n.trace("tcpconnect", "-c", "-6")
	for range 7 {
		first.Send("1 1 client")
	}
	for range 3 {
		second.Send("1 1 server")
	}
	finish(t, first, second)
	rowOne := counted{Laddr: "127.0.0.1", Raddr: "127.0.0.1", Rport: one.port, Count: 7}
	rowTwo := counted{Laddr: "127.0.0.1", Raddr: "127.0.0.1", Rport: two.port, Count: 3}
	if got := rows[counted](t, tool); !slices.Equal(got, []counted{rowOne, rowTwo}) {
		t.Errorf("all: %+v, want the larger first", got)
	}
	if got := rows[counted](t, port); !slices.Equal(got, []counted{rowTwo}) {
		t.Errorf("-P: %+v", got)
	}
	if got := rows[counted](t, process); !slices.Equal(got, []counted{rowOne}) {
		t.Errorf("-p: %+v", got)
	}
	if got := rows[counted](t, none); len(got) != 0 {
		t.Errorf("-6: %+v", got)
	}
}

func TestTracer(t *testing.T) {
	n := newNetns(t)
	tool := n.trace("tcptracer")
	all := playAll(t, n)
	await(tool, 2*len(all), `"type"`)
	begun, closed := map[end]row{}, map[end]row{}
	list := rows[row](t, tool)
	for _, r := range list {
		into := begun
		if r.Type == "close" {
			into = closed
		}
		into[r.end()] = r
		if r.Netns != n.inum {
			t.Errorf("network namespace %d, want %d", r.Netns, n.inum)
		}
	}
	if len(list) != 2*len(all) {
		t.Errorf("%d rows, want two of %d ends each", len(list), len(all))
	}
	for _, d := range all {
		b := begun[d.end()]
		same(t, b, d)
		if want := map[string]string{"client": "connect", "server": "accept"}[d.Role]; b.Type != want {
			t.Errorf("the row says %q, want %s", b.Type, want)
		}
		same(t, closed[d.end()], d)
	}
}

func TestStates(t *testing.T) {
	n := newNetns(t)
	tool := n.trace("tcpstates")
	s := scenario{"127.0.0.1:0", "127.0.0.1", []string{"1 1 client", "1 1 server", "1 1 reset"}, false}
	all := s.play(t, n)
	await(tool, len(all), `"newstate":"CLOSE"`)
	paths := map[string][]string{} // of sockets; addresses are used again
	type life struct {
		row
		path []string
	}
	lives := map[end]life{}
	for _, r := range rows[row](t, tool) {
		sk := string(r.SkAddr)
		path := paths[sk]
		if len(path) > 0 && path[len(path)-1] != r.Oldstate {
			t.Errorf("socket %s goes from %s on to %s", sk, path, r.Oldstate)
		}
		path = append(path, r.Newstate)
		if r.Newstate == "CLOSE" {
			lives[r.end()] = life{r, path}
			path = nil
		}
		paths[sk] = path
	}
	active, passive := []string{"FIN_WAIT1", "FIN_WAIT2", "CLOSE"}, []string{"CLOSE_WAIT", "LAST_ACK", "CLOSE"}
	begin := map[string][]string{"client": {"SYN_SENT", "ESTABLISHED"}, "server": {"SYN_RECV", "ESTABLISHED"}}
	clients := ofRole(all, "client") // in the order of the lines
	for _, d := range all {
		i := slices.IndexFunc(clients, func(c did) bool { return c.Lport == d.Lport || c.Lport == d.Rport })
		closer, how := []string{"client", "server", "reset"}[i], passive
		switch closer {
		case d.Role:
			how = active
		case "reset":
			how = []string{"CLOSE"}
		}
		l := lives[d.end()]
		same(t, l.row, d)
		if want := slices.Concat(begin[d.Role], how); !slices.Equal(l.path, want) {
			t.Errorf("%s, closed by %s: %s, want %s", d.Role, closer, l.path, want)
		}
	}
}
