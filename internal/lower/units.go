package lower

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// spot is one place where code runs: an instruction of a binary for one
// function, or a kernel event.
type spot struct {
	target string
	site   prog.Site
	event  string
}

// units groups the spots at which the same fragments fire. Fragments keep the
// order of the source, frame code first.
func (l *lowerer) units() []*Unit {
	at := map[spot][]int{}
	var spots []spot
	for i, f := range l.fragments {
		for _, s := range f.sites {
			sp := spotOf(f.body.Group, s)
			if _, ok := at[sp]; !ok {
				spots = append(spots, sp)
			}
			at[sp] = append(at[sp], i)
		}
	}
	byCode := map[string]*Unit{}
	var units []*Unit
	for _, sp := range spots {
		key := sp.target + "|" + fmt.Sprint(at[sp], sp.site.Kind) + "|" + sp.event
		u, ok := byCode[key]
		if !ok {
			u = l.newUnit(at[sp], sp, len(units))
			byCode[key] = u
			units = append(units, u)
		}
		u.Sites = append(u.Sites, sp.site)
	}
	sort.SliceStable(units, func(i, j int) bool { return units[i].Order < units[j].Order })
	return units
}

func spotOf(g *prog.Group, s prog.Site) spot {
	if g.Target != nil {
		return spot{target: fmt.Sprintf("%s pid %d", g.Target.ID, g.Target.PID), site: s}
	}
	p := g.Point
	sp := spot{site: s, event: fmt.Sprintf("%d:%s:%d:%d", p.Kind, p.Target, p.Period, p.Hz)}
	switch p.Kind {
	case prog.KindKprobe, prog.KindKretprobe:
		// Entries of a return's frame are entries like a kprobe's.
		return spot{site: s, event: fmt.Sprintf("kernel function, %d", s.Kind)}
	case prog.KindFentry, prog.KindFexit:
		// one program a function
		return spot{site: s, event: fmt.Sprintf("%d:%s:%d", p.Kind, p.Target, s.Func)}
	case prog.KindRawTracepoint, prog.KindBegin, prog.KindEnd, prog.KindSelf, prog.KindTest, prog.KindBench:
		// one program an event, and each begin and end is a run of its own
		sp.event += fmt.Sprintf(":%s:%d:%d", p.Func, s.Func, p.Index*boolInt(p.Kind != prog.KindRawTracepoint))
	}
	return sp
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (l *lowerer) newUnit(fragments []int, sp spot, n int) *Unit {
	sort.SliceStable(fragments, func(i, j int) bool {
		a, b := l.fragments[fragments[i]].body, l.fragments[fragments[j]].body
		return a.Hidden && !b.Hidden
	})
	first := l.fragments[fragments[0]]
	u := &Unit{
		Point:    first.body.Group.Point,
		Kind:     kindAt(first.body.Group.Point.Kind, sp.site.Kind),
		SiteKind: sp.site.Kind,
		Target:   first.body.Group.Target,
		Order:    first.order,
	}
	seen := map[*prog.Map]bool{}
	for _, i := range fragments {
		f := l.fragments[i]
		u.Bodies = append(u.Bodies, f.body)
		u.Order = min(u.Order, f.order)
		for _, m := range f.maps {
			if !seen[m] {
				seen[m] = true
				u.Maps = append(u.Maps, m)
			}
		}
		u.Sleepable = u.Sleepable || followsPointers(f.body)
	}
	u.Name = unitName(u, n)
	if u.Kind == prog.KindTracepoint || u.Kind == prog.KindRawTracepoint {
		u.Anybodys = slices.ContainsFunc(first.body.Group.Funcs, anybodys)
	}
	u.Nests = u.Kind == prog.KindRawTracepoint && nests(first.body.Group.Funcs[0].Name)
	return u
}

// anybodys tells of a tracepoint whether it is hit for others in the context of any
// process: by the scheduler, and by what interrupts do. What a process does itself has
// other names.
func anybodys(tracepoint prog.Func) bool {
	name := tracepoint.Name[strings.IndexByte(tracepoint.Name, ':')+1:]
	return slices.ContainsFunc([]string{
		"sched_switch", "sched_wak", "sched_stat_", "sched_migrate_", "signal_generate",
		"irq_", "softirq_", "tasklet_", "hrtimer_", "timer_", "workqueue_",
		"block_", "nvme_", "scsi_", "net_", "netif_", "napi_", "qdisc_", "skb_", "kfree_skb", "consume_skb",
		"inet_", "sock_", "tcp_", "udp_",
	}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// nests tells whether tasks hit a tracepoint with interrupts enabled, and interrupts hit
// it, too: that is so in TCP.
func nests(tracepoint string) bool {
	return strings.HasPrefix(tracepoint, "inet_") || strings.HasPrefix(tracepoint, "tcp_") || tracepoint == "kfree_skb"
}

// kindAt is the kind of probe that a site of a point is attached as: the entry
// of a kernel function's frame is no return.
func kindAt(k prog.ProbeKind, at prog.SiteKind) prog.ProbeKind {
	if k == prog.KindKretprobe && at == prog.SiteEntry {
		return prog.KindKprobe
	}
	return k
}

func unitName(u *Unit, n int) string {
	f := u.Bodies[len(u.Bodies)-1].Group
	name := f.Point.Provider
	if len(f.Funcs) > 0 {
		name = f.Funcs[0].Name
	}
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name)
	if len(clean) > 10 {
		clean = clean[len(clean)-10:]
	}
	return fmt.Sprintf("u%d_%s", n, clean)
}

// followsPointers tells whether b reads user memory that a plain program may
// find not present: what Go values point to, and texts, which the program itself
// may not have touched yet.
func followsPointers(b *prog.Body) bool {
	found := false
	prog.Rewrite(b.Stmts, func(e prog.Expr) prog.Expr {
		switch e := e.(type) {
		case *prog.Load:
			found = found || e.Checked
		case *prog.StrN:
			found = found || e.Checked
		case *prog.Call:
			found = found || (e.Fn == prog.FnStr || e.Fn == prog.FnBuf) && len(e.Args) > 0 && mayBeUser(e.Args[0].Type())
		}
		return e
	})
	return found || hasBlob(b.Stmts)
}

// mayBeUser tells whether a pointer of a probe in a program leads to its memory.
func mayBeUser(t *types.Type) bool {
	return t.Kind != types.Pointer || t.Space == types.SpaceUser || t.Space == types.SpaceUnknown
}

func hasBlob(stmts []prog.Stmt) bool {
	found := false
	prog.WalkStmts(stmts, func(s prog.Stmt) {
		if e, ok := s.(*prog.Emit); ok {
			for _, it := range e.Items {
				found = found || it.Ptr != nil
			}
		}
	})
	return found
}
