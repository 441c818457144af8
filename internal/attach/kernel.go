package attach

import (
	"fmt"

	"github.com/cilium/ebpf/link"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// attachKernel attaches to kernel functions: in one link where the kernel has
// kprobe.multi, else in one perf event a function.
func (u *Unit) attachKernel() error {
	names := u.eventNames()
	var symbols []string
	var cookies []uint64
	for _, s := range u.Plan.Sites {
		symbols = append(symbols, names[s.Func])
		cookies = append(cookies, s.Cookie())
	}
	if u.facts.Has(kernel.FeatureKprobeMulti) {
		return u.kprobeMulti(symbols, cookies)
	}
	probe := link.Kprobe
	if u.Plan.Kind == prog.KindKretprobe {
		probe = link.Kretprobe
	}
	for i, symbol := range symbols {
		l, err := probe(symbol, u.program, &link.KprobeOptions{Cookie: cookies[i]})
		if err != nil {
			return fmt.Errorf("attaching %s:%s: %w", u.Plan.Point.Provider, symbol, err)
		}
		u.links = append(u.links, l)
	}
	return nil
}

func (u *Unit) kprobeMulti(symbols []string, cookies []uint64) error {
	probe := link.KprobeMulti
	if u.Plan.Kind == prog.KindKretprobe {
		probe = link.KretprobeMulti
	}
	l, err := probe(u.program, link.KprobeMultiOptions{Symbols: symbols, Cookies: cookies})
	if err != nil {
		return fmt.Errorf("attaching %s:%s to %d functions: %w", u.Plan.Point.Provider, u.Plan.Point.Func, len(symbols), err)
	}
	u.links = append(u.links, l)
	return nil
}
