package codegen

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// maxStack is what the kernel gives a program, less what it takes for itself
// to count the turns of a loop.
const maxStack = 512 - 16

// frameRound is what the verifier rounds the frame of a function up to.
const frameRound = 32

// unsharedFrame is how many bytes of a frame always lie on the thread's stack: see
// keepStack. The verifier rounds up to 16.
const unsharedFrame = 48

// Object is a compiled unit.
type Object struct {
	Spec   *ebpf.ProgramSpec
	source *diag.Source
	fns    []*fn
	spans  []diag.Span

	// Turns is the loop whose every turn the verifier looks at, for want of bpf_loop:
	// of several, the one with most to look at.
	Turns diag.Span
}

// IR returns the intermediate code as text.
func (o *Object) IR() string { return dump(o.fns) }

// SpanAt returns the text that the raw instruction at offset off (in units of
// eight bytes, as in the verifier's log) was compiled from.
func (o *Object) SpanAt(off int) (diag.Span, bool) {
	if off < 0 || off >= len(o.spans) || o.spans[off] == (diag.Span{}) {
		return diag.Span{}, false
	}
	return o.spans[off], true
}

// Compile compiles the bodies of u to one program. Errors are diagnostics at
// the script's text (*diag.ListError), or say what does not fit a program.
func Compile(p *prog.Program, u *lower.Unit, t Target) (*Object, error) {
	onStack := p.Config.OnStackLimit
	if onStack == 0 {
		onStack = 32
	}
	var o *Object
	err := errStack
	for _, lim := range []limits{{onStack, 128, 256, 128}, {onStack, 128, 0, 0}, {}} {
		if errors.Is(err, errStack) {
			o, err = compile(p, u, t, lim)
		}
	}
	return o, err
}

// What does not fit a program.
var (
	errJump  = errors.New("a jump is too far for an instruction")
	errStack = errors.New("its variables and temporaries do not fit the stack")
)

// limits says up to which size, in bytes, memory values, event records, and keys and
// values that are composed for a map lie in the stack, and what is read from a
// process comes by way of it.
type limits struct{ onStack, record, composed, read int }

func compile(p *prog.Program, u *lower.Unit, t Target, lim limits) (*Object, error) {
	c := &comp{
		fn: newFn(""), p: p, u: u, t: t, lim: lim,
		errs: diag.NewList(p.Source), vars: map[*prog.Var]variable{},
	}
	c.program()
	if err := c.errs.Err(); err != nil {
		return nil, err
	}
	if room := ScratchSize(p) - scratchHead; c.slot.max > room {
		return nil, c.tooLarge("its values take %d bytes of %d", c.slot.max, room)
	}
	fns := append([]*fn{c.fn}, c.callbacks...)
	if c.fn.size > maxSize {
		return nil, c.tooLarge("it has more than %d instructions", maxSize)
	}
	fns = optimized(fns)
	w, err := assemble(fns, u.Target != nil || u.Nests)
	switch {
	case errors.Is(err, errStack) && lim == limits{}:
		return nil, c.tooLarge("%v", err)
	case errors.Is(err, errJump):
		return nil, c.tooLarge("%v", err)
	case err != nil:
		return nil, fmt.Errorf("unit %s: %w", u.Name, err)
	}
	o := &Object{Spec: c.spec(), source: p.Source, fns: fns, spans: w.spans, Turns: c.hardest.span}
	o.Spec.Instructions = w.out
	if n := usedMaps(w.out); n > maxMaps {
		return nil, c.tooLarge("it uses %d maps, a program may use %d", n, maxMaps)
	}
	return o, nil
}

// maxMaps is MAX_USED_MAPS of linux/bpf_verifier.h.
const maxMaps = 64

func usedMaps(list asm.Instructions) int {
	used := map[string]bool{}
	for i := range list {
		if in := &list[i]; in.IsLoadFromMap() {
			used[in.Reference()] = true
		}
	}
	return len(used)
}

// maxSize bounds the intermediate instructions of a program: its jumps reach over
// 32,767 of the kernel's, and the verifier looks at a million on all its ways.
const maxSize = 1 << 16

// tooLarge says why the unit's code does not fit a program.
func (c *comp) tooLarge(format string, args ...any) error {
	d := c.errs.Errorf(c.u.Point.Span, "the code of this probe is too large for a program of the kernel: "+format, args...)
	d.Hint = "give parts of it probes of their own, or write what is repeated as a loop"
	return c.errs.Err()
}

// optimized optimizes the functions and leaves out the callbacks that only dead
// code names: the kernel wants each of a program's functions to be reached. What
// names a callback stands before it.
func optimized(fns []*fn) []*fn {
	reached := map[string]bool{fns[0].name: true}
	var kept []*fn
	for _, f := range fns {
		if !reached[f.name] {
			continue
		}
		f.optimize()
		kept = append(kept, f)
		for _, b := range f.blocks {
			for _, i := range b.ins {
				for _, a := range i.args {
					if a.kind == funcOpnd {
						reached[a.name] = true
					}
				}
			}
		}
	}
	return kept
}

// assemble turns intermediate code into instructions. The function of a loop runs
// on top of what calls it, so that their stacks add up. Programs that may run again on a
// CPU while they run there need a frame that is each run's own.
func assemble(fns []*fn, again bool) (*writer, error) {
	depth := map[*fn]int{}
	var places []map[vreg]place
	shared := false
	for _, f := range fns {
		al := f.allocate()
		shared = shared || al.depth > unsharedFrame
		depth[f] = al.depth
		if len(fns) > 1 {
			depth[f] = depth[f.caller] + max(al.depth+frameRound-1, frameRound)/frameRound*frameRound
		}
		if depth[f] > maxStack {
			return nil, errStack
		}
		places = append(places, al.places)
	}
	return write(fns, places, again && shared)
}

// comp compiles one unit.
type comp struct {
	*fn
	p    *prog.Program
	u    *lower.Unit
	t    Target
	lim  limits
	errs *diag.List

	ctx     opnd
	hoist   *block // runs once, before the bodies
	exit    *block
	asked   *prog.If // the condition of the only body, tested before all else
	comm    mem      // the thread's name, if named
	named   bool
	alone   bool // no program of the session interrupts another
	body    *prog.Body
	bodyEnd *block
	loops   []loop
	nesting int    // functions of loops around here
	hardest effort // of the loops that are no functions

	mayNotSleep bool
	returns     bool // code of the function at hand leaves the body
	vars        map[*prog.Var]variable
	once        map[asm.BuiltinFunc]opnd
	onFault     func(ok *block)
	absent      bool // what is missing is no fault, but a value that may be absent

	callbacks []*fn
	shared    map[*prog.Var]bool // variables of a loop and of what is around it
	pointedAt map[*prog.Var]bool // variables whose addresses are taken
	unused    map[*prog.Var]bool

	lookups []known // valid at this point
	changed map[*prog.Map]int
	writes  map[*prog.Var]int

	slot    arena
	scratch vreg
	claimed claim
	claims  bool // some code claims a slot
}

// variable is where a scratch variable lives: a register, one for each part of a
// tuple, or memory.
type variable struct {
	reg   vreg
	parts []vreg
	mem   mem
}

func (c *comp) program() {
	c.once = map[asm.BuiltinFunc]opnd{}
	c.changed, c.writes = map[*prog.Map]int{}, map[*prog.Var]int{}
	c.shared, c.pointedAt = sharedVars(c.u.Bodies), pointedAt(c.u.Bodies)
	if !c.t.HelperWarnings {
		c.unused = unused(c.u.Bodies)
	}
	if c.alone = alone(c.p); c.alone {
		c.t.AtomicFetch = false // nobody changes a word between its two accesses
	}
	c.ctx = c.arg(0)
	c.scratch = c.reg()
	c.set(c.scratch, iOpnd(0))
	c.exit = c.block()
	c.ask()
	c.prologue()
	c.hoist = c.cur
	c.cur = nil
	first := c.block()
	c.start(first)
	for _, b := range c.u.Bodies {
		c.compileBody(b)
	}
	c.start(c.exit)
	c.release()
	c.emit(ins{op: opExit, a: iOpnd(0)})
	c.hoist.ins = append(c.hoist.ins, ins{op: opJump, to: first})
}

// hoisted emits what build makes before the bodies.
func (c *comp) hoisted(build func() opnd) opnd {
	if c.hoist == nil {
		return build()
	}
	cur, span := c.cur, c.span
	c.cur, c.span = c.hoist, diag.Span{}
	v := build()
	c.cur, c.span = cur, span
	return v
}

func (c *comp) compileBody(b *prog.Body) {
	c.body, c.bodyEnd = b, c.block()
	before := c.claimed
	stmts := b.Stmts
	if c.asked != nil {
		stmts = c.asked.Then
	}
	c.afresh(func() { c.stmts(stmts) })
	c.start(c.bodyEnd)
	c.claimed = join(before, c.claimed)
}

// spec returns the program's spec without its instructions.
func (c *comp) spec() *ebpf.ProgramSpec {
	s := &ebpf.ProgramSpec{Name: c.u.Name, License: c.p.Config.License}
	if s.License == "" {
		s.License = "GPL"
	}
	switch c.u.Kind {
	case prog.KindUprobe, prog.KindUretprobe, prog.KindUSDT, prog.KindKprobe, prog.KindKretprobe:
		s.Type = ebpf.Kprobe
		if c.u.Target == nil {
			// One function needs no such link, which takes entries of functions only.
			if c.t.KprobeMulti && len(c.u.Sites) > 1 && c.u.SiteKind != prog.SiteOffset {
				s.AttachType = ebpf.AttachTraceKprobeMulti
			}
			break
		}
		s.SectionName = "uprobe"
		if c.t.UprobeMulti {
			s.AttachType = ebpf.AttachTraceUprobeMulti
			s.SectionName = "uprobe.multi"
		}
		if c.sleepable() {
			s.Flags |= flagSleepable
			s.SectionName += ".s"
		}
	case prog.KindFentry, prog.KindFexit:
		s.Type, s.AttachType, s.AttachTo = ebpf.Tracing, ebpf.AttachTraceFEntry, c.u.Bodies[0].Group.Funcs[0].Name
		if c.u.Kind == prog.KindFexit {
			s.AttachType = ebpf.AttachTraceFExit
		}
	case prog.KindIter:
		s.Type, s.AttachType, s.AttachTo = ebpf.Tracing, ebpf.AttachTraceIter, c.u.Point.Func
	case prog.KindTracepoint:
		s.Type = ebpf.TracePoint
	case prog.KindInterval, prog.KindProfile, prog.KindSoftware, prog.KindHardware, prog.KindWatchpoint:
		s.Type = ebpf.PerfEvent
	case prog.KindRawTracepoint:
		s.Type = ebpf.RawTracepoint
		if c.t.TypedRawTp {
			s.Type, s.AttachType, s.AttachTo = ebpf.Tracing, ebpf.AttachTraceRawTp, c.u.Bodies[0].Group.Funcs[0].Name
		}
	default:
		s.Type = ebpf.RawTracepoint
	}
	return s
}

// flagSleepable is BPF_F_SLEEPABLE of linux/bpf.h.
const flagSleepable = 1 << 4

// sleepable tells whether the code at hand may sleep.
func (c *comp) sleepable() bool {
	return !c.mayNotSleep && c.u.Sleepable && c.t.Sleepable && c.u.Target != nil
}

// Insns returns the instructions as text: offset, instruction, and where in
// the script it comes from when that changes.
func (o *Object) Insns() string {
	var s strings.Builder
	raw, last := 0, diag.Span{}
	for i := range o.Spec.Instructions {
		in := &o.Spec.Instructions[i]
		if span, ok := o.SpanAt(raw); ok && span != last {
			fmt.Fprintf(&s, "; %s\n", o.place(span))
			last = span
		}
		fmt.Fprintf(&s, "%5d: %v\n", raw, in)
		raw += int(in.Width())
	}
	return s.String()
}

// place is a span's line and column, for people.
func (o *Object) place(span diag.Span) string {
	if o.source == nil {
		return "?"
	}
	before := o.source.Text[:min(int(span.Start), len(o.source.Text))]
	line := strings.Count(before, "\n") + 1
	return fmt.Sprintf("%s:%d:%d", o.source.Name, line, len(before)-strings.LastIndexByte(before, '\n'))
}

// Len returns the number of raw instructions.
func (o *Object) Len() int { return len(o.spans) }
