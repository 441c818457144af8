package spans

import (
	"math/bits"
	"time"
)

// Bounds of a heat map.
const (
	heatColumns = 120 // of time; when there are more, two become one
	heatRows    = 48  // of durations: a power of two in ns each
	heatMethods = 40  // that have a map of their own
)

// heat counts calls by when they ended and by how long they took.
type heat struct {
	begun time.Time
	step  time.Duration // of a column
	maps  map[string]*[heatColumns][heatRows]uint32
}

// allCalls is the name of the map of all calls.
const allCalls = ""

func newHeat() *heat {
	return &heat{step: 100 * time.Millisecond, maps: map[string]*[heatColumns][heatRows]uint32{}}
}

// add counts a call.
func (h *heat) add(c *Call) {
	if c.Duration == None {
		return
	}
	if h.begun.IsZero() {
		h.begun = c.End()
	}
	column := int(max(c.End().Sub(h.begun), 0) / h.step)
	for column >= heatColumns {
		h.narrow()
		column = int(c.End().Sub(h.begun) / h.step)
	}
	row := min(bits.Len64(uint64(max(c.Duration, 0))), heatRows-1)
	h.of(allCalls)[column][row]++
	if m := h.of(c.Name()); m != nil {
		m[column][row]++
	}
}

// of returns the map of a method, nil if there are too many.
func (h *heat) of(name string) *[heatColumns][heatRows]uint32 {
	m := h.maps[name]
	if m == nil && len(h.maps) <= heatMethods {
		m = new([heatColumns][heatRows]uint32)
		h.maps[name] = m
	}
	return m
}

// narrow makes one column of two.
func (h *heat) narrow() {
	h.step *= 2
	for _, m := range h.maps {
		var merged [heatColumns][heatRows]uint32
		for i := range m {
			for j, n := range m[i] {
				merged[i/2][j] += n
			}
		}
		*m = merged
	}
}

// cells are the counts that are not zero: column, row, count.
func (h *heat) cells(name string) [][3]uint32 {
	list := [][3]uint32{}
	for i := range h.maps[name] {
		for j, n := range h.maps[name][i] {
			if n > 0 {
				list = append(list, [3]uint32{uint32(i), uint32(j), n})
			}
		}
	}
	return list
}
