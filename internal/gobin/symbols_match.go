package gobin

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Matcher says whether a function name is meant.
type Matcher func(name string) bool

// Glob is a script's way to name functions: '*' stands for any text, all else
// for itself. It matches the whole name.
func Glob(pattern string) Matcher {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return func(name string) bool { return name == pattern }
	}
	return func(name string) bool { return globMatch(parts, name) }
}

func globMatch(parts []string, name string) bool {
	name, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, parts[last])
}

// Regexp matches names in which the expression is found; anchors are the
// user's, as with bcc's -r.
func Regexp(expr string) (Matcher, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", expr, err)
	}
	return re.MatchString, nil
}

// BCC is the way bcc's tools read a pattern: '*' any text, '.' any character,
// the rest literally. It matches the whole name.
func BCC(pattern string) Matcher {
	expr := regexp.QuoteMeta(pattern)
	expr = strings.NewReplacer(`\*`, `.*`, `\.`, `.`).Replace(expr)
	return regexp.MustCompile(`^(?s:` + expr + `)$`).MatchString
}

// Match lists the functions whose name m accepts: that of the symbol or the demangled
// one, of a generic function of Go also the one with dots for its type arguments.
func (f *File) Match(m Matcher) ([]Func, error) {
	return f.matching(func(fn *Func) bool {
		if m(fn.Name) {
			return true
		}
		if fn.Go {
			short, generic := dotted(fn.Name)
			return generic && m(short)
		}
		return isMangled(fn.Name) && m(Demangle(fn.Name))
	})
}

func (f *File) matching(wanted func(*Func) bool) ([]Func, error) {
	fns, err := f.Funcs()
	if err != nil {
		return nil, err
	}
	var out []Func
	for i := range fns {
		if wanted(&fns[i]) {
			out = append(out, fns[i])
		}
	}
	return out, nil
}

// MatchGlob lists the functions that a script's pattern names.
func (f *File) MatchGlob(pattern string) ([]Func, error) {
	fns, err := f.Match(Glob(pattern))
	if err != nil || len(fns) > 0 {
		return fns, err
	}
	return f.matchDotted(pattern, Glob)
}

// matchDotted lists the functions that a name or pattern with type arguments may stand
// for in a binary that does not tell them, a stripped one: all that differ in them only.
func (f *File) matchDotted(pattern string, matcher func(string) Matcher) ([]Func, error) {
	short, generic := dotted(pattern)
	if !generic || f.Go == nil {
		return nil, nil
	}
	m := matcher(short)
	return f.matching(func(fn *Func) bool { return fn.Go && Dots(fn.Name) && m(fn.Name) })
}

// MatchBCC lists the functions that a bcc-style tool's pattern names: the ones
// of exactly that name if there are any, else those that the pattern matches
// ('*' any text, '.' any character).
func (f *File) MatchBCC(pattern string) ([]Func, error) {
	fns, err := f.Named(pattern)
	if err != nil || len(fns) > 0 {
		return fns, err
	}
	return f.Match(BCC(pattern))
}

// isMangled spares the demangler the names that are none.
func isMangled(name string) bool {
	return strings.HasPrefix(name, "_Z") || strings.HasPrefix(name, "_R")
}

// Nearest lists up to n function names that resemble name, the most alike
// first: for "did you mean".
func (f *File) Nearest(name string, n int) []string {
	fns, err := f.Funcs()
	if err != nil {
		return nil
	}
	type candidate struct {
		name string
		dist int
	}
	var best []candidate
	worst := len(name)/2 + 1
	lower := strings.ToLower(name)
	for _, fn := range fns {
		d := nameDistance(lower, strings.ToLower(Demangle(fn.Name)), worst)
		if d >= worst {
			continue
		}
		c := candidate{Demangle(fn.Name), d}
		i, _ := slices.BinarySearchFunc(best, c, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.dist, b.dist), strings.Compare(a.name, b.name))
		})
		if i < len(best) && best[i] == c {
			continue
		}
		best = slices.Insert(best, i, c)
		if len(best) > n {
			best = best[:n]
			worst = best[n-1].dist + 1
		}
	}
	names := make([]string, len(best))
	for i, c := range best {
		names[i] = c.name
	}
	return names
}

// nameDistance is how far apart two names are, limit or more when too far. What
// is typed without package, receiver or its punctuation ("Mul", "Arith.Mul")
// counts as near to the full name; type arguments do not count.
func nameDistance(typed, full string, limit int) int {
	typed, _ = dotted(typed)
	full, _ = dotted(full)
	typed, full = strings.Replace(typed, typeDots, "", 1), strings.Replace(full, typeDots, "", 1)
	if tail := lastWord(full); tail == lastWord(typed) && tail != "" {
		return 1
	}
	return editDistance(typed, full, limit)
}

// lastWord is what follows the last dot or double colon.
func lastWord(name string) string { return name[strings.LastIndexAny(name, ".:")+1:] }

// editDistance counts the letters to insert, drop or change to make b of a; it
// gives up at limit.
func editDistance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
			least = min(least, cost)
		}
		if least >= limit {
			return limit
		}
	}
	return min(row[len(b)], limit)
}
