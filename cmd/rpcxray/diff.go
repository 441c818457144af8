package main

import (
	"fmt"
	"slices"
	"strings"
)

// diffContext is how many equal lines are shown around a difference.
const diffContext = 3

// edit is a line of a difference: ' ' is in both texts, '-' and '+' in one.
type edit struct {
	sign byte
	line string
}

// unified returns the difference of two texts as diff -u shows it, "" if there
// is none.
func unified(name, before, after string) string {
	if before == after {
		return ""
	}
	edits := difference(slices.Collect(strings.Lines(before)), slices.Collect(strings.Lines(after)))
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s (formatted)\n", name, name)
	for i := 0; i < len(edits); i++ {
		if edits[i].sign != ' ' {
			end := hunkEnd(edits, i)
			writeHunk(&b, edits, max(0, i-diffContext), end)
			i = end - 1
		}
	}
	return b.String()
}

// hunkEnd returns the end of the hunk whose first change is at i: behind the
// context of the last change that is near enough to the one before.
func hunkEnd(edits []edit, i int) int {
	last := i
	for ; i < len(edits) && i <= last+2*diffContext; i++ {
		if edits[i].sign != ' ' {
			last = i
		}
	}
	return min(len(edits), last+1+diffContext)
}

func writeHunk(b *strings.Builder, edits []edit, from, to int) {
	oldStart, newStart := count(edits[:from], '+'), count(edits[:from], '-')
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", oldStart+1, count(edits[from:to], '+'), newStart+1, count(edits[from:to], '-'))
	for _, e := range edits[from:to] {
		b.WriteByte(e.sign)
		b.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// count counts the edits without a sign.
func count(edits []edit, without byte) int {
	n := 0
	for _, e := range edits {
		if e.sign != without {
			n++
		}
	}
	return n
}

// maxCompared bounds difference's table, in pairs of lines: longer texts are
// told apart as a whole.
const maxCompared = 1 << 24

// difference aligns two lists of lines by their longest common subsequence.
func difference(a, b []string) []edit {
	if len(a)*len(b) > maxCompared {
		return marked(marked(nil, '-', a), '+', b)
	}
	common := longest(a, b)
	var edits []edit
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			edits = append(edits, edit{' ', a[i]})
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			edits = append(edits, edit{'-', a[i]})
			i++
		default:
			edits = append(edits, edit{'+', b[j]})
			j++
		}
	}
	return marked(marked(edits, '-', a[i:]), '+', b[j:])
}

func marked(edits []edit, sign byte, lines []string) []edit {
	for _, line := range lines {
		edits = append(edits, edit{sign, line})
	}
	return edits
}

// longest returns, for each pair of places, how many lines the rests of a and b
// have in common in their order.
func longest(a, b []string) [][]int32 {
	table := make([][]int32, len(a)+1)
	for i := range table {
		table[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}
