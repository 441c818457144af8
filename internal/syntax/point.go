package syntax

// Part is one colon-separated part of an attach point, quotes removed. A
// quoted part is taken literally; in others '*' stands for any text.
type Part struct {
	Text   string
	Quoted bool
}

// AttachPoint is one place a probe fires at. The typed fields are what counts,
// also for the printer; which of them a kind uses:
//
//	begin end                -
//	self                     Target ("signal"), Func (signal)
//	test bench               Func
//	kprobe kretprobe         Target (module, may be empty), Func and Offset, or Address
//	fentry fexit             Target (module, may be empty), Func; or Target "bpf", ProgID, Func
//	tracepoint               Target (subsystem), Func (event)
//	rawtracepoint            Target (module, may be empty), Func (event)
//	uprobe uretprobe         Target (binary, empty: that of -p), Lang, Func and Offset; or Address; or File, Line, Col
//	usdt                     Target (binary, may be empty), Namespace (may be empty), Func
//	profile interval         Unit, Count
//	software hardware        Func (event), Count (0: default)
//	watchpoint               Address, Count (bytes), Mode
//	iter                     Func, Target (pin path, may be empty)
//
// A point with a pattern for its provider, or with a positional parameter that
// is not bound yet, has only Parts.
type AttachPoint struct {
	Loc
	Name     string // given by `name=`, "" if not
	Provider string // as written
	Kind     string // full lower-case name of the provider, or its pattern
	Raw      string // as written, without Name; "" if made without text
	Parts    []Part // what follows the provider, as written; nil if made without text

	Target     Part
	Namespace  Part
	Func       Part
	Lang       string // "cpp": Func is a demangled name
	Offset     uint64 // bytes from the start of Func
	HasOffset  bool
	Address    uint64
	HasAddress bool
	File       string // source file of a source location
	Line, Col  int    // 1-based, Col 0 if not given
	ProgID     uint32 // BPF program id, 0 if not given
	Unit       string // hz, s, ms, us, or "" for ns
	Count      uint64 // in Unit, in events, or bytes
	Mode       string // watchpoint: of r, w, x
}
