package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// Maps prints, clears and zeroes the script's maps. Aggregates that only grow
// are cleared and zeroed by remembering what they were: nothing is lost
// between a print and the clear after it. It is not safe for concurrent use.
type Maps struct {
	prog   *prog.Program
	values builder
	maps   map[*prog.Map]*mapState
}

// mapState is what user space knows of one map.
type mapState struct {
	decl   *prog.Map
	kernel *ebpf.Map
	// grows: values are only added to, so clear and zero subtract.
	grows   bool
	bases   map[string]*base
	printed []cell       // what the last print saw, nil after a clear or zero
	printer *prog.Action // that print
}

// base is what a key counts from.
type base struct {
	words  []uint64
	hidden bool // cleared: not there until it changes
}

// cell is a key with its value: the words of an aggregate, summed over CPUs,
// or the bytes of any other value.
type cell struct {
	key   string
	words []uint64
	bytes []byte
	set   bool // of a scalar map: it was set
}

// NewMaps returns the maps of p, none as yet.
func NewMaps(p *prog.Program, syms *Symbols) *Maps {
	return &Maps{prog: p, values: builder{syms: syms}, maps: map[*prog.Map]*mapState{}}
}

// Add makes a map of the script known. All maps that actions name have to be.
func (m *Maps) Add(decl *prog.Map, kernel *ebpf.Map) {
	m.maps[decl] = &mapState{decl: decl, kernel: kernel, grows: onlyGrows(decl), bases: map[string]*base{}}
}

func onlyGrows(decl *prog.Map) bool {
	switch decl.Value.Kind {
	case types.Count, types.Sum, types.Avg, types.Stats, types.Hist, types.LHist:
		return !decl.Deleted && !decl.LRU
	}
	return false
}

// Print returns the map of an ActPrintMap as it is now.
func (m *Maps) Print(a *prog.Action) (*Report, error) {
	st := m.maps[a.Map]
	cells, err := st.read()
	if err != nil {
		return nil, err
	}
	st.printed, st.printer = cells, a
	return &Report{Map: a.Map, Entries: m.entries(st, cells), Top: a.Top, Div: int64(a.Div), Wall: time.Now()}, nil
}

// AtExit returns the maps that have something to print, in order of their
// names, and those of stats() and avg() also when they are empty.
func (m *Maps) AtExit() ([]*Report, error) {
	var reports []*Report
	for _, st := range m.byName() {
		decl := st.decl
		cells, err := st.read()
		if err != nil {
			return reports, err
		}
		var entries []Entry
		if decl.Key != nil || st.isSet(cells[0]) {
			entries = m.entries(st, cells)
		}
		if kind := decl.Value.Kind; len(entries) > 0 || kind == types.Stats || kind == types.Avg {
			reports = append(reports, &Report{Map: decl, Entries: entries, AtExit: true, Wall: time.Now()})
		}
	}
	return reports, nil
}

// byName returns the script's maps in order of their names.
func (m *Maps) byName() []*mapState {
	states := slices.Collect(maps.Values(m.maps))
	slices.SortFunc(states, func(a, b *mapState) int { return strings.Compare(a.decl.Name, b.decl.Name) })
	return states
}

// Clear does ActClear: all keys go; a scalar map is unset. What came in since
// a print in the same probe stays for the next print.
func (m *Maps) Clear(a *prog.Action) error {
	st := m.maps[a.Map]
	if !st.grows {
		return st.remove()
	}
	cells, err := m.cellsFor(st, a)
	if err != nil {
		return err
	}
	crowded := len(cells)*4 > int(st.kernel.MaxEntries())*3
	for _, c := range cells {
		b := st.bases[c.key]
		if b != nil && b.hidden && slices.Equal(b.words, c.words) && crowded && a.Map.Key != nil {
			if err := st.free(c); err != nil {
				return err
			}
			continue
		}
		st.bases[c.key] = &base{words: c.words, hidden: true}
	}
	return nil
}

// Zero does ActZero: the values of all keys count from zero again.
func (m *Maps) Zero(a *prog.Action) error {
	st := m.maps[a.Map]
	if !st.grows {
		return st.zero()
	}
	cells, err := m.cellsFor(st, a)
	if err != nil {
		return err
	}
	for _, c := range cells {
		b := st.bases[c.key]
		hidden := b != nil && b.hidden && slices.Equal(b.words, c.words)
		st.bases[c.key] = &base{words: c.words, hidden: hidden}
	}
	return nil
}

// Full returns the maps that hold as many keys as they can.
func (m *Maps) Full() []FullMap {
	var full []FullMap
	for _, st := range m.byName() {
		decl := st.decl
		if decl.Key == nil || decl.LRU {
			continue
		}
		if pairs, err := readPairs(st.kernel); err == nil && len(pairs) >= int(st.kernel.MaxEntries()) {
			full = append(full, FullMap{Name: decl.Name, Entries: int(st.kernel.MaxEntries())})
		}
	}
	return full
}

// cellsFor returns what a clear or zero acts on: what the probe that it stands
// in has just printed, else what is there now.
func (m *Maps) cellsFor(st *mapState, a *prog.Action) ([]cell, error) {
	cells := st.printed
	st.printed = nil
	if cells != nil && m.followsPrint(a, st.printer) {
		return cells, nil
	}
	return st.read()
}

// followsPrint tells whether a stands behind print in the same probe, or in no
// probe as that does: both came from a macro.
func (m *Maps) followsPrint(a, print *prog.Action) bool {
	return print.Span.Start < a.Span.Start && m.probeOf(print) == m.probeOf(a)
}

func (m *Maps) probeOf(a *prog.Action) *prog.Probe {
	for _, p := range m.prog.Probes {
		if p.Span.Start <= a.Span.Start && a.Span.End <= p.Span.End {
			return p
		}
	}
	return nil
}

// entries decodes cells, less their bases, and puts them in order.
func (m *Maps) entries(st *mapState, cells []cell) []Entry {
	decl := st.decl
	m.values.slab = nil // the values of a report stay
	entries := make([]Entry, 0, len(cells))
	for _, c := range cells {
		if (decl.Key != nil || isHist(decl.Value)) && !st.isSet(c) {
			continue
		}
		var e Entry
		if decl.Key != nil {
			e.Key = m.key(decl, []byte(c.key))
		}
		if decl.Value.IsAggregate() {
			e.Value.Type = decl.Value
			setAggregate(&e.Value, st.since(c))
		} else {
			m.values.memory(&e.Value, decl.Value, c.bytes)
		}
		entries = append(entries, e)
	}
	sortEntries(decl, entries)
	return entries
}

// isHist tells whether values of t print as rows: of a map that is not set there
// are none, where a number would be 0.
func isHist(t *types.Type) bool {
	return t.Kind == types.Hist || t.Kind == types.LHist || t.Kind == types.TSeries
}

func (m *Maps) key(decl *prog.Map, b []byte) []Value {
	var v Value
	m.values.memory(&v, decl.Key, b[:decl.Key.Size])
	if decl.KeyN > 1 && decl.Key.Kind == types.Tuple {
		return v.Elems
	}
	return []Value{v}
}

// isSet tells whether a cell is there for the user.
func (st *mapState) isSet(c cell) bool {
	b := st.bases[c.key]
	return c.set && (b == nil || !b.hidden || !slices.Equal(b.words, c.words))
}

// since returns what came to the words of c since its base.
func (st *mapState) since(c cell) []uint64 {
	b := st.bases[c.key]
	if b == nil {
		return c.words
	}
	words := slices.Clone(c.words)
	for i := range words {
		words[i] -= b.words[i]
	}
	return words
}

// read returns the kernel's map as it is now.
func (st *mapState) read() ([]cell, error) {
	pairs, err := readPairs(st.kernel)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", st.decl.Name, err)
	}
	cells := make([]cell, 0, len(pairs))
	for _, p := range pairs {
		cells = append(cells, st.cell(string(p.key), p.value))
	}
	return cells, nil
}

// cell makes a cell of the bytes of one key.
func (st *mapState) cell(key string, value []byte) cell {
	c := cell{key: key, set: true}
	stride := len(value)
	if isPerCPU(st.kernel) {
		stride = (int(st.kernel.ValueSize()) + 7) &^ 7
	}
	if st.decl.Key == nil {
		c.set = false
		for at := stride; at <= len(value); at += stride {
			c.set = c.set || word(value[at-8:]) != 0
		}
	}
	if !st.decl.Value.IsAggregate() {
		c.bytes = value[:st.decl.Value.Size]
		return c
	}
	c.words = make([]uint64, st.decl.Value.AggregateWords())
	for at := 0; at < len(value); at += stride {
		st.merge(c.words, value[at:])
	}
	return c
}

// merge adds one CPU's words of an aggregate to those of the others.
func (st *mapState) merge(words []uint64, cpu []byte) {
	t := st.decl.Value
	if t.Kind != types.Min && t.Kind != types.Max {
		for i := range words {
			words[i] += word(cpu[8*i:])
		}
		return
	}
	v, set := word(cpu), word(cpu[8:])
	if set != 0 && (words[1] == 0 || better(t, v, words[0])) {
		words[0], words[1] = v, 1
	}
}

// better tells whether v replaces old in the min or max t.
func better(t *types.Type, v, old uint64) bool {
	less, more := v < old, v > old
	if t.Signed {
		less, more = int64(v) < int64(old), int64(v) > int64(old)
	}
	return t.Kind == types.Min && less || t.Kind == types.Max && more
}

// remove deletes all keys, or unsets a scalar map.
func (st *mapState) remove() error {
	st.printed = nil
	if isArray(st.kernel) {
		return st.put(make([]byte, 4), make([]byte, st.kernel.ValueSize()))
	}
	pairs, err := readPairs(st.kernel)
	if err != nil {
		return fmt.Errorf("%s: %w", st.decl.Name, err)
	}
	for _, p := range pairs {
		if err := st.kernel.Delete(p.key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("clearing %s: %w", st.decl.Name, err)
		}
	}
	return nil
}

// zero sets the values of all keys to zero.
func (st *mapState) zero() error {
	st.printed = nil
	pairs, err := readPairs(st.kernel)
	if err != nil {
		return fmt.Errorf("%s: %w", st.decl.Name, err)
	}
	value := make([]byte, st.kernel.ValueSize())
	for _, p := range pairs {
		if c := st.cell("", p.value); !c.set {
			continue
		}
		if st.decl.Key == nil {
			binary.LittleEndian.PutUint64(value[len(value)-8:], 1)
		}
		if err := st.put(p.key, value); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
	}
	return nil
}

// put stores value, on every CPU, under a key that exists.
func (st *mapState) put(key, value []byte) error {
	var arg any = value
	if isPerCPU(st.kernel) {
		arg = slices.Repeat([][]byte{value}, ebpf.MustPossibleCPU())
	}
	if err := st.kernel.Update(key, arg, ebpf.UpdateExist); err != nil {
		return fmt.Errorf("zeroing %s: %w", st.decl.Name, err)
	}
	return nil
}

// free gives a key back that nothing changed for a whole turn. If something
// did at this very moment, the key's base makes up for it.
func (st *mapState) free(c cell) error {
	per := make([][]byte, ebpf.MustPossibleCPU())
	err := st.kernel.LookupAndDelete([]byte(c.key), &per)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		delete(st.bases, c.key)
		return nil
	}
	if errors.Is(err, ebpf.ErrNotSupported) {
		return nil // before Linux 5.14 the key stays
	}
	if err != nil {
		return fmt.Errorf("clearing %s: %w", st.decl.Name, err)
	}
	last := st.cell(c.key, slices.Concat(per...))
	late := st.since(last)
	delete(st.bases, c.key)
	if slices.ContainsFunc(late, func(n uint64) bool { return n != 0 }) {
		for i := range late {
			late[i] = -late[i]
		}
		st.bases[c.key] = &base{words: late}
	}
	return nil
}
