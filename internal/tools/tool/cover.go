package tool

import (
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// cover makes attach points of the matched functions. The pattern itself is one
// where it means the same in a script, so that binaries that come later match
// as well.
func (m *Matched) cover(pattern string, isRegexp bool) []*syntax.AttachPoint {
	wanted := names(m.Funcs)
	if !isRegexp && strings.Contains(pattern, "*") && !slices.Contains(wanted, pattern) {
		// What the glob matches the bcc pattern does, too.
		if len(m.matching(pattern)) == len(wanted) {
			return []*syntax.AttachPoint{m.function(pattern, false)}
		}
	}
	return m.coverNames(wanted)
}

// coverNames makes as few attach points as it can: globs "prefix*" that match
// nothing else, and names. No function is matched twice, for it would count
// twice.
func (m *Matched) coverNames(list []string) []*syntax.AttachPoint {
	c := &cover{m: m, wanted: map[string]bool{}}
	for _, name := range list {
		c.wanted[name] = true
	}
	c.tree(m.all)
	return c.points
}

// matching lists the names that a script's glob matches.
func (m *Matched) matching(glob string) []string {
	match := gobin.Glob(glob)
	var list []string
	for _, name := range m.all {
		if match(name) || m.demangled && match(gobin.Demangle(name)) {
			list = append(list, name)
		}
	}
	return list
}

// names lists the different names of functions, sorted.
func names(fns []gobin.Func) []string {
	list := make([]string, len(fns))
	for i, fn := range fns {
		list[i] = fn.Name
	}
	slices.Sort(list)
	return slices.Compact(list)
}

type cover struct {
	m      *Matched
	wanted map[string]bool
	points []*syntax.AttachPoint
}

// tree covers the wanted among names, which are sorted and all that begin with
// their common prefix.
func (c *cover) tree(names []string) {
	wanted := 0
	for _, name := range names {
		if c.wanted[name] {
			wanted++
		}
	}
	if wanted == 0 {
		return
	}
	prefix := commonPrefix(names[0], names[len(names)-1])
	if wanted == len(names) && wanted > 1 && c.alone(prefix, wanted) {
		c.points = append(c.points, c.m.function(prefix+"*", false))
		return
	}
	for len(names) > 0 {
		n := 1
		if len(names[0]) > len(prefix) {
			for n < len(names) && names[n][len(prefix)] == names[0][len(prefix)] {
				n++
			}
		}
		if n == 1 && c.wanted[names[0]] {
			c.points = append(c.points, c.m.function(names[0], true))
		} else if n > 1 {
			c.tree(names[:n])
		}
		names = names[n:]
	}
}

// alone tells whether prefix+"*" matches n names only: it may hold stars
// itself, and demangled names are matched, too.
func (c *cover) alone(prefix string, n int) bool { return len(c.m.matching(prefix+"*")) == n }

func commonPrefix(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:n]
}
