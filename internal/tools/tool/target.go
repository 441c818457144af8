package tool

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/run"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// targetKind is what a bcc-style pattern names.
type targetKind uint8

const (
	kernelFunc targetKind = iota
	userFunc
	tracepoint
	usdt
)

// target is a pattern taken apart.
type target struct {
	kind    targetKind
	binary  string // userFunc, usdt: as typed; "": that of --pid. tracepoint: the category
	pattern string
}

// parseTarget reads func, lib:func, /path/bin:func, :func, p::func,
// p:lib:func, t:category:event and u:lib:probe. A name may hold colons itself.
func parseTarget(text string) (target, error) {
	first, rest, colon := strings.Cut(text, ":")
	second, third, colons := strings.Cut(rest, ":")
	var t target
	switch {
	case !colon:
		t = target{kernelFunc, "", text}
	case colons && first == "p" && second == "":
		t = target{kernelFunc, "", third}
	case colons && first == "p":
		t = target{userFunc, second, third}
	case colons && first == "t":
		t = target{tracepoint, second, third}
	case colons && first == "u":
		t = target{usdt, second, third}
	default:
		t = target{userFunc, first, rest}
	}
	switch {
	case t.pattern == "":
		return t, fmt.Errorf("%q names no function: write PROGRAM:FUNCTION, such as './server:main.*'", text)
	case t.kind == kernelFunc && strings.Contains(t.pattern, "/"):
		return t, fmt.Errorf("%q names no function: write %s:FUNCTION", text, text)
	case t.kind == tracepoint && t.binary == "":
		return t, fmt.Errorf("%q names no category: write t:CATEGORY:EVENT", text)
	}
	return t, nil
}

// Query asks for the functions to trace.
type Query struct {
	Kind    string // of the probe: "uprobe" or "uretprobe"
	Pattern string // as typed
	Regexp  bool
	PID     int  // 0: all processes
	Events  bool // tracepoints and static probes will do
}

// Matched is what a query found.
type Matched struct {
	Points []*syntax.AttachPoint
	Count  int // functions or events

	// Of functions of a binary, else nil. Close closes the file.
	File  *gobin.File
	Funcs []gobin.Func

	kind      string   // of the probe
	binary    string   // as typed
	all       []string // the names there are, sorted
	demangled bool     // some of them are mangled: globs match the demangled name, too
}

// Close lets the binary go.
func (m *Matched) Close() {
	if m.File != nil {
		m.File.Close()
	}
}

// Events tells whether tracepoints or static probes matched, not functions.
func (m *Matched) Events() bool { return m.kind == "tracepoint" || m.kind == "usdt" }

// Match finds what a pattern names: first a function of exactly that name, else
// '*' is any text, '.' any character, and the rest literal; with Regexp the
// pattern is a regular expression.
func Match(q Query) (*Matched, error) {
	t, err := parseTarget(q.Pattern)
	if err != nil {
		return nil, err
	}
	switch {
	case t.kind == usdt && !q.Events:
		return nil, fmt.Errorf("%s: a static probe has no duration; give a function", q.Pattern)
	case t.kind == usdt:
		return matchStatic(t, q)
	case t.kind == tracepoint && !q.Events:
		return nil, fmt.Errorf("%s: a tracepoint has no duration; give a function", q.Pattern)
	case t.kind == tracepoint:
		return matchEvents(t, q)
	case t.kind == kernelFunc:
		return matchKernel(t, q)
	}
	return matchFuncs(t, q)
}

// matchKernel finds functions of the kernel.
func matchKernel(t target, q Query) (*Matched, error) {
	if err := kernel.Detect().Require(kernel.FeatureKprobe); err != nil {
		return nil, noKernelFunc(t.pattern, err)
	}
	tfs, err := kernel.OpenTracefs()
	if err != nil {
		return nil, err
	}
	defer tfs.Close()
	m := &Matched{kind: strings.Replace(q.Kind, "u", "k", 1)}
	err = tfs.Functions(func(name, _ string) bool {
		m.all = append(m.all, name)
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(m.all)
	m.all = slices.Compact(m.all)
	match, err := t.matcher(q)
	if err != nil {
		return nil, err
	}
	if _, exact := slices.BinarySearch(m.all, t.pattern); exact && !q.Regexp {
		match = func(name string) bool { return name == t.pattern }
	}
	for _, name := range m.all {
		if match(name) {
			m.Funcs = append(m.Funcs, gobin.Func{Name: name})
		}
	}
	if len(m.Funcs) == 0 {
		return nil, fmt.Errorf("no kernel function matches %q (a function of a program is PROGRAM:FUNCTION)", q.Pattern)
	}
	m.Count = len(m.Funcs)
	m.Points = m.cover(t.pattern, q.Regexp)
	return m, nil
}

// noKernelFunc explains why a function of the kernel cannot be traced.
func noKernelFunc(name string, err error) error {
	if call := syscallOf(name); call != "" {
		return fmt.Errorf("kernel function %s: %w; the system call has a tracepoint: t:syscalls:sys_enter_%s", name, err, call)
	}
	return fmt.Errorf("kernel function %s: %w (a function of a program is PROGRAM:FUNCTION)", name, err)
}

// syscallOf is the system call that a kernel function's name stands for, "" for
// none.
func syscallOf(name string) string {
	for _, prefix := range []string{"__x64_sys_", "__arm64_sys_", "__se_sys_", "__do_sys_", "do_sys_", "ksys_", "sys_"} {
		if call, ok := strings.CutPrefix(name, prefix); ok {
			return call
		}
	}
	return ""
}

func matchFuncs(t target, q Query) (*Matched, error) {
	f, err := run.OpenTarget(t.binary, q.PID)
	if err != nil {
		return nil, err
	}
	m := &Matched{File: f, kind: q.Kind, binary: t.binary}
	if err := m.find(t, q); err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

func (m *Matched) find(t target, q Query) error {
	var err error
	switch {
	case q.Regexp:
		var match gobin.Matcher
		if match, err = gobin.Regexp(t.pattern); err == nil {
			m.Funcs, err = m.File.Match(match)
		}
	default:
		m.Funcs, err = m.File.MatchBCC(t.pattern)
	}
	if err != nil {
		return err
	}
	if len(m.Funcs) == 0 && q.Regexp {
		return fmt.Errorf("no functions matched by pattern %s", q.Pattern)
	}
	if len(m.Funcs) == 0 {
		return run.NoMatch(m.File, fmt.Sprintf("%s in %s", t.pattern, cmp.Or(m.binary, fmt.Sprintf("process %d", q.PID))), t.pattern)
	}
	m.Count = len(m.Funcs)
	if err := m.listNames(); err != nil {
		return err
	}
	m.Points = m.cover(t.pattern, q.Regexp)
	return nil
}

func (m *Matched) listNames() error {
	fns, err := m.File.Funcs()
	m.all = names(fns)
	for _, fn := range fns {
		m.demangled = m.demangled || !fn.Go && gobin.Demangle(fn.Name) != fn.Name
	}
	return err
}

// Only returns attach points for some of the matched functions.
func (m *Matched) Only(fns []gobin.Func) []*syntax.AttachPoint {
	if len(fns) == len(m.Funcs) {
		return m.Points
	}
	return m.coverNames(names(fns))
}

func (m *Matched) function(name string, quoted bool) *syntax.AttachPoint {
	return &syntax.AttachPoint{Provider: m.kind, Kind: m.kind,
		Target: syntax.Part{Text: m.binary, Quoted: true}, Func: syntax.Part{Text: name, Quoted: quoted}}
}
