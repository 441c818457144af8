package prog

import (
	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Program is a checked script. Its maps and actions are fixed by the script;
// bodies are made for each group of sites when the group becomes known.
type Program struct {
	Source  *diag.Source
	Config  Config
	Maps    []*Map    // in order of first use; hidden ones are appended by lower
	Actions []*Action // index = Action.ID = the id in an event record
	Formats []string  // strftime formats; index in types.Timestamp values
	Probes  []*Probe  // in source order
	Unwinds bool      // some body takes stacks by the tables of processes' code
	Never   bool      // a probe was left out because its predicate is a constant no
}

// Config holds the script's settings with their defaults filled in.
type Config struct {
	MaxStrlen       int // bytes of a string read, the NUL included
	MaxMapKeys      int
	MaxProbes       int    // 0: no limit
	MaxPrograms     int    // 0: no limit
	MissingProbes   string // error, warn, ignore
	OnStackLimit    int    // bytes
	PerfRBPages     int    // 0: chosen from memory
	PrintMapsOnExit bool
	StackMode       types.StackMode
	StrTruncTrailer string
	License         string
	LogSize         int
	MaxCatBytes     int
	ShowDebugInfo   bool
	TraceSelf       bool              // also in rpcxray's own process: packets come in anybody's context
	Values          map[string]string // as written, for the config builtin
}

// Map is a map of the script (Name with its @) or a hidden one.
type Map struct {
	Name    string
	Span    diag.Span
	Key     *types.Type // nil: scalar
	KeyN    int         // number of key parts as written (@m[a, b] has 2)
	Value   *types.Type
	Entries int  // 0: the default
	LRU     bool // declared lruhash or percpulruhash
	PerCPU  bool // declared percpuhash or percpulruhash
	Hidden  bool
	Frames  bool // hidden: frames of Go calls, see lower
	Deleted bool // the script deletes single keys of this aggregate
}

// ProbeNames is the hidden map of the names of probes, by the numbers that types.Probe
// has. User space fills it.
const ProbeNames = "probes"

// ProbeKind is the kind of an attach point.
type ProbeKind uint8

// The kinds. Ur and U on Go functions differ from C's only in their sites.
const (
	KindBegin ProbeKind = iota
	KindEnd
	KindSelf
	KindInterval
	KindProfile
	KindSoftware
	KindHardware
	KindTracepoint
	KindRawTracepoint
	KindUprobe
	KindUretprobe
	KindUSDT
	KindKprobe
	KindKretprobe
	KindFentry
	KindFexit
	KindWatchpoint
	KindIter
	KindTest
	KindBench
	KindRPC
)

// User tells whether probes of the kind are in the code of programs.
func (k ProbeKind) User() bool {
	switch k {
	case KindUprobe, KindUretprobe, KindUSDT, KindRPC:
		return true
	}
	return false
}

// Point is one attach point of a probe, after aliases and parameters.
type Point struct {
	Index     int // over the whole program
	Named     int // index of the first point whose probes have the same names
	Kind      ProbeKind
	Span      diag.Span
	Provider  string // full name as printed by the probe builtin: "uprobe"
	Target    string // path, category, timer unit
	Func      string // function, event: may be a glob
	Namespace string // usdt: provider, may be a glob; "": any
	File      string // uprobe: source file of a source line, or the end of its path
	Line      int
	Column    int    // 0: any
	Lang      string // uprobe: "cpp" where Func is a demangled name
	Exact     bool   // Func was quoted: not a glob
	Pattern   bool   // one of several that a pattern stands for: it may be refused
	Offset    uint64
	HasOff    bool
	Address   uint64
	HasAddr   bool
	Program   uint32 // fentry, fexit of an eBPF program: its id; 0: any
	Period    uint64 // timers: ns a period; software, hardware: events a sample
	Hz        uint64 // timers given as a frequency
	Counted   bool   // software, hardware: Period was given
	Signal    string // self
	Mode      string // watchpoint: of r, w, x, sorted; Period is its length in bytes
}

// Probe is one probe of the script.
type Probe struct {
	Index  int
	Span   diag.Span
	Name   string // name= prefix
	Points []*Point
}

// Body is the code of one probe for one group of sites.
type Body struct {
	Probe  *Probe
	Group  *Group
	Stmts  []Stmt
	Vars   []*Var
	Hidden bool // made by lower
}

// Var is a scratch variable or a temporary.
type Var struct {
	Name string // with its $; "" for a temporary
	Type *types.Type
}

// ActionKind says what user space does with an event record.
type ActionKind uint8

// The actions. Those with a Map take no arguments.
const (
	ActPrintf ActionKind = iota
	ActPrint             // print(value): one argument
	ActPrintMap
	ActClear
	ActZero
	ActExit    // one argument: the exit code
	ActUnwatch // one argument: the address
	ActPacket  // Format is the file that a packet goes to; packets have a buffer of their own
	ActTime    // Format; argument: the time as ns since boot
	ActStrftime
	ActJoin
	ActCat    // Format and arguments give the path
	ActSystem // Format and arguments give the command
	ActErrorf
	ActWarnf
	ActSeqPrintf    // printf of a pinned iterator, which the kernel formats
	ActAssert       // Format is the message
	ActRuntimeError // Format is the message
	ActFail         // a test returned something else than zero
)

// Action is one asynchronous act of the script at one place of its text. An
// event record names it by ID.
type Action struct {
	ID     int
	Kind   ActionKind
	Span   diag.Span
	Format string        // printf and friends: the format as the script has it
	Args   []*types.Type // source types of the arguments, in order
	Map    *Map
	Top    int    // print(@m, top, div); 0: all
	Div    int    // 0: one
	Sep    string // join
}
