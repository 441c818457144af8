package prog

import "github.com/rpcxray/rpcxray/internal/diag"

// Stmt is a statement node.
type Stmt interface {
	Span() diag.Span
}

// At is what every statement has; it is embedded in each node.
type At struct {
	Pos diag.Span
}

// Span returns the text the statement came from.
func (a *At) Span() diag.Span { return a.Pos }

// The statements.
type (
	// Eval evaluates X and drops its value.
	Eval struct {
		At
		X Expr
	}
	// SetVar assigns a scratch variable.
	SetVar struct {
		At
		Var *Var
		X   Expr
	}
	// SetMap assigns a map's value (never an aggregate's).
	SetMap struct {
		At
		Map *Map
		Key Expr // nil: scalar
		X   Expr
	}
	// AddMap adds X to an integer map value with one atomic add (++, +=, -=
	// whose result is not used); a missing key starts at zero.
	AddMap struct {
		At
		Map *Map
		Key Expr
		X   Expr
	}
	// Aggregate feeds X to the aggregate that the map's value type names. X is
	// nil for count(); When, the time in ns since 1970, is there for tseries().
	Aggregate struct {
		At
		Map  *Map
		Key  Expr
		X    Expr
		When Expr
	}
	// Delete removes a key; a missing one is no error.
	Delete struct {
		At
		Map *Map
		Key Expr
	}
	// If runs Then or Else.
	If struct {
		At
		Cond Expr
		Then []Stmt
		Else []Stmt
	}
	// While runs Body while Cond holds.
	While struct {
		At
		Cond Expr
		Body []Stmt
	}
	// ForRange runs Body for Var from Lo to Hi-1; both are evaluated once.
	ForRange struct {
		At
		Var    *Var
		Lo, Hi Expr
		Body   []Stmt
	}
	// ForMap runs Body for every pair of the map; Var is the tuple (key, value).
	ForMap struct {
		At
		Var  *Var
		Map  *Map
		Body []Stmt
	}
	// Break leaves the innermost loop, Continue goes on with its next turn.
	Break    struct{ At }
	Continue struct{ At }
	// Inline runs Body, the body of a function of the script.
	Inline struct {
		At
		Body []Stmt
	}
	// Return ends the Inline that it stands in, else this body; bodies after it at
	// the same site still run.
	Return struct {
		At
		X Expr // nil or an integer
	}
	// Emit sends one record to user space. check fills Args; lower turns them
	// into Items.
	Emit struct {
		At
		Action *Action
		Args   []Expr
		Items  []Item
	}
	// Count adds one to a loss counter.
	Count struct {
		At
		Loss Loss
	}
)

// Item is one part of an event record: the image of a value, or bytes that
// follow it. Arg is the index of the argument it belongs to: if a Checked read
// fails in it, bit Arg of the record's fault mask is set (arguments from 63 on
// share bit 63).
type Item struct {
	Arg int
	X   Expr // image: T's bytes; a String (also inside Compose of X) goes by length
	// Blob: Len bytes at Ptr, at most Max; written as a u32 count and the bytes,
	// the count all ones where the memory cannot be read.
	Ptr, Len Expr
	Max      int
}

// Loss is what a program counts instead of an event or an update.
type Loss uint8

// The loss counters of a session, in the order of the kernel's array.
const (
	LossEvents     Loss = iota // ring buffer was full
	LossMapFull                // a map of the script had no room for a key
	LossScratch                // no scratch slot was free
	LossFrames                 // a frame map had no room: the call is not timed
	LossUnpaired               // a return without a known entry
	LossReplaced               // an entry whose frame was still open: panic or Goexit
	LossUnreadable             // a value that could not be read
	LossStacks                 // the stack table had no room
	LossUnwind                 // a stack that ends early: nothing said how to go on
	LossTurns                  // a loop that was ended because it made too many turns
	LossBounded                // a loop that was ended because the verifier would not look at more turns
	LossEnded                  // a call that was under way when its process ended
	LossMissed                 // a hit that the kernel ran no program for; it counts them itself
	LossCount                  // number of counters
)

var lossNames = [LossCount]string{"events", "map_full", "scratch", "frames", "unpaired", "replaced", "unreadable", "stacks", "unwind", "turns", "bounded", "ended", "missed"}

// String returns the name under which the loss is a metric.
func (l Loss) String() string { return lossNames[l] }

// RemarkKind is what went wrong at a place of the script, for its author to see.
type RemarkKind uint8

// The remarks. Those about helpers are made only where they are asked for.
const (
	RemarkDivZero RemarkKind = iota // division by zero, read as one
	RemarkBounds                    // array index out of bounds
	RemarkMapFull                   // a map had no room for a key
	RemarkLookup                    // a map has no such key
	RemarkRead                      // memory could not be read
	RemarkReadStr                   // a string could not be read
)

// Remark is what programs count of a kind at one place since it was told.
type Remark struct {
	Kind  RemarkKind
	Span  diag.Span
	Count uint64
}
