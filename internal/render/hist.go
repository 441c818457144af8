package render

import (
	"math/bits"
	"strconv"

	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/types"
)

// barWidth is how many characters the longest bar of a histogram has.
const barWidth = 52

// bucket is a row of a histogram: the values low ≤ v < high. Below: low is
// open; Above: high is open.
type bucket struct {
	low, high    int64
	below, above bool
	count        uint64
}

// buckets returns the rows of v from the first to the last that is not empty.
func buckets(v *events.Value) []bucket {
	first, last := -1, -1
	for i, n := range v.Buckets {
		if n > 0 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return nil
	}
	rows := make([]bucket, 0, last-first+1)
	for i := first; i <= last; i++ {
		rows = append(rows, bucketAt(v, i))
	}
	return rows
}

func bucketAt(v *events.Value, i int) bucket {
	b := bucket{count: v.Buckets[i]}
	if t := v.Type; t.Kind == types.LHist {
		b.low, b.high = t.Low+int64(i-1)*t.Step, t.Low+int64(i)*t.Step
		b.below, b.above = i == 0, i == len(v.Buckets)-1
		return b
	}
	if i == 0 {
		b.below = true
		return b
	}
	low, high := types.HistRange(i, v.Type.Bits)
	b.low, b.high = int64(low), int64(high)
	return b
}

// appendHist appends the rows of a histogram, each with its line end.
func appendHist(dst []byte, v *events.Value, div int64) []byte {
	rows := buckets(v)
	var most uint64
	for i := range rows {
		if v.Type.Kind == types.Hist {
			rows[i].count /= uint64(max(div, 1)) // linear ones are never scaled
		}
		most = max(most, rows[i].count)
	}
	label := logBound(v.Type.Bits)
	if v.Type.Kind == types.LHist {
		label = linearBound(v.Type.Step)
	}
	for i := range rows {
		start := len(dst)
		dst = appendLabel(dst, &rows[i], label)
		dst = pad(dst, start, 16)
		dst = appendRight(dst, rows[i].count, 8)
		dst = append(dst, " |"...)
		start = len(dst)
		dst = appendBar(dst, rows[i].count, most, '@', barWidth)
		dst = pad(dst, start, barWidth)
		dst = append(dst, "|\n"...)
	}
	return dst
}

func appendLabel(dst []byte, b *bucket, label func([]byte, int64) []byte) []byte {
	if b.below {
		dst = append(dst, "(..., "...)
		dst = label(dst, b.high)
		return append(dst, ')')
	}
	dst = append(dst, '[')
	dst = label(dst, b.low)
	switch {
	case b.above:
		return append(dst, ", ...)"...)
	case b.high == b.low+1:
		return append(dst, ']')
	}
	dst = append(dst, ", "...)
	dst = label(dst, b.high)
	return append(dst, ')')
}

// logBound returns how bounds of hist(x, k) print: in units of 1024 to the
// power that the bucket which begins there is wide.
func logBound(k int) func([]byte, int64) []byte {
	return func(dst []byte, n int64) []byte {
		unit := max(bits.Len64(uint64(n))-1-k, 0) / 10
		dst = strconv.AppendUint(dst, uint64(n)>>(10*unit), 10)
		if unit > 0 {
			dst = append(dst, " KMGTPE"[unit])
		}
		return dst
	}
}

// linearBound returns how bounds of a linear histogram print: with K and M
// where the step is a multiple of 1024.
func linearBound(step int64) func([]byte, int64) []byte {
	return func(dst []byte, n int64) []byte {
		switch {
		case step%1024 != 0 || n == 0 || n%1024 != 0:
			return strconv.AppendInt(dst, n, 10)
		case n%(1024*1024) == 0:
			return append(strconv.AppendInt(dst, n/(1024*1024), 10), 'M')
		}
		return append(strconv.AppendInt(dst, n/1024, 10), 'K')
	}
}

// appendBar appends count's share of width characters. The arithmetic is that
// of C's float, so that bars are as long as bpftrace's.
func appendBar(dst []byte, count, most uint64, c byte, width int) []byte {
	if most == 0 {
		return dst
	}
	for range int(float32(count) / float32(most) * float32(width)) {
		dst = append(dst, c)
	}
	return dst
}

// pad appends blanks until dst has width bytes after start.
func pad(dst []byte, start, width int) []byte {
	for len(dst)-start < width {
		dst = append(dst, ' ')
	}
	return dst
}

// appendRight appends n right-aligned.
func appendRight(dst []byte, n uint64, width int) []byte {
	var digits [20]byte
	text := strconv.AppendUint(digits[:0], n, 10)
	for range width - len(text) {
		dst = append(dst, ' ')
	}
	return append(dst, text...)
}
