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

// alternative is one of the patterns that a value for -test.run is made of. None has a | but
// in parentheses.
var alternative = regexp.MustCompile(`(?:\([^)]*\)|[^|])+`)

// notRun lists the alternatives of run that no test in the output of go test -v matches: one
// whose subtest has another name now would pass for ever.
func notRun(run, output string) (missing []string) {
	var names []string
	for line := range strings.Lines(output) {
		if m := header.FindStringSubmatch(line); m != nil && m[1] == "=== RUN" {
			names = append(names, m[2])
		}
	}
	for _, pattern := range alternative.FindAllString(run, -1) {
		parts := strings.Split(pattern, "/")
		if !slices.ContainsFunc(names, func(name string) bool { return matches(parts, strings.Split(name, "/")) }) {
			missing = append(missing, pattern)
		}
	}
	return missing
}

// matches tells whether the parts of a test's name match those of a pattern.
func matches(pattern, name []string) bool {
	if len(name) < len(pattern) {
		return false
	}
	for i, p := range pattern {
		if !regexp.MustCompile(p).MatchString(name[i]) {
			return false
		}
	}
	return true
}

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
