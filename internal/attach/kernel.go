package attach

import (
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// attachKernel attaches to kernel functions by their addresses, which tell
// functions of one name apart: in one link where the program was made for that,
// else in one perf event a function.
func (u *Unit) attachKernel() error {
	if u.kind == ebpf.AttachTraceKprobeMulti {
		u.attachHalves(u.Plan.Sites, u.kprobeMulti)
	} else {
		for i := range u.Plan.Sites {
			u.attachHalves(u.Plan.Sites[i:i+1], u.kprobe)
		}
	}
	if len(u.Skipped) < len(u.Plan.Sites) {
		return nil
	}
	first := u.Skipped[0]
	return fmt.Errorf("attaching %s:%s: %w", u.Plan.Point.Provider, u.eventNames()[first.Site.Func], first.Reason)
}

func (u *Unit) kprobeMulti(sites []prog.Site) (io.Closer, error) {
	var opts link.KprobeMultiOptions
	for _, s := range sites {
		opts.Addresses = append(opts.Addresses, uintptr(s.Addr))
		opts.Cookies = append(opts.Cookies, s.Cookie())
	}
	if u.Plan.Kind == prog.KindKretprobe {
		return link.KretprobeMulti(u.program, opts)
	}
	return link.KprobeMulti(u.program, opts)
}

// kprobe links the program to one site.
func (u *Unit) kprobe(sites []prog.Site) (io.Closer, error) {
	ev, err := kernel.OpenKprobe(sites[0].Addr, u.Plan.Kind == prog.KindKretprobe)
	if err != nil {
		return nil, err
	}
	return u.linkEvent(ev, sites[0].Cookie())
}
