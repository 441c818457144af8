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

	reader spans.Reader
	forest *spans.Forest
}

// NewGatherer returns a Gatherer without calls.
func NewGatherer(files *Files, show func(*spans.Node) []events.Event) *Gatherer {
	return &Gatherer{Files: files, Show: show, forest: spans.NewForest(wait, age, limit)}
}

// Event implements tool.Gatherer.
func (g *Gatherer) Event(e events.Event) ([]events.Event, error) {
	r, ok := e.(*events.Record)
	if !ok {
		return []events.Event{e}, nil
	}
	c, err := g.reader.Call(r)
	if c == nil {
		return []events.Event{e}, err
	}
	list, err := g.trees(g.forest.Add(c, time.Now()))
	if g.Show == nil {
		list = append(list, e)
	}
	return list, err
}

// Due implements tool.Gatherer.
func (g *Gatherer) Due() ([]events.Event, error) { return g.trees(g.forest.Ended(time.Now())) }

// Rest implements tool.Gatherer.
func (g *Gatherer) Rest() ([]events.Event, error) {
	list, err := g.trees(g.forest.Rest())
	notes := notes(g.forest.Counts, g.reader.Unnamed)
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
