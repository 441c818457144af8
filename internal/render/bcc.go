package render

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Widths of bcc's histograms. From 2^32 on the bounds get wider columns and
// the bars get half of theirs.
const (
	bccBar     = 40
	bccWideBar = bccBar / 2
	bccNarrow  = 32
)

// bccRow is a row of bcc's logarithmic histogram, low ≤ v ≤ high.
type bccRow struct{ low, high, count uint64 }

// bccRows returns the rows of v, a hist(x, 0), from zero to the last that is
// not empty: zero and one share the first, where negative values count, too.
func bccRows(v *events.Value) []bccRow {
	var rows []bccRow
	last := 0
	for i, n := range v.Buckets {
		switch {
		case i == 0:
			rows = append(rows, bccRow{0, 1, n})
		case i <= 2:
			rows[0].count += n
		default:
			low, high := types.HistRange(i, 0)
			rows = append(rows, bccRow{low, high - 1, n})
		}
		if n > 0 {
			last = len(rows)
		}
	}
	return rows[:last]
}

// appendBCCHist appends a histogram in bcc's layout, nothing for an empty one.
func appendBCCHist(dst []byte, v *events.Value, unit string) []byte {
	if v.Type.Kind != types.Hist || v.Type.Bits != 0 {
		return appendHist(dst, v, 1)
	}
	rows := bccRows(v)
	if len(rows) == 0 {
		return dst
	}
	var most uint64
	for _, r := range rows {
		most = max(most, r.count)
	}
	bar, bound := bccBar, 10
	if len(rows) > bccNarrow {
		bar, bound = bccWideBar, 20
		dst = fmt.Appendf(dst, "               %-29s : count     distribution\n", unit)
	} else {
		dst = fmt.Appendf(dst, "     %-19s : count     distribution\n", unit)
	}
	for _, r := range rows {
		dst = fmt.Appendf(dst, "%*d -> %-*d : %-8d |", bound, r.low, bound, r.high, r.count)
		start := len(dst)
		for range r.count * uint64(bar) / most {
			dst = append(dst, '*')
		}
		dst = pad(dst, start, bar)
		dst = append(dst, "|\n"...)
	}
	return dst
}

// appendFooter appends bcc's line about an average, nothing without a value.
func appendFooter(dst []byte, v *events.Value, unit string) []byte {
	if v.Int == 0 {
		return dst
	}
	return fmt.Appendf(dst, "\navg = %d %s, total: %d %s, count: %d\n\n", v.Average(), unit, v.Total, unit, v.Int)
}

// section appends the heading of a keyed histogram: what the first part of the
// key names, and the others in brackets.
func (p *printer) section(dst []byte, heading string, key []events.Value) []byte {
	dst = append(dst, '\n')
	dst = append(dst, heading...)
	dst = append(dst, " = "...)
	for i := range key {
		if i > 0 {
			dst = append(dst, " ["...)
		}
		dst = p.value(dst, &key[i])
		if i > 0 {
			dst = append(dst, ']')
		}
	}
	return append(dst, '\n')
}
