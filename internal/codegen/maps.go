package codegen

import (
	"maps"
	"math/bits"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/rpcxray/rpcxray/internal/lower"
	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// The session's maps; those of the script are called by MapName.
const (
	MapEvents       = "events"        // ring buffer of event records
	MapRemarks      = "remarks"       // hash of kind, start and end of a span and a zero, u32 each, to a u64
	MapLosses       = "losses"        // per-CPU array of prog.LossCount u64
	MapAsleep       = "asleep"        // one u32: not zero while the reader of events wants to be woken by each
	MapGate         = "gate"          // one u32: zero while programs are to leave at once
	MapExit         = "exit"          // one u64: the code that exit() was called with, and ExitCalled
	MapScratch      = "scratch"       // slots for values beyond the stack
	MapStacks       = "stacks"        // stack id u64 -> StackValueSize bytes
	MapPIDs         = "pids"          // tgid u32 -> u32: processes asked for by -p
	MapHits         = "hits"          // per-CPU array of HitPage u64: hits by function id modulo HitSlots
	MapPackets      = "packets"       // perf buffers of packets, if the script sends any
	MapUnwindTables = "unwind_tables" // number of a file's table u32 -> map of types.UnwindRow, if the script unwinds stacks
	MapUnwindRanges = "unwind_ranges" // tgid u32 -> map of types.UnwindRange, likewise
	MapZero         = "zero"          // one value of zeroes, as large as the largest aggregate
)

// A stack in MapStacks: u32 frames, u32 process id (zero: the kernel's), then the frames' addresses.
const (
	MaxFrames      = 127
	StackHead      = 8
	StackValueSize = StackHead + 8*MaxFrames
	stackEntries   = 32768
)

// HitSlots is the number of hit counters, a power of two: functions whose ids
// are that far apart share one. HitPage of them are one element of the array, the
// most that a per-CPU element can hold: the kernel allocates each element by
// itself, which for one counter each would be most of the time to start.
const (
	HitPage  = 1 << hitPageBits
	HitSlots = 4 * HitPage

	hitPageBits = 12
)

// Sizes of the session's maps.
const (
	defaultKeys   = 4096
	pidEntries    = 4096
	minEvents     = 1 << 20
	defaultEvents = 8 << 20
	pageSize      = 4096
	// preallocLimit is how many bytes of a hash map are set aside before they
	// are needed, preallocValues how many values of CPUs: the kernel allocates
	// each by itself, in about a microsecond.
	preallocLimit  = 1 << 20
	preallocValues = 1 << 14
	flagNoPrealloc = 1 // BPF_F_NO_PREALLOC of linux/bpf.h
)

// remarkPlaces bounds the places of a script that remarks are counted at.
const remarkPlaces = 512

// ExitCalled is set in MapExit once a program has called exit(), whether its record
// found room among the others or not.
const ExitCalled = 1 << 32

// MapName returns the name under which a script's or a hidden map stands among
// the specs.
func MapName(m *prog.Map) string {
	if strings.HasPrefix(m.Name, "@") {
		return m.Name
	}
	return "hidden:" + m.Name
}

// Maps returns the specs of the script's maps and of the session's own, by name; of
// hidden ones, which may take many megabytes, those that units mention.
func Maps(p *prog.Program, units []*lower.Unit, t Target) map[string]*ebpf.MapSpec {
	specs := map[string]*ebpf.MapSpec{
		MapEvents:  {Type: ebpf.RingBuf, MaxEntries: eventBytes(p)},
		MapLosses:  {Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: uint32(prog.LossCount)},
		MapRemarks: {Type: ebpf.Hash, KeySize: 16, ValueSize: 8, MaxEntries: remarkPlaces},
		MapAsleep:  {Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		MapGate:    {Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		MapExit:    {Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		MapScratch: {Type: ebpf.Array, KeySize: 4, ValueSize: uint32(ScratchSize(p)), MaxEntries: uint32(slotsPerCPU * t.CPUs)},
		MapStacks:  {Type: ebpf.Hash, KeySize: 8, ValueSize: StackValueSize, MaxEntries: stackEntries, Flags: flagNoPrealloc},
		MapPIDs:    {Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: pidEntries},
		MapHits:    {Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8 * HitPage, MaxEntries: HitSlots / HitPage},
		MapZero:    {Type: ebpf.Array, KeySize: 4, ValueSize: zeroSize(p), MaxEntries: 1},
	}
	if !t.NoPrealloc {
		specs[MapStacks].Flags = 0
		specs[MapStacks].MaxEntries = defaultKeys
	}
	mentioned := mentionedMaps(units)
	for _, m := range p.Maps {
		if !m.Hidden || mentioned[m] {
			specs[MapName(m)] = mapSpec(p, m, t)
		}
	}
	for _, a := range p.Actions {
		if a.Kind == prog.ActPacket {
			specs[MapPackets] = &ebpf.MapSpec{Type: ebpf.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: uint32(t.CPUs)}
		}
	}
	if p.Unwinds {
		maps.Copy(specs, unwindMaps())
	}
	for name, s := range specs {
		s.Name = kernelName(name)
	}
	return specs
}

func mentionedMaps(units []*lower.Unit) map[*prog.Map]bool {
	all := map[*prog.Map]bool{}
	inExpr := func(e prog.Expr) prog.Expr {
		switch e := e.(type) {
		case *prog.Call:
			all[e.Map] = true
		case *prog.MapGet:
			all[e.Map] = true
		case *prog.MapPtr:
			all[e.Map] = true
		}
		return e
	}
	inStmt := func(s prog.Stmt) {
		switch s := s.(type) {
		case *prog.SetMap:
			all[s.Map] = true
		case *prog.AddMap:
			all[s.Map] = true
		case *prog.Aggregate:
			all[s.Map] = true
		case *prog.Delete:
			all[s.Map] = true
		case *prog.ForMap:
			all[s.Map] = true
		}
	}
	for _, u := range units {
		for _, b := range u.Bodies {
			prog.Rewrite(b.Stmts, inExpr)
			prog.WalkStmts(b.Stmts, inStmt)
		}
	}
	return all
}

// UnitMaps returns the specs of the hidden maps that u brings along.
func UnitMaps(p *prog.Program, u *lower.Unit, t Target) map[string]*ebpf.MapSpec {
	specs := map[string]*ebpf.MapSpec{}
	for _, m := range u.Maps {
		s := mapSpec(p, m, t)
		s.Name = kernelName(m.Name)
		specs[MapName(m)] = s
	}
	return specs
}

// kernelName makes a name that the kernel takes for a map.
func kernelName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name)
	return clean[:min(len(clean), 15)]
}

func eventBytes(p *prog.Program) uint32 {
	n := p.Config.PerfRBPages * pageSize
	if n == 0 {
		return defaultEvents
	}
	return 1 << bits.Len32(uint32(max(n, minEvents)-1))
}

func zeroSize(p *prog.Program) uint32 {
	n := 8
	for _, m := range p.Maps {
		if m.Value.IsAggregate() {
			n = max(n, valueSize(m))
		}
	}
	return uint32(n)
}

func round8(n int) int { return (n + 7) &^ 7 }

// valueSize is the size of a map's value in bytes. The value of a scalar map is
// followed by a word that is one once it was set.
func valueSize(m *prog.Map) int {
	n := m.Value.Size
	if m.Value.IsAggregate() {
		n = 8 * m.Value.AggregateWords()
	}
	if m.Key == nil {
		return round8(n) + 8
	}
	return n
}

// setWord is the offset of the word that says whether a scalar map was set.
func setWord(m *prog.Map) int { return valueSize(m) - 8 }

// perCPU tells whether each CPU has its own value.
func perCPU(m *prog.Map) bool {
	return (m.PerCPU || m.Value.IsAggregate()) && m.Value.Kind != types.TSeries
}

func mapSpec(p *prog.Program, m *prog.Map, t Target) *ebpf.MapSpec {
	s := &ebpf.MapSpec{KeySize: 4, ValueSize: uint32(valueSize(m)), MaxEntries: 1}
	if m.Key == nil {
		s.Type = ebpf.Array
		if perCPU(m) {
			s.Type = ebpf.PerCPUArray
		}
		return s
	}
	s.KeySize = uint32(m.Key.Size)
	s.MaxEntries = uint32(entries(p, m))
	s.Type = hashTypes[hashKind{perCPU(m), m.LRU}]
	if !m.LRU && t.NoPrealloc && takesLong(s, perCPU(m), t) {
		s.Flags = flagNoPrealloc
	}
	return s
}

// takesLong tells whether it would take long, or much memory, to set aside all that
// a hash map may need.
func takesLong(s *ebpf.MapSpec, perCPU bool, t Target) bool {
	return hashBytes(s, perCPU, t) > preallocLimit || perCPU && int(s.MaxEntries)*t.CPUs > preallocValues
}

type hashKind struct{ perCPU, lru bool }

var hashTypes = map[hashKind]ebpf.MapType{
	{false, false}: ebpf.Hash, {false, true}: ebpf.LRUHash,
	{true, false}: ebpf.PerCPUHash, {true, true}: ebpf.LRUCPUHash,
}

func entries(p *prog.Program, m *prog.Map) int {
	switch {
	case m.Entries > 0:
		return m.Entries
	case p.Config.MaxMapKeys > 0:
		return p.Config.MaxMapKeys
	}
	return defaultKeys
}

// hashBytes is about what a hash map takes when it is full.
func hashBytes(s *ebpf.MapSpec, perCPU bool, t Target) int {
	value := round8(int(s.ValueSize))
	if perCPU {
		value *= t.CPUs
	}
	return int(s.MaxEntries) * (64 + round8(int(s.KeySize)) + value)
}

// inScalar returns where the value of a scalar map that is not per CPU lies.
func inScalar(m *prog.Map) mem { return mem{base: valOpnd(MapName(m))} }
