package tcpstates

import (
	"fmt"
	"net"
	"strings"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/render"
)

// journalSocket is where systemd's journal takes entries (systemd.io/JOURNAL_NATIVE_PROTOCOL).
const journalSocket = "/run/systemd/journal/socket"

// journal writes rows to systemd's journal.
type journal struct {
	conn    net.Conn
	columns []render.Column
	failed  bool
}

func openJournal() (*journal, error) {
	conn, err := net.Dial("unixgram", journalSocket)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &journal{conn: conn}
	for _, f := range []string{"pid", "comm", "ip", "laddr", "lport", "raddr", "rport", "oldstate", "newstate", "duration_ns"} {
		j.columns = append(j.columns, render.Column{Field: f})
	}
	return j, nil
}

// fields are the names that bcc's tool gives to the columns.
func fields() []string {
	return []string{"PID", "COMM", "IP", "TCP_SOURCE_ADDRESS", "TCP_SOURCE_PORT", "TCP_DESTINATION_ADDRESS",
		"TCP_DESTINATION_PORT", "TCP_OLD_STATE", "TCP_NEW_STATE", "TCP_SPAN_TIME"}
}

// write is a change of a plan: rows go on as they came.
func (j *journal) write(e events.Event) events.Event {
	r, ok := e.(*events.Record)
	if !ok || r.Action.Kind != prog.ActPrint || j.failed {
		return e
	}
	cells := render.Cells(j.columns, &events.Entry{Value: r.Values[0]})
	var text strings.Builder
	fmt.Fprintf(&text, "PRIORITY=6\nSYSLOG_IDENTIFIER=tcpstates\nMESSAGE=%s %s:%s > %s:%s %s > %s\n",
		cells[1].Text, cells[3].Text, cells[4].Text, cells[5].Text, cells[6].Text, cells[7].Text, cells[8].Text)
	for i, name := range fields() {
		fmt.Fprintf(&text, "OBJECT_%s=%s\n", name, cells[i].Text)
	}
	if _, err := j.conn.Write([]byte(text.String())); err != nil {
		j.failed = true
		return &events.Message{Level: "error", Text: fmt.Sprintf("journal: %v", err)}
	}
	return e
}
