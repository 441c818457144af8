package check

import (
	"strings"

	"github.com/rpcxray/rpcxray/internal/syntax"
)

// active leaves out the C definitions that stand between an #if that does not hold
// and its end. Types always come from BTF here, so BPFTRACE_HAVE_BTF is defined; of
// #if only 0 and what asks for a definition is understood, everything else holds.
func active(defs []syntax.CDef) []syntax.CDef {
	defined := map[string]bool{"BPFTRACE_HAVE_BTF": true}
	var out []syntax.CDef
	var ifs []branch
	for _, d := range defs {
		on := len(ifs) == 0 || ifs[len(ifs)-1].on
		line, ok := d.(*syntax.Directive)
		if !ok {
			if def, ok := d.(*syntax.Define); ok && on {
				defined[def.Name] = true
			}
			if on {
				out = append(out, d)
			}
			continue
		}
		ifs = conditional(ifs, line.Text, on, defined)
	}
	return out
}

// branch is one #if: whether its lines count now, whether some have counted, and
// whether those around it do.
type branch struct{ on, done, outer bool }

// conditional follows one line of the preprocessor; on tells whether it counts.
func conditional(ifs []branch, line string, on bool, defined map[string]bool) []branch {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if strings.HasPrefix(word, "if") {
		yes := on && condition(word, rest, defined)
		return append(ifs, branch{on: yes, done: yes, outer: on})
	}
	if len(ifs) == 0 {
		return ifs
	}
	top := &ifs[len(ifs)-1]
	switch word {
	case "elif":
		top.on = top.outer && !top.done && condition("if", rest, defined)
		top.done = top.done || top.on
	case "else":
		top.on = top.outer && !top.done
	case "endif":
		return ifs[:len(ifs)-1]
	case "undef":
		if on {
			delete(defined, rest)
		}
	}
	return ifs
}

func condition(word, text string, defined map[string]bool) bool {
	switch word {
	case "ifdef":
		return defined[text]
	case "ifndef":
		return !defined[text]
	}
	not := strings.HasPrefix(text, "!")
	if name, ok := strings.CutPrefix(strings.TrimPrefix(text, "!"), "defined"); ok {
		return defined[strings.Trim(name, "() ")] != not
	}
	return text != "0"
}
