// Package events reads what programs report: records from the ring buffer,
// maps and their differences since the last report, and symbols for the
// addresses in them. It turns them into the typed events that render prints.
package events

import (
	"time"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Event is one of *Record, *Report, *Message, *Loss, *Attached.
type Event interface{ event() }

// Record is one printf, print(value), time … of the script with its decoded
// arguments. Render formats it.
type Record struct {
	Action *prog.Action
	Values []Value
	Wall   time.Time // when user space handled it
}

// Report is a map as it stood when it was printed: print(@m), or the end.
type Report struct {
	Map     *prog.Map
	Entries []Entry // in the language's order
	Top     int     // as in print(@m, top, div)
	Div     int64
	AtExit  bool
}

// Entry is one key of a report; Key is nil for a scalar map and holds one
// value a key part otherwise.
type Entry struct {
	Key   []Value
	Value Value
}

// Message is text for the user that is not the script's output: warnings of
// the run, a process that ended, a probe that was skipped.
type Message struct {
	Level string // "info", "warning", "error"
	Text  string
}

// Loss tells what was not counted since the last one.
type Loss struct {
	Kind  prog.Loss
	Count uint64
}

// Attached tells how many probes are attached.
type Attached struct{ Probes int }

func (*Record) event()   {}
func (*Report) event()   {}
func (*Message) event()  {}
func (*Loss) event()     {}
func (*Attached) event() {}

// Value is a decoded value. Which members are set depends on Type.Kind:
// scalars Int; strings, buffers Str; arrays, structs, tuples, records, slices
// Elems; stacks Frames; opaque and Go values Text (already resolved: a symbol,
// an address, a time, an interface's type and text); aggregates Int, Total,
// Buckets.
type Value struct {
	Type       *types.Type
	Int        uint64 // sign-extended for signed types
	Float      float64
	Str        []byte
	Text       string
	Elems      []Value
	Frames     []Frame
	Total      int64    // avg, stats: the total; Int is the count
	Buckets    []uint64 // hist, lhist
	More       int      // elements of a slice that were not read
	Unreadable bool
	Truncated  bool
}

// Frame is one line of a stack; an inlined one has the Inlined mark and no
// offset of its own.
type Frame struct {
	Addr    uint64
	Func    string // "" where unknown
	Offset  uint64
	File    string
	Line    int
	Module  string // binary or kernel module
	Inlined bool
}
