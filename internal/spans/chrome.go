package spans

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Chrome writes trees as Chrome's trace events, which Perfetto and chrome://tracing
// show: a process has a track for each call that was under way at the same time.
type Chrome struct {
	w      *bufio.Writer
	count  int
	lanes  map[int][]time.Time // by process: when the last call of a track ends
	lane   map[*Node]int
	inside map[*Node]time.Time // when the last call on its own track in a call ends
}

// NewChrome returns a Chrome that writes to w.
func NewChrome(w io.Writer) *Chrome {
	return &Chrome{w: bufio.NewWriter(w), lanes: map[int][]time.Time{}}
}

// chromeEvent is an event in Chrome's form; times are in µs.
//
// form: docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
type chromeEvent struct {
	Phase string         `json:"ph"`
	Name  string         `json:"name"`
	Cat   string         `json:"cat,omitempty"`
	TS    float64        `json:"ts"`
	Dur   *float64       `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	ID    string         `json:"id,omitempty"`
	Bind  string         `json:"bp,omitempty"`
	Args  map[string]any `json:"args,omitempty"`
}

// Tree writes a tree.
func (c *Chrome) Tree(root *Node) error {
	c.lane, c.inside = map[*Node]int{}, map[*Node]time.Time{}
	return c.node(root, nil)
}

func (c *Chrome) node(n, parent *Node) error {
	if _, known := c.lanes[n.PID]; !known {
		c.lanes[n.PID] = nil
		if err := c.event(chromeEvent{Phase: "M", Name: "process_name", PID: n.PID, Args: map[string]any{"name": n.Process}}); err != nil {
			return err
		}
	}
	c.lane[n] = c.track(n, parent)
	dur := micros(max(n.Duration, 0))
	e := chromeEvent{Phase: "X", Name: n.Name(), Cat: string(n.Side), TS: stamp(n.Start), Dur: &dur, PID: n.PID, TID: c.lane[n], Args: arguments(n.Call)}
	if err := c.event(e); err != nil {
		return err
	}
	if parent != nil && n.Side == Server {
		if err := c.arrow(parent, n); err != nil {
			return err
		}
	}
	for _, child := range n.Children {
		if err := c.node(child, n); err != nil {
			return err
		}
	}
	return nil
}

// track is where a call is shown: inside the one that has caused it, if nothing else
// is there, else on the track of the process that has been free for the shortest time.
func (c *Chrome) track(n, parent *Node) int {
	if parent != nil && parent.PID == n.PID && parent.Side == Server && !n.Start.Before(c.inside[parent]) && !n.End().After(parent.End()) {
		c.inside[parent] = n.End()
		return c.lane[parent]
	}
	lanes := c.lanes[n.PID]
	best := -1
	for i, end := range lanes {
		if !end.After(n.Start) && (best < 0 || end.After(lanes[best])) {
			best = i
		}
	}
	if best < 0 {
		lanes = append(lanes, time.Time{})
		best = len(lanes) - 1
	}
	lanes[best] = n.End()
	c.lanes[n.PID] = lanes
	return best
}

// arrow leads from the client's side of a call to the server's.
func (c *Chrome) arrow(from, to *Node) error {
	id := fmt.Sprintf("%016x", uint64(to.Span))
	start := chromeEvent{Phase: "s", Name: "call", Cat: "call", TS: stamp(from.Start), PID: from.PID, TID: c.lane[from], ID: id}
	end := chromeEvent{Phase: "f", Name: "call", Cat: "call", TS: stamp(to.Start), PID: to.PID, TID: c.lane[to], ID: id, Bind: "e"}
	if err := c.event(start); err != nil {
		return err
	}
	return c.event(end)
}

func arguments(c *Call) map[string]any {
	args := map[string]any{"framework": c.Framework, "status": c.Status, "trace": fmt.Sprintf("%x", c.Trace[:])}
	if c.Error != "" {
		args["error"] = c.Error
	}
	if tries := c.Tries(); tries != "" {
		args["tries"] = tries
	}
	if c.Peer.IsValid() {
		args["peer"] = c.Peer.String()
	}
	for name, n := range map[string]int64{"req_bytes": c.ReqBytes, "resp_bytes": c.RespBytes, "handler_ns": int64(c.Handler)} {
		if n != None {
			args[name] = n
		}
	}
	return args
}

func (c *Chrome) event(e chromeEvent) error {
	text, err := json.Marshal(e)
	if err != nil {
		panic("BUG: a trace event is no JSON: " + err.Error())
	}
	before := "[\n"
	if c.count++; c.count > 1 {
		before = ",\n"
	}
	if _, err := c.w.WriteString(before); err != nil {
		return fmt.Errorf("trace events: %w", err)
	}
	if _, err := c.w.Write(text); err != nil {
		return fmt.Errorf("trace events: %w", err)
	}
	return nil
}

// Close ends the list; the writer stays open.
func (c *Chrome) Close() error {
	end := "\n]\n"
	if c.count == 0 {
		end = "[]\n"
	}
	c.w.WriteString(end)
	if err := c.w.Flush(); err != nil {
		return fmt.Errorf("trace events: %w", err)
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

func stamp(t time.Time) float64 { return float64(t.UnixNano()) / 1e3 }
