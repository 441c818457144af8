package types

// UnwindRow says how to leave the code from PC up to the next row: where its frame
// begins (the canonical frame address), and at which addresses the caller's BP and
// the return address lie. Tables are sorted by PC. Programs in the kernel read them.
type UnwindRow struct {
	PC        uint64 // virtual address in the file
	CFAOff    int32
	BPOff     int32
	RAOff     int32
	CFA       UnwindBase // UnwindNone: it is not known how to go on
	BP        UnwindBase // UnwindNone: BP is the caller's
	RA        UnwindBase // UnwindNone: nothing has called this code; UnwindSP: it was entered by a signal; UnwindLink
	CFABehind uint8      // UnwindWord: added to the word; UnwindPLT: see there
}

// Where the parts of an UnwindRow lie in memory.
const (
	UnwindRowSize   = 24
	UnwindCFAOff    = 8
	UnwindBPOff     = 12
	UnwindRAOff     = 16
	UnwindCFA       = 20
	UnwindBP        = 21
	UnwindRA        = 22
	UnwindCFABehind = 23
)

// UnwindBase is what an offset counts from: one of the first four, for the frame's
// beginning with a flag.
type UnwindBase uint8

// The bases and flags.
const (
	UnwindNone  UnwindBase = 0
	UnwindSP    UnwindBase = 1 // the stack pointer
	UnwindFP    UnwindBase = 2 // BP
	UnwindFrame UnwindBase = 3 // the canonical frame address

	UnwindWord UnwindBase = 4 // it is the word there
	UnwindLink UnwindBase = 4 // of a return address: the link register has it
	UnwindPLT  UnwindBase = 8 // from byte CFABehind of each 16 bytes of code on it is 8 bytes higher
)

// UnwindLinkBelow is how far before the interrupted instruction's address the link
// register lies that a signal has saved, on arm64.
const UnwindLinkBelow = 16

// UnwindRange is code that a process has mapped, its table, and what is added to the
// table's addresses there.
type UnwindRange struct {
	Start, End uint64
	Bias       uint64
	Table      uint64
}

// Where the parts of an UnwindRange lie in memory.
const (
	UnwindRangeSize  = 32
	UnwindRangeEnd   = 8
	UnwindRangeBias  = 16
	UnwindRangeTable = 24
)
