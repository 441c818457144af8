package lower

import (
	"fmt"
	"hash/fnv"

	"github.com/rpcxray/rpcxray/internal/prog"
)

// Planner finds the sites of functions; discovery implements it.
type Planner interface {
	// Entry returns where f's calls are counted.
	Entry(t *prog.Target, f prog.Func) (prog.Site, error)
	// Returns lists f's RET instructions (Go), or its one return probe.
	Returns(t *prog.Target, f prog.Func) ([]prog.Site, error)
	// Offset returns the site off bytes into f, an instruction's first byte.
	Offset(t *prog.Target, f prog.Func, off uint64) (prog.Site, error)
}

// Arch is what lower has to know of the target's calling convention.
type Arch struct {
	SP          string // reg()'s name of the stack pointer
	Flags       string // reg()'s name of the flags
	AgainMask   uint64 // bits of Flags, one of them set: the stack check jumps
	ReturnPops  int64  // bytes by which a C return probe's SP lies above the entry's
	CallerAtSP  bool   // the return address of a call stands at SP on entry
	CallerInReg string // else the register it is in
}

// AMD64 and ARM64 are the architectures that are served. The carry and zero
// flags decide amd64's jbe, arm64's b.ls jumps on C clear or Z set.
var (
	AMD64 = Arch{SP: "sp", Flags: "flags", AgainMask: 0x41, ReturnPops: 8, CallerAtSP: true}
	ARM64 = Arch{SP: "sp", Flags: "pstate", CallerInReg: "r30"}
)

// Skip is a function that gets no probe, and why.
type Skip struct {
	Func   prog.Func
	Point  *prog.Point
	Reason error
}

// Lowered is a set of units and what was left out.
type Lowered struct {
	Units   []*Unit
	Skipped []Skip
}

// Lower rewrites bodies into plain ones and groups their sites into units. The
// bodies are changed in place.
func Lower(bodies []*prog.Body, pl Planner, arch Arch) *Lowered {
	l := &lowerer{planner: pl, arch: arch}
	for _, b := range bodies {
		l.body(b)
	}
	return &Lowered{Units: l.units(), Skipped: l.skipped}
}

type lowerer struct {
	planner   Planner
	arch      Arch
	fragments []*fragment
	skipped   []Skip
}

// fragment is a lowered body with the sites at which it fires.
type fragment struct {
	body  *prog.Body
	sites []prog.Site
	maps  []*prog.Map
	order int
}

// Orders of attaching: a return must find its entry attached last, or a call
// that is under way would be taken for one without an entry.
const (
	orderReturn = iota
	orderEntry
)

func (l *lowerer) body(b *prog.Body) {
	g := b.Group
	switch g.Point.Kind {
	case prog.KindUprobe, prog.KindUSDT:
		l.uprobe(b)
	case prog.KindUretprobe:
		l.uretprobe(b)
	case prog.KindKretprobe:
		l.kretprobe(b)
	default:
		l.kernel(b)
	}
}

func (l *lowerer) kernel(b *prog.Body) {
	c := &context{arch: l.arch, group: b.Group, kernelCaller: l.arch.hidesCaller(b.Group.Point)}
	c.rewrite(b)
	sites := make([]prog.Site, len(b.Group.Funcs))
	for i, f := range b.Group.Funcs {
		sites[i] = kernelSite(b.Group.Point, f)
	}
	if len(sites) == 0 {
		sites = make([]prog.Site, 1) // begin, end, timers: no function
	}
	l.add(&fragment{body: b, sites: sites, order: orderEntry})
}

// hidesCaller tells whether the kernel leaves the immediate caller out of its own
// stack: it follows frame pointers, and where the return address is in a register the
// function's first instructions have yet to make its frame. By ORC's tables, on amd64,
// nothing is left out.
func (a Arch) hidesCaller(p *prog.Point) bool {
	return a.CallerInReg != "" && p.Kind == prog.KindKprobe && !p.HasAddr && p.Offset == 0
}

// kernelSite is where a function of the kernel, or an event, which has no
// address, is probed.
func kernelSite(p *prog.Point, f prog.Func) prog.Site {
	s := prog.Site{Func: f.ID, Kind: prog.SiteEntry, Addr: f.Address}
	switch {
	case p.Kind == prog.KindKretprobe || p.Kind == prog.KindFexit:
		s.Kind = prog.SiteReturn
	case p.HasOff || p.HasAddr:
		s.Kind, s.Addr = prog.SiteOffset, f.Address+p.Offset
	}
	return s
}

// kretprobe makes, where a frame is needed, a fragment of entries of the same
// functions.
func (l *lowerer) kretprobe(b *prog.Body) {
	if !needsFrame(b.Stmts) {
		l.kernel(b)
		return
	}
	var in, out []prog.Site
	for _, f := range b.Group.Funcs {
		in = append(in, prog.Site{Func: f.ID, Kind: prog.SiteEntry, Addr: f.Address})
		out = append(out, prog.Site{Func: f.ID, Kind: prog.SiteReturn, Addr: f.Address})
	}
	fr := newFrame(&context{arch: l.arch, group: b.Group}, frameTable(b))
	fr.rewriteReturn(b, true)
	maps := []*prog.Map{fr.table}
	l.add(&fragment{body: b, sites: out, maps: maps, order: orderReturn})
	l.add(&fragment{body: fr.entryBody(b), sites: in, maps: maps, order: orderEntry})
}

func (l *lowerer) uprobe(b *prog.Body) {
	p := b.Group.Point
	c := &context{arch: l.arch, group: b.Group, userCaller: b.Group.Go != nil && !p.HasOff}
	c.rewrite(b)
	var sites []prog.Site
	for _, f := range b.Group.Funcs {
		site, err := l.entry(b.Group.Target, f, p)
		if err != nil {
			l.skip(f, p, err)
			continue
		}
		sites = append(sites, site)
	}
	l.addEntries(b, sites, nil)
}

func (l *lowerer) entry(t *prog.Target, f prog.Func, p *prog.Point) (prog.Site, error) {
	if p.HasOff {
		return l.planner.Offset(t, f, p.Offset+f.Offset)
	}
	return l.planner.Entry(t, f)
}

// addEntries splits sites by whether the stack check's flags have to be
// tested, which makes the code differ.
func (l *lowerer) addEntries(b *prog.Body, sites []prog.Site, maps []*prog.Map) {
	var plain, checked []prog.Site
	for _, s := range sites {
		if s.Kind == prog.SiteStack {
			checked = append(checked, s)
		} else {
			plain = append(plain, s)
		}
	}
	l.add(&fragment{body: b, sites: plain, maps: maps, order: orderEntry})
	if len(checked) == 0 {
		return
	}
	guarded := *b
	guarded.Stmts = append([]prog.Stmt{l.arch.leaveIfAgain(b.Probe.Span)}, b.Stmts...)
	l.add(&fragment{body: &guarded, sites: checked, maps: maps, order: orderEntry})
}

// uretprobe makes one fragment of the returns and, where a frame is needed,
// one of the entries. All functions of a group share a RET with others, or none
// does.
func (l *lowerer) uretprobe(b *prog.Body) {
	g := b.Group
	shared := len(g.Funcs) > 0 && g.Funcs[0].Shared
	framed := shared || needsFrame(b.Stmts)
	var in, out []prog.Site
	for _, f := range g.Funcs {
		entry, rets, err := l.ends(g.Target, f, framed)
		if err != nil {
			l.skip(f, g.Point, err)
			continue
		}
		in, out = append(in, entry), append(out, rets...)
	}
	c := &context{arch: l.arch, group: g, userCaller: g.Go != nil}
	if !framed {
		c.rewrite(b)
		l.add(&fragment{body: b, sites: out, order: orderReturn})
		return
	}
	fr := newFrame(c, frameTable(b))
	fr.rewriteReturn(b, !shared)
	maps := []*prog.Map{fr.table}
	l.add(&fragment{body: b, sites: out, maps: maps, order: orderReturn})
	l.addEntries(fr.entryBody(b), in, maps)
}

// frameTable names the frame map of a body: bodies made at another time for
// another binary or layout must not share it.
func frameTable(b *prog.Body) string {
	h := fnv.New64a()
	fmt.Fprint(h, b.Group.Point.Index, b.Group.Layout)
	if t := b.Group.Target; t != nil {
		fmt.Fprint(h, t.ID, t.PID)
	}
	return fmt.Sprintf("frames_%x", h.Sum64())
}

// ends returns the sites of a call of f; the entry only where framed.
func (l *lowerer) ends(t *prog.Target, f prog.Func, framed bool) (entry prog.Site, rets []prog.Site, err error) {
	if rets, err = l.planner.Returns(t, f); err != nil || !framed {
		return entry, rets, err
	}
	entry, err = l.planner.Entry(t, f)
	return entry, rets, err
}

func (l *lowerer) add(f *fragment) {
	if len(f.sites) > 0 {
		l.fragments = append(l.fragments, f)
	}
}

func (l *lowerer) skip(f prog.Func, p *prog.Point, err error) {
	l.skipped = append(l.skipped, Skip{Func: f, Point: p, Reason: err})
}
