package run

import (
	"fmt"
	"strings"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// userGroups resolves a uprobe or uretprobe: the binary, the functions that
// match, and groups of those whose code can be the same.
func (w *world) userGroups(p *prog.Point) ([]*prog.Group, error) {
	return w.inTargets(p, w.groupsIn)
}

// groupsIn matches the point in one binary.
func (w *world) groupsIn(p *prog.Point, b *binary) ([]*prog.Group, error) {
	if p.Kind == prog.KindRPC {
		return w.rpcGroupsIn(p, b)
	}
	if err := w.foreign(b); err != nil {
		return nil, fmt.Errorf("%s %w", b.target.Path, err)
	}
	fns, err := matching(p, b.file)
	if err != nil {
		return nil, err
	}
	if len(fns) == 0 {
		return nil, w.noMatch(p, b)
	}
	w.noteDots(p, b, fns)
	needs := w.needs(p)
	var groups []*prog.Group
	byLayout := map[string]*prog.Group{}
	for _, fn := range fns {
		if err := checkKind(p, fn); err != nil {
			return nil, err
		}
		l := w.layout(p, b, fn, needs)
		g, ok := byLayout[l.key]
		if !ok {
			g = &prog.Group{Point: p, Target: b.target, Args: l.args, Rets: l.rets, NoArgs: l.noArgs,
				NoRets: l.noRets, Go: l.facts, Layout: l.key, Site: l.site, Moved: b.file.Moved()}
			byLayout[l.key] = g
			groups = append(groups, g)
		}
		id := w.bins.funcID(b, fn)
		g.Funcs = append(g.Funcs, prog.Func{ID: id, Name: gobin.Demangle(fn.Name), Address: fn.Entry, Shared: l.shared})
	}
	return groups, nil
}

func checkKind(p *prog.Point, fn gobin.Func) error {
	if p.Kind == prog.KindUprobe && p.HasOff && fn.Size() > 0 && p.Offset >= fn.Size() {
		return diag.Sentencef("Offset outside the function bounds ('%s' size is %d)", fn.Name, fn.Size())
	}
	return nil
}

// matching lists the functions that the point names.
func matching(p *prog.Point, f *gobin.File) ([]gobin.Func, error) {
	switch {
	case p.HasAddr:
		fn, ok := f.FuncAt(p.Address)
		if !ok {
			return nil, diag.Sentencef("Could not resolve address: %s:%#x", p.Target, p.Address)
		}
		p.HasOff, p.Offset = p.Address != fn.Entry, p.Address-fn.Entry
		return []gobin.Func{fn}, nil
	case p.File != "":
		return atLine(p, f)
	case p.Lang != "":
		return f.Match(demangled(p.Func))
	case p.Exact || !strings.Contains(p.Func, "*"):
		return f.Named(p.Func)
	}
	return f.MatchGlob(p.Func)
}

// noteDots keeps for a warning that the binary does not tell apart what the point names.
func (w *world) noteDots(p *prog.Point, b *binary, fns []gobin.Func) {
	if name := fns[0].Name; strings.Contains(p.Func, "[") && len(fns) > 1 && gobin.Dots(name) && !gobin.Glob(p.Func)(name) {
		w.note(fmt.Sprintf("%s: it does not tell the type arguments of its functions: %s stands for %d of them", b.target.Path, p.Func, len(fns)))
	}
}

// atLine finds the one function that has the point's source line and makes the
// point one at an offset of it.
func atLine(p *prog.Point, f *gobin.File) ([]gobin.Func, error) {
	place := fmt.Sprintf("%s:%d", p.File, p.Line)
	addrs, err := f.LineAddr(p.File, p.Line, p.Column)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: where its lines are is not known: %w", p.Target, err)
	case len(addrs) == 0:
		return nil, fmt.Errorf("no code of %s is from %s", p.Target, place)
	case len(addrs) > 1:
		return nil, fmt.Errorf("code from %s is in %d functions of %s: probe one of them by name and offset", place, len(addrs), p.Target)
	}
	fn, _ := f.FuncAt(addrs[0])
	p.Address = addrs[0]
	p.HasOff, p.Offset = addrs[0] != fn.Entry, addrs[0]-fn.Entry
	return []gobin.Func{fn}, nil
}

// demangled matches a function's name as C++ has it, with or without its
// parameters.
func demangled(pattern string) gobin.Matcher {
	whole, called := gobin.Glob(pattern), gobin.Glob(pattern+"(*")
	return func(s string) bool {
		d := gobin.Demangle(s)
		return d != s && (whole(d) || called(d))
	}
}

// noMatch explains why an attach point has no function.
func (w *world) noMatch(p *prog.Point, b *binary) error {
	place := p.Target + ":" + p.Func
	if p.Target == "" {
		place = fmt.Sprintf("%s in process %d", p.Func, w.pid)
	}
	return NoMatch(b.file, p.Provider+" "+place, p.Func)
}

// NoMatch is the error of a name without a function in f: inlined away, or
// misspelt. Messages call the point what.
func NoMatch(f *gobin.File, what, name string) error {
	no := &check.NoMatch{What: what}
	sites, err := f.InlinedAt(name)
	if err == nil && len(sites) > 0 {
		no.Hint = "the compiler inlined it" + where(sites) + "; probe a caller, or build with -gcflags=-l"
	} else if near := f.Nearest(name, 3); len(near) > 0 {
		no.Hint = "did you mean " + strings.Join(quoted(near), ", ") + "?"
	}
	return no
}

func where(sites []gobin.InlineSite) string {
	var b strings.Builder
	for i, s := range sites {
		if i == 3 {
			fmt.Fprintf(&b, " and %d more", len(sites)-i)
			break
		}
		sep := ","
		if i == 0 {
			sep = " into"
		}
		fmt.Fprintf(&b, "%s %s (%s:%d)", sep, s.Caller, s.File, s.Line)
	}
	return b.String()
}

func quoted(names []string) []string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return q
}
