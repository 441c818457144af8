package run

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/check"
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// Listed is a probe that a script may name. Args are its arguments, "TYPE NAME"
// each, where they were asked for.
type Listed struct {
	Probe string
	Args  []string
	Text  string // the definition of a type, in the place of Probe
}

// ListOptions say what is listed.
type ListOptions struct {
	PID  int  // whose functions; 0: without a path those of all programs in PATH
	Args bool // with arguments; of types their definitions

	TraceableFunctions string // file of the kernel functions that can be traced; "": the kernel's own
}

// List lists the probes that match a pattern, sorted. A pattern is an attach
// point with or without *, or text without a colon that the names of kernel
// events are matched with; "" matches all of them.
func List(pattern string, o ListOptions) ([]Listed, error) {
	l, err := newLister(o)
	if err != nil {
		return nil, err
	}
	defer l.world.bins.close()
	for _, one := range alternatives(pattern) {
		if err := l.pattern(one); err != nil {
			return nil, err
		}
	}
	if len(l.found) == 0 {
		return nil, &NoProbeError{Pattern: pattern}
	}
	return l.sorted(), nil
}

// alternatives divides a pattern at the commas that another kind of point follows;
// names of functions may have commas, too.
func alternatives(pattern string) []string {
	var list []string
	parts := strings.Split(pattern, ",")
	for i, part := range parts {
		point := strings.TrimSpace(part)
		provider, _, ok := strings.Cut(point, ":")
		if i == 0 || ok && syntax.IsProvider(provider) {
			list = append(list, point)
			continue
		}
		list[len(list)-1] += "," + part
	}
	return list
}

// NoProbeError is the error of a pattern that no probe matches.
type NoProbeError struct {
	Pattern string
	Err     error // why, nil: no name is like that
}

func (e *NoProbeError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("no probe matches %q", e.Pattern)
}

func (e *NoProbeError) Unwrap() error { return e.Err }

// absent is the error of a pattern that names what is not there, nil if err is.
func absent(pattern string, err error) error {
	if err == nil {
		return nil
	}
	return &NoProbeError{pattern, err}
}

// ListScript lists the probes that a script's attach points match, in the
// script's order. Those that are rpcxray's own are not listed.
func ListScript(src *diag.Source, params []string, o ListOptions) ([]Listed, error) {
	diags := diag.NewList(src)
	file := Parse(src, params, diags)
	if err := diags.Err(); err != nil {
		return nil, err
	}
	l, err := newLister(o)
	if err != nil {
		return nil, err
	}
	defer l.world.bins.close()
	var list []Listed
	for _, p := range file.Probes() {
		for _, a := range p.Points {
			list = append(list, l.point(a, diags)...)
		}
	}
	return list, diags.Err()
}

// point lists what one attach point of a script matches.
func (l *lister) point(a *syntax.AttachPoint, diags *diag.List) []Listed {
	switch a.Kind {
	case "begin", "end", "self":
		return nil
	case "test", "bench":
		return []Listed{{Probe: suiteKinds[a.Kind] + ":" + a.Func.Text + ":"}}
	}
	clear(l.found)
	err := l.pattern(a.String())
	if err == nil && len(l.found) == 0 && a.Kind != "watchpoint" { // there is none before a script names it
		err = noMatches(matchText(a))
	}
	if err != nil {
		diags.Errorf(a.Span(), "%v", err)
	}
	return l.sorted()
}

// suiteKinds are tests and benchmarks as lists call them.
var suiteKinds = map[string]string{"test": "test", "bench": "benchmark"}

// matchText is an attach point as messages tell of what is not there.
func matchText(a *syntax.AttachPoint) string {
	_, rest, _ := strings.Cut(a.String(), ":")
	return a.Kind + " " + rest
}

// lister collects probes.
type lister struct {
	world *world
	args  bool
	told  bool                // the user says which functions of the kernel can be traced
	found map[string][]string // arguments by probe
	texts map[string]string   // definitions by type
}

func newLister(o ListOptions) (*lister, error) {
	facts := kernel.Detect()
	if o.TraceableFunctions != "" {
		if err := facts.UseTraceable(o.TraceableFunctions); err != nil {
			return nil, err
		}
	}
	if err := findProcess(o.PID); err != nil {
		return nil, err
	}
	return &lister{world: newWorld(facts, &syntax.File{}, o.PID), args: o.Args, told: o.TraceableFunctions != "", found: map[string][]string{}, texts: map[string]string{}}, nil
}

func (l *lister) sorted() []Listed {
	var list []Listed
	for _, name := range slices.Sorted(maps.Keys(l.found)) {
		list = append(list, Listed{Probe: name, Args: l.found[name], Text: l.texts[name]})
	}
	return list
}

// timerUnits are those of interval and profile.
var timerUnits = []string{"hz", "ms", "s", "us"}

// kernelKinds are the kinds whose probes are listed without a path. Those at the
// return of a function, timers and signals are listed only where they are named.
var kernelKinds = []string{"fentry", "hardware", "iter", "kprobe", "rawtracepoint", "software", "tracepoint"}

// pattern adds what a pattern matches.
func (l *lister) pattern(text string) error {
	if tag, name, ok := strings.Cut(text, " "); ok && slices.Contains([]string{"struct", "union", "enum"}, tag) {
		return l.compounds(tag, strings.TrimSpace(name))
	}
	if text == "" || !strings.Contains(text, ":") && !slices.Contains(syntax.Kinds(), strings.ToLower(text)) {
		return l.names(text)
	}
	a, err := syntax.ParsePoint(text)
	kind, rest := a.Kind, ""
	if _, after, ok := strings.Cut(text, ":"); ok {
		rest = after
	}
	switch {
	case kind == "":
		return absent(text, err)
	case strings.Contains(kind, "*"):
		return l.anyKind(a, kind, rest)
	case kind == "uprobe" || kind == "uretprobe":
		return absent(text, l.functions(a, err))
	case kind == "usdt":
		return absent(text, l.static(a, err))
	case kind == "rpc":
		return l.calls(a, err)
	}
	return l.kernel(kind, within(a, kind, rest))
}

// compounds adds types of the kernel.
func (l *lister) compounds(tag, pattern string) error {
	btf, err := l.world.facts.BTF()
	if err != nil {
		return fmt.Errorf("types are found in the kernel's BTF: %w", err)
	}
	for _, name := range btf.Compounds(tag, gobin.Glob(pattern)) {
		full := tag + " " + name
		l.found[full] = nil
		if l.args {
			text, err := btf.Definition(full)
			if err != nil {
				return err
			}
			l.texts[full] = "vmlinux: " + text + "\n"
		}
	}
	return nil
}

// within makes a matcher for what stands behind the kind of a listed probe.
func within(a *syntax.AttachPoint, kind, rest string) gobin.Matcher {
	switch {
	case rest == "":
		return gobin.Glob("*")
	case kind == "tracepoint" && !strings.Contains(rest, ":"):
		return gobin.Glob("*:" + rest)
	case (kind == "rawtracepoint" || kind == "fentry" || kind == "fexit") && !strings.Contains(rest, ":"):
		return gobin.Glob("vmlinux:" + rest)
	case (kind == "kprobe" || kind == "kretprobe") && a.Target.Text != "":
		return gobin.Glob(a.Func.Text)
	case kind == "software" || kind == "hardware":
		return gobin.Glob(strings.TrimSuffix(a.Func.Text, ":") + ":*")
	case kind == "interval" || kind == "profile":
		unit, _, named := strings.Cut(rest, ":")
		if !named && a.Count > 0 {
			unit = "us" // a duration
		}
		return gobin.Glob(unit + ":*")
	}
	return gobin.Glob(rest)
}

// anyKind adds the probes of every kind that a pattern such as "*probe"
// matches; functions of programs where the second part is a path.
func (l *lister) anyKind(a *syntax.AttachPoint, kinds, rest string) error {
	match := gobin.Glob(kinds)
	for _, kind := range kernelKinds {
		if match(kind) {
			p, err := a.As(kind)
			if err != nil {
				p = a
			}
			if err := l.kernel(kind, within(p, kind, rest)); err != nil {
				return err
			}
		}
	}
	if path, _, _ := strings.Cut(rest, ":"); !strings.Contains(path, "/") && l.world.pid == 0 {
		return nil
	}
	for kind, list := range map[string]func(*syntax.AttachPoint, error) error{"uprobe": l.functions, "usdt": l.static} {
		if !match(kind) {
			continue
		}
		p, err := a.As(kind)
		if err := list(p, err); err != nil && !isNoMatch(err) {
			return err
		}
	}
	return nil
}

func isNoMatch(err error) bool {
	var no *check.NoMatch
	return errors.As(err, &no)
}

// names adds the kernel events whose name matches, anywhere in it if the
// pattern has no *.
func (l *lister) names(pattern string) error {
	if !strings.Contains(pattern, "*") {
		pattern = "*" + pattern + "*"
	}
	match := gobin.Glob(pattern)
	for _, kind := range kernelKinds {
		err := l.kernel(kind, func(probe string) bool {
			probe = strings.TrimSuffix(probe, ":")
			return match(probe[strings.LastIndexByte(probe, ':')+1:])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds kind:name if it matches; args is asked only for what is shown.
func (l *lister) add(kind, name string, match gobin.Matcher, args func() ([]string, error)) error {
	if !match(name) {
		return nil
	}
	var list []string
	if l.args && args != nil {
		var err error
		if list, err = args(); err != nil {
			return err
		}
	}
	l.found[kind+":"+name] = list
	return nil
}

// static adds the static probes of programs.
func (l *lister) static(a *syntax.AttachPoint, err error) error {
	p := &prog.Point{Kind: prog.KindUSDT, Provider: a.Kind, Target: a.Target.Text, Namespace: a.Namespace.Text, Func: a.Func.Text}
	switch {
	case len(a.Parts) == 0:
		p.Func = "*"
	case len(a.Parts) == 1 && isFile(a.Parts[0].Text):
		p.Target, p.Func = a.Parts[0].Text, "*"
	case err != nil:
		return err
	}
	return l.each(p, func(b *binary) error {
		probes, err := b.file.USDTs()
		if err != nil {
			return err
		}
		for _, u := range probes {
			if globMatches(p.Func, u.Name) && (p.Namespace == "" || globMatches(p.Namespace, u.Provider)) {
				l.found["usdt:"+b.target.Path+":"+u.Provider+":"+u.Name] = nil
			}
		}
		return nil
	})
}

// each lists what a point's target names: without one every file that the process
// runs code from, or every program in PATH, of which only one is open at a time.
func (l *lister) each(p *prog.Point, list func(*binary) error) error {
	if l.world.pid != 0 && p.Target == "" {
		p.Target = "*"
	}
	if l.world.pid != 0 || p.Target != "" && p.Target != "*" {
		bins, err := l.world.targets(p)
		several := strings.Contains(p.Target, "*")
		for _, b := range bins {
			if e := list(b); !several || !isNoMatch(e) {
				err = errors.Join(err, e)
			}
		}
		return err
	}
	for _, f := range inPath() {
		bins := newBinaries()
		if b, err := bins.open(f.name, f.file, 0); err == nil {
			_ = list(b) // not every program has what is looked for, or symbols
			bins.close()
		}
	}
	return nil
}

// functions adds the functions of programs that a uprobe or uretprobe matches.
// A path alone stands for all of its functions.
func (l *lister) functions(a *syntax.AttachPoint, err error) error {
	p := &prog.Point{Kind: prog.KindUprobe, Provider: a.Kind, Target: a.Target.Text, Func: a.Func.Text, Exact: a.Func.Quoted}
	if a.Kind == "uretprobe" {
		p.Kind = prog.KindUretprobe
	}
	switch {
	case len(a.Parts) == 0:
		p.Func = "*"
	case len(a.Parts) == 1 && isFile(a.Parts[0].Text):
		p.Target, p.Func = a.Parts[0].Text, "*"
	case err != nil:
		return err
	}
	return l.each(p, func(b *binary) error { return l.functionsOf(p, b) })
}

func (l *lister) functionsOf(p *prog.Point, b *binary) error {
	fns, err := matching(p, b.file)
	if err != nil {
		return err
	}
	if len(fns) == 0 {
		return l.world.noMatch(p, b)
	}
	for _, fn := range fns {
		at := syntax.AttachPoint{Kind: p.Provider, Target: syntax.Part{Text: b.target.Path}, Func: syntax.Part{Text: fn.Name}}
		var args []string
		if l.args {
			args = l.signature(p, b, fn)
		}
		l.found[at.String()] = args
	}
	return nil
}

// signature is what a script can read in a probe on fn.
func (l *lister) signature(p *prog.Point, b *binary, fn gobin.Func) []string {
	sig := l.world.layout(p, b, fn, needs{values: true})
	switch {
	case sig.noArgs != "" && fn.Go:
		return []string{"(" + sig.noArgs + ")"}
	case sig.noArgs != "":
		return nil
	}
	spelled := b.file.ParamTypes(fn)
	var list []string
	for i, a := range sig.args {
		if fn.Go {
			list = append(list, fmt.Sprintf("%v %s", a.Type, a.Name))
		} else {
			list = append(list, spelled[i]+" "+a.Name)
		}
	}
	if p.Kind != prog.KindUretprobe {
		return list
	}
	for i, r := range sig.rets {
		name := r.Name
		if name == "" || strings.HasPrefix(name, "~") { // ~r0: the compiler's name of an unnamed result
			name = fmt.Sprint(i)
		}
		list = append(list, fmt.Sprintf("%v ret.%s", r.Type, name))
	}
	return list
}
