package check

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

// makeJobs makes the program's probes and points and asks the world what they
// match. A probe whose predicate is a constant no is left out before that.
func (c *checker) makeJobs() []job {
	var jobs []job
	named := map[string]int{}
	for _, ast := range c.file.Probes() {
		if c.dead(ast) {
			c.prog.Never = true
			continue
		}
		p := &prog.Probe{Index: len(c.prog.Probes), Span: ast.Span()}
		for _, ap := range ast.Points {
			p.Name = ap.Name
			for _, pt := range c.attachPoints(ap) {
				pt.Index = c.pointCount() + len(p.Points)
				pt.Named = pt.Index
				if first, ok := named[alias(pt)]; ok {
					pt.Named = first
				}
				named[alias(pt)] = pt.Named
				p.Points = append(p.Points, pt)
			}
		}
		c.prog.Probes = append(c.prog.Probes, p)
		groups := c.groups(p.Points)
		for i, pt := range p.Points {
			j := job{ast: ast, probe: p, point: pt}
			c.points[pt] = &j
			for _, g := range groups[i] {
				j.group = g
				jobs = append(jobs, j)
			}
		}
	}
	c.pinnedAlone()
	return jobs
}

// pinnedAlone refuses pinned iterators beside other probes, which end with rpcxray.
func (c *checker) pinnedAlone() {
	for _, pr := range c.prog.Probes {
		for _, p := range pr.Points {
			if p.Kind == prog.KindIter && p.Target != "" && c.pointCount() > 1 {
				c.pinMixed(p)
			}
		}
	}
}

// dead tells whether a probe's predicate is a constant that is never true.
func (c *checker) dead(ast *syntax.Probe) bool {
	if ast.Pred == nil {
		return false
	}
	pass := c.pass
	c.pass = diag.NewList(c.file.Source)
	none := &prog.Point{Kind: prog.KindBegin}
	b := &body{checker: c, job: job{ast: ast, point: none, group: &prog.Group{Point: none}}, ordinals: map[string]int{}, quiet: true}
	dead := false
	b.scoped(func() {
		x := b.expr(ast.Pred)
		if !c.pass.HasErrors() && !isBad(x) {
			v, ok := constant(b.truth(x))
			dead = ok && v == 0
		}
	})
	c.pass = pass
	return dead
}

// NoMatch is the error of an attach point that matches nothing.
type NoMatch struct {
	What string // the point, as messages call it
	Hint string // what may have been meant
}

func (n *NoMatch) Error() string { return "No matches for " + n.What + "." }

// Unwrap gives those who know nothing of attach points the hint.
func (n *NoMatch) Unwrap() error { return &diag.HintError{Msg: n.Error(), Hint: n.Hint} }

// groups asks the world what each point of a probe matches. A pattern may match
// nothing if another point of the probe matches something.
func (c *checker) groups(points []*prog.Point) [][]*prog.Group {
	all := make([][]*prog.Group, len(points))
	var none error
	found, told := false, false
	for i, p := range points {
		if k, _ := kindOf(p.Provider); !k.sites {
			if c.wanted(p, "", "") {
				all[i] = []*prog.Group{{Point: p}}
			}
			found = true
			continue
		}
		gs, err := c.world.Groups(p)
		all[i], found = c.filtered(p, gs), found || err == nil
		var no *NoMatch
		switch {
		case errors.As(err, &no) && strings.Contains(p.Target+p.Namespace+p.Func, "*"):
			none = err
		case err != nil:
			c.noMatch(p, err)
			told = true
		}
	}
	missing := c.prog.Config.MissingProbes
	if !found && len(points) > 0 && (!told || missing == "warn") {
		c.noPoints(points, none, missing)
	}
	return all
}

// attachPoints makes attach points of what was written: one, or as many as a
// pattern for the kind stands for; none if it is wrong.
func (c *checker) attachPoints(ap *syntax.AttachPoint) []*prog.Point {
	switch {
	case strings.ContainsRune(ap.Kind, '*'):
		return c.anyKind(ap)
	case (ap.Kind == "software" || ap.Kind == "hardware") && ap.Func.Glob():
		return c.anyCounter(ap)
	}
	if p := c.attachPoint(ap); p != nil {
		return []*prog.Point{p}
	}
	return nil
}

// anyKind makes attach points of every kind that the pattern for it means and that
// fires somewhere: kinds of probes in programs where one is named.
func (c *checker) anyKind(ap *syntax.AttachPoint) []*prog.Point {
	user := c.opts.PID != 0 || len(ap.Parts) > 0 && strings.Contains(ap.Parts[0].Text, "/")
	var points []*prog.Point
	for _, k := range kinds() {
		if !onListed.has(k.kind) || onUser.has(k.kind) != user || !matches(ap.Kind, k.name) {
			continue
		}
		as, err := ap.As(k.name)
		if err != nil {
			continue
		}
		outer := c.pass
		c.pass = diag.NewList(c.file.Source)
		for _, p := range c.attachPoints(as) {
			if c.fires(k, p) {
				p.Pattern = true
				points = append(points, p)
			}
		}
		c.pass = outer
	}
	if points == nil {
		c.pass.Errorf(ap.Span(), "No matches for %s.", ap.Raw)
	}
	return points
}

// fires tells whether a point matches something.
func (c *checker) fires(k kindInfo, p *prog.Point) bool {
	if !k.sites {
		return true
	}
	gs, err := c.world.Groups(p)
	return err == nil && len(gs) > 0
}

// anyCounter makes an attach point of every software or hardware event that the
// pattern matches.
func (c *checker) anyCounter(ap *syntax.AttachPoint) []*prog.Point {
	events := softwareEvents()
	if ap.Kind == "hardware" {
		events = hardwareEvents()
	}
	var points []*prog.Point
	for _, e := range events {
		if !matches(ap.Func.Text, e.name) && !matches(ap.Func.Text, e.alias) {
			continue
		}
		one := *ap
		one.Func = syntax.Part{Text: e.name}
		if p := c.attachPoint(&one); p != nil {
			p.Pattern = true
			points = append(points, p)
		}
	}
	if points == nil {
		c.unknownCounter(events, ap)
	}
	return points
}

// matches tells whether a name, which has no slashes, is one that a pattern means.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// wanted asks the user's filter about the probe on function fn.
func (c *checker) wanted(p *prog.Point, found, fn string) bool {
	return c.opts.Filter == nil || p.Kind == prog.KindBegin || p.Kind == prog.KindEnd || c.opts.Filter(PointName(p, found, fn))
}

// filtered leaves the functions out of groups that the user does not want.
func (c *checker) filtered(p *prog.Point, groups []*prog.Group) []*prog.Group {
	if c.opts.Filter == nil {
		return groups
	}
	var kept []*prog.Group
	for _, g := range groups {
		found := ""
		if g.Target != nil {
			found = g.Target.Path
		}
		g.Funcs = slices.DeleteFunc(g.Funcs, func(fn prog.Func) bool { return !c.wanted(p, found, fn.Name) })
		if len(g.Funcs) > 0 {
			kept = append(kept, g)
		}
	}
	return kept
}

// attachPoint makes an attach point of what was written; nil if it is wrong.
func (c *checker) attachPoint(ap *syntax.AttachPoint) *prog.Point {
	k, ok := kindOf(ap.Kind)
	if !ok {
		panic("BUG: kind of probe " + ap.Kind) // syntax refuses what is none
	}
	p := &prog.Point{
		Kind: k.kind, Span: ap.Span(), Provider: k.name,
		Target: ap.Target.Text, Func: ap.Func.Text, Namespace: ap.Namespace.Text, Lang: ap.Lang, File: ap.File, Line: ap.Line, Column: ap.Col, Exact: ap.Func.Quoted,
		Offset: ap.Offset, HasOff: ap.HasOffset, Address: ap.Address, HasAddr: ap.HasAddress, Program: ap.ProgID,
	}
	if !c.pointDetails(p, ap) {
		return nil
	}
	return p
}

func (c *checker) pointCount() int {
	n := 0
	for _, p := range c.prog.Probes {
		n += len(p.Points)
	}
	return n
}

// pointDetails fills in what only some kinds have; false after an error.
func (c *checker) pointDetails(p *prog.Point, ap *syntax.AttachPoint) bool {
	switch p.Kind {
	case prog.KindTest, prog.KindBench:
		return c.suiteName(p)
	case prog.KindSelf:
		return c.signal(p, ap)
	case prog.KindInterval, prog.KindProfile:
		return c.period(p, ap)
	case prog.KindSoftware:
		return c.counted(softwareEvents(), p, ap)
	case prog.KindHardware:
		return c.counted(hardwareEvents(), p, ap)
	case prog.KindWatchpoint:
		return c.watch(p, ap)
	case prog.KindKprobe, prog.KindKretprobe:
		if p.HasAddr && !c.opts.Unsafe {
			c.addressUnsafe(ap)
			return false
		}
	case prog.KindUprobe, prog.KindUretprobe:
		switch {
		case p.Kind == prog.KindUretprobe && (p.HasOff || p.HasAddr):
			c.offsetInReturn(ap)
			return false
		}
	}
	return true
}

// signal fills in what a self probe waits for.
func (c *checker) signal(p *prog.Point, ap *syntax.AttachPoint) bool {
	p.Signal = ap.Func.Text
	switch {
	case ap.Target.Text != "signal":
		c.pass.Errorf(ap.Span(), "%s is not a supported trigger", ap.Target.Text).Hint = "self:signal:SIGUSR1"
	case p.Signal != "SIGUSR1":
		c.pass.Errorf(ap.Span(), "%s is not a supported signal", p.Signal).Hint = "self:signal:SIGUSR1"
	default:
		return true
	}
	return false
}

// units are the timers' units in nanoseconds.
func units() map[string]uint64 { return map[string]uint64{"": 1, "us": 1e3, "ms": 1e6, "s": 1e9} }

// minPeriod is what the kernel takes at least between two samples, in ns.
const minPeriod = 1000

func (c *checker) period(p *prog.Point, ap *syntax.AttachPoint) bool {
	p.Target, p.Func = ap.Unit, strconv.FormatUint(ap.Count, 10)
	if ap.Unit == "" { // a duration is called by its microseconds
		p.Target, p.Func = "us", strconv.FormatUint(ap.Count/units()["us"], 10)
	}
	if ap.Unit == "hz" {
		p.Hz = ap.Count
		if p.Hz == 0 || p.Hz > 1e9/minPeriod {
			c.badPeriod(ap, fmt.Sprintf("%d hz", p.Hz))
			return false
		}
		return true
	}
	unit, ok := units()[ap.Unit]
	p.Period = ap.Count * unit
	if !ok || p.Period < minPeriod || p.Period/unit != ap.Count {
		c.badPeriod(ap, fmt.Sprintf("%d nanoseconds", p.Period))
		return false
	}
	return true
}

// counted fills in the event of a counter and how many make a sample.
func (c *checker) counted(events []counter, p *prog.Point, ap *syntax.AttachPoint) bool {
	for _, e := range events {
		if p.Func == e.name || p.Func == e.alias {
			p.Func, p.Target = e.name, p.Func
			p.Period = e.period
			if p.Counted = ap.Count != 0; p.Counted {
				p.Period = ap.Count
			}
			return true
		}
	}
	c.unknownCounter(events, ap)
	return false
}

// watch fills in what a watchpoint looks at; the probe's name has it as Target
// and Func.
func (c *checker) watch(p *prog.Point, ap *syntax.AttachPoint) bool {
	sorted := []byte(ap.Mode)
	slices.Sort(sorted)
	mode := string(sorted)
	switch {
	case ap.Address == 0:
		c.pass.Errorf(ap.Span(), "watchpoint must be attached to a non-zero address")
		return false
	case !slices.Contains([]uint64{1, 2, 4, 8}, ap.Count):
		c.pass.Errorf(ap.Span(), "watchpoint length must be one of (1,2,4,8)")
		return false
	case !slices.Contains(watchModes()[c.world.Arch()], mode):
		c.pass.Errorf(ap.Span(), "invalid watchpoint mode: %s", ap.Mode).Hint =
			"supported modes: " + strings.Join(watchModes()[c.world.Arch()], ",")
		return false
	}
	p.HasAddr, p.Period, p.Mode = false, ap.Count, mode
	p.Target, p.Func = fmt.Sprintf("%#x", ap.Address), fmt.Sprintf("%d:%s", ap.Count, ap.Mode)
	return true
}

// suiteName sees to it that tests and benchmarks, which are told by their names, have
// names of their own.
func (c *checker) suiteName(p *prog.Point) bool {
	for _, probe := range c.prog.Probes {
		for _, other := range probe.Points {
			if other.Kind == p.Kind && other.Func == p.Func {
				d := c.pass.Errorf(p.Span, "%q was used as the name for more than one %s probe", p.Func, strings.ToUpper(p.Provider))
				d.Notes = append(d.Notes, diag.Note{Span: other.Span, Msg: "this is the other instance"})
				return false
			}
		}
	}
	return true
}
