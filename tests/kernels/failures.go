package main

import (
	"regexp"
	"slices"
	"strings"
)

// mostLines are shown of what a failing test prints.
const mostLines = 60

// header begins what a test prints, or says how it ended, in the output of go test -v.
var header = regexp.MustCompile(`^\s*(=== [A-Z]+|--- [A-Z]+:)\s+(\S+)`)

// failures returns what the failing tests have printed; the end of the output where
// no test is said to have failed.
func failures(output string) string {
	printed := map[string][]string{}
	var failed []string
	name := ""
	for line := range strings.Lines(output) {
		m := header.FindStringSubmatch(line)
		switch {
		case m == nil:
			printed[name] = append(printed[name], line)
			continue
		case m[1] == "--- FAIL:":
			failed = append(failed, m[2])
		}
		name = m[2]
	}
	var b strings.Builder
	slices.Sort(failed)
	for _, name := range slices.Compact(failed) {
		// That a test of others failed says nothing by itself.
		if lines := printed[name]; len(lines) > 0 {
			b.WriteString("--- FAIL: " + name + "\n" + strings.Join(lines[:min(len(lines), mostLines)], ""))
		}
	}
	if b.Len() == 0 {
		lines := slices.Collect(strings.Lines(output))
		return strings.Join(lines[max(0, len(lines)-mostLines):], "")
	}
	return b.String()
}
