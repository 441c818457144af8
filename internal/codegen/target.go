package codegen

// Target is what a program is compiled for: the traced process's processor,
// the session, and what the kernel can do. Features are inputs; a unit that the
// kernel refuses is compiled again with fewer of them.
type Target struct {
	Arch     string // GOARCH of the machine: amd64 or arm64
	CPUs     int    // possible CPUs
	SelfTGID uint32 // rpcxray's process id in its own pid namespace; never traced
	SelfComm string // name of its threads; "": not known
	StartNS  uint64 // CLOCK_BOOTTIME at the session's start, ns
	BootNS   uint64 // when CLOCK_BOOTTIME was zero, ns since 1970
	// PIDNSDev and PIDNSIno name the pid namespace in which pid and tid are
	// told; zero: the initial one.
	PIDNSDev, PIDNSIno uint64
	// FilterPIDs limits everything but begin, end and interval to the processes
	// in MapPIDs.
	FilterPIDs bool
	FSBaseOff  int64 // offset of thread.fsbase (amd64) or thread.uw.tp_value (arm64) in task_struct
	HasFSBase  bool

	UserRegs bool // bpf_task_pt_regs, Linux 5.15

	HelperWarnings bool // failed reads and lookups are counted with their places

	AtomicFetch bool // exchange and compare-exchange, Linux 5.12
	Sleepable   bool // sleepable uprobe programs, Linux 6.0
	Cookies     bool // bpf_get_attach_cookie for uprobes, Linux 5.15
	UprobeMulti bool // uprobe.multi links, Linux 6.6
	KprobeMulti bool // kprobe.multi links, Linux 5.18
	TypedRawTp  bool // raw tracepoints with BTF, Linux 5.5
	Loop        bool // bpf_loop, Linux 5.17
	ForEach     bool // bpf_for_each_map_elem, Linux 5.13
	PercpuRead  bool // bpf_map_lookup_percpu_elem, Linux 5.19
	NoPrealloc  bool // hash maps that allocate on use in every program type, Linux 6.1
}
