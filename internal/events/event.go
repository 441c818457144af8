// Package events reads what programs report: records from the ring buffer,
// maps and their differences since the last report, and symbols for the
// addresses in them. It turns them into the typed events that render prints.
package events

import (
	"math"
	"time"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Event is one of *Record, *Output, *Report, *Message, *Loss, *Attached, *Ended, and of
// tests and benchmarks *Suite, *Case, *Outcome, *Measure, *SuiteEnded.
type Event interface{ event() }

// Record is one printf, print(value), time … of the script with its decoded
// arguments. Render formats it.
type Record struct {
	Action *prog.Action
	Values []Value
	Wall   time.Time // when user space handled it; of time() when it ran
}

// Output is what a command or file of the script gave: system, cat.
type Output struct {
	Action *prog.Action
	Data   []byte
}

// Report is a map as it stood when it was printed: print(@m), or the end.
type Report struct {
	Map     *prog.Map
	Entries []Entry // in the language's order
	Top     int     // as in print(@m, top, div)
	Div     int64
	AtExit  bool
	Wall    time.Time // when the map was read
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
	Full  []FullMap // LossMapFull: the maps that have no room now
}

// UnderWay are the calls of RPC frameworks that had begun and not ended at a time.
type UnderWay struct{ Calls []Begun }

// Begun is how many calls of a process have begun and not ended.
type Begun struct {
	PID                              int
	Framework, Side, Service, Method string
	Count                            int
}

// FullMap is a map that holds as many keys as it can.
type FullMap struct {
	Name    string
	Entries int
}

// Settings is what the script's configuration says about its output. It comes
// before anything that the script prints.
type Settings struct {
	Trailer    string // behind a string that was cut
	MaxMapKeys int
}

// Attached tells how many probes are attached. A program that waits for that may
// have asked for a line of its own on the output.
type Attached struct {
	Probes int
	Notify string // the line; none if empty
}

// Ended tells that the end probes have run; the maps of the exit follow.
type Ended struct{}

// Suite tells that tests or benchmarks are about to run.
type Suite struct {
	Bench bool
	Count int
}

// Case tells that one of them begins.
type Case struct{ Name string }

// Outcome is how a test ended. Output is what the test printed.
type Outcome struct {
	Name   string
	Passed bool
	Took   time.Duration
	Output string
}

// Measure is what a benchmark took: the time of a run, in ns, as the average of so
// many.
type Measure struct {
	Name    string
	Average int64
	Runs    int
}

// SuiteEnded tells that all tests have run.
type SuiteEnded struct {
	Passed int
	Failed []string
}

func (*Suite) event()      {}
func (*Case) event()       {}
func (*Outcome) event()    {}
func (*Measure) event()    {}
func (*SuiteEnded) event() {}

func (*Remark) event()   {}
func (*Settings) event() {}
func (*Record) event()   {}
func (*Output) event()   {}
func (*Report) event()   {}
func (*Message) event()  {}
func (*Loss) event()     {}
func (*UnderWay) event() {}
func (*Attached) event() {}
func (*Ended) event()    {}

// Value is a decoded value. Which members are set depends on Type.Kind:
// scalars Int; strings, buffers Str; arrays, structs, tuples, records, slices
// Elems; stacks Frames; opaque values Text (already resolved: a symbol, an
// address, a time); Go interfaces Text (the type) or Str (the text of a string
// or error); Go maps Int (the length); complex numbers Text; aggregates Int,
// Total, Buckets.
type Value struct {
	Type       *types.Type
	Int        uint64 // sign-extended for signed types
	Float      float64
	Str        []byte
	Text       string
	Elems      []Value
	Frames     []Frame
	Total      int64    // avg, stats: the total, Int is the count; Go strings and slices: the length
	Buckets    []uint64 // hist, lhist; tseries: types.SeriesWords words an interval
	More       int      // elements of a slice that were not read
	Unreadable bool
	Truncated  bool
}

// Absent tells whether v is of an optional type and has no value.
func (v *Value) Absent() bool {
	if v.Type == nil || !v.Type.Optional || v.Unreadable {
		return false
	}
	switch v.Type.Kind {
	case types.Int:
		return v.Int == math.MaxUint64
	case types.Inet:
		return v.Text == ""
	}
	return len(v.Str) == 0
}

// Frame is one line of a stack; an inlined one has the Inlined mark and no
// offset of its own.
type Frame struct {
	Addr    uint64
	Func    string // "" where unknown
	Offset  uint64
	File    string
	Line    int
	Module  string // path of the binary, name of the kernel module
	Inlined bool
	BuildID string // StackBuildID: of the binary that has it at Offset of its file; "" where unknown
}
