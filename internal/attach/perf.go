package attach

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// fd is a descriptor that Close closes.
type fd int

func (f fd) Close() error { return unix.Close(int(f)) }

// linkFD is that of a link.
type linkFD struct{ fd }

func (u *Unit) attachTracepoints() error {
	tfs, err := u.facts.Tracefs()
	if err != nil {
		return err
	}
	names := u.eventNames()
	for _, s := range u.Plan.Sites {
		category, event, _ := strings.Cut(names[s.Func], ":")
		format, err := tfs.Tracepoint(category, event)
		if err != nil {
			return err
		}
		ev, err := kernel.OpenTracepoint(uint64(format.ID))
		if err != nil {
			return err
		}
		if err := u.linkPerf(ev, s.Cookie()); err != nil {
			return fmt.Errorf("attaching tracepoint %s: %w", names[s.Func], err)
		}
	}
	return nil
}

// eventNames maps the ids of the unit's kernel events to their names.
func (u *Unit) eventNames() map[uint32]string {
	names := map[uint32]string{}
	for _, b := range u.Plan.Bodies {
		for _, f := range b.Group.Funcs {
			names[f.ID] = f.Name
		}
	}
	return names
}

// attachPerf attaches timers, counters and watchpoints: interval to one CPU, the
// others to each.
func (u *Unit) attachPerf() error {
	p := u.Plan.Point
	cpus, err := kernel.OnlineCPUs()
	if err != nil {
		return err
	}
	if p.Kind == prog.KindInterval {
		cpus = cpus[:1]
	}
	for _, cpu := range cpus {
		ev, err := openEvent(p, cpu)
		if err != nil {
			return err
		}
		if err := u.linkPerf(ev, u.Plan.Sites[0].Cookie()); err != nil {
			return fmt.Errorf("attaching %s:%s: %w", p.Provider, p.Target, err)
		}
	}
	return nil
}

func openEvent(p *prog.Point, cpu int) (int, error) {
	switch p.Kind {
	case prog.KindHardware:
		return kernel.OpenHardware(p.Func, p.Period, cpu, kernel.AllProcesses)
	case prog.KindWatchpoint:
		return kernel.OpenWatch(p.Address, p.Period, p.Mode, cpu, kernel.AllProcesses)
	case prog.KindInterval, prog.KindProfile:
		return kernel.OpenTimer(p.Period, p.Hz, cpu, kernel.AllProcesses)
	}
	for _, e := range kernel.SoftwareEvents() {
		if e.Name == p.Target || e.Alias == p.Target {
			return kernel.OpenSoftware(e, p.Period, cpu, kernel.AllProcesses)
		}
	}
	return -1, fmt.Errorf("software event %q is not known", p.Target)
}

// linkPerf links the program to the perf event ev, which it takes over.
func (u *Unit) linkPerf(ev int, cookie uint64) error {
	l, err := u.linkEvent(ev, cookie)
	if err == nil {
		u.links = append(u.links, l)
	}
	return err
}

// linkEvent is linkPerf for who keeps the link. Kernels without cookies have no links
// of events: there the program stays until the event is closed.
func (u *Unit) linkEvent(ev int, cookie uint64) (io.Closer, error) {
	var l io.Closer
	var err error
	if u.facts.Has(kernel.FeatureAttachCookie) {
		l, err = perfLink(u.program, ev, cookie)
	} else {
		l, err = closers{}, unix.IoctlSetInt(ev, unix.PERF_EVENT_IOC_SET_BPF, u.program.FD())
	}
	if err != nil {
		fd(ev).Close()
		return nil, err
	}
	return closers{l, fd(ev)}, nil
}

// bpfLinkCreate and bpfPerfEvent are BPF_LINK_CREATE and BPF_PERF_EVENT of
// include/uapi/linux/bpf.h.
const (
	bpfLinkCreate = 28
	bpfPerfEvent  = 41
)

// perfLink makes a BPF link of a perf event with a cookie (kernel 5.15), which
// cilium/ebpf's raw links do not carry.
func perfLink(p *ebpf.Program, ev int, cookie uint64) (linkFD, error) {
	attr := struct {
		program, target, attachType, flags uint32
		cookie                             uint64
	}{uint32(p.FD()), uint32(ev), bpfPerfEvent, 0, cookie}
	r, _, errno := unix.Syscall(unix.SYS_BPF, bpfLinkCreate, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(p)
	if errno != 0 {
		return linkFD{-1}, fmt.Errorf("create link: %w", errno)
	}
	return linkFD{fd(r)}, nil
}

func (u *Unit) attachRaw() error {
	if u.pair == nil {
		return u.linkRaw(u.program)
	}
	return errors.Join(u.linkRaw(u.pair.first), u.linkRaw(u.pair.second))
}

func (u *Unit) linkRaw(p *ebpf.Program) error {
	var l link.Link
	var err error
	name := u.Plan.Bodies[0].Group.Funcs[0].Name
	if p.Type() == ebpf.Tracing {
		l, err = link.AttachTracing(link.TracingOptions{Program: p})
	} else {
		l, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: p})
	}
	if err != nil {
		return fmt.Errorf("attaching %s %s: %w", u.Plan.Point.Provider, name, err)
	}
	u.links = append(u.links, l)
	return nil
}
