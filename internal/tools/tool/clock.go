package tool

import "github.com/rpcxray/rpcxray/internal/events"

// Clock counts from the first row.
type Clock struct {
	first uint64 // ns
	begun bool
}

// SinceFirst makes m, a time in ns, the time since the first one given.
func (c *Clock) SinceFirst(m *events.Value) {
	if !c.begun {
		c.first, c.begun = m.Int, true
	}
	// Rows of two CPUs may come out of order; a time before the first is none.
	m.Int = max(m.Int, c.first) - c.first
}
