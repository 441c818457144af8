package run

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
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
	if err := l.pattern(pattern); err != nil {
		return nil, err
	}
	if len(l.found) == 0 {
		return nil, &NoProbeError{pattern}
	}
	return l.sorted(), nil
}

// NoProbeError is the error of a pattern that no probe matches.
type NoProbeError struct{ Pattern string }

func (e *NoProbeError) Error() string { return fmt.Sprintf("no probe matches %q", e.Pattern) }

// ListScript lists the probes that a script's attach points match.
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
	for _, p := range file.Probes() {
		for _, a := range p.Points {
			if err := l.pattern(a.String()); err != nil {
				diags.Errorf(a.Span(), "%v", err)
			}
		}
	}
	return l.sorted(), diags.Err()
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
// return of a function are listed only where they are named.
var kernelKinds = []string{"fentry", "hardware", "interval", "iter", "kprobe", "profile", "rawtracepoint", "self", "software", "tracepoint"}

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
		return err
	case strings.Contains(kind, "*"):
		return l.anyKind(a, kind, rest)
	case kind == "uprobe" || kind == "uretprobe":
		return l.functions(a, err)
	case kind == "usdt":
		return l.static(a, err)
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
		unit, _, _ := strings.Cut(rest, ":")
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

// kernel adds the probes of a kind whose text behind the kind matches.
func (l *lister) kernel(kind string, match gobin.Matcher) error {
	switch kind {
	case "begin", "end":
		l.found[kind] = nil
	case "self":
		return l.add(kind, "signal:SIGUSR1", match, nil)
	case "interval", "profile":
		for _, unit := range timerUnits {
			l.add(kind, unit+":", match, nil)
		}
	case "software", "hardware":
		l.counters(kind, match)
	case "iter":
		return l.iterators(match)
	case "tracepoint":
		return l.tracepoints(match)
	case "rawtracepoint":
		return l.rawTracepoints(match)
	case "kprobe", "kretprobe":
		return l.kernelFunctions(kind, kernel.FeatureKprobe, match)
	case "fentry", "fexit":
		return l.kernelFunctions(kind, kernel.FeatureFentry, match)
	}
	return nil
}

// counters adds events by their names and their short ones.
func (l *lister) counters(kind string, match gobin.Matcher) {
	for _, name := range check.CounterNames(kind) {
		l.add(kind, name+":", match, nil)
	}
}

func (l *lister) iterators(match gobin.Matcher) error {
	btf, err := l.world.facts.BTF()
	if err != nil {
		return fmt.Errorf("iterators are found in the kernel's BTF: %w", err)
	}
	for _, name := range btf.Iterators() {
		err := l.add("iter", name, match, func() ([]string, error) {
			params, err := btf.Iterator(name)
			return spelled(params), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// spelled are parameters as C writes them.
func spelled(params []kernel.Param) []string {
	var list []string
	for _, p := range params {
		list = append(list, p.CType+" "+p.Name)
	}
	return list
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

func (l *lister) tracepoints(match gobin.Matcher) error {
	tfs, err := l.world.facts.Tracefs()
	if err != nil {
		return err
	}
	all, err := tfs.Tracepoints("*", "*")
	if err != nil {
		return err
	}
	for _, full := range all {
		if strings.HasPrefix(full, "ftrace:") {
			continue // records of the function tracer, which nothing can attach to
		}
		err := l.add("tracepoint", full, match, func() ([]string, error) {
			n := splitEvent(full)
			f, err := tfs.Tracepoint(n.category, n.event)
			if err != nil {
				return nil, err
			}
			var args []string
			for _, fl := range f.Fields {
				if !strings.HasPrefix(fl.Name, "common_") {
					args = append(args, declared(fl))
				}
			}
			return args, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// declared is a field as its format has it.
func declared(f kernel.TracepointField) string {
	base, bounds, array := strings.Cut(f.CType, "[")
	text := strings.TrimSpace(base)
	if f.DataLoc {
		return "__data_loc " + f.CType + " " + f.Name
	}
	if array {
		return text + " " + f.Name + "[" + bounds
	}
	return text + " " + f.Name
}

func (l *lister) rawTracepoints(match gobin.Matcher) error {
	btf, err := l.world.facts.BTF()
	if err != nil {
		return fmt.Errorf("raw tracepoints are found in the kernel's BTF: %w", err)
	}
	for _, name := range btf.RawTracepoints() {
		err := l.add("rawtracepoint", "vmlinux:"+name, match, func() ([]string, error) {
			params, err := btf.RawTracepoint(name)
			return spelled(params), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// kernelFunctions adds functions of the kernel where it can probe them.
func (l *lister) kernelFunctions(kind string, needs kernel.FeatureID, match gobin.Matcher) error {
	if !l.told && !l.world.facts.Has(needs) {
		return nil
	}
	tfs, err := l.world.facts.Tracefs()
	if err != nil {
		return err
	}
	btf, btfErr := l.world.facts.BTF()
	return tfs.Functions(func(name, module string) bool {
		shown := name
		if needs == kernel.FeatureFentry {
			shown = cmp.Or(module, "vmlinux") + ":" + name
		}
		err = l.add(kind, shown, match, func() ([]string, error) {
			if btfErr != nil {
				return nil, btfErr
			}
			f, err := btf.FuncProto(name)
			if err != nil {
				return nil, nil // assembly, or of a module without types
			}
			return spelled(f.Params), nil
		})
		return err == nil
	})
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

// each lists what a point's target names: without one, and without a process, every
// program in PATH, of which only one is open at a time.
func (l *lister) each(p *prog.Point, list func(*binary) error) error {
	if l.world.pid != 0 || p.Target != "" && p.Target != "*" {
		bins, err := l.world.targets(p)
		for _, b := range bins {
			err = errors.Join(err, list(b))
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

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
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
	if sig.noArgs != "" {
		return []string{"(" + sig.noArgs + ")"}
	}
	var list []string
	for _, a := range sig.args {
		list = append(list, fmt.Sprintf("%v %s", a.Type, a.Name))
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
