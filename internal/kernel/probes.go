package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// probe tries a feature: nil, or the kernel's reason; and what else was seen.
type probe func(f *Facts) (detail string, err error)

func probes() [featureCount]probe {
	return [featureCount]probe{
		FeatureCapBPF:               capability(unix.CAP_BPF, unix.CAP_SYS_ADMIN),
		FeatureCapPerfmon:           capability(unix.CAP_PERFMON, unix.CAP_SYS_ADMIN),
		FeatureCapSysAdmin:          capability(unix.CAP_SYS_ADMIN),
		FeatureCapPtrace:            capability(unix.CAP_SYS_PTRACE),
		FeatureMemlock:              probeMemlock,
		FeatureBTF:                  probeBTF,
		FeatureUprobe:               probeUprobe,
		FeatureUprobeMulti:          plain(features.HaveBPFLinkUprobeMulti),
		FeatureUprobeMultiSleepable: probeSleepable,
		FeatureAttachCookie:         helper(asm.FnGetAttachCookie),
		FeatureFuncIP:               helper(asm.FnGetFuncIp),
		FeatureRingBuffer:           plain(func() error { return features.HaveMapType(ebpf.RingBuf) }),
		FeaturePerfBuffer:           plain(func() error { return features.HaveMapType(ebpf.PerfEventArray) }),
		FeatureTracefs:              probeTracefs,
		FeatureTracepoint:           probeTracepoint,
		FeatureRawTracepoint:        plain(func() error { return features.HaveProgramType(ebpf.RawTracepoint) }),
		FeatureTpBTF:                tracing(ebpf.AttachTraceRawTp, "sched_switch"),
		FeaturePerfSoftware:         probePerfSoftware,
		FeatureKprobe:               probeKprobe,
		FeatureKprobeMulti:          plain(features.HaveBPFLinkKprobeMulti),
		FeatureOverride:             helper(asm.FnOverrideReturn),
		FeatureFentry:               probeFentry,
		FeatureIterator:             tracing(ebpf.AttachTraceIter, "task"),
		FeatureIterPath:             probeIterPath,
		FeatureReadKernel:           probeReadKernel,
		FeatureReadUserStr:          helper(asm.FnProbeReadUserStr),
		FeatureNsPid:                helper(asm.FnGetNsCurrentPidTgid),
		FeatureLoop:                 helper(asm.FnLoop),
		FeatureForEach:              helper(asm.FnForEachMapElem),
		FeaturePercpuRead:           helper(asm.FnMapLookupPercpuElem),
		FeatureStrncmp:              helper(asm.FnStrncmp),
		FeatureSnprintf:             helper(asm.FnSnprintf),
		FeatureAtomicFetch:          probeAtomicFetch,
		FeatureLookupAndDelete:      probeLookupAndDelete,
		FeatureNoPrealloc:           probeNoPrealloc,
		FeatureTaskRegs:             helper(asm.FnTaskPtRegs),
	}
}

func plain(try func() error) probe {
	return func(*Facts) (string, error) { return "", reason(try()) }
}

func helper(fn asm.BuiltinFunc) probe {
	return plain(func() error { return features.HaveProgramHelper(ebpf.Kprobe, fn) })
}

// capability is found if this process has one of caps in effect.
func capability(caps ...int) probe {
	return plain(func() error {
		var data [2]unix.CapUserData
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		if err := unix.Capget(&header, &data[0]); err != nil {
			return fmt.Errorf("reading capabilities: %w", err)
		}
		for _, c := range caps {
			if data[c/32].Effective>>(c%32)&1 != 0 {
				return nil
			}
		}
		return fmt.Errorf("this process does not have it: %w", os.ErrPermission)
	})
}

// load loads a program and returns it; the caller closes it.
func load(f *Facts, spec *ebpf.ProgramSpec) (*ebpf.Program, error) {
	spec.Name, spec.License = "probe", "GPL"
	p, err := f.LoadProgram(spec, ebpf.ProgramOptions{})
	if err != nil {
		return nil, reason(err)
	}
	return p, nil
}

func loads(f *Facts, spec *ebpf.ProgramSpec) error {
	p, err := load(f, spec)
	if err != nil {
		return err
	}
	return p.Close()
}

// reason drops what names our own probes, or guesses, and keeps the cause.
func reason(err error) error {
	var refused *ebpf.VerifierError
	if errors.As(err, &refused) {
		if n := len(refused.Log); n > 0 && refused.Log[0] != "" {
			return fmt.Errorf("%w: %s", refused.Cause, strings.TrimSpace(refused.Log[0]))
		}
		return refused.Cause
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func nothing() asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
}

// tracing loads a program for a target that the kernel's BTF names.
func tracing(attach ebpf.AttachType, target string) probe {
	return func(f *Facts) (string, error) {
		return "", loads(f, &ebpf.ProgramSpec{
			Type: ebpf.Tracing, AttachType: attach, AttachTo: target, Instructions: nothing(),
		})
	}
}

// probeFentry also attaches, to a function that only the kernel's self-test
// calls: some kernels load such programs and have no trampolines.
func probeFentry(f *Facts) (string, error) {
	p, err := load(f, &ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "bpf_fentry_test1", Instructions: nothing(),
	})
	if err != nil {
		return "", err
	}
	defer p.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: p})
	if err != nil {
		return "", err
	}
	return "", l.Close()
}

// probeIterPath loads an iterator over files that asks for the names of some.
func probeIterPath(f *Facts) (string, error) {
	btf, err := f.BTF()
	if err != nil {
		return "", err
	}
	params, err := btf.Iterator("task_file")
	if err != nil {
		return "", err
	}
	file, err := btf.Struct("file")
	if err != nil {
		return "", err
	}
	path, ok := file.FieldNamed("f_path")
	at := slices.IndexFunc(params, func(p Param) bool { return p.Name == "file" })
	if !ok || at < 0 {
		return "", fmt.Errorf("the iterator task_file has no file with a path: %w", ErrNoType)
	}
	return "", loads(f, &ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "task_file",
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R1, asm.R1, int16(8*at), asm.DWord),
			asm.JEq.Imm(asm.R1, 0, "out"),
			asm.Add.Imm(asm.R1, int32(path.Offset)),
			asm.Mov.Imm(asm.R2, 0),
			asm.StoreMem(asm.RFP, -8, asm.R2, asm.DWord),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -8),
			asm.Mov.Imm(asm.R3, 8),
			asm.FnDPath.Call(),
			asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
			asm.Return(),
		}})
}

// probeMemlock raises RLIMIT_MEMLOCK. Where that is not allowed it tries
// whether the limit counts at all: since 5.11 the memory of maps is charged to
// the cgroup instead.
func probeMemlock(*Facts) (string, error) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		return "", fmt.Errorf("reading RLIMIT_MEMLOCK: %w", err)
	}
	denied := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	if denied == nil {
		return "RLIMIT_MEMLOCK raised", nil
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 0, Max: old.Max}); err != nil {
		return "", fmt.Errorf("setting RLIMIT_MEMLOCK: %w", err)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if restore := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old); restore != nil {
		return "", fmt.Errorf("setting RLIMIT_MEMLOCK: %w", restore)
	}
	if err != nil {
		return "", fmt.Errorf("raising RLIMIT_MEMLOCK beyond %d bytes: %w", old.Cur, denied)
	}
	return "charged to the cgroup", m.Close()
}

func probeBTF(f *Facts) (string, error) {
	b, err := f.BTF()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d types", len(b.offsets)), nil
}

// probeUprobe asks for a uprobe in a directory: where the kernel knows
// uprobes that is invalid, and costs nothing, while taking a real one away
// again would take tens of milliseconds.
func probeUprobe(*Facts) (string, error) {
	kind, err := pmuType("uprobe")
	if err != nil {
		return "", err
	}
	if err := openProbe(kind, "/"); err != nil && !errors.Is(err, unix.EINVAL) {
		return "", err
	}
	return "", nil
}

func probeKprobe(*Facts) (string, error) {
	kind, err := pmuType("kprobe")
	if err != nil {
		return "", err
	}
	return "", openProbe(kind, "vprintk")
}

// pmuType reads the number that perf_event_open knows a source of events by.
func pmuType(name string) (uint32, error) {
	text, err := os.ReadFile("/sys/bus/event_source/devices/" + name + "/type")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	return uint32(n), err
}

// probeSleepable loads a program that may wait for a page of the traced
// process, and that only uprobe.multi links can carry.
func probeSleepable(f *Facts) (string, error) {
	if err := f.Require(FeatureUprobeMulti); err != nil {
		return "", err
	}
	const sleepable = 1 << 4 // BPF_F_SLEEPABLE
	return "", loads(f, &ebpf.ProgramSpec{
		Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceUprobeMulti, Flags: sleepable,
		Instructions: asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.RFP),
			asm.Add.Imm(asm.R1, -8),
			asm.Mov.Imm(asm.R2, 8),
			asm.Mov.Imm(asm.R3, 0),
			asm.FnCopyFromUser.Call(),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	})
}

func probeTracefs(f *Facts) (string, error) {
	t, err := f.Tracefs()
	if err != nil {
		return "", err
	}
	if t.Detached() {
		return "not mounted; reached through a mount of our own", nil
	}
	return "mounted", nil
}

func probeTracepoint(f *Facts) (string, error) {
	t, err := f.Tracefs()
	if err != nil {
		return "", err
	}
	if _, err := t.Tracepoint("sched", "sched_process_exit"); err != nil {
		return "", err
	}
	return "", reason(features.HaveProgramType(ebpf.TracePoint))
}

func probePerfSoftware(*Facts) (string, error) {
	detail := "kernel.perf_event_paranoid = " + setting("/proc/sys/kernel/perf_event_paranoid")
	fd, err := openPerf(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY, Bits: unix.PerfBitDisabled,
	}, AllProcesses, 0)
	if err != nil {
		return detail, err
	}
	return detail, unix.Close(fd)
}

func probeReadKernel(f *Facts) (string, error) {
	detail := ""
	if mode := setting("/sys/kernel/security/lockdown"); mode != "unknown" {
		detail = "lockdown: " + mode
	}
	return detail, reason(features.HaveProgramHelper(ebpf.Kprobe, asm.FnProbeReadKernel))
}

// setting reads a one-line file; of choices such as "none [integrity]" it
// takes the one in brackets.
func setting(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	value := strings.TrimSpace(string(text))
	if _, rest, ok := strings.Cut(value, "["); ok {
		value, _, _ = strings.Cut(rest, "]")
	}
	return value
}

// atomicOp is an operation on the word below the frame. Its number has to be the
// instruction's constant, where cilium/ebpf 0.22 writes zero, which is an addition.
func atomicOp(op asm.AtomicOp) asm.Instruction {
	i := op.Mem(asm.RFP, asm.R1, asm.DWord, -8)
	i.Constant = int64(op >> 8)
	return i
}

func probeAtomicFetch(f *Facts) (string, error) {
	return "", loads(f, &ebpf.ProgramSpec{Type: ebpf.Kprobe, Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R0, 0),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord),
		atomicOp(asm.CmpXchg),
		atomicOp(asm.Xchg),
		atomicOp(asm.FetchOr),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}})
}

func probeLookupAndDelete(*Facts) (string, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return "", reason(err)
	}
	defer m.Close()
	if err := m.Put(uint32(1), uint64(2)); err != nil {
		return "", reason(err)
	}
	var v uint64
	return "", reason(m.LookupAndDelete(uint32(1), &v))
}

// probeNoPrealloc loads the kind of program that kernels before 6.1 denied
// such maps: one that runs in perf's interrupts.
func probeNoPrealloc(f *Facts) (string, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: unix.BPF_F_NO_PREALLOC,
	})
	if err != nil {
		return "", reason(err)
	}
	defer m.Close()
	return "", loads(f, &ebpf.ProgramSpec{Type: ebpf.PerfEvent, Instructions: asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}})
}
