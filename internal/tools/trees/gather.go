package trees

import (
	"errors"
	"time"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/spans"
)

// Gatherer makes trees of the sides of calls that a script prints; it implements
// tool.Gatherer.
type Gatherer struct {
	Files *Files
	// Show is what is shown of a tree; nil: the sides are shown as they come.
	Show func(*spans.Node) []events.Event

	attached bool // else there is nothing to tell at the end
	reader   spans.Reader
	attempts *spans.Attempts
	forest   *spans.Forest
}

// NewGatherer returns a Gatherer without calls.
func NewGatherer(files *Files, show func(*spans.Node) []events.Event) *Gatherer {
	return &Gatherer{Files: files, Show: show, attempts: spans.NewAttempts(wait, limit), forest: spans.NewForest(wait, age, limit)}
}

// Event implements tool.Gatherer.
func (g *Gatherer) Event(e events.Event) ([]events.Event, error) {
	if _, ok := e.(*events.Attached); ok {
		g.attached = true
	}
	r, ok := e.(*events.Record)
	if !ok {
		return []events.Event{e}, nil
	}
	c, err := g.reader.Call(r)
	if c == nil {
		return []events.Event{e}, err
	}
	now := time.Now()
	list, err := g.add(g.attempts.Add(c, now), now)
	if g.Show == nil && !c.Whole {
		list = append(list, e)
	}
	return list, err
}

// Due implements tool.Gatherer.
func (g *Gatherer) Due() ([]events.Event, error) {
	now := time.Now()
	list, err := g.add(g.attempts.Due(now), now)
	if err != nil {
		return list, err
	}
	ended, err := g.trees(g.forest.Ended(now))
	return append(list, ended...), err
}

// add has sides of calls joined to trees, and returns what is shown of those that had
// to go for it.
func (g *Gatherer) add(calls []*spans.Call, now time.Time) ([]events.Event, error) {
	var felled []*spans.Node
	for _, c := range calls {
		felled = append(felled, g.forest.Add(c, now)...)
	}
	return g.trees(felled)
}

// Rest implements tool.Gatherer.
func (g *Gatherer) Rest() ([]events.Event, error) {
	early, err := g.add(g.attempts.Rest(), time.Now())
	list, rest := g.trees(g.forest.Rest())
	list, err = append(early, list...), errors.Join(err, rest)
	var notes []string
	if g.attached {
		notes = told(g.forest.Counts, g.reader.Unnamed)
	}
	for _, note := range notes {
		list = append(list, &events.Message{Level: "info", Text: note})
	}
	return list, errors.Join(err, g.Files.Close(notes))
}

func (g *Gatherer) trees(felled []*spans.Node) ([]events.Event, error) {
	var list []events.Event
	for _, n := range felled {
		if err := g.Files.tree(n); err != nil {
			return nil, err
		}
		if g.Show != nil {
			list = append(list, g.Show(n)...)
		}
	}
	return list, nil
}
