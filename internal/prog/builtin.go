package prog

// BuiltinID names a value without arguments that codegen knows.
type BuiltinID uint8

// The builtins of a checked program.
const (
	BNsecs     BuiltinID = iota // CLOCK_BOOTTIME, ns, uint64
	BNsecsMono                  // CLOCK_MONOTONIC
	BNsecsTAI
	BElapsed // ns since the session's start
	BWall    // ns since 1970
	BPid     // uint32, in rpcxray's pid namespace
	BTid
	BUid // uint64
	BGid
	BCPU     // uint32
	BComm    // String 16
	BCgroup  // uint64
	BRand    // uint32
	BCurtask // kernel pointer to struct task_struct
	BNcpus
	BJiffies
	BFunc       // types.Func
	BProbe      // types.Probe
	BKstack     // types.Stack: frame limit from the node's type
	BUstack     // likewise; on a Go group lower adds the immediate caller
	BDwarfStack // likewise, of code without frame pointers; see Program.Unwinds
	BCtx        // the raw context
	BCookie     // the attach cookie, uint64
	BNuma       // number of the NUMA node, uint32
	BFuncIP     // address of the traced kernel function, types.KSym
	BTgidTid    // bpf_get_current_pid_tgid as it is, uint64
)

// FuncID names a synchronous function that codegen knows.
type FuncID uint8

// The synchronous functions of a checked program.
const (
	FnStr         FuncID = iota // (ptr[, n]) String
	FnBuf                       // (ptr, n) Buffer
	FnKSym                      // (addr) KSym
	FnUSym                      // (addr) USym
	FnNtop                      // (af, addr) Inet; addr: int, array of 4 or 16 bytes
	FnMac                       // (array of 6 bytes) Mac
	FnStrftime                  // (format index, ns) Timestamp
	FnUsername                  // (uid) Username
	FnHasKey                    // Map, (key) Bool
	FnDelete                    // Map, (key) Bool
	FnLen                       // Map () int64; (stack) int64
	FnMapAddr                   // Map () pointer: the kernel's own description of the map
	FnStrncmp                   // (a, b, n) uint64
	FnStrlen                    // (s)
	FnStrcontains               // (h, n) Bool
	FnStrstr                    // (h, n) int64
	FnMemcmp
	FnBswap // (n)
	FnKaddr
	FnReadTLS      // (offset) word at the thread's fs base + offset, user pointer
	FnSignal       // (n)
	FnCgroupPath   // (id) CgroupPath
	FnLabel        // (n) Label
	FnStrConcat    // (a, b) String
	FnDebugf       // (format, up to three words): void
	FnSignalThread // (n)
	FnWriteUser    // (user ptr, kernel ptr, constant size) int64, negative where it failed
	FnOverride     // (rc) int64: the probed function returns rc at once
	FnSkbOutput    // (struct sk_buff *, bytes, offset, id of an ActPacket) int64: sends a packet to user space, negative where it could not
	FnPath         // (struct path, or a pointer to one) String: the file's name from the root
	FnCommOf       // (pid, ids of bpf_task_from_pid and bpf_task_release, offset of comm) String 16
	FnStackPush    // (stack, word): the stack with word put in as frame 1 unless it is there already
)
