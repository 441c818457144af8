package diag

import "fmt"

// DidYouMean returns a hint that names the one of known that is nearest to
// name, or "" if none is near enough to have been meant.
func DidYouMean(name string, known []string) string {
	if best := Nearest(name, known); best != "" {
		return fmt.Sprintf("did you mean '%s'?", best)
	}
	return ""
}

// Nearest returns the one of known that differs from name by the fewest edits
// (the first of equals), or "" if more than a third of the name would change.
// Names above 64 bytes are not compared.
func Nearest(name string, known []string) string {
	const longest = 64
	best, limit := "", max(1, len(name)/3)
	for _, k := range known {
		if len(name) > longest || len(k) > longest || k == name {
			continue
		}
		if d := distance(name, k); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// distance counts the bytes to insert, drop, replace or swap with their
// neighbour to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
