package check

import (
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// probeName is the probe builtin. It is a number, so that one program may stand at
// many functions and its maps have short keys, until a text is needed.
func (b *body) probeName(span diag.Span) prog.Expr {
	t := &types.Type{Kind: types.Probe, Size: 8, Len: 1}
	if !b.quiet {
		t.Len = b.longestName()
	}
	return &prog.Builtin{Meta: meta(t, span), ID: prog.BProbe}
}

// lateName is room for the names of probes in programs that come later.
const lateName = 128

// longestName is the size of a string that holds the name of any probe that is known when
// the script is checked. Of those in programs that come later some may be cut.
func (c *checker) longestName() int {
	if c.nameSize > 0 {
		return c.nameSize
	}
	c.nameSize = 1
	for _, j := range c.jobs {
		for _, name := range namesAt(j.point, j.group) {
			c.nameSize = max(c.nameSize, len(name)+1)
			c.nameCount++
		}
	}
	for p := range c.points {
		if p.Kind.User() && p.Kind != prog.KindRPC && (p.Target == "" || strings.Contains(p.Target, "*")) {
			c.nameSize = max(c.nameSize, lateName)
		}
	}
	return c.nameSize
}

// namesAt are the names of a point's probes at the functions of a group.
func namesAt(p *prog.Point, g *prog.Group) []string {
	if len(g.Funcs) == 0 || p.Kind == prog.KindRPC {
		return []string{PointName(p, "", "")}
	}
	var names []string
	for _, f := range g.Funcs {
		names = append(names, PointName(p, targetPath(g), f.Name))
	}
	return names
}

// nameText is x, the name of a probe, as a text of type t: a constant where there is
// but one, else what user space has written into a table.
func (b *body) nameText(x prog.Expr, t *types.Type) prog.Expr {
	if b.quiet {
		return varying(t, x.Span())
	}
	if name, ok := b.soleName(x); ok {
		return &prog.Str{Meta: meta(t, x.Span()), Val: name[:min(len(name), t.Size-1)]}
	}
	if b.probeNames == nil {
		b.probeNames = &prog.Map{Name: prog.ProbeNames, Hidden: true, Key: types.TUint64, KeyN: 1, Value: types.Str(b.longestName())}
		b.probeNames.Entries = b.nameCount + b.prog.Config.MaxMapKeys // some for targets that come later
	}
	number := &prog.Cast{Meta: meta(types.TUint64, x.Span()), X: x}
	return b.convert(&prog.MapGet{Meta: meta(b.probeNames.Value, x.Span()), Map: b.probeNames, Key: number}, t)
}

func (b *body) soleName(x prog.Expr) (string, bool) {
	if _, ok := x.(*prog.Builtin); !ok {
		return "", false
	}
	names := namesAt(b.point, b.group)
	for _, other := range names[1:] {
		if other != names[0] {
			return "", false
		}
	}
	return names[0], true
}

// alias is what points have in common whose probes have the same names.
func alias(p *prog.Point) string {
	if k, _ := kindOf(p.Provider); !k.sites || p.Kind == prog.KindRPC {
		return PointName(p, "", "")
	}
	return PointName(p, "\x00", "\x00")
}
