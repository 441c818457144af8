package types

import "math/bits"

// An event record is a header and the images of its items in order, without
// padding: what follows an image follows it directly.
//
//	u32 action id | u32 process id | u64 fault mask | items…
//
// The image of a value is its bytes in BPF memory, except that a String is a
// u32 word and that many bytes. A blob is a u32 count and that many bytes.
const (
	HeaderSize = 16
	// StrUnreadable is the word of a string, or the count of a blob, whose
	// memory could not be read; no bytes follow.
	StrUnreadable = 0xffffffff
	// StrTruncated is set in a string's word where the string was longer than
	// its capacity.
	StrTruncated = 1 << 31
)

// Value layouts of aggregates in the kernel's per-CPU maps, in u64 words:
//
//	Count        n
//	Sum          sum
//	Min, Max     value, 1 if set
//	Avg, Stats   total, count
//	Hist, LHist  one count a bucket
//	TSeries      epoch, value, count an interval; not per CPU. An epoch is the
//	             number of the interval since 1970, zero where there is none
//
// A scalar map (no key) carries one more word at its end, 1 once it was set.

// SeriesWords is the number of words that a TSeries has for an interval.
const SeriesWords = 3

// AggregateWords returns how many words the aggregate t has, without the
// word of a scalar map.
func (t *Type) AggregateWords() int {
	switch t.Kind {
	case Count, Sum:
		return 1
	case Min, Max, Avg, Stats:
		return 2
	case Hist:
		return HistBuckets(t.Bits)
	case LHist:
		return int((t.High-t.Low)/t.Step) + 2
	case TSeries:
		return SeriesWords * t.Intervals
	}
	return 0
}

// HistBuckets returns the number of buckets of hist(x, k): one for negative
// values, one for each value below 2^k, and 2^k for each power of two above.
func HistBuckets(k int) int {
	return 1 + 1<<k + (64-k)<<k
}

// HistIndex returns the bucket of v in hist(x, k). Programs compute the same.
func HistIndex(v int64, k int) int {
	if v < 0 {
		return 0
	}
	if v < 1<<k {
		return 1 + int(v)
	}
	top := bits.Len64(uint64(v)) - 1 // ≥ k
	return 1 + 1<<k + (top-k)<<k + int(v>>(top-k)&(1<<k-1))
}

// HistRange returns the values [low, high) of bucket i of hist(x, k); for
// i = 0, everything below zero.
func HistRange(i, k int) (low, high uint64) {
	i--
	if i < 1<<k {
		return uint64(i), uint64(i) + 1
	}
	i -= 1 << k
	top := k + i>>k
	low = 1<<top | uint64(i&(1<<k-1))<<(top-k)
	return low, low + 1<<(top-k)
}
