package lower

import "github.com/rpcxray/rpcxray/internal/prog"

// Unit is what is compiled to one eBPF program and attached, replaced and
// dropped as one: the sites of one binary (or one kernel event) at which the
// same bodies fire.
type Unit struct {
	Name      string      // unique in the session, fit for a program name's tail
	Point     *prog.Point // first body's: kind and event of a kernel unit
	Kind      prog.ProbeKind
	SiteKind  prog.SiteKind
	Target    *prog.Target // nil for kernel units
	Sites     []prog.Site  // empty for kernel units
	Bodies    []*prog.Body // all that fire here, in source order
	Maps      []*prog.Map  // hidden maps of this unit; shared ones stand in each
	Sleepable bool         // follows pointers into user memory: load so where possible
	Anybodys  bool         // hit in the context of any process, rpcxray's own, too, for another
	Nests     bool         // interrupts hit the tracepoint, too, also while the program runs
	Order     int          // units with a smaller one attach first and detach last
}

// Forget gives back the memory of what the unit's program was made of: it is not compiled
// again.
func (u *Unit) Forget() {
	for _, b := range u.Bodies {
		b.Stmts, b.Vars = nil, nil
	}
}

// SoleFunc returns the function all sites of u belong to, if there is one: func
// and probe are then constants.
func (u *Unit) SoleFunc() (id uint32, ok bool) {
	for i, s := range u.Sites {
		if i > 0 && s.Func != id {
			return 0, false
		}
		id = s.Func
	}
	return id, len(u.Sites) > 0
}
