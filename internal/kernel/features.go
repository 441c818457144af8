package kernel

import "fmt"

// FeatureID names a feature of the kernel, or a right of this process.
type FeatureID uint8

// The features, in the order in which they are shown.
const (
	FeatureCapBPF FeatureID = iota
	FeatureCapPerfmon
	FeatureCapSysAdmin
	FeatureCapPtrace
	FeatureMemlock
	FeatureBTF
	FeatureUprobe
	FeatureUprobeMulti
	FeatureUprobeMultiSleepable
	FeatureAttachCookie
	FeatureFuncIP
	FeatureRingBuffer
	FeaturePerfBuffer
	FeatureTracefs
	FeatureTracepoint
	FeatureRawTracepoint
	FeatureTpBTF
	FeaturePerfSoftware
	FeatureKprobe
	FeatureKprobeMulti
	FeatureOverride
	FeatureFentry
	FeatureIterator
	FeatureIterPath
	FeatureReadKernel
	FeatureReadUserStr
	FeatureNsPid
	FeatureLoop
	FeatureForEach
	FeaturePercpuRead
	FeatureStrncmp
	FeatureSnprintf
	FeatureAtomicFetch
	FeatureLookupAndDelete
	FeatureNoPrealloc
	FeatureTaskRegs

	featureCount
)

// Feature describes a feature to a person.
type Feature struct {
	Name     string // one word, stable
	Title    string // what it is
	Need     string // where it comes from: kernel version, option, right
	Cost     string // what does not work, or not as well, without it
	Required bool   // without it no Go function can be counted
}

// String returns the feature's name.
func (id FeatureID) String() string { return featureTable[id].Name }

// Features lists all features.
func Features() []Feature {
	list := make([]Feature, featureCount)
	copy(list, featureTable[:])
	return list
}

// UnsupportedError says that the kernel lacks a feature, or refuses it.
type UnsupportedError struct {
	Feature FeatureID
	Cause   error // the kernel's reason
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: %v", featureTable[e.Feature].Title, e.Cause)
}

// Unwrap returns the kernel's reason.
func (e *UnsupportedError) Unwrap() error { return e.Cause }

// featureTable describes each feature; versions are those of the kernel's releases
// that brought it, told to people and never compared.
var featureTable = [featureCount]Feature{
	FeatureCapBPF: {"cap_bpf", "loading eBPF programs", "root, or CAP_BPF",
		"nothing can be traced", true},
	FeatureCapPerfmon: {"cap_perfmon", "tracing programs", "root, or CAP_PERFMON",
		"nothing can be traced", true},
	FeatureCapSysAdmin: {"cap_sys_admin", "administration", "root, or CAP_SYS_ADMIN",
		"no private tracefs mount; perf events for all processes may be refused", false},
	FeatureCapPtrace: {"cap_sys_ptrace", "looking into other users' processes", "root, or CAP_SYS_PTRACE",
		"binaries of other users' processes cannot be read", false},
	FeatureMemlock: {"memlock", "memory for maps", "Linux 5.11 (memory charged to the cgroup), or a raised RLIMIT_MEMLOCK",
		"large maps are refused", true},
	FeatureBTF: {"btf", "kernel type information", "CONFIG_DEBUG_INFO_BTF",
		"no kernel structs, no raw tracepoint arguments, no iterators", false},
	FeatureUprobe: {"uprobe", "uprobes as perf events", "CONFIG_UPROBE_EVENTS",
		"no function of a program can be traced", true},
	FeatureUprobeMulti: {"uprobe_multi", "uprobe.multi links with cookies", "Linux 6.6",
		"one perf event per site: attaching thousands takes seconds", false},
	FeatureUprobeMultiSleepable: {"uprobe_multi_sleepable", "sleepable uprobe.multi programs with bpf_copy_from_user", "Linux 6.6",
		"strings not yet in memory print as <unreadable>", false},
	FeatureAttachCookie: {"attach_cookie", "bpf_get_attach_cookie", "Linux 5.15",
		"one program per site instead of one per group", false},
	FeatureFuncIP: {"func_ip", "bpf_get_func_ip", "Linux 5.15",
		"the probed address is computed from the registers", false},
	FeatureRingBuffer: {"ring_buffer", "ring buffer", "Linux 5.8",
		"one perf buffer per CPU: events of different CPUs are not ordered", false},
	FeaturePerfBuffer: {"perf_buffer", "perf buffer", "CONFIG_PERF_EVENTS",
		"no events at all if there is no ring buffer either", false},
	FeatureTracefs: {"tracefs", "trace event files", "a mounted tracefs, or Linux 5.2 and CAP_SYS_ADMIN",
		"no tracepoint names and fields", false},
	FeatureTracepoint: {"tracepoint", "tracepoints", "CONFIG_FTRACE, trace event files",
		"tracepoint probes and most system tools", false},
	FeatureRawTracepoint: {"raw_tracepoint", "raw tracepoints", "Linux 4.17",
		"rawtracepoint probes", false},
	FeatureTpBTF: {"tp_btf", "raw tracepoints with types", "Linux 5.5 and BTF",
		"kernel pointers are read with a helper, a little slower", false},
	FeaturePerfSoftware: {"perf_software", "software perf events", "CONFIG_PERF_EVENTS; kernel.perf_event_paranoid or CAP_PERFMON",
		"profile, interval and software probes", false},
	FeatureKprobe: {"kprobe", "kprobes", "CONFIG_KPROBE_EVENTS",
		"kernel functions cannot be traced this way; tools use tracepoints", false},
	FeatureKprobeMulti: {"kprobe_multi", "kprobe.multi links", "Linux 5.18 and CONFIG_FPROBE",
		"globs over kernel functions attach slowly", false},
	FeatureOverride: {"override", "bpf_override_return", "CONFIG_BPF_KPROBE_OVERRIDE",
		"override() in kprobes", false},
	FeatureFentry: {"fentry", "fentry and fexit", "Linux 5.5 (arm64: 6.4), CONFIG_FUNCTION_TRACER and BTF",
		"fentry and fexit probes; tools use tracepoints", false},
	FeatureIterator: {"iterator", "iterators", "Linux 5.8 and BTF",
		"iter probes", false},
	FeatureIterPath: {"iter_path", "bpf_d_path in iterators", "Linux 5.12",
		"path() in iter probes", false},
	FeatureReadKernel: {"read_kernel", "reading kernel memory", "lockdown not in confidentiality mode",
		"kernel structs cannot be followed", false},
	FeatureReadUserStr: {"read_user_str", "bpf_probe_read_user_str", "Linux 5.5",
		"strings of traced programs cannot be read", true},
	FeatureNsPid: {"ns_pid", "bpf_get_ns_current_pid_tgid", "Linux 5.7",
		"in a container, process ids are those of the host", false},
	FeatureLoop: {"loop", "bpf_loop", "Linux 5.17",
		"loops make no more turns than the verifier looks at, which may be a hundred", false},
	FeatureForEach: {"for_each", "bpf_for_each_map_elem", "Linux 5.13",
		"no loops over maps", false},
	FeaturePercpuRead: {"percpu_read", "bpf_map_lookup_percpu_elem", "Linux 5.19",
		"a script cannot read its own aggregates", false},
	FeatureStrncmp: {"strncmp", "bpf_strncmp", "Linux 5.17",
		"strings are compared byte by byte", false},
	FeatureSnprintf: {"snprintf", "bpf_snprintf", "Linux 5.13",
		"no formatted text as a value", false},
	FeatureAtomicFetch: {"atomic_fetch", "atomic operations that return the old value", "Linux 5.12",
		"scratch space beyond the stack is per CPU", false},
	FeatureLookupAndDelete: {"lookup_and_delete", "reading and deleting a hash map's entry at once", "Linux 5.14",
		"an update between print and clear may be lost", false},
	FeatureNoPrealloc: {"no_prealloc", "hash maps that grow, in tracing programs", "Linux 6.1",
		"maps take all their memory at the start", false},
	FeatureTaskRegs: {"task_regs", "bpf_task_pt_regs", "Linux 5.15",
		"no stacks of code without frame pointers", false},
}
