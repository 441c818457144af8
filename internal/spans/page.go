package spans

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageHTML string

// Bounds of a page.
const (
	pageSlowest = 100 // calls
	pageTrees   = 100 // the slowest, and as many of the last
	pageSteps   = 500 // of one tree
)

// Page collects trees for one page that shows a heat map of how long calls took, the
// slowest calls and trees. What it holds is bounded.
type Page struct {
	heat    *heat
	calls   int
	failed  int
	trees   int
	slowest []pageCall
	slow    []pageTree
	last    []pageTree
}

// NewPage returns a Page without calls.
func NewPage() *Page { return &Page{heat: newHeat()} }

// pageCall is a call as the page's script takes it; times are in µs.
type pageCall struct {
	Name      string     `json:"name"`
	Framework string     `json:"framework"`
	From      string     `json:"from,omitempty"` // process
	To        string     `json:"to,omitempty"`
	Peer      string     `json:"peer,omitempty"`
	Start     float64    `json:"start"`            // since 1970, in trees since the root's
	Took      *float64   `json:"took,omitempty"`   // as the caller sees it
	Served    *float64   `json:"served,omitempty"` // as the server does
	After     *float64   `json:"after,omitempty"`  // from Start to the server's
	Status    string     `json:"status"`
	Error     string     `json:"error,omitempty"`
	Calls     []pageCall `json:"calls,omitempty"`
}

// pageTree is a tree with what it is sorted by.
type pageTree struct {
	Begun float64  `json:"begun"` // µs since 1970
	Left  int      `json:"left"`  // steps that are not shown
	Root  pageCall `json:"root"`
	took  time.Duration
}

// Tree adds a tree.
func (p *Page) Tree(n *Node) {
	root := Steps(n)
	p.trees++
	root.Walk(func(s *Step) {
		if s.Call().Whole {
			return // its attempts are calls
		}
		p.calls++
		if _, _, failed := s.Failed(); failed {
			p.failed++
		}
		p.heat.add(s.Call())
		p.slowest = keep(p.slowest, describe(s, time.Unix(0, 0)), pageSlowest, func(c pageCall) float64 { return took(c) })
	})
	room := pageSteps
	t := pageTree{Begun: stamp(root.Call().Start), took: root.Duration(), Root: nested(root, root.Call().Start, &room)}
	t.Left = max(0, -room)
	p.slow = keep(p.slow, t, pageTrees, func(t pageTree) time.Duration { return t.took })
	if p.last = append(p.last, t); len(p.last) > pageTrees {
		p.last = p.last[1:]
	}
}

func took(c pageCall) float64 {
	if c.Took == nil {
		return 0
	}
	return *c.Took
}

// keep puts v into a list of the n largest, the largest first.
func keep[T any, K cmp.Ordered](list []T, v T, n int, by func(T) K) []T {
	if len(list) == n && by(list[n-1]) >= by(v) {
		return list
	}
	at, _ := slices.BinarySearchFunc(list, by(v), func(o T, k K) int { return cmp.Compare(k, by(o)) })
	list = slices.Insert(list, at, v)
	return list[:min(len(list), n)]
}

func describe(s *Step, since time.Time) pageCall {
	c := s.Call()
	out := pageCall{Name: s.Name(), Framework: c.Framework, Start: micros(c.Start.Sub(since))}
	if tries := c.Tries(); tries != "" {
		out.Name += ", " + tries
	}
	out.Status, out.Error, _ = s.Failed()
	if d := s.Duration(); d != None {
		out.Took = ptr(micros(d))
	}
	if s.Client != nil {
		out.From = processText(s.Client)
		if s.Client.Peer.IsValid() {
			out.Peer = s.Client.Peer.String()
		}
	} else if s.Server.Peer.IsValid() {
		out.Peer = s.Server.Peer.String()
	}
	if s.Server != nil {
		out.To = processText(s.Server)
		if s.Server.Duration != None {
			out.Served, out.After = ptr(micros(s.Server.Duration)), ptr(micros(s.Server.Start.Sub(c.Start)))
		}
	}
	return out
}

func processText(c *Call) string { return fmt.Sprintf("%s %d", c.Process, c.PID) }

func ptr[T any](v T) *T { return &v }

// nested is a step with those below it, as long as there is room.
func nested(s *Step, since time.Time, room *int) pageCall {
	out := describe(s, since)
	*room--
	for _, c := range s.Children {
		if *room > 0 {
			out.Calls = append(out.Calls, nested(c, since, room))
		} else {
			c.Walk(func(*Step) { *room-- })
		}
	}
	return out
}

// pageData is what the page's script shows.
type pageData struct {
	Calls   int         `json:"calls"`
	Failed  int         `json:"failed"`
	Trees   int         `json:"trees"`
	Notes   []string    `json:"notes"`
	Begun   float64     `json:"begun"` // µs since 1970
	Step    float64     `json:"step"`  // µs of a column of the heat maps
	Heat    []pageHeat  `json:"heat"`
	Slowest []pageCall  `json:"slowest"`
	Slow    []*pageTree `json:"slow"`
	Last    []*pageTree `json:"last"`
}

type pageHeat struct {
	Name  string      `json:"name"`
	Cells [][3]uint32 `json:"cells"`
}

// Write writes the page. It needs nothing but itself. Notes are shown above all.
func (p *Page) Write(w io.Writer, notes []string) error {
	d := pageData{Calls: p.calls, Failed: p.failed, Trees: p.trees, Notes: notes, Step: micros(p.heat.step), Slowest: p.slowest}
	if !p.heat.begun.IsZero() {
		d.Begun = stamp(p.heat.begun)
	}
	for _, name := range slices.Sorted(maps.Keys(p.heat.maps)) {
		d.Heat = append(d.Heat, pageHeat{name, p.heat.cells(name)})
	}
	for i := range p.slow {
		d.Slow = append(d.Slow, &p.slow[i])
	}
	for i := range p.last {
		d.Last = append(d.Last, &p.last[len(p.last)-1-i])
	}
	text, err := json.Marshal(d) // it escapes <, > and &
	if err != nil {
		panic("BUG: a page is no JSON: " + err.Error())
	}
	before, after, ok := strings.Cut(pageHTML, "{{data}}")
	if !ok {
		panic("BUG: the page has no place for data")
	}
	for _, part := range []string{before, string(text), after} {
		if _, err := io.WriteString(w, part); err != nil {
			return fmt.Errorf("page: %w", err)
		}
	}
	return nil
}
