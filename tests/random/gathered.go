package random

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// aggregate is a map by number that values are gathered in, and what it is read as.
type aggregate struct {
	name, call string
	of         func(all []int64) int64
}

var aggregated = []aggregate{
	{"@count", "count()", func(all []int64) int64 { return int64(len(all)) }},
	{"@sum", "sum(%s)", total},
	{"@min", "min(%s)", slices.Min[[]int64]},
	{"@max", "max(%s)", slices.Max[[]int64]},
	{"@avg", "avg(%s)", average},
}

func total(all []int64) (sum int64) {
	for _, n := range all {
		sum += n
	}
	return sum
}

func average(all []int64) int64 { return total(all) / int64(len(all)) }

// Bounds of the linear histogram.
const low, high, width = -100, 1000, 100

// gather puts a number into an aggregate, or into one that is printed at the end.
func (t *teller) gather(depth int) step {
	x := t.term(number, depth)
	whole := []string{"@hist = hist(%s)", fmt.Sprintf("@lhist = lhist(%%s, %d, %d, %d)", low, high, width), "@stats = stats(%s)"}
	if n := t.r.IntN(2 * len(whole)); n < len(whole) {
		return step{fmt.Sprintf(whole[n]+";\n", x.text), func(w *world) way {
			w.gathered[n] = append(w.gathered[n], x.number(w))
			return onward
		}}
	}
	a, k := aggregated[t.r.IntN(len(aggregated))], t.plain(number, depth-1)
	if !strings.Contains(a.call, "%s") {
		x = term{"", func(*world) any { return int64(0) }}
	}
	return step{fmt.Sprintf("%s[%s] = %s;\n", a.name, k.text, strings.Replace(a.call, "%s", x.text, 1)), func(w *world) way {
		at := a.name + shown(k.in(w))
		w.aggregates[at] = append(w.aggregates[at], x.number(w))
		return onward
	}}
}

// read is what an aggregate has.
func (t *teller) read(depth int) term {
	a, k := aggregated[t.r.IntN(len(aggregated))], t.plain(number, depth)
	return term{fmt.Sprintf("(int64)%s[%s]", a.name, k.text), func(w *world) any {
		if all := w.aggregates[a.name+shown(k.in(w))]; all != nil {
			return a.of(all)
		}
		return int64(0)
	}}
}

// ending is what is printed of the histograms and statistics when the program ends.
func (w *world) ending() []string {
	lines := append(buckets(w.gathered[0], powerBucket, powerName), buckets(w.gathered[1], linearBucket, linearName)...)
	if all := w.gathered[2]; all != nil {
		lines = append(lines, fmt.Sprintf("@stats: { .count = %d, .average = %d, .total = %d }", len(all), average(all), total(all)))
	}
	return lines
}

func buckets(all []int64, bucket func(int64) int, name func(int) string) []string {
	counts := map[int]int{}
	for _, n := range all {
		counts[bucket(n)]++
	}
	var lines []string
	for i := range 70 {
		lines = append(lines, fmt.Sprintf("%s %d", name(i), counts[i]))
	}
	for len(counts) > 0 && counts[len(lines)-1] == 0 {
		lines = lines[:len(lines)-1]
	}
	for i := range lines {
		if counts[i] != 0 {
			return lines[i:]
		}
	}
	return nil
}

// powerBucket is the place of n among the buckets of powers of two: one for negative
// numbers and one for 0 are before them.
func powerBucket(n int64) int {
	if n < 0 {
		return 0
	}
	return 1 + bits.Len64(uint64(n))
}

func powerName(i int) string {
	switch i {
	case 0:
		return "(..., 0)"
	case 1, 2:
		return fmt.Sprintf("[%d]", i-1)
	}
	short := func(power int) string {
		return fmt.Sprint(1<<(power%10)) + []string{"", "K", "M", "G", "T", "P", "E"}[power/10]
	}
	return fmt.Sprintf("[%s, %s)", short(i-2), short(i-1))
}

func linearBucket(n int64) int {
	switch {
	case n < low:
		return 0
	case n >= high:
		return 1 + (high-low)/width
	}
	return 1 + int((n-low)/width)
}

func linearName(i int) string {
	at := low + (i-1)*width
	switch {
	case i == 0:
		return fmt.Sprintf("(..., %d)", low)
	case at >= high:
		return fmt.Sprintf("[%d, ...)", high)
	}
	return fmt.Sprintf("[%d, %d)", at, at+width)
}
