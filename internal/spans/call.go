// Package spans holds calls as values: read from what a script prints, joined to
// trees across processes, and drawn as text, as Chrome's trace events and as a page.
package spans

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// ID is the id of a span; 0 is none.
type ID uint64

// TraceID is the id of a trace; all zero is none.
type TraceID [16]byte

// Side is an end of a call.
type Side string

// The sides of a call.
const (
	Server Side = "server"
	Client Side = "client"
)

// None is a duration or a size that a call does not have.
const None = -1

// Call is one side's view of a call that has ended. Each side is a span: the
// server's parent is the client's, whose parent is the span of the call that was
// served when it was made.
type Call struct {
	Trace  TraceID
	Span   ID
	Parent ID
	Conn   ID     // the connection: its ends give it the same id; 0: not known
	Seq    uint64 // number of the call on it

	// A client may make a call in several attempts, each a Call: these know the span of
	// the whole call, and their number from 1. The whole knows how many they were.
	Of       ID
	Attempt  int
	Whole    bool
	Attempts int

	PID       int
	Process   string // its name
	Side      Side
	Framework string
	Service   string
	Method    string
	Status    string // ok, error or timeout
	Error     string // its text
	OneWay    bool

	Start     time.Time
	Duration  time.Duration // None: the call is not timed
	Handler   time.Duration // in the service's own code; None: not known
	ReqBytes  int64         // None: not known
	RespBytes int64
	Peer      netip.AddrPort // of the other side; invalid: not known
	Local     netip.AddrPort
}

// Apart returns the ids by which a server names its side of a client's call when it
// cannot know the trace, because the client is on another host; false if there are
// none, or if they are those of the client's trace.
func (c *Call) Apart() (TraceID, ID, bool) {
	if c.Side != Client || c.Conn == 0 || c.Peer.Addr().IsLoopback() {
		return TraceID{}, 0, false
	}
	var t TraceID
	binary.BigEndian.PutUint64(t[:], c.id(2))
	binary.BigEndian.PutUint64(t[8:], c.id(3))
	return t, ID(c.id(1)), t != c.Trace
}

// id is what the framework's scripts make of a connection and the number of a call:
// which is 0 for the client's span, 1 for the server's, 2 and 3 for the trace.
func (c *Call) id(which uint64) uint64 { return mix(uint64(c.Conn) ^ mix(c.Seq*8+which+1)) }

// mix spreads the bits of n, as MurmurHash3 does at its end.
func mix(n uint64) uint64 {
	n = (n ^ n>>33) * 0xff51afd7ed558ccd
	n = (n ^ n>>33) * 0xc4ceb9fe1a85ec53
	return n ^ n>>33
}

// Name is what the call is known by.
func (c *Call) Name() string {
	if c.Service == "" || c.Method == "" {
		return c.Service + c.Method
	}
	return c.Service + "." + c.Method
}

// Tries says which of several attempts it is, or how many it had; "" of other calls.
func (c *Call) Tries() string {
	switch {
	case c.Whole && c.Attempts == 1:
		return "1 attempt"
	case c.Whole:
		return fmt.Sprintf("%d attempts", c.Attempts)
	case c.Of != 0 && c.Parent == c.Of:
		return fmt.Sprintf("attempt %d", c.Attempt)
	}
	return ""
}

// Failed tells whether the call did not end well.
func (c *Call) Failed() bool { return c.Status != "ok" }

// End is when the call ended.
func (c *Call) End() time.Time { return c.Start.Add(max(c.Duration, 0)) }
