package tcpconnect

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/tools/tcp"
)

// names is what programs have learned from name servers.
type names struct {
	byAddr map[netip.Addr]lookup
	now    time.Time // of the row that find is asked about
}

type lookup struct {
	name string
	at   time.Time
}

// maxNames bounds the memory; then all are forgotten.
const maxNames = 65536

// shownAge is the age from which on a name may belong to another connection.
const shownAge = 100 * time.Millisecond

// learn is a change of a plan: it takes the answers of name servers.
func (n *names) learn(e events.Event) events.Event {
	r, ok := e.(*events.Record)
	if !ok || r.Action.Kind != prog.ActPrint {
		return e
	}
	n.now = r.Wall
	row := &r.Values[0]
	if len(row.Elems) == 0 || row.Type.Fields[0].Name != "answer" {
		return e
	}
	for addr, name := range addresses(row.Elems[0].Str) {
		if n.byAddr == nil || len(n.byAddr) >= maxNames {
			n.byAddr = map[netip.Addr]lookup{}
		}
		n.byAddr[addr] = lookup{name, r.Wall}
	}
	return nil
}

// addresses are those in the answer of a name server, and the name that was asked
// for: aliases on the way do not matter. Of a message that is cut the first are found.
func addresses(message []byte) map[netip.Addr]string {
	found := map[netip.Addr]string{}
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || !h.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil || p.SkipAllQuestions() != nil {
		return nil
	}
	name := strings.TrimSuffix(q.Name.String(), ".")
	for {
		h, err := p.AnswerHeader()
		if err != nil {
			return found
		}
		switch h.Type {
		case dnsmessage.TypeA:
			a, err := p.AResource()
			if err != nil {
				return found
			}
			found[netip.AddrFrom4(a.A)] = name
		case dnsmessage.TypeAAAA:
			a, err := p.AAAAResource()
			if err != nil {
				return found
			}
			found[netip.AddrFrom16(a.AAAA).Unmap()] = name
		default:
			if p.SkipAnswer() != nil {
				return found
			}
		}
	}
}

// find makes an address the name that led to it.
func (n *names) find(v *events.Value) {
	addr, err := netip.ParseAddr(v.Text)
	l, known := n.byAddr[addr]
	switch age := n.now.Sub(l.at); {
	case err == nil && addr.IsLoopback() && !known:
		*v = tcp.Text("localhost")
	case !known:
		*v = tcp.Text("No DNS Query")
	case age > shownAge:
		*v = tcp.Text(fmt.Sprintf("%s (%.3fms)", l.name, float64(age.Microseconds())/1000))
	default:
		*v = tcp.Text(l.name)
	}
}
