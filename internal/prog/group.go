package prog

import "github.com/rpcxray/rpcxray/internal/types"

// Group is a set of sites of one attach point whose code is the same: same
// binary, same argument layout, same ABI, same place of g. It is found by
// discovery and handed to check as data.
type Group struct {
	Point   *Point
	Target  *Target // nil: the kernel or rpcxray itself
	Funcs   []Func
	Args    []Arg  // fields of args
	Rets    []Arg  // Go results, in order
	NoArgs  string // why Args is empty although the script may want it
	NoRets  string
	Go      *GoFacts    // nil: not Go code
	Layout  string      // key: equal for functions with equal Args, Rets and Go facts
	Context *types.Type // iterators: the struct that ctx points to
	RawArgs []Arg       // raw tracepoints: every argument in order, also for argN
	Hook    *Hook       // the group is of a hidden probe that an rpc point stands for

	// Moved says that the binary's addresses are moved when it is loaded. Site is
	// then, if the group was made for a probe that asks for addresses, the
	// virtual address at which the one function's entry values are read.
	Moved bool
	Site  uint64
}

// Hook is a probe of a framework's script, one of those that together make the
// calls of an rpc point known. Group.Point is then a uprobe with the name of the
// script's point.
type Hook struct {
	Of        *Point // the rpc point
	Framework *Framework
	Probe     string // name of the probe in the framework's script
}

// Framework is a framework's script, with what it knows of one binary.
type Framework struct {
	Name   string // whose maps the script's probes use
	Script string // text in the language
	Common string // text that all frameworks share: its maps are no one's
	Consts map[string]uint64
	Types  map[string]*types.Type // structs of the framework, by their name
	Wanted map[string]bool        // fields of rpc that the user's script names
}

// Of returns the attach point of the script that g is for.
func (g *Group) Of() *Point {
	if g.Hook != nil {
		return g.Hook.Of
	}
	return g.Point
}

// Target is one binary, whatever its name: known by device:inode and build id.
type Target struct {
	Path string // as the script wrote it; printed by the probe builtin
	File string // what to open: may lie below /proc/PID
	ID   string // device:inode/build id
	PID  int    // 0: every process
}

// Func is one function of a group.
type Func struct {
	ID      uint32 // over the whole session; the key of the names table
	Name    string
	Module  string // kernel function: the module that it is in, "" for the kernel itself
	Program uint32 // function of a loaded eBPF program: its id
	Address uint64 // virtual address of its first byte
	Shared  bool   // shares a RET with another function
	Offset  uint64 // of a hook's place in it, which may have several
}

// Arg is a named value of a probe's context.
type Arg struct {
	Name string
	Type *types.Type
	From Source
	// Where the value is, by From.
	Off     int     // FromCtx: byte offset into the context record
	N       int     // FromArg: index of the argument
	Place   Place   // FromPlace
	Operand Operand // FromOperand
}

// Source says how an Arg is read.
type Source uint8

// FromCtx reads a tracepoint's record, FromDataLoc follows a __data_loc word
// in it, FromArg reads a 64-bit slot of a raw tracepoint's context, FromPlace
// reads registers and stack as a debugger would, FromOperand
// what a static probe says of its argument.
const (
	FromCtx Source = iota
	FromDataLoc
	FromArg
	FromPlace
	FromOperand
)

// Operand is an argument of a static probe: in Reg, in memory at Reg +
// Index*Scale + Off, or the constant Off.
type Operand struct {
	Type       *types.Type // an integer
	Reg, Index string      // "": none
	Scale, Off int64
	Memory     bool
	Err        string // why it cannot be read
}

// Place is where a value of a function lies when a site is hit.
type Place struct {
	Pieces []Piece
	Err    string // why it cannot be read, as "in xmm"; Pieces is then empty
}

// NoReg is the register of a piece that nothing holds: padding.
const NoReg = "-"

// Piece is one part of a place, in order of the value's bytes.
type Piece struct {
	Reg   string // kernel register name as reg() takes it; "": in memory; or NoReg
	Base  string // memory: the register that Off is counted from; "": SP at the function's first byte
	Off   int64  // memory: bytes from there
	Shift int    // register: bytes of it below the piece
	Size  int    // bytes
}

// GoFacts is what code on a Go function needs to know about its binary.
type GoFacts struct {
	Version     string
	GReg        string // register that holds g in compiled code
	GTLS        int64  // offset of g from the thread's fs base where HasTLS
	HasTLS      bool   // g comes from TLS: assembly functions, Go before 1.17
	StackLo     int64  // offset of runtime.g.stack.lo
	StackHi     int64  // offset of runtime.g.stack.hi
	GoID        int64  // offset of runtime.g.goid
	M           int64  // offset of runtime.g.m
	CurG        int64  // offset of runtime.m.curg
	G0          int64  // offset of runtime.m.g0
	Unknown     string // why the offsets are not known: goid is then an error
	MapLenBytes int    // size of a map's length word at the start of the runtime's map
}

// SiteKind says what a site is to its function. It is part of the cookie.
type SiteKind uint8

// The site kinds.
const (
	SiteEntry  SiteKind = iota // first byte, or the push behind the stack check
	SiteStack                  // conditional jump of the stack check: fires for calls that start again, too
	SiteReturn                 // a RET instruction
	SiteOffset                 // an instruction named by the script
	SiteUret                   // the kernel's return probe (never in Go code)
)

// Site is one instruction to probe.
type Site struct {
	Func    uint32 // Func.ID
	Kind    SiteKind
	Addr    uint64 // virtual address
	Off     uint64 // offset in the file
	RefCtr  uint64 // offset in the file of a counter to keep raised while the probe is there; 0: none
	Fast    bool   // the kernel emulates the instruction instead of stepping it
	MayOver bool   // may count a call more than once
}

// Cookie packs a site for the attach cookie: bits 0..31 function id, bits
// 32..39 site kind, bit 40 may count too often.
func (s Site) Cookie() uint64 {
	c := uint64(s.Func) | uint64(s.Kind)<<32
	if s.MayOver {
		c |= 1 << 40
	}
	return c
}
