package spans

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Reader makes calls of the records that a script prints.
type Reader struct {
	boot time.Time // when the kernel's clock was zero
	at   time.Time // when boot was looked up
	// Unnamed counts calls whose span has no id: each is a tree of its own.
	Unnamed uint64
}

// clockEvery is how often the kernel's clock is compared with the time of day, which
// may be set.
const clockEvery = time.Minute

// Call returns the call in a record; nil if there is none.
func (r *Reader) Call(e *events.Record) (*Call, error) {
	if e.Action.Kind != prog.ActPrint || e.Values[0].Type.Kind != types.Record {
		return nil, nil
	}
	if now := time.Now(); now.Sub(r.at) > clockEvery {
		boot, err := kernel.BootTime()
		if err != nil {
			return nil, fmt.Errorf("time of day: %w", err)
		}
		r.boot, r.at = boot, now
	}
	m := members{}
	v := &e.Values[0]
	for i := range v.Elems {
		if !v.Elems[i].Absent() && !v.Elems[i].Unreadable {
			m[v.Type.Fields[i].Name] = &v.Elems[i]
		}
	}
	if m["side"] == nil || m.number("transfer", 0) != 0 { // what was transferred is no call
		return nil, nil
	}
	c := m.call()
	c.Start = r.boot.Add(time.Duration(m.number("start_ns", 0)))
	if c.Span == 0 {
		r.Unnamed++
		c.Span, c.Parent = ID(rand.Uint64()|1), 0
	}
	if c.Trace == (TraceID{}) {
		binary.BigEndian.PutUint64(c.Trace[8:], uint64(c.Span))
	}
	return c, nil
}

// members are those of a record that have a value.
type members map[string]*events.Value

func (m members) call() *Call {
	c := &Call{
		Span: m.id("span_id"), Parent: m.id("parent_span"), Conn: m.id("conn"), Seq: uint64(m.number("seq", 0)),
		PID: int(m.number("pid", 0)), Process: m.text("comm"), Side: Side(m.text("side")), Framework: m.text("framework"),
		Service: m.text("service"), Method: m.text("method"), Status: m.text("status"), Error: m.text("error"),
		Of: m.id("call_span"), Attempt: int(m.number("attempt", 0)), Whole: m["attempts"] != nil, Attempts: int(m.number("attempts", 0)),
		OneWay: m.number("oneway", 0) != 0, Duration: time.Duration(m.number("latency_ns", None)), Handler: time.Duration(m.number("handler_ns", None)),
		ReqBytes: m.number("req_bytes", None), RespBytes: m.number("resp_bytes", None),
		Peer: m.address("peer"), Local: m.address("local"),
	}
	if trace, err := hex.DecodeString(m.text("trace_id")); err == nil && len(trace) == len(c.Trace) {
		copy(c.Trace[:], trace)
	}
	return c
}

func (m members) number(name string, otherwise int64) int64 {
	if v := m[name]; v != nil {
		return int64(v.Int)
	}
	return otherwise
}

func (m members) text(name string) string {
	if v := m[name]; v != nil {
		return Text(v.Str)
	}
	return ""
}

// Text is a text as UTF-8: traced processes may hold any bytes.
func Text(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }

func (m members) id(name string) ID {
	n, err := strconv.ParseUint(m.text(name), 16, 64)
	if err != nil {
		return 0
	}
	return ID(n)
}

func (m members) address(name string) netip.AddrPort {
	v := m[name]
	if v == nil {
		return netip.AddrPort{}
	}
	ip, err := netip.ParseAddr(v.Text)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, uint16(m.number(name+"_port", 0)))
}
