package run

import (
	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// planner finds sites for lower with gobin's site planner.
type planner struct{ bins *binaries }

func (pl planner) find(t *prog.Target, f prog.Func) (*binary, gobin.Func) {
	b := pl.bins.of(t)
	return b, b.funcs[f.ID]
}

// Entry implements lower.Planner.
func (pl planner) Entry(t *prog.Target, f prog.Func) (prog.Site, error) {
	b, fn := pl.find(t, f)
	if refs, ok := b.usdts[f.ID]; ok {
		s, err := site(b.file, f, gobin.Site{Addr: f.Address})
		s.RefCtr = refs[f.Address]
		return s, err
	}
	p := b.plan(fn, gobin.WantEntry)
	if p.EntryErr != nil {
		return prog.Site{}, p.EntryErr
	}
	return site(b.file, f, p.Entry)
}

// Returns implements lower.Planner. Inside pclntab never a return probe of the
// kernel's: Go moves stacks.
func (pl planner) Returns(t *prog.Target, f prog.Func) ([]prog.Site, error) {
	b, fn := pl.find(t, f)
	if !fn.Go {
		s, err := site(b.file, f, gobin.Site{Addr: fn.Entry})
		s.Kind = prog.SiteUret
		return []prog.Site{s}, err
	}
	p := b.plan(fn, gobin.WantRets)
	if p.RetErr != nil {
		return nil, p.RetErr
	}
	sites := make([]prog.Site, len(p.Rets))
	for i, r := range p.Rets {
		s, err := site(b.file, f, r)
		if err != nil {
			return nil, err
		}
		sites[i] = s
	}
	return sites, nil
}

// Offset implements lower.Planner.
func (pl planner) Offset(t *prog.Target, f prog.Func, off uint64) (prog.Site, error) {
	b, fn := pl.find(t, f)
	s, err := b.file.OffsetSite(fn, off)
	if err != nil {
		return prog.Site{}, err
	}
	return site(b.file, f, s)
}

var siteKinds = map[gobin.SiteKind]prog.SiteKind{
	gobin.SiteFirst: prog.SiteEntry, gobin.SitePush: prog.SiteEntry, gobin.SiteJbe: prog.SiteStack,
	gobin.SiteRet: prog.SiteReturn, gobin.SiteOffset: prog.SiteOffset,
}

func site(f *gobin.File, fn prog.Func, s gobin.Site) (prog.Site, error) {
	off, err := f.FileOffset(s.Addr)
	if err != nil {
		return prog.Site{}, err
	}
	return prog.Site{Func: fn.ID, Kind: siteKinds[s.Kind], Addr: s.Addr, Off: off,
		Fast: s.Cost == gobin.Emulated, MayOver: s.MayRepeat}, nil
}
