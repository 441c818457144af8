package run

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/kernel"
	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// always are the features that target asks for whatever the script is.
var always = []kernel.FeatureID{kernel.FeatureAtomicFetch, kernel.FeatureNoPrealloc, kernel.FeaturePercpuRead,
	kernel.FeatureLoop, kernel.FeatureForEach, kernel.FeatureAttachCookie}

// target says what to compile for: this machine's kernel and processor. A
// feature is probed only where a unit can use it.
func (s *session) target(units []*lower.Unit) (codegen.Target, error) {
	f := s.facts
	cpus, err := kernel.PossibleCPUs()
	if err != nil {
		return codegen.Target{}, err
	}
	t := codegen.Target{
		Arch:           runtime.GOARCH,
		CPUs:           len(cpus),
		SelfTGID:       uint32(os.Getpid()),
		StartNS:        s.startNS,
		HelperWarnings: s.opts.HelperWarnings,
		BootNS:         s.bootNS,
		AtomicFetch:    f.Has(kernel.FeatureAtomicFetch),
		NoPrealloc:     f.Has(kernel.FeatureNoPrealloc),
		PercpuRead:     f.Has(kernel.FeaturePercpuRead),
		Loop:           f.Has(kernel.FeatureLoop),
		ForEach:        f.Has(kernel.FeatureForEach),
		UserRegs:       s.prog.Unwinds && f.Has(kernel.FeatureTaskRegs),
		Cookies:        f.Has(kernel.FeatureAttachCookie),
	}
	if comm, err := os.ReadFile("/proc/self/comm"); err == nil {
		t.SelfComm = strings.TrimSuffix(string(comm), "\n")
	}
	ns, err := kernel.OwnPIDNamespace()
	if err != nil {
		return t, err
	}
	if !ns.Initial {
		t.PIDNSDev, t.PIDNSIno = ns.Dev, ns.Ino
	}
	for _, u := range units {
		if u.Target != nil {
			t.UprobeMulti = f.Has(kernel.FeatureUprobeMulti)
			t.Sleepable = t.Sleepable || u.Sleepable && f.Has(kernel.FeatureUprobeMultiSleepable)
		}
		if u.Kind == prog.KindKprobe || u.Kind == prog.KindKretprobe {
			t.KprobeMulti = f.Has(kernel.FeatureKprobeMulti)
		}
		if u.Kind == prog.KindRawTracepoint {
			t.TypedRawTp = f.Has(kernel.FeatureTpBTF)
		}
		if usesTLS(u) && !t.HasFSBase {
			if t.FSBaseOff, err = fsBaseOffset(f); err != nil {
				return t, err
			}
			t.HasFSBase = true
		}
	}
	return t, nil
}

// usesTLS tells whether u reads g from thread-local storage.
func usesTLS(u *lower.Unit) bool {
	for _, b := range u.Bodies {
		if g := b.Group.Go; g != nil && g.HasTLS {
			return true
		}
	}
	return false
}

// fsBaseOffset finds where the kernel keeps a thread's fs base (amd64) or
// thread pointer (arm64) in its task_struct.
func fsBaseOffset(f *kernel.Facts) (int64, error) {
	btf, err := f.BTF()
	if err != nil {
		return 0, fmt.Errorf("place of thread-local storage: %w", err)
	}
	path := map[string][]string{"amd64": {"thread", "fsbase"}, "arm64": {"thread", "uw", "tp_value"}}[runtime.GOARCH]
	t, err := btf.Struct("task_struct")
	if err != nil {
		return 0, fmt.Errorf("place of thread-local storage: %w", err)
	}
	off := 0
	for _, name := range path {
		if full, err := btf.Resolve(t); err == nil {
			t = full
		}
		fl, ok := t.FieldNamed(name)
		if !ok {
			return 0, fmt.Errorf("place of thread-local storage: task_struct has no %s", name)
		}
		off += fl.Offset
		t = fl.Type
	}
	return int64(off), nil
}
