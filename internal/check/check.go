// Package check resolves a script's names, attach points, constants and types
// and makes the typed tree of package prog of it.
//
// The types of maps and variables are found by fixpoint: all bodies are
// checked again until no type has grown, and what the last pass built and
// reported is the result. A body is built once for every group of sites of
// every attach point, so a name may have another type in each of them.
package check

import (
	"io"
	"slices"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/types"
)

// World is what check asks about the machine.
type World interface {
	// Groups lists what the attach point matches now, grouped by layout. None
	// is no error where targets may come later. An error's text is a sentence
	// for the user. It is not asked for points without sites: begin, end, self,
	// timers and counters.
	Groups(p *prog.Point) ([]*prog.Group, error)
	// Type finds a type by name: "struct task_struct", "enum x", "uint64_t", or
	// a Go type of g's binary, "main.Args". g may be nil.
	Type(name string, g *prog.Group) (*types.Type, bool)
	// Resolve returns the struct with its members that t, one without, stands
	// for; t itself if there is none.
	Resolve(t *types.Type, g *prog.Group) *types.Type
	// EnumConst finds a constant of a kernel enum.
	EnumConst(name string) (int64, *types.Type, bool)
	// KernelSymbol returns a kernel symbol's address.
	KernelSymbol(name string) (uint64, bool)
	// PerCPUSymbol returns what a CPU's distance is added to for its own variable.
	PerCPUSymbol(name string) (uint64, bool)
	// UserSymbol returns the address and size of a symbol of g's binary.
	UserSymbol(name string, g *prog.Group) (addr uint64, size int, ok bool)
	// LabelText is the text of number n in a table of types.Label.
	LabelText(table string, n uint64) string
	// KernelFunction returns the number of a function among the kernel's types.
	KernelFunction(name string) (id uint32, ok bool)
	// MayCall tells whether programs of a kind of probe may call it.
	MayCall(id uint32, kind prog.ProbeKind) bool
	// CgroupID returns the id of the cgroup at a path.
	CgroupID(path string) (uint64, error)
	// Register tells whether reg() knows the name.
	Register(name string) bool
	// ArgReg names the C ABI's register of argument n.
	ArgReg(n int) (string, bool)
	// RetReg and StackReg name the registers of the return value and the stack
	// pointer.
	RetReg() string
	StackReg() string
	// StackArg is the distance of stack argument n from the stack pointer at a
	// function's first byte.
	StackArg(n int) int64
	// Arch is the architecture's name in messages.
	Arch() string
}

// Options are what the command line adds to a script.
type Options struct {
	Params     []string          // $1, $2, …
	Named      map[string]string // values for getopt()
	PID        int               // of -p; 0: none
	CPID       int               // pid of -c's child; 0: none
	Unwind     bool              // there are processes whose stacks can be unwound
	Unsafe     bool              // --unsafe
	Secrets    bool              // --show-secrets
	Env        map[string]string // BPFTRACE_* without the prefix, any case
	NoWarnings bool
	Filter     func(name string) bool // takes the probes that are wanted, begin and end aside, by their full names; nil: all
}

// Result is a checked script.
type Result struct {
	Program *prog.Program
	Bodies  []*prog.Body // one a probe, attach point and group that Check found, in source order

	c *checker
}

// Check checks a script. If diags has errors afterwards the result is
// incomplete and only good for printing.
func Check(f *syntax.File, w World, o Options, diags *diag.List) *Result {
	c := newChecker(f, w, o, diags)
	c.configure()
	c.declare()
	c.jobs = c.makeJobs()
	bodies := c.settle(c.jobs)
	c.finish()
	return &Result{Program: c.prog, Bodies: bodies, c: c}
}

// Bind makes bodies for groups of p, a point of the program, that were found
// after Check. The types of maps that exist cannot change any more: a body that
// would need that is an error. New actions and maps are appended to the program.
func (r *Result) Bind(p *prog.Point, gs []*prog.Group, diags *diag.List) []*prog.Body {
	c := r.c
	c.diags = diags
	at := c.points[p]
	if at == nil {
		return nil
	}
	var jobs []job
	for _, g := range gs {
		j := *at
		j.group = g
		jobs = append(jobs, j)
	}
	bodies := c.settle(jobs)
	c.finish()
	return bodies
}

// checker is the state over all bodies of a script.
type checker struct {
	file  *syntax.File
	world World
	opts  Options
	diags *diag.List // what the user sees
	pass  *diag.List // what this pass found; dropped if another one follows
	prog  *prog.Program

	builtins   map[string]*Builtin
	functions  map[string]*Function
	getopts    map[string]string         // what each is for
	names                                // of the text being checked
	frameworks map[*prog.Framework]names // of the texts of frameworks' scripts
	scripts    map[string]*syntax.File
	ordinals   map[*prog.Point]int // of rpc points

	maps     map[string]*mapState
	mapOrder []*mapState
	vars     map[varKey]*types.Type
	points   map[*prog.Point]*job
	actions  []madeAction // as prog.Actions
	resolved map[*types.Type]*types.Type
	named    map[typeName]*types.Type
	changed  bool        // a type grew in this pass
	passes   int         // before this one
	keepDead bool        // branches that never run are looked at for the types of maps
	missing  bool        // a probe matches nothing: what it would fill is not known
	unset    []*mapState // maps that this pass read without knowing their type
	fixed    int         // actions that earlier calls have handed out
	formats  map[string]int

	jobs       []job
	probeNames *prog.Map // names of probes, written by user space; nil: none is needed
	nameSize   int       // see longestName
	nameCount  int       // names that there were then
}

// names are the definitions of a text: the script, or that of a framework.
type names struct {
	owner   string // framework whose text it is, before the names of its maps; "" for the script
	defines map[string]*syntax.Define
	macros  map[string][]*syntax.Macro
	funcs   map[string]*syntax.Func
	ctypes  map[string]*types.Type // "struct x" of the text
	enums   map[string]enumConst
	decls   map[string]*syntax.MapDecl
	shared  map[string]bool          // maps that all frameworks share
	probes  map[string]*syntax.Probe // of a framework, by name
}

func newNames() names {
	return names{
		defines: map[string]*syntax.Define{}, macros: map[string][]*syntax.Macro{},
		funcs:  map[string]*syntax.Func{},
		ctypes: map[string]*types.Type{}, enums: map[string]enumConst{},
		decls: map[string]*syntax.MapDecl{}, shared: map[string]bool{}, probes: map[string]*syntax.Probe{},
	}
}

// typeName is a name that the world resolved for a group.
type typeName struct {
	name  string
	group *prog.Group
}

type enumConst struct {
	value int64
	typ   *types.Type
}

// job is one body to build.
type job struct {
	ast   *syntax.Probe
	probe *prog.Probe
	point *prog.Point
	group *prog.Group
}

func newChecker(f *syntax.File, w World, o Options, diags *diag.List) *checker {
	c := &checker{
		file: f, world: w, opts: o, diags: diags, pass: diags,
		prog:     &prog.Program{Source: f.Source},
		builtins: map[string]*Builtin{}, functions: map[string]*Function{},
		names: newNames(), frameworks: map[*prog.Framework]names{}, scripts: map[string]*syntax.File{}, ordinals: map[*prog.Point]int{}, getopts: map[string]string{},
		maps: map[string]*mapState{}, vars: map[varKey]*types.Type{},
		points: map[*prog.Point]*job{}, formats: map[string]int{},
		resolved: map[*types.Type]*types.Type{}, named: map[typeName]*types.Type{},
	}
	for _, b := range Builtins() {
		c.builtins[b.Name] = &b
	}
	for _, fn := range Functions() {
		c.functions[fn.Name] = &fn
	}
	return c
}

// maxPasses bounds the fixpoint. A type can only grow: an integer three times,
// a string by the lengths that the script has.
const maxPasses = 64

// settle builds the bodies of jobs until no type changes.
func (c *checker) settle(jobs []job) []*prog.Body {
	for c.passes = range maxPasses {
		c.changed, c.unset = false, nil
		c.pass = diag.NewList(c.file.Source)
		c.prog.Actions, c.actions = c.prog.Actions[:c.fixed:c.fixed], c.actions[:c.fixed:c.fixed]
		var bodies []*prog.Body
		for _, j := range jobs {
			if body := c.build(j); body != nil {
				bodies = append(bodies, body)
			}
		}
		if c.changed || c.assume() {
			continue
		}
		c.diags.All = append(c.diags.All, c.pass.All...)
		c.fixed = len(c.prog.Actions)
		c.pass = c.diags
		return bodies
	}
	panic("BUG: types do not settle")
}

// finish hands over the maps and closes their types.
func (c *checker) finish() {
	for _, m := range c.mapOrder {
		if m.frozen || m.m.Value == nil {
			continue
		}
		m.frozen = true
		c.prog.Maps = append(c.prog.Maps, m.m)
	}
	if c.probeNames != nil && !slices.Contains(c.prog.Maps, c.probeNames) {
		c.prog.Maps = append(c.prog.Maps, c.probeNames)
	}
	for _, d := range c.file.Decls {
		if d, ok := d.(*syntax.MapDecl); ok && c.maps["@"+d.Name] == nil && !c.diags.HasErrors() {
			c.unusedMap(d)
		}
	}
	if c.opts.NoWarnings {
		c.dropWarnings()
	}
	c.diags.Sort()
	clear(c.frameworks) // each binary that comes later has its own
}

func (c *checker) dropWarnings() {
	kept := c.diags.All[:0]
	for _, d := range c.diags.All {
		if d.Severity == diag.Error {
			kept = append(kept, d)
		}
	}
	c.diags.All = kept
}

// build makes one body; nil where the predicate is never true.
func (c *checker) build(j job) *prog.Body {
	b := &body{checker: c, job: j, ordinals: map[string]int{}}
	out := &prog.Body{Probe: j.probe, Group: j.group}
	runs := true
	out.Stmts = b.collect(func() {
		b.pidFilter()
		if j.group.Hook != nil {
			b.hook() // also without the user's body: other probes need it
			return
		}
		b.scoped(func() { runs = b.statements() })
	})
	if !runs {
		return nil
	}
	out.Vars = b.declared
	return out
}

// statements builds predicate and body; false if they never run.
func (b *body) statements() bool {
	if b.ast.Pred == nil {
		b.stmts(b.ast.Body.Stmts)
		return true
	}
	cond := b.condition(b.ast.Pred)
	if v, ok := constant(cond); ok {
		if v != 0 {
			b.stmts(b.ast.Body.Stmts)
		}
		return v != 0
	}
	then := b.collect(func() { b.block(b.ast.Body) })
	if !isBad(cond) {
		b.add(&prog.If{At: at(b.ast.Pred.Span()), Cond: cond, Then: then})
	}
	return true
}

// pidKinds are the kinds whose events come from every process, so that the
// program itself has to look for -p's.
const pidKinds = onTracepoint | onRawTracepoint | onKernelFunc

func (b *body) pidFilter() {
	if b.opts.PID == 0 || !pidKinds.has(b.point.Kind) {
		return
	}
	span := b.job.probe.Span
	pid := &prog.Builtin{Meta: meta(types.TUint32, span), ID: prog.BPid}
	other := &prog.Binary{Meta: meta(types.TBool, span), Op: prog.Ne,
		X: b.convert(pid, types.TUint64), Y: integer(types.TUint64, uint64(b.opts.PID), span)}
	b.add(&prog.If{At: at(span), Cond: other, Then: []prog.Stmt{&prog.Return{At: at(span)}}})
}

// Dump writes the checked program for people: maps, actions, and every
// statement with the types of its values.
func Dump(w io.Writer, r *Result) { prog.Dump(w, r.Program, r.Bodies) }
