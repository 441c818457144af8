package attach

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf/link"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// attachUser attaches to all sites of the unit in one link where the kernel
// has uprobe.multi, else in one perf event a site.
func (u *Unit) attachUser() error {
	ex, err := link.OpenExecutable(u.Plan.Target.File)
	if err != nil {
		return err
	}
	u.attachHalves(u.Plan.Sites, func(sites []prog.Site) (io.Closer, error) { return u.link(ex, sites) })
	return u.noneTaken(u.Plan.Target.Path)
}

// attachHalves attaches sites in one link; if the kernel refuses, it looks for
// the sites it refuses in each half, for one of them fails the whole link.
func (u *Unit) attachHalves(sites []prog.Site, link func([]prog.Site) (io.Closer, error)) {
	l, err := link(sites)
	switch {
	case err == nil:
		u.links = append(u.links, l)
	case len(sites) == 1:
		u.Skipped = append(u.Skipped, SkippedSite{sites[0], err})
	default:
		half := len(sites) / 2
		u.attachHalves(sites[:half], link)
		u.attachHalves(sites[half:], link)
	}
}

func (u *Unit) link(ex *link.Executable, sites []prog.Site) (io.Closer, error) {
	if u.facts.Has(kernel.FeatureUprobeMulti) {
		return u.multi(ex, sites)
	}
	return u.each(ex, sites)
}

func (u *Unit) multi(ex *link.Executable, sites []prog.Site) (io.Closer, error) {
	opts := &link.UprobeMultiOptions{PID: uint32(u.only)}
	for _, s := range sites {
		opts.Addresses = append(opts.Addresses, s.Off)
		opts.Cookies = append(opts.Cookies, s.Cookie())
		if s.RefCtr != 0 || opts.RefCtrOffsets != nil {
			opts.RefCtrOffsets = append(opts.RefCtrOffsets, make([]uint64, len(opts.Addresses)-1-len(opts.RefCtrOffsets))...)
			opts.RefCtrOffsets = append(opts.RefCtrOffsets, s.RefCtr)
		}
	}
	if sites[0].Kind == prog.SiteUret {
		return ex.UretprobeMulti(nil, u.program, opts)
	}
	return ex.UprobeMulti(nil, u.program, opts)
}

// closers closes all of its members.
type closers []io.Closer

func (cs closers) Close() error {
	var errs []error
	for _, c := range cs {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func (u *Unit) each(ex *link.Executable, sites []prog.Site) (io.Closer, error) {
	var all closers
	for _, s := range sites {
		opts := &link.UprobeOptions{Address: s.Off, RefCtrOffset: s.RefCtr, PID: u.only}
		if u.facts.Has(kernel.FeatureAttachCookie) { // else the program is of this site alone
			opts.Cookie = s.Cookie()
		}
		probe := ex.Uprobe
		if s.Kind == prog.SiteUret {
			probe = ex.Uretprobe
		}
		l, err := probe("", u.program, opts)
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all = append(all, l)
	}
	return all, nil
}

// noneTaken is the error of a unit of a file whose sites were all refused.
func (u *Unit) noneTaken(file string) error {
	if len(u.Skipped) < len(u.Plan.Sites) {
		return nil
	}
	first := u.Skipped[0]
	return fmt.Errorf("attaching to %s+%#x: %w", file, first.Site.Off, first.Reason)
}

// Without takes the probes off the functions fns. The other sites of the unit
// are attached anew, so that between the two they miss some milliseconds.
func (u *Unit) Without(fns map[uint32]bool) error {
	var kept []prog.Site
	for _, s := range u.Plan.Sites {
		if !fns[s.Func] {
			kept = append(kept, s)
		}
	}
	if len(kept) == len(u.Plan.Sites) {
		return nil
	}
	u.Plan.Sites = kept
	if err := u.Detach(); err != nil || len(kept) == 0 {
		return err
	}
	u.Skipped = nil
	return u.attachUser()
}
