package render

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/types"
)

// seriesWidth is the number of columns between the edges of a graph, the edges
// included.
const seriesWidth = 53

// interval is a row of a graph over time.
type interval struct {
	start time.Time
	value uint64
	none  bool
}

// intervals returns the rows of v from the first that has a value to the last, at
// most as many as v's type keeps.
func intervals(v *events.Value) []interval {
	t := v.Type
	var first, last uint64
	slot := func(epoch uint64) []uint64 {
		i := int(epoch%uint64(t.Intervals)) * types.SeriesWords
		return v.Buckets[i : i+types.SeriesWords]
	}
	for i := 0; i < len(v.Buckets); i += types.SeriesWords {
		last = max(last, v.Buckets[i])
	}
	if last == 0 {
		return nil
	}
	first = last - min(uint64(t.Intervals), last) + 1
	for slot(first)[0] != first {
		first++
	}
	rows := make([]interval, 0, last-first+1)
	for epoch := first; epoch <= last; epoch++ {
		words := slot(epoch)
		row := interval{start: time.Unix(0, int64(epoch)*t.Interval), none: words[0] != epoch}
		if !row.none {
			row.value = seriesValue(t, words)
		}
		rows = append(rows, row)
	}
	return rows
}

// seriesValue makes one value of the words of an interval.
func seriesValue(t *types.Type, words []uint64) uint64 {
	if t.SeriesFunction != "avg" || words[2] == 0 {
		return words[1]
	}
	avg := events.Value{Type: &types.Type{Kind: types.Avg, Signed: t.Signed}, Total: int64(words[1]), Int: words[2]}
	return uint64(avg.Average())
}

// graph draws values on a scale.
type graph struct {
	signed    bool
	low, high uint64
}

func newGraph(t *types.Type, rows []interval) graph {
	g := graph{signed: t.Signed}
	first := true
	for _, r := range rows {
		if r.none {
			continue
		}
		if first || g.less(r.value, g.low) {
			g.low = r.value
		}
		if first || g.less(g.high, r.value) {
			g.high = r.value
		}
		first = false
	}
	if g.low == g.high { // a line in the middle
		if least := map[bool]uint64{true: 1 << 63}[g.signed]; g.low != least {
			g.low--
		}
		if most := map[bool]uint64{true: math.MaxInt64, false: math.MaxUint64}[g.signed]; g.high != most {
			g.high++
		}
	}
	return g
}

func (g graph) less(a, b uint64) bool {
	if g.signed {
		return int64(a) < int64(b)
	}
	return a < b
}

// column is where v lies among n steps of the scale.
func (g graph) column(v uint64, n int) int {
	return int(float64(v-g.low) / float64(g.high-g.low) * float64(n))
}

// zero is the column of zero, 0 where the scale does not cross it. bpftrace takes
// one step more for it than for values.
func (g graph) zero() int {
	if !g.signed || int64(g.low) >= 0 || int64(g.high) <= 0 {
		return 0
	}
	return g.column(0, seriesWidth)
}

func (g graph) number(v uint64) string { return string(appendNumber(nil, v, g.signed, 1)) }

// appendSeries appends a graph over time, each row with its line end.
func appendSeries(dst []byte, v *events.Value) []byte {
	rows := intervals(v)
	if len(rows) == 0 {
		return append(dst, "<no data>"...)
	}
	g := newGraph(v.Type, rows)
	clock, heading := seriesClock(v.Type, len(rows))
	bounds := strings.Repeat(" ", len(clock)+1) + g.number(g.low)
	bounds += strings.Repeat(" ", max(seriesWidth-len(g.number(g.low))-len(g.number(g.high)), 1)) + g.number(g.high) + "\n"
	line := strings.Repeat("_", seriesWidth-2)
	dst = append(dst, bounds...)
	dst = append(dst, heading+strings.Repeat(" ", max(len(clock)+1-len(heading), 0))+"|"+line+"|\n"...)
	for _, r := range rows {
		dst = r.start.AppendFormat(dst, clock)
		dst = append(dst, ' ')
		dst = g.appendRow(dst, r)
	}
	dst = append(dst, strings.Repeat(" ", len(clock)+1)+"v"+line+"v\n"...)
	return append(dst, bounds...)
}

func (g graph) appendRow(dst []byte, r interval) []byte {
	row := []byte("|" + strings.Repeat(" ", seriesWidth-2) + "|")
	if z := g.zero(); z > 0 {
		row[z] = '.'
	}
	text := "-"
	if !r.none {
		row[g.column(r.value, seriesWidth-1)] = '*'
		text = g.number(r.value)
	}
	dst = append(append(dst, row...), ' ')
	return append(append(dst, text...), '\n')
}

// seriesClock is how the starts of intervals print, as precise as the intervals
// are long, and the heading above them. A single one has no length to go by.
func seriesClock(t *types.Type, rows int) (layout, heading string) {
	const seconds, heads = "15:04:05", "hh:mm:ss"
	switch {
	case rows > 1 && t.Interval >= int64(time.Second):
		return seconds, heads
	case rows > 1 && t.Interval >= int64(time.Millisecond):
		return seconds + ".000", heads + ".ms"
	case rows > 1 && t.Interval >= int64(time.Microsecond):
		return seconds + ".000000", heads + ".μs"
	}
	return seconds + ".000000000", heads + ".ns"
}

// appendJSONSeries appends the intervals that have a value, in UTC.
func appendJSONSeries(dst []byte, v *events.Value) []byte {
	dst = append(dst, '[')
	first := true
	for _, r := range intervals(v) {
		if r.none {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, `{"interval_start":"`...)
		dst = r.start.UTC().AppendFormat(dst, "2006-01-02 15:04:05.000000000")
		dst = append(dst, `","value":`...)
		if v.Type.Signed {
			dst = strconv.AppendInt(dst, int64(r.value), 10)
		} else {
			dst = strconv.AppendUint(dst, r.value, 10)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
