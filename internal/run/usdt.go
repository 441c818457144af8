package run

import (
	"fmt"

	"github.com/rpcxray/rpcxray/internal/gobin"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// usdtGroups resolves a static probe: places whose arguments lie alike share a
// group.
func (w *world) usdtGroups(p *prog.Point) ([]*prog.Group, error) {
	groups, err := w.inTargets(p, w.usdtGroupsIn)
	if err == nil && len(groups) == 0 && p.Target != "*" {
		err = noMatches("usdt " + usdtName(p))
	}
	return groups, err
}

func (w *world) usdtGroupsIn(p *prog.Point, b *binary) ([]*prog.Group, error) {
	if err := w.foreign(b); err != nil {
		return nil, fmt.Errorf("%s %w", b.target.Path, err)
	}
	probes, err := b.file.USDTs()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.target.Path, err)
	}
	return w.usdtsOf(p, b, probes)
}

func usdtName(p *prog.Point) string {
	name := p.Func
	if p.Namespace != "" {
		name = p.Namespace + ":" + name
	}
	return p.Target + ":" + name
}

func (w *world) usdtsOf(p *prog.Point, b *binary, probes []gobin.USDT) ([]*prog.Group, error) {
	var groups []*prog.Group
	needs := w.needs(p)
	byLayout := map[string]*prog.Group{}
	for _, u := range probes {
		if !globMatches(p.Func, u.Name) || p.Namespace != "" && !globMatches(p.Namespace, u.Provider) {
			continue
		}
		ref, err := b.file.SemaphoreOffset(u)
		if err != nil {
			return nil, err
		}
		layout := u.Spec
		if needs.site {
			layout += fmt.Sprintf(" at %#x", u.Addr)
		}
		g := byLayout[layout]
		if g == nil {
			g = &prog.Group{Point: p, Target: b.target, RawArgs: operands(u.Args), Layout: layout, Site: u.Addr, Moved: b.file.Moved()}
			byLayout[layout] = g
			groups = append(groups, g)
		}
		name := u.Provider + ":" + u.Name
		id := w.bins.markID(b, name, u.Addr)
		b.usdts[id][u.Addr] = ref
		g.Funcs = append(g.Funcs, prog.Func{ID: id, Name: name, Address: u.Addr})
	}
	return groups, nil
}

func operands(ops []gobin.Operand) []prog.Arg {
	args := make([]prog.Arg, len(ops))
	for i, o := range ops {
		args[i] = prog.Arg{Name: fmt.Sprintf("arg%d", i), From: prog.FromOperand, Operand: prog.Operand{
			Reg: o.Reg, Index: o.Index, Scale: o.Scale, Off: o.Off, Memory: o.Memory, Err: o.Err,
		}}
		if o.Err == "" {
			args[i].Operand.Type = types.Integer(o.Size, o.Signed)
		}
	}
	return args
}
